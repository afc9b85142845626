"""The Gen2 world, the same for every camera."""
