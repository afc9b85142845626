"""The calibration lookup of Gen2, exactly as Gen2 did it, in bulk.

This is the independent truth that a conversion is verified against, so it
shares nothing with the code that computes timespans: dates stay text, and the
only comparisons are those that SQLite made. For each dataset Gen2 asked one
``SELECT DISTINCT`` for the template keys that the data ID lacks; anything but
one distinct row is no answer. Here each table is read once and grouped by the
columns that the query compares, and a question is asked of one group only.

SQLite's comparisons are emulated from the values, because the declared type
of a column is not kept:

- ``NULL`` equals nothing and lies between nothing, but is one value to
  ``DISTINCT``; numbers are compared by value; texts code point by code point;
  numbers sort before texts and texts before blobs.
- A stored text shows a column with TEXT affinity: a number that is compared
  with it is first written as SQLite writes it. A stored number shows one of
  the numeric affinities: a text that looks like a number is read as one.

Not emulated, because no Gen2 registry has them: columns without a declared
type (nothing is converted for them), texts in validity columns that are not
declared TEXT, ``COLLATE``, UTF-16 databases, and the implicit ``rowid``. Left
out as well is the short cut for datasets whose tables include ``raw``.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ..camera import Calibration, Camera
from .sqlite_values import compare, datetime_of, storage_class, stored_forms

_KEY = re.compile(r"%\((\w+)\)")
_HDU_SUFFIX = re.compile(r"^(.*)\[([^\[\]]*)\]$")
_VALIDITY = ("validStart", "validEnd")
_NEVER_COMPARED = ("tract", "patch")


@dataclass(frozen=True)
class Table:
    """One table of a registry.

    Parameters
    ----------
    name
        Name in the registry.
    columns
        Column names, in the order of the rows; ``id`` included if there is one.
    rows
        The rows, with the values that SQLite gave.
    """

    name: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class CalibRoot:
    """One calibration repository: its registry and its files.

    Parameters
    ----------
    root
        Where it is, for messages.
    tables
        Tables of its calibration registry, by name.
    locate
        Gives the absolute path of the file at a path below the root (without
        HDU suffix; the compressed variants count), `None` if there is none.
    locate_row
        The same for a row of a type that is listed by serial numbers.
    """

    root: str
    tables: Mapping[str, Table]
    locate: Callable[[str], str | None]
    locate_row: Callable[[Calibration, Mapping[str, Any]], str | None] | None = None


class Candidate(NamedTuple):
    """A calibration row that the query matched.

    ``values`` are the keys that the query asked for; the range is its text,
    `None` as well where the table has no such column.
    """

    row: int | None
    values: tuple[tuple[str, object], ...]
    valid_start: Any
    valid_end: Any


class Gen2Answer(NamedTuple):
    """What Gen2 answered for one observation.

    Attributes
    ----------
    status
        ``"one"``: this file. ``"none"`` and ``"ambiguous"``: Gen2 had no
        unique answer in any root. ``"error"``: the lookup itself failed.
    path
        Absolute path, if the status is ``"one"``.
    hdu
        HDU in that file, if the template has an HDU suffix.
    values
        The keys that the lookup completed, with their values; if ambiguous,
        those of all the answers, one after the other.
    candidates
        The calibration rows that matched, empty if the registry was not asked.
    why
        Why there is not one answer, ``""`` if there is.
    """

    status: Literal["one", "none", "ambiguous", "error"]
    path: str | None = None
    hdu: int | None = None
    values: tuple[tuple[str, object], ...] = ()
    candidates: tuple[Candidate, ...] = ()
    why: str = ""


class QueryError(Exception):
    """Gen2 raised here, whatever is in the other roots."""


def _types(values: tuple[Any, ...]) -> tuple[type, ...]:
    """What a memo key needs besides: 1, 1.0 and True are equal, but not as text."""
    return tuple(map(type, values))


class Query:
    """``SELECT DISTINCT select FROM table WHERE ... [AND ? BETWEEN ...]``, prepared.

    With ``datetimes`` the time and both ends are compared as ``DATETIME()``.

    Raises
    ------
    QueryError
        The table lacks a column that the query names.
    """

    def __init__(
        self,
        table: Table,
        select: tuple[str, ...],
        where: tuple[str, ...],
        between: bool,
        home: str,
        datetimes: bool = False,
    ) -> None:
        # Column names are the only thing that SQL compares without regard to case.
        position = {name.lower(): i for i, name in enumerate(table.columns)}
        for name in (*select, *where, *(_VALIDITY if between else ())):
            if name.lower() not in position:
                raise QueryError(f"table {table.name} of {home} has no column {name}")
        self._rows, self._names, self._between = table.rows, select, between
        self._select = [position[name.lower()] for name in select]
        self._id = position.get("id")
        self._range = [position.get(name.lower()) for name in _VALIDITY]
        self._kinds: list[set[int]] = [set() for _ in where]
        self._groups: dict[tuple[Any, ...], list[tuple[Any, Any, int]]] = {}
        self._memo: dict[tuple[Any, ...], tuple[list[tuple[Any, ...]], tuple[Candidate, ...]]] = {}
        self._texts_only = True
        self._datetimes = datetimes
        compared = [position[name.lower()] for name in where]
        for number, row in enumerate(table.rows):
            key = tuple(row[i] for i in compared)
            start, end = (None if i is None else self._time(row[i]) for i in self._range)
            if None in key or (between and (start is None or end is None)):
                continue  # NULL: can never match
            for value, kinds in zip(key, self._kinds, strict=True):
                kinds.add(storage_class(value))
            self._texts_only &= isinstance(start, str) and isinstance(end, str)
            self._groups.setdefault(key, []).append((start, end, number))

    def _time(self, value: Any) -> Any:
        return datetime_of(value) if self._datetimes else value

    def matching(self, bound: Sequence[Any], time: Any) -> list[int]:
        """Give the positions of the matching rows, in the table's order."""
        time = self._time(time)
        forms = [stored_forms(b, kinds) for b, kinds in zip(bound, self._kinds, strict=True)]
        rows = itertools.chain(*(self._groups.get(key, ()) for key in itertools.product(*forms)))
        if not self._between:
            found = [n for _, _, n in rows]
        elif self._texts_only and isinstance(time, str):
            found = [n for start, end, n in rows if start <= time <= end]
        elif time is not None:
            found = [n for start, end, n in rows if compare(time, start) >= 0 >= compare(time, end)]
        else:
            found = []
        return sorted(found)

    def select(self, bound: Sequence[Any], time: Any) -> tuple[list[tuple[Any, ...]], tuple[Candidate, ...]]:
        """Give the distinct answers and the rows that they came from."""
        # Where no detector is compared, every detector asks this again.
        key = (*bound, time, _types((*bound, time)))
        if key not in self._memo:
            found = self.matching(bound, time)
            self._memo[key] = self.distinct(found), tuple(map(self.candidate, found))
        return self._memo[key]

    def distinct(self, matching: Iterable[int]) -> list[tuple[Any, ...]]:
        """Give the distinct selected values of some rows."""
        return list(dict.fromkeys(tuple(self._rows[n][i] for i in self._select) for n in matching))

    def candidate(self, number: int) -> Candidate:
        """Give a row as it is reported."""
        row = self._rows[number]
        return Candidate(
            None if self._id is None else row[self._id],
            tuple((name, row[i]) for name, i in zip(self._names, self._select, strict=True)),
            *(None if i is None else row[i] for i in self._range),
        )


