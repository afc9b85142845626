"""What is known of the files that are in a repository already."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from lsst.daf.butler import Butler

from .answers import stored_files
from .ledger import Ledger
from .nouns import DataId, Master, RawFile
from .planning.items import dataset_name

Dataset = tuple[str, str, DataId]
"""Dataset type, RUN and data ID."""


class Recorded(NamedTuple):
    """A source file as it was; `None` and ``""`` for what is not known."""

    file: str = ""
    size: int | None = None
    mtime_ns: int | None = None
    sha256: str = ""


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
        self._recorded = (
            {k: Recorded(*v) for k, v in Ledger(ledger).files().items()} if ledger is not None else {}
        )
        self._butler = butler
        self._instrument = instrument
        self._checksum = checksum
        self._stored: dict[str, str] = {}

    def look_up(self, datasets: Iterable[Dataset]) -> None:
        """Ask the Butler for the files of datasets of which the ledger does not say enough."""
        wanted: dict[str, set[str]] = defaultdict(set)
        for dataset_type, run, data_id in datasets:
            known = self._recorded.get(dataset_name(dataset_type, run, data_id))
            if known is None or known.mtime_ns is None or self._checksum:
                wanted[dataset_type].add(run)
        for dataset_type, runs in wanted.items() if self._butler is not None else ():
            assert self._butler is not None
            with self._butler.query() as query:
                refs = list(
                    query.datasets(dataset_type, sorted(runs), find_first=False).where(
                        instrument=self._instrument
                    )
                )
            paths = stored_files(self._butler, refs)
            for ref in refs:
                values = {k: v for k, v in ref.dataId.required.items() if k != "instrument"}
                name = dataset_name(dataset_type, ref.run, DataId(**values))
                self._stored[name] = paths.get(str(ref.id), "")

    def why_changed(self, dataset: Dataset, file: Master | RawFile, is_split: bool = False) -> str:
        """What is not as it was of a file, ``""`` if nothing is.

        Size and modification time tell, as far as they are recorded; without
        a record the size of the file in the repository does. With
        ``checksum`` the contents tell where there is something to compare
        them with, whatever the times are.

        Parameters
        ----------
        dataset
            The dataset that it is.
        file
            As the source has it.
        is_split
            Whether the repository has a part of the file only.
        """
        name = dataset_name(*dataset)
        known = self._recorded.get(name, Recorded())
        stored = self._stored.get(name, "")
        if self._checksum:
            before = known.sha256 or _content(stored, file.path, is_split)
            if before:
                return "" if before == sha256(file.path) else "its content is another"
        if known.mtime_ns is None:
            size = _size(stored, is_split)
            if size is None or size == file.size:
                return ""
            return f"it has {file.size} bytes, the repository {size}"
        if known.size != file.size:
            return f"it has {file.size} bytes, and had {known.size}"
        return "" if known.mtime_ns == file.mtime_ns else "it was modified"


def sha256(path: str) -> str:
    """SHA-256 of a file, ``""`` if it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def _content(stored: str, source: str, is_split: bool) -> str:
    """Digest of a copy in the repository; of a link it would be the source's own."""
    try:
        if not stored or is_split or os.path.samefile(stored, source):
            return ""
    except OSError:
        return ""
    return sha256(stored)


def _size(stored: str, is_split: bool) -> int | None:
    try:
        return None if not stored or is_split else os.stat(stored).st_size
    except OSError:
        return None
