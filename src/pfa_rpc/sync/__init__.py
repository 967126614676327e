"""Keeping records in step with PEMS: its rows are mapped, merged and written; from an export file, for now."""
