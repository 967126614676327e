"""The process: settings, the interceptor that every call passes, errors on the wire, health, logs, start and stop."""

import os

# The C core writes lines of its own to stderr, such as one for a taken port, which this service says in a sentence.
# It reads this when grpc is imported; a value that was set by hand stays.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
