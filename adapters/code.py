"""Which code a camera is, to know whether it is still the same."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from .camera import Camera

_CACHE = "__pycache__"
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def code_of(camera: Camera) -> list[str]:
    """What a camera declares, and every file beside the classes that it is made of.

    Parameters
    ----------
    camera
        The camera.

    Returns
    -------
    texts
        Its class and declarations, then name, size and modification time of
        each file of the packages that it and its base classes are in.
    """
    classes = [c for c in type(camera).__mro__ if c.__module__ != "builtins"]
    files = [getattr(sys.modules.get(c.__module__), "__file__", None) for c in classes]
    tops = dict.fromkeys(_top(Path(file)) for file in files if file)
    declared = (camera.instrument, camera.raw, camera.calibrations, camera.hand_offs)
    return [
        f"{type(camera).__module__} {type(camera).__qualname__}",
        # Functions are shown with their addresses; their code is in the files.
        *(_ADDRESS.sub("", repr(one)) for one in declared),
        *(text for top in tops for text in listed(*top)),
    ]


def _top(file: Path) -> tuple[Path, bool]:
    """Directory of the package that a module is in, and whether it is one (and no plain module)."""
    directory = file.parent
    is_package = (directory / "__init__.py").exists() or directory not in map(
        Path, map(os.path.abspath, sys.path)
    )
    while (directory.parent / "__init__.py").exists():
        directory = directory.parent
    return directory, is_package


def listed(directory: Path, deep: bool = True) -> Iterator[str]:
    """Name, size and modification time of the files in a directory, and below it if ``deep``."""
    with os.scandir(directory) as entries:
        found = sorted(entries, key=lambda e: e.name)
    for entry in found:
        if entry.is_dir():
            if deep and entry.name != _CACHE:
                yield from listed(Path(entry.path))
        else:
            status = entry.stat(follow_symlinks=entry.is_file())
            yield f"{entry.path} {status.st_size} {status.st_mtime_ns}"
