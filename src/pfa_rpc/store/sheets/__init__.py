"""What rules and costs look at, of many records: read from the database in columns, and kept."""
