"""``python -m converter.cli``: the same as ``gen2to3``."""

from . import main

if __name__ == "__main__":
    main()
