"""Places that cannot be written: a small disk, a disk that is read-only, directories that are."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_CAPABILITIES_V3 = 0x20080522
_DAC_OVERRIDE = 1


def _mount(*words: object) -> None:
    command = ["mount", *map(str, words)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"may not mount: {done.stderr.strip()}")


@contextmanager
def small_disk(directory: Path, size_kb: int) -> Iterator[None]:
    """A file system of a size at a directory. Skips where nothing can be mounted."""
    if not sys.platform.startswith("linux"):
        pytest.skip("no tmpfs")
    directory.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", directory)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)
        directory.rmdir()


def used_kb(directory: Path) -> int:
    """What its files and directories take on such a disk, in pages of 4 kB."""
    paths = [directory, *directory.rglob("*")]
    return sum(-(-p.lstat().st_size // 4096) * 4 if p.is_file() else 0 for p in paths)


def grow(directory: Path, size_kb: int) -> None:
    """Give it more room."""
    _mount("-o", f"remount,size={size_kb}k", directory)


@contextmanager
def read_only_disk(directory: Path) -> Iterator[None]:
    """A directory as one of a disk that is mounted read-only. Skips where nothing can be mounted."""
    if not sys.platform.startswith("linux"):
        pytest.skip("no bind mounts")
    _mount("--bind", directory, directory)
    try:
        _mount("-o", "remount,bind,ro", directory)
        yield
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


@contextmanager
def read_only_directory(directory: Path) -> Iterator[None]:
    """A directory without permission to write, with all below it."""
    paths = [directory, *directory.rglob("*")]
    modes = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(modes[path] & ~0o222)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def as_anybody() -> None:
    """Give up what lets root write where permissions say no, in this process for ever."""
    if os.geteuid():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_V3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice 32 bits
    if libc.capget(header, sets):
        raise OSError(ctypes.get_errno(), "capget")
    for number in range(3):
        sets[number] &= ~(1 << _DAC_OVERRIDE)
    if libc.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")
