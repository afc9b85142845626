"""What the ledger will say of every dataset. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .. import names
from ..ledger import Item
from ..nouns import DataId, Master, MasterKey, RawFile
from .settling import Validity


def master_items(
    instrument: str, label: str, masters: Mapping[MasterKey, Master], validity: Validity
) -> Iterable[Item]:
    """One line for every master that is not refused, as if it was written."""
    for key, master in masters.items():
        if key not in validity.refused:
            text = dict(master.provenance.text)
            yield Item(
                source=master.provenance.source,
                key=f"{master.provenance.table} {master.provenance.row}" if master.provenance.table else "",
                file=master.path,
                size=master.size,
                mtime_ns=master.mtime_ns,
                sha256=None,
                dataset_id=None,
                dataset=dataset_name(
                    key.dataset_type, names.calibration_run(instrument, label, key.stamp), key.data_id
                ),
                validity=f"{text.get('validStart', '')} .. {text.get('validEnd', '')}"
                f" -> {', '.join(map(str, validity.spans.get(key, ()))) or 'none'}",
                state="done",
                reason="",
            )


def raw_items(instrument: str, files: Iterable[RawFile]) -> Iterable[Item]:
    """One line for every raw, as if it was written."""
    run = names.raw_run(instrument)
    for file in files:
        for detector in file.detectors:
            yield Item(
                source=file.provenance.source,
                key=f"{file.provenance.table} {file.provenance.row}",
                file=file.path,
                size=file.size,
                mtime_ns=file.mtime_ns,
                sha256=None,
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
