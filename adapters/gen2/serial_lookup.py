"""How Gen2 found a master by the serial number of a chip: the mapper's own query, outside of its mappings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from converter.timespans import parse_time, to_tai

from ..camera import Calibration, Camera
from .lookup import CalibRoot, Gen2Answer, Gen2Lookup, Query, QueryError, Table
from .sqlite_values import datetime_of


class SerialLookup:
    """Answers which file Gen2 chose for each observation, as `Gen2Lookup` does for other types.

    The mapper read the observation's time from the reference table (by the
    ``ref_columns``), took the serial number from its camera, and asked
    ``SELECT DISTINCT path ... WHERE serial = ? AND DATETIME(?) BETWEEN
    DATETIME(validStart) AND DATETIME(validEnd)``. More than one row was an
    error, none meant that there is nothing.

    Parameters
    ----------
    camera
        The camera, whose instrument says which chip was where.
    calibration
        The calibration dataset type to look up.
    raw
        Tables of the raw registry, by name.
    roots
        Calibration roots in the order in which they are tried.
    """

    def __init__(
        self, camera: Camera, calibration: Calibration, raw: Mapping[str, Table], roots: Sequence[CalibRoot]
    ) -> None:
        self._camera = camera
        self._calibration = calibration
        self._column = camera.time_column(calibration)
        self._raw = {name.lower(): table for name, table in raw.items()}
        self._roots = roots
        self._where = calibration.lookup.ref_columns or (camera.raw.exposure,)
        self._reference: Query | None = None
        self._queries: dict[int, Query | None] = {}
        self._serials: dict[tuple[int, object], str | None] = {}
        self._answers: dict[tuple[str, object], Gen2Answer] = {}

    def answer(self, raw_row: Mapping[str, object]) -> Gen2Answer:
        """Answer for one observation.

        Parameters
        ----------
        raw_row
            Row of the raw table, by column name.
        """
        try:
            times = self._times(raw_row)
            if not times:
                return Gen2Answer("none", why="the raw registry does not tell the time")
            if len(times) > 1:
                raise QueryError(f"the raw registry has {len(times)} times for one exposure")
            serial = self._serial(raw_row[self._camera.raw.detector], times[0])
            if serial is None:
                return Gen2Answer("none", why="the camera does not tell which chip was there")
            key = serial, times[0]
            if key not in self._answers:
                self._answers[key] = self._ask_roots(*key)
            return self._answers[key]
        except QueryError as error:
            return Gen2Answer("error", why=str(error))

    def _times(self, raw_row: Mapping[str, object]) -> list[object]:
        reference = self._calibration.lookup.reference
        if reference is None:
            return [raw_row[self._column.name]]
        if self._reference is None:
            if (table := self._raw.get(reference.lower())) is None:
                raise QueryError(f"there is no table {reference} in the raw registry")
            select = (self._column.name,)
            self._reference = Query(table, select, self._where, False, "the raw registry")
        found = self._reference.matching([raw_row[k] for k in self._where], None)
        return [values[0] for values in self._reference.distinct(found)]

    def _serial(self, detector: object, time: object) -> str | None:
        if not isinstance(detector, int):
            return None
        key = detector, time
        if key not in self._serials:
            try:
                text = datetime_of(time) if self._column.kind == "datetime" else time
                when = to_tai(parse_time(str(text)), self._column.scale, self._column.rollover_s)
            except ValueError:
                when = None
            self._serials[key] = self._camera.instrument.serial_of(detector, when)
        return self._serials[key]

    def _query(self, number: int) -> Query | None:
        """The prepared query of a root, `None` if it has no such table."""
        if number not in self._queries:
            root, name = self._roots[number], self._calibration.lookup_table
            tables = {known.lower(): table for known, table in root.tables.items()}
            table = tables.get(name.lower())
            where = (self._calibration.detector,)
            datetimes = self._column.kind == "datetime"
            self._queries[number] = (
                None if table is None else Query(table, ("path",), where, True, root.root, datetimes)
            )
        return self._queries[number]

    def _ask_roots(self, serial: str, time: object) -> Gen2Answer:
        found = []
        for number in range(len(self._roots)):
            query = self._query(number)
            if query is None:
                continue
            found.append(self._ask_root(self._roots[number], query, serial, time))
            if found[-1].status == "one":
                return found[-1]
        nothing = Gen2Answer("none", why="there is no registry of serial numbers")
        return min(found or [nothing], key=lambda a: (a.status != "ambiguous", not a.values))

    def _ask_root(self, root: CalibRoot, query: Query, serial: str, time: object) -> Gen2Answer:
        name = self._calibration.lookup_table
        matching = query.matching([serial], time)
        paths = query.distinct(matching)
        candidates = tuple(map(query.candidate, matching))
        values = tuple(("path", path) for (path,) in paths)
        if len(paths) > 1:
            why = f"{len(paths)} answers in table {name} of {root.root} for serial {serial}"
            return Gen2Answer("ambiguous", None, None, values, candidates, why)
        if not paths:
            return Gen2Answer("none", why=f"no row of table {name} of {root.root} matches serial {serial}")
        table = next(t for known, t in root.tables.items() if known.lower() == name.lower())
        row = dict(zip(table.columns, table.rows[matching[0]], strict=True))
        located = None if root.locate_row is None else root.locate_row(self._calibration, row)
        if located is None:
            return Gen2Answer("none", None, None, values, candidates, f"{paths[0][0]} is not in {root.root}")
        return Gen2Answer("one", located, None, values, candidates)


def lookup_for(
    camera: Camera, calibration: Calibration, raw: Mapping[str, Table], roots: Sequence[CalibRoot]
) -> Gen2Lookup | SerialLookup:
    """The lookup that Gen2 used for a calibration type; see `Gen2Lookup` for the parameters."""
    kind = Gen2Lookup if calibration.serials is None else SerialLookup
    return kind(camera, calibration, raw, roots)
