"""Data packages of curated calibrations: ``obs_*_data``, read as text files."""
