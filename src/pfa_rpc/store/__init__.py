"""The database: tables, the one write path, reads, filter → SQL. SQLAlchemy Core, on SQLite and PostgreSQL."""
