"""The `pfa` command: starts the service, brings records in, and asks a running server over gRPC."""
