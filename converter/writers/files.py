"""Put files of the datastore back from their source.

Only inside of the datastore's root, only by a rename, and never touching the source.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ..files_check import sha256
from ..nouns import Gen2to3Error
from ..recorded import Recorded
from ..stored import StoredFile

TEMPORARY = ".gen2to3-repair-"


def repair(file: StoredFile, record: Recorded | None) -> str:
    """Put one file back as it was.

    Parameters
    ----------
    file
        What the datastore refers to.
    record
        Where it came from.

    Returns
    -------
    why_not
        Why it cannot be put back, ``""`` if it was.
    """
    if record is None:
        return "no ledger says where it came from"
    if not file.root:
        where = "only referred to" if file.is_local else "not local"
        return f"the file is {where}, not kept in the repository; restore it where it is"
    path, root = Path(file.path), Path(file.root)
    if ".." in path.parts or not _existing(path.parent).resolve().is_relative_to(root.resolve()):
        return f"it leads out of the repository {root}"
    if why := _why_not_source(file, record):
        return why
    try:
        _put(path, record, file.size)
    except Gen2to3Error as exc:
        return str(exc)
    except OSError as exc:
        return f"cannot be written: {exc.strerror or exc}"
    return ""


def _existing(directory: Path) -> Path:
    """The nearest directory above that is there."""
    while not os.path.lexists(directory):
        directory = directory.parent
    return directory


def _why_not_source(file: StoredFile, record: Recorded) -> str:
    """Why the source is not what was converted, ``""`` if it is."""
    try:
        status = os.stat(record.file)
    except OSError as exc:
        return f"its source {record.file} cannot be read: {exc.strerror or exc}"
    if file.size is not None and record.size != file.size:
        return f"it was made from {record.file}, and is no copy of it; convert again"
    if status.st_size != record.size:
        return (
            f"its source {record.file} was changed: {record.size} bytes are recorded, found {status.st_size}"
        )
    if record.sha256:
        if (found := sha256(record.file)) != record.sha256:
            return f"its source {record.file} was changed: SHA-256 {record.sha256} is recorded, found {found}"
    elif status.st_mtime_ns != record.mtime_ns:
        return f"its source {record.file} was changed since (another modification time)"
    return ""


def _mode(path: Path, record: Recorded) -> str:
    """How the file is to come in: as it did, which a link that is left still shows."""
    if path.is_symlink():
        return "symlink" if os.path.isabs(os.readlink(path)) else "relsymlink"
    return {"move": "copy", "direct": "copy"}.get(record.transfer, record.transfer)


def _put(path: Path, record: Recorded, size: int | None) -> None:
    source = os.path.realpath(record.file)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{TEMPORARY}{os.getpid()}-{path.name[-100:]}"
    temporary.unlink(missing_ok=True)
    try:
        match _mode(path, record):
            case "hardlink":
                os.link(source, temporary)
            case "symlink":
                temporary.symlink_to(source)
            case "relsymlink":
                # Relative to where it really is, or a linked directory in between would lead it astray.
                temporary.symlink_to(os.path.relpath(source, path.parent.resolve()))
            case "auto":  # what the Butler makes of it
                try:
                    os.link(source, temporary)
                except OSError:
                    temporary.symlink_to(source)
            case _:
                _copy(source, temporary, record)
        if size is not None and (found := os.stat(temporary).st_size) != size:
            raise Gen2to3Error(f"the new file has {found} bytes, {size} are recorded")
        if path.exists() and os.path.samefile(path, source) and not path.is_symlink():
            # Renaming one name of a file onto another does nothing: there is nothing else to put there.
            raise Gen2to3Error(f"it is one file with its source {record.file}; restore that")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _copy(source: str, temporary: Path, record: Recorded) -> None:
    shutil.copyfile(source, temporary)
    with open(temporary, "rb+") as stream:
        os.fsync(stream.fileno())
    expected = record.sha256 or sha256(source)
    if (found := sha256(temporary)) != expected:
        raise Gen2to3Error(f"the copy has SHA-256 {found}, {expected} expected; is the disk sound?")
