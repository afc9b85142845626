"""A source that goes on changing, converted again and again."""
