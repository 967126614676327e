"""Real servers for tests: `finding` says which, `postgresql` and `redis` run them, conftest.py has the fixtures."""
