"""What can be wrong in a camera's declaration; no repository is needed for it.

Each function gives the problems it found, one line each.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any

from lsst.daf.butler import DatasetType, DimensionUniverse, StorageClassFactory

from converter.nouns import Gen2to3Error, UsageError
from converter.timespans import Span

from ..camera import Calibration, Camera, TimeColumn
from ..curated.layout import directory_name
from ..curated.types import STANDARD_TYPES
from ..gen2.templates import Template
from ..geometry import geometry_problems
from ..instrument import DetectorSerial
from ..registry import detect_camera, list_cameras
from ..sources.declaration import Declaration
from ..sources.delivery import all_types
from ..sources.loading import load_declaration
from ..translation import load_translator

UNIVERSE = 8
"""Version of the dimension universe in which repositories are written."""

DIMENSIONS = frozenset({"detector", "physical_filter"})
"""Dimensions that a calibration may have besides the instrument."""

HAND_OFF_FIELDS = ("repo", "instrument", "class_name", "collection", "chain", "labels", "calib")

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+", re.ASCII)


def registration(camera: Camera) -> Iterator[str]:
    """Is the camera found by its name and by its mappers?"""
    entries = {entry.name: entry for entry in list_cameras()}
    entry = entries.get(camera.name)
    if entry is None:
        yield (
            f"no entry point of the group gen2to3.cameras is called {camera.name!r}, only "
            f"{', '.join(entries)}; install the package, or set registered = False"
        )
        return
    if entry.camera is None:
        yield f"camera {camera.name!r} cannot be loaded: {entry.error}"
        return
    if type(entry.camera) is not type(camera):
        yield f"{camera.name!r} is registered as {_full_name(entry.camera)}, not {_full_name(camera)}"
    for mapper in camera.mappers:
        found = detect_camera(mapper)
        if type(found) is not type(camera):
            yield f"mapper {mapper} leads to {_full_name(found)}, which declares it too"


def names(camera: Camera) -> Iterator[str]:
    """Names and mappers: can they be typed, and written in ``_mapper``?"""
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", camera.name):
        yield f"name {camera.name!r}: expected lower-case letters, digits, - and _"
    if not camera.mappers:
        yield "mappers: expected at least one Gen2 mapper class"
    for mapper in camera.mappers:
        if not _DOTTED.fullmatch(mapper):
            yield f"mapper {mapper!r}: expected the full dotted name of a class"
    try:
        load_translator(camera.translator, camera.translator_module)
    except UsageError as exc:
        yield f"translator: {exc}"


def instrument(camera: Camera) -> Iterator[str]:
    """Instrument record: complete, and what the dimension universe takes?"""
    record = camera.instrument.record
    yield from _record_problems("instrument", "instrument", record, complete=True)
    if not _DOTTED.fullmatch(str(record.get("class_name"))):
        yield f"instrument: class_name {record.get('class_name')!r} is no full dotted name"


def detectors(camera: Camera) -> Iterator[str]:
    """Detectors: unique, and what the dimension universe takes?"""
    found = camera.instrument.detectors
    if not found:
        yield "there are no detectors"
    limit = camera.instrument.record.get("detector_max")
    for d in found:
        fields = {f: getattr(d, f) for f in ("id", "full_name", "name_in_raft", "raft", "purpose")}
        yield from _record_problems("detector", f"detector {d.id}", fields)
        if isinstance(limit, int) and isinstance(d.id, int) and not 0 <= d.id < limit:
            yield f"detector {d.id}: detector_max {limit} is not above it"
        if not d.purpose:
            yield f"detector {d.id}: there is no purpose, such as SCIENCE"
    yield from _repeated("detector id", (d.id for d in found))
    yield from _repeated("detector full_name", (d.full_name for d in found))
    for number in sorted(camera.raw.formatter_by_detector.keys() - {d.id for d in found}):
        yield f"raw.formatter_by_detector: there is no detector {number}"


def geometry(camera: Camera) -> Iterator[str]:
    """Geometry: every detector, finite, no box empty? Nothing is wrong with having none."""
    if camera.instrument.geometry is not None:
        yield from geometry_problems(camera.instrument.geometry, [d.id for d in camera.instrument.detectors])


def serials(camera: Camera) -> Iterator[str]:
    """Serial numbers: each at one place at a time, and each place with one of them?"""
    known = {d.id for d in camera.instrument.detectors}
    good: list[tuple[DetectorSerial, Span]] = []
    for s in camera.instrument.serials:
        item = f"serial {s.serial} at {s}"
        if s.detector not in known:
            yield f"{item}: there is no such detector"
        try:
            span = s.span
        except ValueError as exc:
            yield f"{item}: {exc}"
            continue
        if span.is_empty:
            yield f"{item}: the period has no length"
            continue
        for other, before in good:
            if not span.overlaps(before):
                continue
            if other.serial == s.serial:
                yield f"serial {s.serial} is at {other} and at {s} at the same time"
            elif other.detector == s.detector:
                yield f"serials {other.serial} (at {other}) and {s.serial} (at {s}) overlap in time"
        good.append((s, span))
    for c in camera.calibrations:
        if c.serials is None:
            continue
        if not camera.instrument.serials:
            yield f"{c.dataset_type}: it goes by serial numbers, and the instrument has no detector_serials"
        if not c.serials.position.card:
            yield f"{c.dataset_type}: serials.position names no header card"
        if c.dimensions != ("detector",):
            yield f"{c.dataset_type}: it goes by serial numbers, so its dimensions can be ('detector',) only"


def filters(camera: Camera) -> Iterator[str]:
    """Filters: unique, with a band, and each Gen2 text of one filter only?"""
    found = camera.instrument.filters
    if not found:
        yield "there are no filters"
    yield from _repeated("physical_filter", (f.name for f in found))
    owner: dict[str, str] = {}
    for f in found:
        yield from _record_problems("physical_filter", f"filter {f.name}", {"name": f.name, "band": f.band})
        if not f.band:
            yield f"filter {f.name}: there is no band"
        for text in f.gen2:
            if owner.setdefault(text, f.name) != f.name:
                yield f"filter text {text!r} is of {owner[text]} and of {f.name}: which one is meant?"
        for text in (f.name, *(t for t in f.gen2 if owner[t] == f.name)):
            known = camera.physical_filter(text)
            if known != f.name:
                yield f"filter text {text!r} of {f.name} is read as {known}"
    if (known := camera.physical_filter(None)) is not None:
        yield f"a missing filter text is read as {known}; expected None, which is a reject"


def dataset_types(camera: Camera) -> Iterator[str]:
    """Dataset types: legal names, dimensions and storage classes?"""
    universe = DimensionUniverse(version=UNIVERSE)
    known = StorageClassFactory()
    raw = camera.raw
    declared: list[tuple[str, str, tuple[str, ...], bool]]
    declared = [(raw.dataset_type, raw.storage_class, ("detector", "exposure"), False)]
    declared += [(c.dataset_type, c.storage_class, c.dimensions, True) for c in camera.calibrations]
    yield from _repeated("dataset type", (name for name, *_ in declared))
    for name, storage_class, dimensions, is_calibration in declared:
        if storage_class not in known:
            yield f"{name}: daf_butler knows no storage class {storage_class!r}"
            continue
        if is_calibration and not set(dimensions) <= DIMENSIONS:
            yield f"{name}: dimensions {dimensions}, expected some of {sorted(DIMENSIONS)}"
            continue
        yield from _repeated(f"{name}: dimension", dimensions)
        try:
            DatasetType(
                name,
                universe.conform(("instrument", *dimensions)),
                storage_class,
                isCalibration=is_calibration,
            )
        except Exception as exc:  # whatever the Butler does not like
            yield f"{name}: {exc}"
    for number, c in enumerate(camera.calibrations):
        if "detector" not in c.dimensions:
            yield f"{c.dataset_type}: dimensions {c.dimensions} lack detector"
        for other in camera.calibrations[:number]:
            if (c.table, c.template) == (other.table, other.template):
                yield f"{c.dataset_type} and {other.dataset_type} have the same table and template"


def formatters(camera: Camera) -> Iterator[str]:
    """Formatters: full names of classes?"""
    declared = {"raw": camera.raw.formatter}
    declared |= {f"raw, detector {d}": name for d, name in camera.raw.formatter_by_detector.items()}
    declared |= {c.dataset_type: c.formatter for c in camera.calibrations}
    for what, name in declared.items():
        if not _DOTTED.fullmatch(name):
            yield f"{what}: formatter {name!r}, expected the full dotted name of a class"


def times(camera: Camera) -> Iterator[str]:
    """Time columns: of a known kind and scale, and known when they are asked for?"""
    columns: dict[TimeColumn, str] = {camera.raw.time: "raw.time"}
    for c in camera.calibrations:
        columns.setdefault(camera.time_column(c), f"{c.dataset_type}: time")
    for column, where in columns.items():
        if column.kind not in ("date", "iso", "datetime"):
            yield f"{where}: kind {column.kind!r}, expected 'date', 'iso' or 'datetime'"
        if column.scale not in ("utc", "tai"):
            yield f"{where}: scale {column.scale!r}, expected 'utc' or 'tai'"
        if not 0 <= column.rollover_s < 86400:
            yield f"{where}: rollover_s {column.rollover_s} is outside of a day"
        if column.rollover_s and column.kind != "date":
            yield f"{where}: rollover_s is for dates, the column has times"


def lookups(camera: Camera, never_found: Collection[str] = ()) -> Iterator[str]:
    """Lookups: can each be carried out, and can Gen3 tell its answers apart?

    Those of the types that Gen2 never found need not be.
    """
    raw = camera.raw
    for c in camera.calibrations:
        if c.dataset_type in never_found:
            continue
        how, name = c.lookup, c.dataset_type
        time = camera.time_column(c).name
        fetched = how.columns or () if how.reference else ()
        if how.valid_range and time not in (*raw.keys, *fetched):
            yield (
                f"{name}: the lookup has a date test, but its time column {time} is neither in raw.keys "
                "nor fetched through columns and reference"
            )
        if how.columns is None or how.reference is None:
            unknown = [k for k in how.columns or () if k not in raw.keys]
            if unknown:
                yield f"{name}: lookup columns {unknown} are not in raw.keys, and there is no reference table"
        if how.ref_columns is not None and not set(how.ref_columns) & set(raw.keys):
            yield f"{name}: none of ref_columns {how.ref_columns} is in raw.keys"
        if raw.filter in _compared(camera, c) and "physical_filter" not in c.dimensions:
            yield (
                f"{name}: the lookup matches {raw.filter}, but the dimensions lack physical_filter: "
                "Gen3 could not tell the masters of two filters apart"
            )


def deliveries(camera: Camera) -> Iterator[str]:
    """Declarations of masters made elsewhere: can they be read, and be used together?"""
    found: list[Declaration] = []
    for path in camera.delivery_files:
        try:
            found.append(load_declaration(path))
        except Gen2to3Error as exc:
            yield f"deliveries: {exc}"
    try:
        all_types(camera, found)
    except UsageError as exc:
        yield f"deliveries: {exc}"


def hand_offs(camera: Camera) -> Iterator[str]:
    """Hand-offs: can the command be filled in?"""
    for rule in camera.hand_offs:
        try:
            rule.command.format(**dict.fromkeys(HAND_OFF_FIELDS, "x"))
        except (KeyError, IndexError, ValueError) as exc:
            yield f"hand-off of {rule.dataset_type}: its command cannot be filled in: {exc!r}"


def curated(camera: Camera) -> Iterator[str]:
    """Data packages: one directory, dataset types that the stack reads, and directories that name one thing?"""
    if (package := camera.curated) is None:
        return
    if not package.policy or "/" in package.policy:
        yield f"curated: policy {package.policy!r}: expected the name of one directory"
    for name in package.types or ():
        if name not in STANDARD_TYPES:
            yield f"curated: {name!r} is no dataset type that the stack reads from a package"
    detectors = [directory_name(d.full_name) for d in camera.instrument.detectors]
    yield from _repeated("curated: detector directory", detectors)


def templates(camera: Camera) -> Iterator[str]:
    """Templates: in a form that can be formatted and parsed?"""
    for name, text in all_templates(camera).items():
        try:
            template = Template(text)
        except Gen2to3Error as exc:
            yield f"{name}: {exc}"
            continue
        if not template.keys:
            yield f"{name}: template {text!r} has no keys: all data IDs would have the same path"


def all_templates(camera: Camera) -> dict[str, str]:
    """Path templates by dataset type."""
    return {camera.raw.dataset_type: camera.raw.template} | {
        c.dataset_type: c.template for c in camera.calibrations
    }


def _compared(camera: Camera, c: Calibration) -> set[str]:
    """Columns that a lookup compares, as far as the declaration tells."""
    columns = set(camera.raw.keys if c.lookup.columns is None else c.lookup.columns)
    return columns - {camera.time_column(c).name}


def _full_name(camera: Camera) -> str:
    return f"{type(camera).__module__}.{type(camera).__qualname__}"


def _repeated(what: str, values: Any) -> Iterator[str]:
    for value, number in Counter(values).items():
        if number > 1:
            yield f"{what} {value!r} is there {number} times"


@cache
def _columns(element: str) -> dict[str, Any]:
    return {c.name: c for c in DimensionUniverse(version=UNIVERSE)[element].schema.all}


def _record_problems(
    element: str, item: str, record: Mapping[str, Any], complete: bool = False
) -> Iterator[str]:
    """Compare a record with the dimension universe: fields, types and lengths."""
    columns = _columns(element)
    for field in record.keys() - columns.keys():
        yield f"{item}: universe {UNIVERSE} has no field {field}"
    for field, column in columns.items():
        value = record.get(field)
        if value is None:
            if complete or (field in record and not column.nullable):
                yield f"{item}: {field} is missing"
        elif not isinstance(value, column.pytype) or isinstance(value, bool):
            yield f"{item}: {field} is {value!r}, expected {column.pytype.__name__}"
        elif isinstance(value, str) and len(value) > (limit := getattr(column, "length", len(value))):
            yield f"{item}: {field} {value!r} has {len(value)} characters, at most {limit} are stored"
