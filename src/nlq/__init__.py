"""Language: questions and filter text → one Query tree. Knows no database, no gRPC and no field by name."""
