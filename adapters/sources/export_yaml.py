"""Certifications in an export of a Gen3 repository (``export.yaml``), without a Butler."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from converter.nouns import DataId, Gen2to3Error, Reject, Skip, UsageError
from converter.statements import ForeignRange, ForeignRanges
from converter.timespans import Span, checked_span, explicit_instant

from ..gen2.files import printable
from .text_files import read_text
from .yaml_nodes import Node, read_nodes

MAX_BYTES = 1024 * 1024 * 1024
"""Largest export; 3,000 datasets are about a megabyte."""

_HEAD = 65536
_DESCRIPTION = re.compile(r"^description: *['\"]?Butler Data Repository Export\b", re.MULTILINE)
_WHAT = "an export of a Butler repository"
_TIMESPAN = "!lsst.daf.butler.Timespan"
_TIME = "!butler_time/tai/iso"
_DIMENSIONS = ("detector", "physical_filter", "exposure")
# These follow from the others.
_IMPLIED = ("instrument", "band")


class _Dataset(NamedTuple):
    """One exported dataset of a calibration type."""

    dataset_type: str
    instrument: str
    data_id: DataId
    run: str
    file: str
    unknown: str


def is_export(path: str | os.PathLike[str]) -> bool:
    """Whether a file says of itself that it is an export."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return _DESCRIPTION.search(stream.read(_HEAD)) is not None
    except OSError:
        return False


def read_export(
    path: str | os.PathLike[str], collection: str, instrument: str, dataset_types: Collection[str]
) -> ForeignRanges:
    """Read what an export certifies.

    Parameters
    ----------
    path
        The file.
    collection
        A CALIBRATION collection, or a chain of such; ``""`` if there is only
        one.
    instrument
        Gen3 instrument name; datasets of others are skipped.
    dataset_types
        The types that matter; others are skipped with a count.

    Raises
    ------
    Gen2to3Error
        The file cannot be read, or is no export.
    UsageError
        There is no such collection, or none is named and there are several.
    """
    name = printable(Path(path))
    root = read_nodes(read_text(path, _WHAT, MAX_BYTES), name)
    if root is None or root.kind != "mapping" or root.get("data") is None:
        raise Gen2to3Error(f"{name} is no export of a Butler repository: it has no list `data`")
    data = root.items_of("data")
    result = ForeignRanges()
    collections = [n for n in data if n.text_of("type") == "associations" and _is_calibration(n)]
    for wanted in _search_order(collection, collections, data, name):
        result.by_collection.setdefault(wanted, [])
    datasets = _datasets(data)
    reader = _Reader(name, instrument, dataset_types, datasets, result)
    for node in collections:
        if node.text_of("collection") in result.by_collection:
            reader.read(node)
    reader.report()
    return result


def _is_calibration(node: Node) -> bool:
    return node.text_of("collection_type").upper() == "CALIBRATION"


def _search_order(wanted: str, associations: list[Node], data: list[Node], name: str) -> list[str]:
    calibrations = dict.fromkeys(n.text_of("collection") for n in associations)
    chains = {
        n.text_of("name"): [c.text or "" for c in n.items_of("children")]
        for n in data
        if n.text_of("type") == "collection" and n.text_of("collection_type").upper() == "CHAINED"
    }
    there = ", ".join(calibrations) or "none"
    if not wanted:
        if len(calibrations) != 1:
            raise UsageError(
                f"{name} has {len(calibrations)} CALIBRATION collections with ranges ({there}); "
                "name one, as in export:FILE#COLLECTION"
            )
        return list(calibrations)
    order: list[str] = []
    todo, seen = [wanted], set()
    while todo:
        current = todo.pop(0)
        if current in calibrations and current not in order:
            order.append(current)
        elif current in chains and current not in seen:
            seen.add(current)
            todo[:0] = chains[current]
    if not order:
        raise UsageError(f"{name} has no CALIBRATION collection {printable(wanted)}; found {there}")
    return order


