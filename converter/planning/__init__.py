"""Pure functions that turn nouns and the state of the target into operations."""
