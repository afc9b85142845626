"""Whether the files of a repository are there, and are what was recorded.

Reads only. What can be put right is put right by `converter.writers.files`.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from lsst.resources import ResourcePath

from . import pixels
from .nouns import Gen2to3Error, UsageError
from .progress import Progress, no_progress
from .recorded import Recorded, read_recorded
from .stored import StoredFile, read_stored
from .target import open_reading

Kind = Literal["missing", "size", "content"]

KINDS: tuple[Kind, ...] = ("missing", "size", "content")

WORKERS = 4
"""Threads by default: the work is waiting for the file system."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A file that is not as it should be.

    Parameters
    ----------
    file
        What the datastore refers to.
    kind
        What is wrong in one word.
    reason
        Expected, found.
    recorded
        What the ledger says of its source, `None` if no conversion wrote it.
    repair
        Why it was not repaired, ``""`` if that was not tried.
    """

    file: StoredFile
    kind: Kind
    reason: str
    recorded: Recorded | None = None
    repair: str = ""

    def __str__(self) -> str:
        more = len(self.file.datasets) - 1
        whose = "" if self.recorded else " (not in the ledger)"
        text = (
            f"{self.file.path}: {self.reason}; {self.file.datasets[0]}{f' and {more} more' if more else ''}"
        )
        return text + whose + (f"; not repaired: {self.repair}" if self.repair else "")

    def as_dict(self) -> dict[str, Any]:
        """One entry of the JSON."""
        return {
            "file": self.file.path,
            "reason": self.reason,
            "datasets": self.file.datasets,
            "recorded": self.recorded is not None,
            "not_repaired": self.repair,
        }


@dataclass
class FilesCheck:
    """The outcome.

    Parameters
    ----------
    checked
        Files that were looked at.
    wrong
        What is wrong and was not repaired.
    repaired
        What was wrong and is right now.
    unknown
        With checksums: files that were read, and of which nothing says what
        their content has to be.
    others
        Files of ``checked`` that no conversion in the ledger wrote.
    unstored
        Datasets of others that the registry has and the datastore has no file for.
    """

    checked: int = 0
    wrong: list[Wrong] = field(default_factory=list)
    repaired: list[Wrong] = field(default_factory=list)
    unknown: int = 0
    others: int = 0
    unstored: int = 0

    def of(self, kind: Kind) -> list[Wrong]:
        """What is wrong in one way."""
        return [wrong for wrong in self.wrong if wrong.kind == kind]

    def as_dict(self) -> dict[str, Any]:
        """The command line's JSON contract."""
        return {
            "checked": self.checked,
            **{kind: [wrong.as_dict() for wrong in self.of(kind)] for kind in KINDS},
            "repaired": [wrong.as_dict() for wrong in self.repaired],
            "unknown": self.unknown,
            "others": self.others,
            "unstored": self.unstored,
        }


def check_files(
    target: str,
    ledger: Path | None,
    checksum: bool = False,
    workers: int = WORKERS,
    progress: Progress = no_progress,
) -> FilesCheck:
    """Look at every file that the datastore refers to.

    Parameters
    ----------
    target
        Butler repository.
    ledger
        Where conversions are recorded; without one no content is known.
    checksum
        Read the files, too.
    workers
        Threads.
    progress
        Shows what takes long.

    Raises
    ------
    UsageError
        There is no repository.
    """
    butler = open_reading(target)
    if butler is None:
        raise UsageError(f"{target}: there is no Butler repository to verify")
    book = read_recorded(ledger)
    stored = read_stored(butler)
    files = [stored.files[path] for path in sorted(stored.files)]
    recorded = {file.path: record for file in files if (record := _recorded(file, book)) is not None}
    result = FilesCheck(checked=len(files), others=len(files) - len(recorded))
    for dataset in stored.without_file:
        if dataset in book:
            lost = StoredFile(dataset, "", None, [dataset])
            result.wrong.append(
                Wrong(lost, "missing", "the registry has it, the datastore has no file", book[dataset])
            )
        else:
            result.unstored += 1
    generated: list[StoredFile] = []
    for file, found in progress(_looked_at(files, recorded, checksum, workers), "files", len(files)):
        if isinstance(found, Wrong):
            result.wrong.append(found)
        elif found == "generated":
            generated.append(file)
        elif found == "unknown":
            result.unknown += 1
    # Not in threads: whether a warning of astropy is an error is one setting for all of them.
    for file in progress(generated, "checksums", len(generated)):
        reason = own_checksums(file.path)
        if reason is None:
            result.unknown += 1
        elif reason:
            result.wrong.append(Wrong(file, "content", reason, recorded.get(file.path)))
    result.wrong.sort(key=lambda wrong: wrong.file.path)
    return result


