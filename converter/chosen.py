"""What a recipe chooses: whether the camera has it, and its observations in the raw registry."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from adapters.camera import Camera, TimeColumn
from adapters.gen2.source import Gen2Source

from .nouns import Observation, UsageError
from .recipe import Recipe
from .timespans import DAY, parse_time, to_tai


def chosen_rows(source: Gen2Source, recipe: Recipe) -> Iterator[dict[str, Any]]:
    """Rows of the raw table whose exposure and detector are chosen."""
    raw = source.camera.raw
    table = source.raw_tables.get(raw.table)
    for values in table.rows if table is not None else ():
        assert table is not None
        row = dict(zip(table.columns, values, strict=True))
        visit, detector = row[raw.exposure], row[raw.detector]
        if (not recipe.visits or visit in recipe.wanted_visits) and recipe.wants_detector(detector):
            yield row


def known_observations(source: Gen2Source, exposures: Container[int]) -> Iterator[Observation]:
    """Rows of the raw table, chosen or not, of the exposures that the target has."""
    raw = source.camera.raw
    table = source.raw_tables.get(raw.table)
    columns = {source.camera.time_column(c).name for c in source.camera.calibrations}
    for values in table.rows if table is not None else ():
        assert table is not None
        row = dict(zip(table.columns, values, strict=True))
        exposure, detector = row[raw.exposure], row[raw.detector]
        if exposure in exposures and isinstance(detector, int):
            times = {name: str(row[name]) for name in columns & row.keys()}
            physical_filter = source.camera.physical_filter(row[raw.filter])
            yield Observation(exposure, detector, times, physical_filter, row.get("id") or 0)


def registry_span(row: Mapping[str, Any], column: TimeColumn) -> tuple[int, int] | None:
    """What the registry says of an exposure's time (TAI nanoseconds), `None` if that is no time.

    A date is that whole day.
    """
    try:
        time = parse_time(str(row.get(column.name)))
    except ValueError:
        return None
    begin = to_tai(time, column.scale, column.rollover_s)
    return begin, begin + (DAY if time.is_date else 1)


def check_choices(recipe: Recipe, camera: Camera) -> None:
    """Refuse choices that the camera does not have: slips that would act in silence.

    Raises
    ------
    UsageError
        The recipe names dataset types or detectors that the camera lacks.
    """
    calibrations = [c.dataset_type for c in camera.calibrations]
    every = [camera.raw.dataset_type, *calibrations, *(rule.dataset_type for rule in camera.hand_offs)]
    for pattern in recipe.types:
        if not any(fnmatchcase(name, pattern) for name in every):
            raise UsageError(
                f"types: {pattern!r} matches no dataset type of {camera.instrument.name}: {', '.join(every)}"
            )
    detectors = {d.id for d in camera.instrument.detectors}
    if unknown := [d for d in recipe.detectors if d not in detectors]:
        raise UsageError(
            f"detectors: {unknown[0]} is no detector of {camera.instrument.name}, "
            f"which has {min(detectors)}..{max(detectors)}"
        )
    choices_by_key: Mapping[str, Mapping[str, str]] = {
        "readings": recipe.readings,
        "overlaps": recipe.overlaps,
        "ranges": recipe.ranges,
        "zones": recipe.zones,
    }
    for key, choices in choices_by_key.items():
        for name in sorted(choices.keys() - {*calibrations, "*"}):
            raise UsageError(
                f"{key}: {name!r} is no calibration type of {camera.instrument.name}: {', '.join(calibrations)}"
            )
