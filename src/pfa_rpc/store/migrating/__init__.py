"""How a database comes to the schema of this version, while others use it."""
