"""A query in plain words, and what became of every word of the question."""
