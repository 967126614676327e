"""Records as they are read: through the cache, in pages, streams and figures, each as new as the caller needs."""
