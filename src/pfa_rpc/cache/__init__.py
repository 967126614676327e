"""Answers kept near: in the process and in Redis, behind one interface, each valid by the pair it was made from."""