def _datasets(data: list[Node]) -> dict[str, _Dataset]:
    """Exported datasets by id."""
    found: dict[str, _Dataset] = {}
    for block in data:
        if block.text_of("type") != "dataset":
            continue
        for record in block.items_of("records"):
            ids = _texts(record.get("dataset_id"))
            values = record.get("data_id")
            nodes = [] if values is None else values.items if values.kind == "sequence" else [values]
            file = record.text_of("path").rpartition("/")[2]
            for dataset_id, node in zip(ids, nodes, strict=False):
                found[dataset_id] = _dataset(block, node, file)
    return found


def _texts(node: Node | None) -> Iterator[str]:
    if node is not None:
        yield from (n.text or "" for n in (node.items if node.kind == "sequence" else [node]))


def _dataset(block: Node, node: Node, file: str) -> _Dataset:
    values = {key.text or "": value.text or "" for key, value in node.pairs}
    unknown = sorted(values.keys() - {*_DIMENSIONS, *_IMPLIED})
    try:
        detector, exposure = (int(values[d]) if values.get(d) else None for d in ("detector", "exposure"))
    except ValueError:
        detector, exposure, unknown = None, None, ["detector or exposure that is a number"]
    data_id = DataId(detector, values.get("physical_filter") or None, exposure)
    return _Dataset(
        block.text_of("dataset_type"),
        values.get("instrument", ""),
        data_id,
        block.text_of("run"),
        file,
        ", ".join(unknown),
    )


class _Reader:
    """Reads the associations of the wanted collections."""

    def __init__(
        self,
        name: str,
        instrument: str,
        types: Collection[str],
        datasets: dict[str, _Dataset],
        result: ForeignRanges,
    ) -> None:
        self.name = name
        self.instrument = instrument
        self.types = types
        self.datasets = datasets
        self.result = result
        self.left_out: dict[str, int] = {}

    def read(self, node: Node) -> None:
        """Read the ranges of one collection."""
        ranges = self.result.by_collection[node.text_of("collection")]
        for item in node.items_of("validity_ranges"):
            try:
                span = _span(item.get("timespan"))
            except ValueError as exc:
                self._reject(item, str(exc))
                continue
            missing = 0
            for dataset_id in _texts(item.get("dataset_ids")):
                dataset = self.datasets.get(dataset_id)
                if dataset is None:
                    missing += 1
                elif why := self._why_not(dataset):
                    self.left_out[why] = self.left_out.get(why, 0) + 1
                else:
                    ranges.append(
                        ForeignRange(dataset.dataset_type, dataset.data_id, dataset.run, dataset.file, span)
                    )
            if missing:
                self._reject(item, f"{missing} of its dataset_ids are no datasets of the export")

    def _why_not(self, dataset: _Dataset) -> str:
        if dataset.dataset_type not in self.types:
            return f"of {dataset.dataset_type}, of which no master is imported"
        if dataset.instrument != self.instrument:
            return f"of {dataset.dataset_type} of the instrument {dataset.instrument}"
        if dataset.unknown:
            return f"of {dataset.dataset_type}, whose data IDs have {dataset.unknown}"
        return ""

    def report(self) -> None:
        """Say what is of no concern."""
        for why, count in sorted(self.left_out.items()):
            self.result.skips.append(Skip(self.name, f"{count} range{'' if count == 1 else 's'} {why}"))

    def _reject(self, item: Node, reason: str) -> None:
        self.result.rejects.append(Reject(f"{self.name} line {item.line}", reason))


def _span(node: Node | None) -> Span:
    if node is None or node.tag != _TIMESPAN or node.kind != "mapping":
        raise ValueError(f"timespan is expected to be a {_TIMESPAN} with begin and end, found none")
    ends: list[int | None] = []
    for key in ("begin", "end"):
        value = node.get(key)
        if value is None or value.text is None:
            ends.append(None)
        elif value.tag != _TIME:
            raise ValueError(f"{key} is expected to be a {_TIME}, found {printable(value.text)!r}")
        else:
            ends.append(explicit_instant(value.text, "tai"))
    return checked_span(Span(*ends), f"{node.text_of('begin')} to {node.text_of('end')}")
