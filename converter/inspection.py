"""What is in a Gen2 repository, and what is wrong with it. Writes nothing.

No header of a raw is read and no target is asked: what only those can tell
(exposures whose header disagrees, what is there already) is said by ``plan``.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from adapters.camera import Calibration, Camera
from adapters.gen2.files import FileState, describe, sniff_many
from adapters.gen2.lookup import Table
from adapters.gen2.overrides import templates_of

from .gather import Gathered, gather
from .nouns import Reject, Skip
from .planning.folding import fold_rows
from .planning.validity import plan_validity
from .readings import Boundaries, Reading, choose_reading, detect_dialect
from .recipe import Recipe
from .timespans import parse_time

# How the readers begin to say what is the matter.
NO_FILE = "file not found"
NO_ROW = "no row in table"


@dataclass(frozen=True)
class Range:
    """First and last of the texts that are dates, ``""`` if none is."""

    first: str = ""
    last: str = ""

    def __str__(self) -> str:
        return f"{self.first} .. {self.last}" if self.first or self.last else ""


@dataclass(frozen=True)
class RawTable:
    """The raw table; ``files`` are those that its rows name and that are there."""

    registry: str
    rows: int = 0
    exposures: int = 0
    detectors: int = 0
    files: int = 0
    observed: Range = Range()
    filters: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class CalibTable:
    """One table of one calibration root."""

    root: str
    table: str
    dataset_types: tuple[str, ...]
    rows: int
    detectors: int
    filters: tuple[str, ...]
    calib_dates: Range
    validity: Range


@dataclass(frozen=True)
class TypeValidity:
    """What the ranges of one dataset type show.

    Parameters
    ----------
    dataset_type, table
        The type, and the table in which Gen2 looked it up.
    masters
        Masters whose file is there.
    dialect, evidence
        What the interior boundaries of all groups together show.
    agree, differ, undecided
        Groups (detector and filter) whose own boundaries show the same
        dialect, show another one, or do not tell.
    readings
        What the ranges will be taken to mean, with the number of groups.
    """

    dataset_type: str
    table: str
    masters: int
    dialect: str
    evidence: Boundaries
    agree: int
    differ: int
    undecided: int
    readings: Mapping[Reading, int]


@dataclass(frozen=True)
class HandOffFiles:
    """What only the stack can convert, and the files that are there for it."""

    dataset_type: str
    files: int
    example: str


@dataclass(frozen=True)
class Inspection:
    """What a Gen2 repository holds.

    Parameters
    ----------
    recipe
        The choices under which it was read.
    root, mapper, camera, instrument
        What it is.
    parents, missing_parents, calib_roots
        What belongs to it.
    raw, tables, types
        Registries: the raw table, calibration tables, and the validity of
        each calibration type.
    missing_files, unlisted_files, lfs_pointers
        Rows without their file, files without a row, and Git LFS pointers in
        place of files.
    unknown_detectors, unknown_filters
        Texts that the camera does not know, with the number of rows.
    overlaps
        Masters valid at the same time, one line each: a conversion stops
        there until a policy is chosen.
    folded
        For some of these lines the one that stands for them in a short list.
    rejects, skips
        What cannot be converted and what is left out.
    hand_offs
        What the stack has to write.
    templates
        Path templates by which files were looked for, by dataset type.
    """

    recipe: Recipe
    root: str
    mapper: str
    camera: str
    instrument: str
    parents: tuple[str, ...]
    missing_parents: tuple[str, ...]
    calib_roots: tuple[str, ...]
    raw: RawTable
    tables: tuple[CalibTable, ...]
    types: tuple[TypeValidity, ...]
    missing_files: int
    unlisted_files: int
    lfs_pointers: int
    unknown_detectors: Mapping[str, int]
    unknown_filters: Mapping[str, int]
    overlaps: tuple[str, ...]
    folded: Mapping[str, str]
    rejects: tuple[Reject, ...]
    skips: tuple[Skip, ...]
    hand_offs: tuple[HandOffFiles, ...]
    templates: Mapping[str, str]

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.rejects and not self.overlaps

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        result = {
            f.name: _plain(getattr(self, f.name))
            for f in dataclasses.fields(self)
            if f.name not in ("recipe", "templates", "folded", "rejects", "skips")
        }
        result["rejected"] = [{"item": r.item, "reason": r.reason} for r in self.rejects]
        result["skipped"] = [{"item": s.item, "reason": s.reason} for s in self.skips]
        return result

    def spelled_out(self) -> Recipe:
        """The recipe with what was found in place of what is to be found.

        A type whose groups are read in several ways gets no reading: one
        reading for all of them would be another conversion.
        """
        names = [t.dataset_type for t in self.types]
        readings = {t.dataset_type: next(iter(t.readings)) for t in self.types if len(t.readings) == 1}
        return dataclasses.replace(
            self.recipe,
            camera=self.camera,
            calib=self.calib_roots,
            readings={**readings, **self.recipe.readings},
            overlaps={**{name: self.recipe.policy(name) for name in names}, **self.recipe.overlaps},
        )


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def inspect_source(recipe: Recipe) -> Inspection:
    """Read a Gen2 repository and say what is there and what is wrong.

    Parameters
    ----------
    recipe
        Where it is, and choices that are made already.

    Raises
    ------
    UsageError
        The root is no Gen2 root, or its camera is not supported.
    """
    gathered = gather(recipe)
    source, camera = gathered.source, gathered.source.camera
    states = sniff_many(
        sorted({f.path for f in gathered.raws.files} | {m.path for m in gathered.masters.values()}),
        recipe.workers,
    )
    bad = {path: describe(state, path) for path, state in states.items() if not state.is_fits}
    masters = {key: m for key, m in gathered.masters.items() if m.path not in bad}
    claims = [c for c in gathered.claims if c.master in masters]
    validity = plan_validity(camera, recipe, masters, claims, gathered.boundaries, {})
    detectors, filters = _unknown(gathered)
    rejects = (
        *gathered.rejects,
        *(Reject(path, reason, path) for path, reason in sorted(bad.items())),
        *validity.rejects,
    )
    return Inspection(
        recipe=recipe,
        root=str(source.root.root),
        mapper=source.root.mapper,
        camera=camera.name,
        instrument=camera.instrument.name,
        parents=tuple(map(str, source.root.parents)),
        missing_parents=source.root.missing_parents,
        calib_roots=tuple(str(c.root) for c in source.calibs),
        raw=_raw_table(gathered),
        tables=tuple(_calib_tables(gathered)),
        types=tuple(_types(gathered, recipe)),
        missing_files=sum(r.reason.startswith(NO_FILE) for r in gathered.rejects),
        unlisted_files=sum(s.reason.startswith(NO_ROW) for s in gathered.skips),
        lfs_pointers=sum(state is FileState.LFS_POINTER for state in states.values()),
        unknown_detectors=detectors,
        unknown_filters=filters,
        overlaps=tuple(validity.conflicts),
        folded=validity.folded | fold_rows(rejects),
        rejects=rejects,
        skips=tuple(gathered.skips),
        hand_offs=tuple(
            HandOffFiles(rule.dataset_type, len(files), files[0] if files else "")
            for rule in camera.hand_offs
            if (files := gathered.hand_offs.get(rule, [])) or (not rule.pattern and gathered.masters)
        ),
        templates=templates_of(camera),
    )


def _column(table: Table | None, name: str) -> list[Any]:
    """Values of a column, none if there is no such column."""
    if table is None or name not in table.columns:
        return []
    index = table.columns.index(name)
    return [row[index] for row in table.rows]


def _range(values: Iterable[Any], ends: Iterable[Any] | None = None) -> Range:
    """First of the values and last of ``ends`` (or of the values), as far as they are dates."""
    texts = [str(v).strip() for v in values]
    begins = [t for t in texts if _is_time(t)]
    last = begins if ends is None else [t for t in map(str, ends) if _is_time(t)]
    return Range(min(begins, default=""), max(last, default=""))


def _is_time(text: str) -> bool:
    try:
        parse_time(text)
    except ValueError:
        return False
    return True


def _raw_table(gathered: Gathered) -> RawTable:
    raw = gathered.source.camera.raw
    table = gathered.source.raw_tables.get(raw.table)
    if table is None:
        return RawTable(gathered.source.raw_registry)
    return RawTable(
        registry=gathered.source.raw_registry,
        rows=len(table.rows),
        exposures=len(set(_column(table, raw.exposure))),
        detectors=len(set(_column(table, raw.detector))),
        files=len(gathered.raws.files),
        observed=_range(_column(table, raw.time.name)),
        filters=_sorted(Counter(map(str, _column(table, raw.filter)))),
    )


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def _calib_tables(gathered: Gathered) -> Iterable[CalibTable]:
    camera = gathered.source.camera
    for calib in gathered.source.calibs:
        for name, table in sorted(calib.tables.items()):
            calibrations = _listed_in(camera, name)
            columns = {c.detector for c in calibrations} or {c.detector for c in camera.calibrations}
            yield CalibTable(
                root=str(calib.root),
                table=name,
                dataset_types=tuple(c.dataset_type for c in calibrations),
                rows=len(table.rows),
                detectors=len({v for column in columns for v in _column(table, column)}),
                filters=tuple(sorted({str(v) for v in _column(table, "filter")})),
                calib_dates=_range(_column(table, "calibDate")),
                validity=_range(_column(table, "validStart"), _column(table, "validEnd")),
            )


def _listed_in(camera: Camera, table: str) -> list[Calibration]:
    return [c for c in camera.calibrations if c.table == table]


def _types(gathered: Gathered, recipe: Recipe) -> Iterable[TypeValidity]:
    camera = gathered.source.camera
    masters = Counter(key.dataset_type for key in gathered.masters)
    for c in camera.calibrations:
        groups = gathered.boundaries.get(c.dataset_type, {})
        if not groups and not masters[c.dataset_type]:
            continue
        table = reduce(Boundaries.__add__, groups.values(), Boundaries())
        dialect = detect_dialect(table)
        kind = camera.time_column(c).kind
        own = Counter(_verdict(group, dialect) for group in groups.values())
        readings = Counter(
            recipe.reading(c.dataset_type) or choose_reading(kind, group, table) for group in groups.values()
        )
        yield TypeValidity(
            dataset_type=c.dataset_type,
            table=c.lookup_table,
            masters=masters[c.dataset_type],
            dialect=dialect,
            evidence=table,
            agree=own["agree"],
            differ=own["differ"],
            undecided=own["undecided"],
            readings=dict(readings.most_common()),
        )


def _verdict(group: Boundaries, dialect: str) -> str:
    if not group.touching and not group.next_day and group.times <= group.dates:
        return "undecided"
    return "agree" if detect_dialect(group) == dialect else "differ"


def _unknown(gathered: Gathered) -> tuple[dict[str, int], dict[str, int]]:
    """Detectors and filters that the camera does not know, with the number of rows."""
    camera = gathered.source.camera
    known = {d.id for d in camera.instrument.detectors}
    detectors: Counter[str] = Counter()
    filters: Counter[str] = Counter()
    raws = gathered.source.raw_tables.get(camera.raw.table)
    detectors.update(str(v) for v in _column(raws, camera.raw.detector) if v not in known)
    filters.update(str(v) for v in _column(raws, camera.raw.filter) if camera.physical_filter(v) is None)
    for calib in gathered.source.calibs:
        for name, table in calib.tables.items():
            listed = _listed_in(camera, name)
            for column in sorted({c.detector for c in listed if c.serials is not None}):
                serials = (v for v in _column(table, column) if not camera.instrument.mountings(v))
                detectors.update(f"serial {v}" for v in serials)
            calibrations = [c for c in listed if c.serials is None]
            for column, offset in sorted({(c.detector, c.detector_offset) for c in calibrations}):
                detectors.update(
                    str(v)
                    for v in _column(table, column)
                    if not isinstance(v, int) or v + offset not in known
                )
            # Other types have placeholders in this column, which nothing looks at.
            if any("physical_filter" in c.dimensions for c in calibrations):
                filters.update(str(v) for v in _column(table, "filter") if camera.physical_filter(v) is None)
    return _sorted(detectors), _sorted(filters)