def _recorded(file: StoredFile, book: Mapping[str, Recorded]) -> Recorded | None:
    return next((book[dataset] for dataset in file.datasets if dataset in book), None)


def _looked_at(
    files: Iterable[StoredFile], recorded: Mapping[str, Recorded], checksum: bool, workers: int
) -> Iterator[tuple[StoredFile, Wrong | str]]:
    def look(file: StoredFile) -> tuple[StoredFile, Wrong | str]:
        record = recorded.get(file.path)
        found = look_at(file, record, checksum)
        return file, replace(found, recorded=record) if isinstance(found, Wrong) else found

    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        yield from pool.map(look, files)


def look_at(file: StoredFile, record: Recorded | None, checksum: bool) -> Wrong | str:
    """What is wrong with one file.

    Returns
    -------
    found
        What is wrong; or ``""``, ``"unknown"`` if nothing says what the
        content has to be, ``"generated"`` if only the file's own checksums do.
    """
    if not file.is_local:
        return _look_far(file)
    try:
        status = os.stat(file.path)
    except OSError as exc:
        if os.path.islink(file.path):
            return Wrong(file, "missing", f"is a link to {os.readlink(file.path)}, which is not there")
        if isinstance(exc, (FileNotFoundError, NotADirectoryError)):
            return Wrong(file, "missing", "is not there")
        return Wrong(file, "missing", f"cannot be read: {exc.strerror or exc}")
    if not stat.S_ISREG(status.st_mode):
        return Wrong(file, "missing", "is no regular file")
    if file.size is not None and status.st_size != file.size:
        return Wrong(file, "size", f"{file.size} bytes are recorded, found {status.st_size}")
    if not checksum:
        return ""
    try:
        return _look_inside(file, record, status)
    except OSError as exc:
        return Wrong(file, "content", f"cannot be read: {exc.strerror or exc}")


def _look_far(file: StoredFile) -> Wrong | str:
    try:
        uri = ResourcePath(file.path)
        if not uri.exists():
            return Wrong(file, "missing", "is not there")
        if file.size is not None and (size := uri.size()) != file.size:
            return Wrong(file, "size", f"{file.size} bytes are recorded, found {size}")
    except Exception as exc:  # every kind of store has its own errors
        return Wrong(file, "missing", f"cannot be asked for: {exc}")
    return "unknown"


def _look_inside(file: StoredFile, record: Recorded | None, status: os.stat_result) -> Wrong | str:
    if record is None:
        sha256(file.path)  # that it can be read is all that can be said
        return "unknown"
    if record.size != status.st_size:
        return "generated"  # split off or made of its source: no copy of it
    if record.sha256:
        if (found := sha256(file.path)) != record.sha256:
            return Wrong(file, "content", f"SHA-256 {record.sha256} is recorded, found {found}")
        return ""
    if is_as_recorded(record):
        if os.path.samefile(record.file, file.path):
            return ""
        if (found := sha256(file.path)) != (expected := sha256(record.file)):
            return Wrong(
                file, "content", f"SHA-256 {expected} expected as of its source {record.file}, found {found}"
            )
        return ""
    sha256(file.path)
    return "unknown"


def is_as_recorded(record: Recorded) -> bool:
    """Whether the source is still there with the size and time (mtime, ns) that were recorded."""
    try:
        status = os.stat(record.file)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and (status.st_size, status.st_mtime_ns) == (
        record.size,
        record.mtime_ns,
    )


def sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's content."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def own_checksums(path: str) -> str | None:
    """What is wrong with a FITS file by its own checksums.

    Returns
    -------
    reason
        ``""`` if all is well, `None` if the file has no checksums.
    """
    try:
        with pixels.opened(path, checksums=True) as hdus:
            headers = [hdu.header for hdu in hdus]
            if not all("CHECKSUM" in header and "DATASUM" in header for header in headers):
                return None
            expected = headers[0].get(pixels.SOURCE_DIGEST)
            if expected is not None and pixels.digest(pixels.read_hdu(hdus, path, 1)[1]) != expected:
                return f"its pixels do not have the SHA-256 {expected} of its header"
    except Gen2to3Error as exc:
        if "verification failed" in str(exc):
            return f"its own checksums do not hold: {' '.join(str(exc.__cause__ or exc).split())}"
        return str(exc).removeprefix(f"{path}: ")
    except Exception as exc:  # a checksum that does not hold is a warning made an error
        return f"its own checksums do not hold: {exc}"
    return ""