class _Plan(NamedTuple):
    """Which questions are asked for data IDs that have the same keys."""

    need: tuple[str, ...]  # template keys that the data ID lacks
    wanted: tuple[str, ...]  # keys that the raw registry is asked for
    known: tuple[str, ...]  # keys of the data ID that constrain that query
    where: tuple[str, ...]  # keys that constrain the query of the calibration registry
    relevant: tuple[str, ...]  # all that the answer depends on once raw was asked

    @property
    def asks_calib(self) -> bool:
        """False if the data ID, or the raw registry alone, gives all that is needed."""
        return set(self.wanted) != set(self.need)


class Gen2Lookup:
    """Answers which file Gen2 chose for each observation.

    Parameters
    ----------
    camera
        The camera; its ``raw.keys`` say what a data ID starts from.
    calibration
        The calibration dataset type to look up.
    raw
        Tables of the raw registry, by name.
    roots
        Calibration roots in the order in which Gen2 tried them.
    """

    def __init__(
        self, camera: Camera, calibration: Calibration, raw: Mapping[str, Table], roots: Sequence[CalibRoot]
    ) -> None:
        self._keys = camera.raw.keys
        self._calibration = calibration
        self._lookup = calibration.lookup
        self._time = camera.time_column(calibration).name
        self._datetimes = camera.time_column(calibration).kind == "datetime"
        self._raw = {name.lower(): table for name, table in raw.items()}
        self._roots = roots
        self._tables = [{name.lower(): table for name, table in r.tables.items()} for r in roots]
        suffix = _HDU_SUFFIX.match(calibration.template)
        self._path: str = suffix[1] if suffix else calibration.template
        self._hdu: str | None = suffix[2] if suffix else None
        self._template_keys = tuple(dict.fromkeys(_KEY.findall(calibration.template)))
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self._queries: dict[tuple[Any, ...], Query] = {}
        self._answers: dict[tuple[Any, ...], Gen2Answer] = {}

    def answers(self, raw_rows: Iterable[Mapping[str, object]]) -> Iterator[Gen2Answer]:
        """Answer for many observations, rows of the raw table, in their order."""
        return map(self.answer, raw_rows)

    def answer(self, raw_row: Mapping[str, object]) -> Gen2Answer:
        """Answer for one observation.

        Parameters
        ----------
        raw_row
            Row of the raw table, by column name. The data ID has the camera's
            raw keys that are columns here, even if their value is NULL.
        """
        keys = tuple(k for k in self._keys if k in raw_row)
        plan = self._plans.get(keys) or self._plans.setdefault(keys, self._plan(keys))
        data_id = {k: raw_row[k] for k in keys}
        try:
            if plan.wanted:
                data_id.update(self._ask_raw(plan, data_id))
            values = tuple(data_id[k] for k in plan.relevant)
            memo_key = (keys, values, _types(values))
            if (known := self._answers.get(memo_key)) is None:
                known = self._answers[memo_key] = self._ask_roots(plan, data_id)
            return known
        except QueryError as error:
            return Gen2Answer("error", why=str(error))

    def _plan(self, keys: tuple[str, ...]) -> _Plan:
        lookup, time = self._lookup, self._time
        need = tuple(k for k in self._template_keys if k not in keys)
        wanted: tuple[str, ...] = ()
        if need and lookup.reference is not None:
            asked = need if lookup.columns is None else lookup.columns
            wanted = tuple(dict.fromkeys(k for k in asked if k not in keys))
        known = tuple(k for k in keys if lookup.ref_columns is None or k in lookup.ref_columns)
        complete = tuple(dict.fromkeys((*keys, *wanted)))
        where = tuple(k for k in complete if k not in (time, *_NEVER_COMPARED))
        if lookup.columns is not None:
            where = tuple(k for k in where if k in lookup.columns)
        used = {*where, *self._template_keys, time}
        return _Plan(need, wanted, known, where, tuple(k for k in complete if k in used))

    def _query(self, root: int | None, name: str, select: tuple[str, ...], where: tuple[str, ...]) -> Query:
        """Prepare a query of a calibration root, or of the raw registry, once."""
        key = (root, name, select, where)
        if (query := self._queries.get(key)) is None:
            tables = self._raw if root is None else self._tables[root]
            home = "the raw registry" if root is None else self._roots[root].root
            if (table := tables.get(name.lower())) is None:
                raise QueryError(f"there is no table {name} in {home}")
            between = root is not None and self._lookup.valid_range
            query = self._queries[key] = Query(table, select, where, between, home, self._datetimes)
        return query

    def _ask_raw(self, plan: _Plan, data_id: Mapping[str, object]) -> dict[str, object]:
        reference = self._lookup.reference or ""
        query = self._query(None, reference, plan.wanted, plan.known)
        rows = query.distinct(query.matching([data_id[k] for k in plan.known], None))
        if len(rows) != 1:
            keys = ", ".join(plan.wanted)
            raise QueryError(f"table {reference} of the raw registry has {len(rows)} answers for {keys}")
        return dict(zip(plan.wanted, rows[0], strict=True))

    def _ask_roots(self, plan: _Plan, data_id: Mapping[str, object]) -> Gen2Answer:
        """Try the roots in turn; an error ends the search, as it did in Gen2."""
        found = [Gen2Answer("none", why="there is no calibration root")]
        for number in range(len(self._roots)):
            found.append(self._ask_root(number, plan, data_id))
            if found[-1].status == "one":
                return found[-1]
        # What says most: several answers, then an answer without its file, then nothing.
        return min(found[1:] or found, key=lambda a: (a.status != "ambiguous", not a.values))

    def _ask_root(self, number: int, plan: _Plan, data_id: Mapping[str, object]) -> Gen2Answer:
        root, table = self._roots[number], self._calibration.lookup_table
        candidates: tuple[Candidate, ...] = ()
        rows = [tuple(data_id.get(k) for k in plan.need)]
        if plan.asks_calib:
            if self._lookup.valid_range and self._time not in data_id:
                raise QueryError(f"the data ID has no {self._time} to look up the validity with")
            query = self._query(number, table, plan.need, plan.where)
            rows, candidates = query.select([data_id[k] for k in plan.where], data_id.get(self._time))
        values = tuple(pair for row in rows for pair in zip(plan.need, row, strict=True))
        if len(rows) > 1:
            why = f"{len(rows)} answers in table {table} of {root.root}"
            return Gen2Answer("ambiguous", None, None, values, candidates, why)
        if not rows:
            return Gen2Answer("none", why=f"no row of table {table} of {root.root} matches")
        path, hdu = self._file({**data_id, **dict(values)})
        if (located := root.locate(path)) is None:
            return Gen2Answer("none", None, None, values, candidates, f"{path} is not in {root.root}")
        return Gen2Answer("one", located, hdu, values, candidates)

    def _file(self, complete: Mapping[str, object]) -> tuple[str, int | None]:
        """Fill the template in."""
        try:
            return self._path % complete, None if self._hdu is None else int(self._hdu % complete)
        except (TypeError, ValueError) as error:
            raise QueryError(f"template {self._calibration.template} cannot be filled: {error}") from None
