"""Caches of records and answers, behind one small interface: in the process, and in Redis."""
