"""Versions of what a conversion depends on."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version

RECORDED = ("gen2to3", "lsst-daf-butler", "astro-metadata-translator", "astropy")
"""What can make a difference to what is written: the ledger has these of every conversion."""

OTHERS = ("sqlalchemy", "sqlite-utils", "numpy", "pyyaml", "click", "tqdm")


def versions() -> Mapping[str, str]:
    """Versions of what writes a repository."""
    return _python() | {name: version(name) for name in RECORDED}


def all_versions() -> Mapping[str, str]:
    """Versions to give when something is reported."""
    return {name: version(name) for name in (*RECORDED, *OTHERS)} | _python()


def _python() -> dict[str, str]:
    return {"python": platform.python_version()}
