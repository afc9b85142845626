"""Taking a conversion back: `planning` says what, `undo` does it, the rest is pure."""
