"""Masters that no row names, where Gen2 found them by the rows of other detectors. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from adapters.camera import Calibration, Camera

from ..decisions import Change, Decision
from ..nouns import DataId, Master, MasterKey, ValidityClaim
from ..timespans import Span


def compares_detector(camera: Camera, calibration: Calibration) -> bool:
    """Whether Gen2's query had a condition besides time and filter."""
    columns = calibration.lookup.columns
    return columns is None or not {*columns} <= {camera.time_column(calibration).name, camera.raw.filter}


def decide_unnamed(
    camera: Camera, masters: Mapping[MasterKey, Master], claims: Iterable[ValidityClaim]
) -> list[Decision]:
    """Say which masters get no range although Gen2 could find them.

    A query that matched no detector gave the date of other detectors' rows,
    and with it the path of a file (or extension) that has no row of its own.

    Parameters
    ----------
    camera
        The camera's declaration.
    masters
        All masters.
    claims
        What is said of their validity, by rows or by hand.
    """
    table_of = {c.dataset_type: c.lookup_table for c in camera.calibrations}
    claimed: set[MasterKey] = set()
    dates: set[tuple[str, str, str | None]] = set()
    for claim in claims:
        key = claim.master
        claimed.add(key)
        dates.add((table_of[key.dataset_type], key.stamp, key.data_id.physical_filter))
    blind = {c.dataset_type for c in camera.calibrations if not compares_detector(camera, c)}
    unnamed: dict[tuple[str, str, str | None], list[DataId]] = defaultdict(list)
    for key in masters:
        date = key.stamp, key.data_id.physical_filter
        if key not in claimed and key.dataset_type in blind and (table_of[key.dataset_type], *date) in dates:
            unnamed[key.dataset_type, *date].append(key.data_id)
    decisions = []
    for (dataset_type, stamp, physical_filter), data_ids in sorted(unnamed.items(), key=str):
        named = f"{stamp} {physical_filter}" if physical_filter else stamp
        numbers = ", ".join(str(d) for d in sorted(d.detector or 0 for d in data_ids))
        decisions.append(
            Decision(
                "no-row",
                f"{dataset_type} {named} detector{'s' if len(data_ids) > 1 else ''} {numbers}",
                "found whenever the rows of other detectors gave this date",
                "no range",
                "the registry has no row for it; Gen2's query did not compare the detector",
                dataset_type,
                (Change(stamp, tuple(sorted(data_ids, key=str)), (Span(None, None),), ()),),
            )
        )
    return decisions
