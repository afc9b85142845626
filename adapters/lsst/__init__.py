"""What is true of the LSST cameras."""
