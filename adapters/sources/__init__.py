"""Sources other than a Gen2 repository."""
