"""What a record is: its values, their wire form, its cost, and the rules it obeys."""
