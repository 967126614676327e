"""How a question can go on from the caret."""
