"""Directories for files that are made and then moved into the datastore."""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lsst.daf.butler import Butler

from ..nouns import Gen2to3Error
from ..operations import Ingest
from ..target import datastore_root, require_splitting
from .datasets import file_uri

STAGING = ".gen2to3-staging-"

_HOST = re.sub(r"[^\w.-]", "_", socket.gethostname())
_in_use: set[Path] = set()


@contextmanager
def staging(butler: Butler) -> Iterator[Path]:
    """A directory from which files can be moved into the datastore without copying them.

    It is removed at the end in any case.

    Parameters
    ----------
    butler
        The target.

    Raises
    ------
    UsageError
        The target is not local.
    """
    root = require_splitting(butler)
    with _directory(butler, root, "files cannot be made there") as directory:
        yield directory


@contextmanager
def workshop(butler: Butler | None) -> Iterator[Path]:
    """A directory for files that are made before anything is written.

    In the target if that is there and local, otherwise where the system keeps
    temporary files. It is removed at the end in any case.

    Parameters
    ----------
    butler
        The target, `None` if it does not exist yet.
    """
    root = None if butler is None else datastore_root(butler)
    if butler is None or root is None or not os.access(root, os.W_OK | os.X_OK):
        with tempfile.TemporaryDirectory(prefix="gen2to3-") as directory:
            yield Path(directory)
        return
    with _directory(butler, root, "files cannot be made there") as made:
        yield made


@contextmanager
def _directory(butler: Butler, root: Path, problem: str) -> Iterator[Path]:
    remove_stale(butler)
    name = f"{STAGING}{os.getpid()}-{_HOST}"
    directory = root / name
    number = 0
    while directory in _in_use:
        number += 1
        directory = root / f"{name}.{number}"
    try:
        try:
            directory.mkdir(parents=True)
        except OSError as exc:
            raise Gen2to3Error(f"{directory}: {problem}: {exc}") from exc
        _in_use.add(directory)
        yield directory
    finally:
        _in_use.discard(directory)
        shutil.rmtree(directory, ignore_errors=True)


def copy_files(ingests: Sequence[Ingest], directory: Path) -> list[Ingest]:
    """Copy files, to be moved into the datastore by a rename.

    Parameters
    ----------
    ingests
        Files to copy.
    directory
        Where to, from `staging`.

    Returns
    -------
    ingests
        The same datasets, in the copies.

    Raises
    ------
    Gen2to3Error
        A file cannot be read, or not be written: the disk is full.
    """
    copied = []
    for number, operation in enumerate(ingests):
        files = []
        for place, file in enumerate(operation.files):
            # The datastore's name for it ends as that of the source does.
            path = directory / f"copy-{number}-{place}{file_uri(file.path).getExtension()}"
            try:
                shutil.copy(file.path, path)
            except OSError as exc:
                raise Gen2to3Error(
                    f"{file.path}: cannot be copied into {directory.parent}: {exc.strerror or exc}"
                ) from exc
            files.append(replace(file, path=str(path)))
        copied.append(replace(operation, files=tuple(files)))
    return copied


def elsewhere(ingests: Sequence[Ingest], root: Path) -> tuple[list[Ingest], list[Ingest]]:
    """Files that can be moved to a directory by a rename, and those that are on another file system."""
    device = os.stat(root).st_dev
    parts: tuple[list[Ingest], list[Ingest]] = ([], [])
    for operation in ingests:
        for number, part in enumerate(parts):
            files = tuple(f for f in operation.files if (os.stat(f.path).st_dev != device) == bool(number))
            if files:
                part.append(replace(operation, files=files))
    return parts


def remove_stale(butler: Butler) -> None:
    """Remove the staging directories of processes that no longer run on this host."""
    root = datastore_root(butler)
    for directory in root.glob(f"{STAGING}*") if root is not None else ():
        match = re.fullmatch(rf"{re.escape(STAGING)}(\d+)-{re.escape(_HOST)}(\.\d+)?", directory.name)
        if not match or directory in _in_use:
            continue
        # One with the number of this process that it does not use was left by an earlier process.
        if int(match[1]) == os.getpid() or not _runs(int(match[1])):
            shutil.rmtree(directory, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it is another user's
        return True
    return True
