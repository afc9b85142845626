"""Measurements: gen2to3 against bare daf_butler."""
