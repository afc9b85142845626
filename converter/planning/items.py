"""What the ledger will say of every dataset. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from .. import names
from ..ledger import Item
from ..nouns import DataId, Master, MasterKey, RawFile
from ..timespans import Span


def master_items(
    instrument: str,
    label: str,
    masters: Mapping[MasterKey, Master],
    spans: Mapping[MasterKey, Sequence[Span]],
    digest: Callable[[str], str] | None = None,
) -> Iterable[Item]:
    """One line for every master, as if it was written.

    Parameters
    ----------
    instrument, label
        Say what its RUN is called.
    masters, spans
        The masters, and their validity.
    digest
        Gives the SHA-256 of a file, if it is to be recorded.
    """
    for key, master in masters.items():
        text = dict(master.provenance.text)
        yield Item(
            source=master.provenance.source,
            key=f"{master.provenance.table} {master.provenance.row}" if master.provenance.table else "",
            file=master.path,
            size=master.size,
            mtime_ns=master.mtime_ns,
            sha256=digest(master.path) if digest is not None else None,
            dataset_id=None,
            dataset=dataset_name(
                key.dataset_type, names.calibration_run(instrument, label, key.stamp), key.data_id
            ),
            validity=f"{text.get('validStart', '')} .. {text.get('validEnd', '')}"
            f" -> {', '.join(map(str, spans.get(key, ()))) or 'none'}",
            state="done",
            reason="",
        )


def raw_items(
    instrument: str,
    files: Iterable[RawFile],
    versions: Mapping[str, int],
    digest: Callable[[str], str] | None = None,
) -> Iterable[Item]:
    """One line for every raw, as if it was written.

    Parameters
    ----------
    instrument
        Gen3 instrument name.
    files
        The raw files.
    versions
        Number of the version of each path, if it is not the first.
    digest
        Gives the SHA-256 of a file, if it is to be recorded.
    """
    for file in files:
        run = names.raw_run(instrument, versions.get(file.path, 0))
        for detector in file.detectors:
            yield Item(
                source=file.provenance.source,
                key=f"{file.provenance.table} {file.provenance.row}",
                file=file.path,
                size=file.size,
                mtime_ns=file.mtime_ns,
                sha256=digest(file.path) if digest is not None else None,
                dataset_id=None,
                dataset=dataset_name("raw", run, DataId(detector=detector, exposure=file.exposure)),
                validity="",
                state="done",
                reason="",
            )


def dataset_name(dataset_type: str, run: str, data_id: DataId) -> str:
    """How the ledger names a dataset."""
    return f"{dataset_type} {run} {data_id}"


_NAME = re.compile(
    r"(\S+) (.+?)(?: \(instrument\))?(?: detector=(-?\d+))?(?: physical_filter=(.+?))?(?: exposure=(\d+))?",
    re.DOTALL,
)


def parse_dataset_name(name: str) -> tuple[str, str, DataId]:
    """Dataset type, RUN and data ID of a name in the ledger.

    Raises
    ------
    ValueError
        It is no such name.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is no name of a dataset")
    dataset_type, run, detector, physical_filter, exposure = match.groups()
    return (
        dataset_type,
        run,
        DataId(
            None if detector is None else int(detector),
            physical_filter,
            None if exposure is None else int(exposure),
        ),
    )
