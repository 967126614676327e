"""Filter and order texts: read into conditions, and written in one canonical form."""
