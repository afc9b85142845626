"""gen2to3: what is the same for every camera and every source."""

__version__ = "0.1.0"
