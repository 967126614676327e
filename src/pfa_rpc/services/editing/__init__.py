"""Changes of records: one by one, by a filter in two steps, and back again. Each is safe to repeat."""
