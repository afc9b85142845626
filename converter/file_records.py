"""What is known of the files that are in a repository already."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from lsst.daf.butler import Butler

from .datastore import Stored, stored_records
from .nouns import DataId, Gen2to3Error, Master, RawFile
from .pixels import SOURCE_HDU, opened, read_primary
from .planning.items import dataset_name
from .recorded import Recorded, read_recorded

Dataset = tuple[str, str, DataId]
"""Dataset type, RUN and data ID."""

MODIFIED = "it was modified"
"""What is said of a file of the same size with another time; its content may be as it was."""

NO_CHECKSUM = "its content cannot be compared: no checksum is recorded, and "


class Records:
    """What ledger and datastore know of the datasets of a repository.

    Parameters
    ----------
    ledger
        The ledger, `None` for none.
    butler
        The repository, `None` if there is none yet.
    instrument
        Gen3 instrument name.
    checksum
        Whether contents are compared where that is possible.
    """

    def __init__(self, ledger: Path | None, butler: Butler | None, instrument: str, checksum: bool) -> None:
        self.checksum = checksum
        self.renewed: set[str] = set()
        """Datasets of which time or digest in the ledger are not what they are, though nothing has changed."""
        self.modified: set[str] = set()
        """Files of the source of which only the time is known to be another."""
        self.changed: set[str] = set()
        """Those that have changed in another way."""
        self.some_unchanged = False
        """Whether any file is as it was."""
        self._recorded = read_recorded(ledger) if butler is not None else {}
        self._butler = butler
        self._instrument = instrument
        self._stored: dict[str, Stored] = {}
        self._digests: dict[str, str] = {}

    def look_up(self, datasets: Iterable[Dataset]) -> None:
        """Ask the Butler for the files of datasets of which the ledger does not say enough."""
        unknown = []
        for dataset in datasets:
            known = self._known(dataset_name(*dataset))
            if known is None or (self.checksum and not known.sha256):
                unknown.append(dataset)
        self._ask(unknown)

    def linked(self, datasets: Iterable[tuple[Dataset, str]]) -> set[Dataset]:
        """Those datasets whose file in the repository is the source file itself, by a link or in its place."""
        pairs = list(datasets)
        self._ask(dataset for dataset, _ in pairs)
        return {d for d, path in pairs if _is_same(self._path(dataset_name(*d)), path)}

    def _ask(self, datasets: Iterable[Dataset]) -> None:
        wanted: dict[str, set[str]] = defaultdict(set)
        for dataset_type, run, data_id in datasets:
            if dataset_name(dataset_type, run, data_id) not in self._stored:
                wanted[dataset_type].add(run)
        if self._butler is None:
            return
        for dataset_type, runs in wanted.items():
            with self._butler.query() as query:
                refs = {
                    str(ref.id): ref
                    for ref in query.datasets(dataset_type, sorted(runs), find_first=False).where(
                        instrument=self._instrument
                    )
                }
            for stored in stored_records(self._butler, refs.values()):
                ref = refs[stored.dataset_id]
                values = {k: v for k, v in ref.dataId.required.items() if k != "instrument"}
                self._stored[dataset_name(dataset_type, ref.run, DataId(**values))] = stored

    def why_changed(self, dataset: Dataset, file: Master | RawFile, may_be_part: bool = False) -> str:
        """What is not as it was of a file, ``""`` if nothing is.

        Size and modification time tell, as far as they are recorded; without
        a record the size that the Butler wrote down does. With ``checksum``
        the contents tell where there is something to compare them with,
        whatever the times are.

        Parameters
        ----------
        dataset
            The dataset that it is.
        file
            As the source has it.
        may_be_part
            Whether the repository may have a part of the file only.
        """
        name = dataset_name(*dataset)
        known = self._known(name)
        why = self._compare(name, known, file, may_be_part)
        if why:
            (self.modified if is_modified(why) else self.changed).add(file.path)
        else:
            self.some_unchanged = True
        if why and known is not None and known.file != file.path:
            why += f"; it was converted from {known.file}"
        return why

    def _compare(self, name: str, known: Recorded | None, file: Master | RawFile, may_be_part: bool) -> str:
        if self.checksum:
            before = (known.sha256 if known is not None else "") or self._content(
                name, file.path, may_be_part
            )
            now = self.digest(file.path)
            if before and before != now:
                return "its content is another"
            same_time = known is not None and (known.size, known.mtime_ns) == (file.size, file.mtime_ns)
            if before or same_time:
                if known is not None and not (same_time and known.sha256):
                    self.renewed.add(name)
                return ""
        if known is not None:
            if known.size != file.size:
                return f"it has {file.size} bytes, and had {known.size}"
            if known.mtime_ns == file.mtime_ns:
                return ""
            return f"{MODIFIED}, and {self._why_not_told(name, file.path)}" if self.checksum else MODIFIED
        stored = self._stored.get(name)
        if stored is None or stored.size in (None, file.size) or (may_be_part and _is_part(stored.path)):
            return ""
        return f"it has {file.size} bytes, the repository {stored.size}"

    def digest(self, path: str) -> str:
        """SHA-256 of a file, ``""`` if it cannot be read; each file is read once."""
        if path not in self._digests:
            self._digests[path] = _sha256(path)
        return self._digests[path]

    def _why_not_told(self, name: str, source: str) -> str:
        """Why nothing says whether a content is what it was."""
        path = self._path(name)
        if not path or not os.path.exists(path):
            return f"{NO_CHECKSUM}what the repository had of it is gone"
        if _is_same(path, source):
            return f"{NO_CHECKSUM}there is no other copy"
        return f"{NO_CHECKSUM}the repository has only a part of it"

    def _known(self, name: str) -> Recorded | None:
        """What is recorded of a dataset, if it says what the file was."""
        known = self._recorded.get(name)
        return None if known is None or known.mtime_ns is None else known

    def _path(self, name: str) -> str:
        stored = self._stored.get(name)
        return "" if stored is None else stored.path

    def _content(self, name: str, source: str, may_be_part: bool) -> str:
        """Digest of a copy in the repository; of a link it would be the source's own."""
        path = self._path(name)
        if not path or _is_same(path, source) or (may_be_part and _is_part(path)):
            return ""
        return self.digest(path)


def is_modified(why: str) -> bool:
    """Whether what is said of a changed file is about its time only."""
    return why.startswith(MODIFIED)


def _sha256(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def _is_same(first: str, second: str) -> bool:
    try:
        return bool(first) and os.path.samefile(first, second)
    except OSError:
        return False


def _is_part(path: str) -> bool:
    """Whether a file says that it was split off another."""
    try:
        with opened(path) as hdus:
            return SOURCE_HDU in read_primary(hdus, path)
    except (Gen2to3Error, OSError):
        return False
