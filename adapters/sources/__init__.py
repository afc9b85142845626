"""Sources besides Gen2 registries: masters, and what is said of their validity."""
