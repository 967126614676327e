"""A PEMS that runs on loopback, with its warts: `running.running_simulator` starts one as `settings.Settings` say."""
