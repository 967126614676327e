"""Figures over records, computed by the database: groups, months, what is kept of them."""
