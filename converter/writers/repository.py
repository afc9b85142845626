"""Open the target repository, or create it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lsst.daf.butler import Butler

from ..nouns import UsageError
from ..target import DATABASE_NAME, LOCK_NAME, NEW_NAME, is_vacant, local_path


def open_target(root: str, create: bool) -> Butler:
    """Open a Butler repository for writing.

    Parameters
    ----------
    root
        Directory or configuration file of a repository, a URI, or an alias
        of the Butler's repository index.
    create
        Make a new SQLite repository if ``root`` does not exist or is an
        empty directory.

    Raises
    ------
    UsageError
        There is no repository that can be written, and none can be made.
        Nothing half-made is left behind.
    """
    directory = local_path(root)
    if directory is None:
        return _open(root)
    if directory.is_file() or (directory / "butler.yaml").exists():
        place = directory if directory.is_dir() else directory.parent
        _check_writeable(place)
        if (place / NEW_NAME).is_dir():  # left by a process that was killed when all was made
            shutil.rmtree(place / NEW_NAME, ignore_errors=True)
        return _open(str(directory))
    if directory.exists() and (not directory.is_dir() or not is_vacant(directory)):
        raise UsageError(
            f"{directory} exists but is no Butler repository (no butler.yaml); give an empty or new directory"
        )
    if not create:
        raise UsageError(f"{directory}: there is no Butler repository (no butler.yaml); it can be created")
    return _create(directory)


def _open(root: str) -> Butler:
    try:
        return Butler.from_config(root, writeable=True)
    except Exception as exc:
        # Whatever is wrong with it (schema versions, database, configuration),
        # it is the repository that the user gave.
        raise UsageError(f"{root}: cannot be opened as a Butler repository: {exc}") from exc


def _check_writeable(directory: Path) -> None:
    if not os.access(directory, os.W_OK | os.X_OK):
        raise UsageError(f"{directory}: the repository is not writable")


def _create(directory: Path) -> Butler:
    missing = [p for p in (directory, *directory.parents) if not p.exists()]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _check_writeable(directory)
        _make(directory)
        return _open(str(directory))
    except BaseException as exc:
        _undo(directory, missing)
        if isinstance(exc, UsageError) or not isinstance(exc, Exception):
            raise
        raise UsageError(f"{directory}: cannot create a Butler repository: {exc}") from exc


def _make(directory: Path) -> None:
    """Make a repository that is there as a whole or, if this process is killed, not at all.

    What makes a directory a repository is its configuration, which the Butler
    writes first. So all is made aside, and the configuration is moved last.
    """
    new = directory / NEW_NAME
    # Of a process that was killed; the database is only there if the configuration was not yet.
    shutil.rmtree(new, ignore_errors=True)
    (directory / DATABASE_NAME).unlink(missing_ok=True)
    Butler.makeRepo(str(new))
    for path in sorted(new.iterdir(), key=lambda p: p.name == "butler.yaml"):
        path.rename(directory / path.name)
    new.rmdir()


def _undo(directory: Path, missing: list[Path]) -> None:
    """Remove what `_create` made: the directory was new or empty (or only locked) before."""
    if missing:
        shutil.rmtree(missing[-1], ignore_errors=True)
        return
    for item in directory.iterdir():
        if item.name.startswith(LOCK_NAME):
            continue  # its owner removes it
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item, ignore_errors=True)
        else:
            item.unlink(missing_ok=True)


def take_back(root: str) -> None:
    """Let SQLite undo the transaction of a writer that was killed; nothing else is written.

    Parameters
    ----------
    root
        Butler repository that cannot be read before.
    """
    Butler.from_config(root, writeable=True).close()
