"""What the ledger will say of every dataset."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

from .. import names
from ..ledger import Item
from ..nouns import DataId, Master, MasterKey, RawFile
from ..timespans import Span

RAW = "raw"


class SourceItems(Mapping[str, Item]):
    """What the ledger will say of the datasets of a source, by name, as if they were written.

    An item is made when it is asked for: half a million of them would be half of the memory.

    Parameters
    ----------
    instrument, label
        Say what the RUNs are called.
    masters, spans
        The masters, and their validity.
    files
        The raw files.
    versions
        Number of the version of each raw file, if it is not the first.
    digest
        Gives the SHA-256 of a file, if it is to be recorded.
    """

    def __init__(
        self,
        instrument: str,
        label: str,
        masters: Mapping[MasterKey, Master],
        spans: Mapping[MasterKey, Sequence[Span]],
        files: Sequence[RawFile] = (),
        versions: Mapping[str, int] | None = None,
        digest: Callable[[str], str] | None = None,
    ) -> None:
        self._prefix = names.calibration_run(instrument, label, "")
        self._masters, self._spans, self._digest = masters, spans, digest
        self._raws: dict[tuple[str, int], dict[int, RawFile]] = {}
        for file in files:
            run = names.raw_run(instrument, (versions or {}).get(file.path, 0))
            self._raws.setdefault((run, file.exposure), {}).update(dict.fromkeys(file.detectors, file))
        if digest is not None:
            # While planning, and not while the ledger is written.
            for path in chain((m.path for m in masters.values()), (f.path for f in files)):
                digest(path)

    def of(self, dataset_type: str, run: str, data_id: DataId) -> Item:
        """The item of one dataset.

        Raises
        ------
        KeyError
            The source has no such dataset.
        """
        source = self._find(dataset_type, run, data_id)
        return Item(
            source=source.provenance.source,
            key=f"{source.provenance.table} {source.provenance.row}" if source.provenance.table else "",
            file=source.path,
            size=source.size,
            mtime_ns=source.mtime_ns,
            sha256=self._digest(source.path) if self._digest is not None else None,
            dataset_id=None,
            dataset=dataset_name(dataset_type, run, data_id),
            validity=self._validity(source) if isinstance(source, Master) else "",
            state="done",
            reason="",
        )

    def _find(self, dataset_type: str, run: str, data_id: DataId) -> Master | RawFile:
        if dataset_type == RAW:
            if data_id.exposure is None or data_id.detector is None:
                raise KeyError(data_id)
            return self._raws[run, data_id.exposure][data_id.detector]
        if not run.startswith(self._prefix):
            raise KeyError(run)
        return self._masters[MasterKey(dataset_type, run.removeprefix(self._prefix), data_id)]

    def _validity(self, master: Master) -> str:
        text = dict(master.provenance.text)
        spans = ", ".join(map(str, self._spans.get(master.key, ()))) or "none"
        return f"{text.get('validStart', '')} .. {text.get('validEnd', '')} -> {spans}"

    def __getitem__(self, name: str) -> Item:
        try:
            return self.of(*parse_dataset_name(name))
        except (KeyError, ValueError):
            raise KeyError(name) from None

    def __contains__(self, name: object) -> bool:
        try:
            return bool(self._find(*parse_dataset_name(str(name))))
        except (KeyError, ValueError):
            return False

    def __iter__(self) -> Iterator[str]:
        for key in self._masters:
            yield dataset_name(key.dataset_type, f"{self._prefix}{key.stamp}", key.data_id)
        for (run, exposure), raws in self._raws.items():
            for detector in raws:
                yield dataset_name(RAW, run, DataId(detector=detector, exposure=exposure))

    def __len__(self) -> int:
        return len(self._masters) + sum(map(len, self._raws.values()))


def planned_item(items: Mapping[str, Item], dataset_type: str, run: str, data_id: DataId) -> Item:
    """The item of a dataset that is going to be written."""
    if isinstance(items, SourceItems):
        return items.of(dataset_type, run, data_id)  # without a detour over its name
    return items[dataset_name(dataset_type, run, data_id)]


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
