"""The history of records: kept with every write, read as an audit, followed as a feed, used to undo."""
