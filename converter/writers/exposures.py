"""Group, day_obs and exposure records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lsst.daf.butler import Butler

from ..nouns import ExposureRecord, Gen2to3Error
from ..operations import InsertExposures
from ..timespans import Span, day_timespan
from .common import butler_errors, first_difference, make_timespan, plain

Row = dict[str, Any]


def insert_exposures(butler: Butler, operation: InsertExposures) -> None:
    """Insert exposure records and the groups and observing days they need.

    Records that are there and equal are left alone.

    Raises
    ------
    Gen2to3Error
        A record differs from one in the target or from another one of the
        operation, or the target refuses it.
    """
    if not operation.records:
        return
    if "day_obs" not in butler.dimensions or "group" not in butler.dimensions:
        raise Gen2to3Error(
            f"the repository's dimension universe {butler.dimensions.version} has no day_obs and group; "
            "it is too old for exposures to be written"
        )
    instrument = operation.instrument
    groups: dict[str, Row] = {}
    days: dict[int, Row] = {}
    exposures: dict[int, Row] = {}
    for record in operation.records:
        exposure = _exposure_row(instrument, record)
        day = _day_row(instrument, exposure["day_obs"], record.day_obs_offset_s)
        group = {"instrument": instrument, "name": exposure["group"]}
        groups[exposure["group"]] = group
        _add(days, day["id"], day, "day_obs")
        _add(exposures, exposure["id"], exposure, "exposure")
    _check_observation_ids(exposures)
    with butler_errors(f"exposure records of {instrument}"):
        for element, key, rows in (
            ("group", "name", groups),
            ("day_obs", "id", days),
            ("exposure", "id", exposures),
        ):
            existing = _existing(butler, element, key, instrument, rows)
            new = [row for id_, row in rows.items() if not _is_there(element, existing.get(id_), row)]
            if new:
                butler.registry.insertDimensionData(element, *new)


def _exposure_row(instrument: str, record: ExposureRecord) -> Row:
    row: Row = {"instrument": instrument}
    row.update((field, plain(value)) for field, value in record.exposure.items())
    what = f"exposure {row.get('id')} of {instrument}"
    for field in ("id", "day_obs", "group", "physical_filter", "obs_id"):
        if row.get(field) in (None, ""):
            raise Gen2to3Error(f"{what}: it has no {field}")
    if row["instrument"] != instrument:
        raise Gen2to3Error(f"{what}: the record is for instrument {row['instrument']}")
    begin, end = int(record.begin_ns), int(record.end_ns)
    if end < begin:
        raise Gen2to3Error(f"{what}: it ends before it begins ({Span(begin, end)})")
    # The Butler has no empty timespan for an instant; it stores one nanosecond.
    row["timespan"] = make_timespan(Span(begin, max(end, begin + 1)))
    return row


def _day_row(instrument: str, day_obs: int, offset_s: int | None) -> Row:
    row: Row = {"instrument": instrument, "id": day_obs, "timespan": None}
    try:
        bounds = day_timespan(day_obs, offset_s)
    except ValueError:
        raise Gen2to3Error(f"day_obs {day_obs} of {instrument}: expected a date as YYYYMMDD") from None
    if bounds is not None:
        row["timespan"] = make_timespan(Span(*bounds))
    return row


def _add(rows: dict[int, Row], id_: int, row: Row, element: str) -> None:
    if not _is_there(element, rows.get(id_), row):
        rows[id_] = row


def _check_observation_ids(exposures: Mapping[int, Row]) -> None:
    seen: dict[str, int] = {}
    for id_, row in exposures.items():
        other = seen.setdefault(row["obs_id"], id_)
        if other != id_:
            raise Gen2to3Error(f"exposures {other} and {id_} have the same obs_id {row['obs_id']!r}")


def _existing(
    butler: Butler, element: str, key: str, instrument: str, rows: Mapping[Any, Row]
) -> dict[Any, Row]:
    """Records of the target by key, by one query.

    Ids are asked for by their range, because a list would be a long one and
    comparing with what lies between costs little. Names are not: how texts
    sort is up to the database.
    """
    where, bounds = "", {}
    if key == "id":
        where, bounds = f"{element} >= low AND {element} <= high", {"low": min(rows), "high": max(rows)}
    records = butler.query_dimension_records(
        element, where=where, bind=bounds, instrument=instrument, limit=None, explain=False
    )
    return {getattr(record, key): record.toDict() for record in records if getattr(record, key) in rows}


def _is_there(element: str, existing: Mapping[str, Any] | None, row: Row) -> bool:
    if existing is None:
        return False
    if difference := first_difference(existing, row):
        field, was, wanted = difference
        id_ = row.get("id", row.get("name"))
        raise Gen2to3Error(
            f"{element} {id_} of {row['instrument']}: {field} is {was!r} already, {wanted!r} expected"
        )
    return True
