"""The observations that a recipe chooses, as the raw registry has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.camera import TimeColumn
from adapters.gen2.source import Gen2Source

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
