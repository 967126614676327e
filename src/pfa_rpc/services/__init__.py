"""One thin class for each gRPC service: request → store, cache, language, sync → response."""
