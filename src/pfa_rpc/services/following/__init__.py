"""What became of records: their history, and changes as they are committed."""
