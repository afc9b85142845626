"""The bulk lookup against Gen2's own SQL, against the known cases, and on real repositories."""

from __future__ import annotations

import itertools
import os
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.camera import Calibration, Camera, Lookup, Raw, TimeColumn
from adapters.contract.oracle import existing, query, truth, write_registry
from adapters.gen2.lookup import CalibRoot, Gen2Answer, Gen2Lookup, Table
from adapters.hsc import HSC
from adapters.lsst import LATISS, ComCam, ImSim
from tests.sampling import FULL

SHARED = Path(os.environ.get("GEN2TO3_SHARED", Path(__file__).resolve().parents[3].parent / "shared"))


class LikeDECam(Camera):
    """Detectors that are not compared, and a type without dates."""

    name = "like-decam"
    raw = Raw(
        template="%(date)s/%(filter)s/decam%(visit)07d.fits.fz[%(hdu)d]",
        formatter="",
        exposure="visit",
        detector="ccdnum",
        filter="filter",
        keys=("date", "filter", "visit", "hdu", "ccdnum", "object"),
        time=TimeColumn("date", kind="date", scale="utc"),
    )
    _by_date = Lookup(("date",), "raw_visit", ("visit",))
    _by_filter = replace(_by_date, columns=("filter", "date"))
    calibrations = (
        Calibration("bias", "bias", "BIAS/%(calibDate)s/BIAS-%(calibDate)s-%(ccdnum)02d.fits", _by_date),
        Calibration("cpBias", "bias", "cpBIAS/%(calibDate)s/BIAS-%(calibDate)s.fits[%(ccdnum)d]", _by_date),
        Calibration(
            "flat", "flat", "FLAT/%(calibDate)s/%(filter)s/FLAT-%(calibDate)s-%(ccdnum)02d.fits", _by_filter
        ),
        Calibration(
            "fringe",
            "fringe",
            "FRINGE/%(calibDate)s/%(filter)s/FRINGE-%(calibDate)s-%(ccdnum)02d.fits",
            replace(_by_date, columns=("filter", "ccdnum"), valid_range=False),
        ),
        Calibration(
            "cpIllumcor",
            "illumcor",
            "cpILLUMCOR/%(calibDate)s/%(filter)s/ILLUMCOR-%(calibDate)s.fits[%(calib_hdu)d]",
            replace(_by_date, columns=("filter", "date", "ccdnum")),
        ),
    )


class LikeCFHT(Camera):
    """The registry itself has the path."""

    name = "like-cfht"
    raw = Raw(
        template="raw/%(runId)s/%(visit)d%(state)1s.fits.fz[%(extension)d]",
        formatter="",
        exposure="visit",
        detector="extension",
        filter="filter",
        keys=("runId", "object", "visit", "ccd", "extension", "state", "filter", "date", "taiObs", "expTime"),
        time=TimeColumn("taiObs", kind="iso", scale="utc"),
    )
    _ref = ("visit", "ccd", "taiObs", "extension")
    calibrations = (
        Calibration("bias", "bias", "%(path)s[%(extension)d]", Lookup(("taiObs", "extension"), "raw", _ref)),
        Calibration("dark", "dark", "%(path)s[%(extension)d]", Lookup(("taiObs",), "raw", _ref)),
        Calibration(
            "flat",
            "flat",
            "%(path)s[%(extension)d]",
            Lookup(("filter", "taiObs", "extension"), "raw", (*_ref, "filter")),
        ),
    )


class Undeclared(Camera):
    """Policies without ``columns``, and other rarities."""

    name = "undeclared"
    raw = Raw(
        template="raw/raw_v%(visit)d_f%(filter)s.fits",
        formatter="",
        exposure="visit",
        detector="ccd",
        filter="filter",
        keys=("visit", "ccd", "tract", "taiObs"),
        time=TimeColumn("taiObs", kind="iso", scale="utc"),
    )
    calibrations = (
        Calibration("static", "", "bias/bias.fits", Lookup(None)),
        # Answered from raw alone.
        Calibration("flat", "flat", "flat/flat_f%(filter)s.fits", Lookup(None, "raw", ("visit",))),
        Calibration("fringe", "flat", "flat/flat_f%(filter)s.fits", Lookup(("filter",), "raw", ("visit",))),
        # Every key of the data ID is compared, but the time and the tract.
        Calibration("dark", "dark", "dark/%(calibDate)s/%(ccd)d.fits[1]", Lookup(None)),
        Calibration(
            "undated", "dark", "dark/%(calibDate)s/%(ccd)d.fits[1]", Lookup(("ccd",), valid_range=False)
        ),
        # The filter is completed from raw, is compared, and is asked for again.
        Calibration(
            "sky",
            "flat",
            "sky/%(calibDate)s/%(filter)s/%(ccd)d.fits",
            Lookup(("filter", "ccd", "taiObs"), "raw_visit"),
        ),
        # No time in the data ID.
        Calibration(
            "later",
            "dark",
            "dark/%(calibDate)s/%(ccd)d.fits[1]",
            Lookup(("ccd",), time=TimeColumn("dateObs", kind="iso", scale="tai")),
        ),
    )


def schema(ints: str, texts: str) -> dict[str, str]:
    return dict.fromkeys(ints.split(), "int") | dict.fromkeys(texts.split(), "text")


def calib(ints: str, texts: str) -> dict[str, str]:
    texts = f"{texts} validStart validEnd"
    return {"id": "integer primary key autoincrement"} | schema(ints, texts)


FAMILY = calib("detector", "filter raftName detectorName calibDate")
# Of each camera: columns of raw, of raw_visit and of the calibration tables, as real registries have them.
SCHEMAS: dict[type[Camera], tuple[dict[str, str], dict[str, str], dict[str, str]]] = {
    HSC: (
        schema("visit ccd pointing expTime", "field filter dateObs taiObs"),
        schema("visit", "field filter dateObs taiObs"),
        calib("ccd", "filter calibDate"),
    ),
    ImSim: (
        schema("visit detector expId", "run filter dateObs raftName detectorName"),
        schema("visit", "filter dateObs"),
        FAMILY,
    ),
    ComCam: (
        schema("visit detector expId seqNum", "dayObs filter dateObs raftName detectorName"),
        schema("visit", "filter dateObs"),
        FAMILY,
    ),
    LATISS: (
        schema("visit detector expId seqNum", "dayObs filter dateObs detectorName"),
        schema("visit detector expId seqNum", "dayObs filter dateObs detectorName"),
        calib("detector", "filter detectorName calibDate"),
    ),
    LikeDECam: (
        schema("visit ccdnum hdu", "date filter object taiObs"),
        schema("visit", "date filter object"),
        calib("ccdnum calib_hdu", "filter path calibDate"),
    ),
    LikeCFHT: (
        schema("visit ccd extension expTime", "runId object state filter date taiObs"),
        schema("visit", "state taiObs date filter"),
        calib("extension", "path filter"),
    ),
    Undeclared: (
        schema("visit ccd tract", "filter taiObs"),
        schema("visit ccd", "filter taiObs"),
        calib("visit ccd", "filter calibDate"),
    ),
}

TIMES = [
    "2015-02-16",
    "2015-02-17",
    "2015-02-18",
    "2015-02-16T00:00:00",
    "2015-02-17T04:27:25",
    "2015-02-18T04:27:25.123",
]
LIMITS = ["2015-02-15", *TIMES, "2016-01-01", None, "None"]
POOLS: dict[str, list[Any]] = {
    "visit": [1, 2, 3],
    "expId": [11, 12],
    **{key: [0, 1] for key in ("ccd", "detector", "ccdnum", "extension", "calib_hdu")},
    "filter": ["HSC-R", "NONE", "None"],
    "raftName": ["R11", "R22"],
    "detectorName": ["S20"],
    "path": ["bias/a.fits", "flat/b.fits"],
    "calibDate": ["2015-02-15", "2015-02-16", "2016-01-01"],
    **dict.fromkeys(("taiObs", "dateObs", "dayObs", "date"), TIMES),
    # Wide ranges more often than not, or nothing would overlap.
    "validStart": ["2015-02-15"] * 5 + LIMITS,
    "validEnd": ["2016-01-01"] * 5 + LIMITS,
}


@dataclass
class World:
    """A repository in all its forms: SQLite files for the oracle, tables for the lookup."""

    camera: Camera
    raw: sqlite3.Connection
    roots: list[tuple[Path, sqlite3.Connection]]

    def lookup(self, calibration: Calibration) -> Gen2Lookup:
        roots = [CalibRoot(str(p), tables_of(db), partial(existing, p)) for p, db in self.roots]
        return Gen2Lookup(self.camera, calibration, tables_of(self.raw), roots)

    def compare(self, calibration: Calibration, rows: Iterable[Mapping[str, Any]]) -> list[Gen2Answer]:
        """Check every answer against the oracle's, and give them."""
        rows = list(rows)
        lookup = self.lookup(calibration)
        answers = list(lookup.answers(rows))
        for row, answer in zip(rows, answers, strict=True):
            want = truth(self.camera, calibration, self.raw, self.roots, row)
            assert (answer.status, answer.path, answer.hdu) == want, (row, answer)
            assert bool(answer.why) == (answer.status != "one")
            assert lookup.answer(row) == answer
        return answers


def tables_of(db: sqlite3.Connection) -> dict[str, Table]:
    tables = {}
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        cursor = db.execute(f"SELECT * FROM [{name}]")  # noqa: S608
        tables[name] = Table(name, tuple(d[0] for d in cursor.description), cursor.fetchall())
    return tables


def rows_of(db: sqlite3.Connection, table: str = "raw") -> list[dict[str, Any]]:
    t = tables_of(db)[table]
    return [dict(zip(t.columns, row, strict=True)) for row in t.rows]


@pytest.fixture(scope="module")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Roots with most of the files that the random registries can name."""
    top = tmp_path_factory.mktemp("roots")
    for kind, (root, seed) in itertools.product(SCHEMAS, (("a", 0), ("b", 1))):
        for calibration in kind.calibrations:
            template = calibration.template.partition("[")[0]
            keys = [k for k in POOLS if f"%({k})" in template]
            for values in itertools.product(*(POOLS[k] for k in keys)):
                path = template % dict(zip(keys, values, strict=True))
                lot = zlib.crc32(path.encode(), seed) % 6
                if lot:
                    file = top / kind.name / root / (path + {1: ".gz", 2: ".fz"}.get(lot, ""))
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.touch()
    return top


def some_rows(
    columns: Mapping[str, str], least: int, most: int, rare: bool
) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    def values(name: str) -> st.SearchStrategy[Any]:
        if name == "id":
            return st.none()
        pool = POOLS.get(name, [0 if columns[name] == "int" else "x"])
        # NULL everywhere, and a text where there should be a number and the reverse.
        return st.sampled_from(pool + [None, "1", 1] * rare)

    return st.lists(st.tuples(*map(values, columns)), min_size=least, max_size=most)


@st.composite
def scenes(draw: st.DrawFn, kind: type[Camera]) -> tuple[Calibration, list[Any], list[dict[str, Any]]]:
    """A calibration type, the tables of raw and of two roots, and rows that are not in raw."""
    raw, raw_visit, calib_columns = SCHEMAS[kind]
    calibration = draw(st.sampled_from(kind.calibrations))
    rare = draw(st.integers(0, 3)) == 3
    registries: list[Any] = [
        {
            "raw": (raw, draw(some_rows(raw, 1, 5, rare))),
            "raw_visit": (raw_visit, draw(some_rows(raw_visit, 0, 4, rare))),
        }
    ]
    for _ in "ab":
        columns = dict(calib_columns)
        if draw(st.integers(0, 15)) == 15:
            del columns[draw(st.sampled_from(sorted(columns)))]
        least = draw(st.sampled_from([0, 1, 6]))
        tables = {calibration.lookup_table or "x": (columns, draw(some_rows(columns, least, 10, rare)))}
        registries.append({} if draw(st.integers(0, 15)) == 15 else tables)
    others = [dict(zip(raw, row, strict=True)) for row in draw(some_rows(raw, 0, 3, rare))]
    if others and draw(st.integers(0, 7)) == 7:
        others[0].pop(draw(st.sampled_from(sorted(raw))))
    return calibration, registries, others


@pytest.mark.parametrize("kind", SCHEMAS, ids=lambda k: k.name)
def test_random_registries_agree_with_the_sql(
    kind: type[Camera], forest: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("registries")
    names = [place / "raw", place / "a", place / "b"]
    seen: Counter[str] = Counter()

    @settings(
        max_examples=150 if FULL else 50,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(scenes(kind))
    def check(scene: tuple[Calibration, list[Any], list[dict[str, Any]]]) -> None:
        calibration, registries, others = scene
        with ExitStack() as stack:
            for name, tables in zip(names, registries, strict=True):
                write_registry(name, tables)
            raw, a, b = (stack.enter_context(closing(sqlite3.connect(n))) for n in names)
            top = forest / kind.name
            world = World(kind(), raw, [(top / "a", a), (top / "b", b)])
            answers = world.compare(calibration, [*rows_of(raw), *others])
            seen.update(a.status for a in answers)

    check()
    assert set(seen) == {"one", "none", "ambiguous", "error"}, seen


VALUES = [None, 0, 1, -1, 1.0, 1.5, 0.1, 1e20, 1e-7, 10**18, 2**63 - 1, b"1", b""]
VALUES += [
    "",
    "0",
    "1",
    "01",
    " 1 ",
    "1.",
    "1.0",
    ".5",
    "1e0",
    "1e",
    "0x1",
    "1.0e+20",
    "1_0",
    "abc",
    "None",
    "é",
    "\U0001f600",
]


@pytest.mark.parametrize("declared", ["text", "int", "integer", "double", "numeric"])
def test_comparisons_are_those_of_sqlite(declared: str, tmp_path: Path) -> None:
    """Equality and BETWEEN for all pairs of storage classes, row for row."""
    columns = {"id": "integer primary key", "path": "text"}
    columns |= dict.fromkeys(("extension", "validStart", "validEnd"), declared)
    equal = [(None, "p", v, -1, b"~") for v in VALUES]
    # Texts in validity columns of another type than TEXT are not emulated.
    limits = [v for v in VALUES if declared == "text" or not isinstance(v, str)]
    between = [(None, "p", 7, a, b) for a, b in itertools.product(limits, limits)]
    write_registry(tmp_path / "r", {"bias": (columns, equal + between)})
    with closing(sqlite3.connect(tmp_path / "r")) as db:
        root = CalibRoot("here", tables_of(db), lambda path: None)
        lookup = Gen2Lookup(LikeCFHT(), LikeCFHT().calibration("bias"), {}, [root])
        asked = [(v, "m") for v in VALUES] + [(7, v) for v in VALUES]
        matched = 0
        for number, time in asked:
            answer = lookup.answer({"extension": number, "taiObs": time})
            want = {i for (i,) in query(db, "bias", ["id"], {"extension": number}, time)}
            if answer.status == "error":  # a text as HDU; the rows did match
                assert want and not isinstance(number, int | float)
                continue
            assert {c.row for c in answer.candidates} == want, (number, time)
            matched += len(want)
        assert matched > 300


# --- Named cases


def make(
    tmp_path: Path,
    camera: Camera,
    raw: Sequence[Mapping[str, Any]],
    *roots: Mapping[str, Sequence[Mapping[str, Any]]],
    files: Sequence[Sequence[str]] = (),
) -> Iterator[World]:
    """Write a small repository; every root gets its tables and its files."""
    raw_columns, visit_columns, calib_columns = SCHEMAS[type(camera)]

    def table(columns: dict[str, str], rows: Sequence[Mapping[str, Any]]) -> Any:
        assert all(set(r) <= set(columns) for r in rows), rows
        return columns, [tuple(r.get(c, 0 if columns[c] == "int" else None) for c in columns) for r in rows]

    visits = [{k: v for k, v in r.items() if k in visit_columns} for r in raw]
    with ExitStack() as stack:
        path = tmp_path / "registry.sqlite3"
        write_registry(path, {"raw": table(raw_columns, raw), "raw_visit": table(visit_columns, visits)})
        world = World(camera, stack.enter_context(closing(sqlite3.connect(path))), [])
        for i, tables in enumerate(roots):
            top = tmp_path / f"calib{i}"
            top.mkdir()
            for name in files[i] if i < len(files) else ():
                (top / name).parent.mkdir(parents=True, exist_ok=True)
                (top / name).touch()
            path = top / "calibRegistry.sqlite3"
            write_registry(path, {n: table(calib_columns, rows) for n, rows in tables.items()})
            world.roots.append((top, stack.enter_context(closing(sqlite3.connect(path)))))
        yield world


def ask(
    tmp_path: Path,
    camera: Camera,
    dataset_type: str,
    raw: Mapping[str, Any],
    *roots: Mapping[str, Sequence[Mapping[str, Any]]],
    files: Sequence[Sequence[str]] = (),
) -> Gen2Answer:
    """The answer for the one raw row of a small repository, checked against the oracle."""
    for world in make(tmp_path, camera, [raw], *roots, files=files):
        return world.compare(camera.calibration(dataset_type), rows_of(world.raw))[0]
    raise AssertionError


def valid(date: str, start: str | None, end: str | None, **more: Any) -> dict[str, Any]:
    return {"calibDate": date, "validStart": start, "validEnd": end, **more}


ALWAYS = ("1970-01-01", "2037-12-31")
HSC_RAW = {
    "field": "F",
    "visit": 1,
    "filter": "HSC-R",
    "ccd": 7,
    "dateObs": "2015-02-17",
    "taiObs": "2015-02-17",
    "pointing": 1,
}
HSC_BIAS = "BIAS/{0}/NONE/BIAS-{0}-007.fits"


@pytest.mark.parametrize(
    ("start", "end", "inside", "outside"),
    [
        pytest.param(
            "2015-02-16",
            "2015-02-18",
            ["2015-02-16", "2015-02-18"],
            ["2015-02-15", "2015-02-19"],
            id="dates-in-dates-include-the-last-day",
        ),
        pytest.param(
            "2015-02-16",
            "2015-02-18",
            ["2015-02-16T00:00:00", "2015-02-17T23:59:59.999"],
            ["2015-02-18T00:00:00", "2015-02-18T04:27:25", "2015-02-15T23:59:59"],
            id="iso-in-dates-excludes-the-end-day",
        ),
        pytest.param(
            "2015-02-16T00:00:00",
            "2015-02-18T04:27:25",
            ["2015-02-16T00:00:00", "2015-02-18T04:27:25"],
            ["2015-02-15T23:59:59", "2015-02-18T04:27:25.1", "2015-02-18T04:27:26"],
            id="iso-in-iso-is-inclusive-as-printed",
        ),
        pytest.param(
            "2015-02-16T00:00:00",
            "2015-02-18T00:00:00",
            ["2015-02-17", "2015-02-18"],
            ["2015-02-16", "2015-02-19"],
            id="dates-in-iso-exclude-the-start-day",
        ),
        pytest.param("None", "None", [], ["2015-02-16", "2015-02-16T00:00:00"], id="the-text-None"),
        pytest.param("None", "2037-12-31", [], ["2015-02-16", "2015-02-16T00:00:00"], id="start-None"),
        pytest.param(None, None, [], ["2015-02-16", "2015-02-16T00:00:00"], id="null"),
        pytest.param(
            "2015-02-18", "2015-02-16", [], ["2015-02-16", "2015-02-17", "2015-02-18"], id="inverted"
        ),
    ],
)
def test_text_comparison(
    start: str | None, end: str | None, inside: list[str], outside: list[str], tmp_path: Path
) -> None:
    rows = [{**HSC_RAW, "visit": i, "taiObs": t} for i, t in enumerate(inside + outside)]
    tables = {"bias": [valid("2015-02-16", start, end, ccd=7)]}
    for world in make(tmp_path, HSC(), rows, tables, files=[[HSC_BIAS.format("2015-02-16")]]):
        answers = world.compare(HSC().calibration("bias"), rows_of(world.raw))
        assert [a.status for a in answers] == ["one"] * len(inside) + ["none"] * len(outside)


def test_the_text_none_as_an_end_alone_bounds_nothing(tmp_path: Path) -> None:
    """Digits sort before letters: as a start it hides the row, as an end every date is before it."""
    tables = {"bias": [valid("2015-02-16", "2015-02-16", "None", ccd=7)]}
    answer = ask(tmp_path, HSC(), "bias", HSC_RAW, tables, files=[[HSC_BIAS.format("2015-02-16")]])
    assert answer.status == "one"


def test_hsc_bias_ignores_the_filter_and_reports_what_it_chose(tmp_path: Path) -> None:
    tables = {
        "bias": [
            valid("2015-01-01", *ALWAYS, ccd=8),
            valid("2015-02-16", *ALWAYS, ccd=7, filter="NONE"),
            valid("2015-02-16", *ALWAYS, ccd=7, filter="HSC-I"),
        ]
    }
    name = HSC_BIAS.format("2015-02-16")
    answer = ask(tmp_path, HSC(), "bias", HSC_RAW, tables, files=[[name + ".fz"]])
    assert answer.status == "one" and answer.hdu is None and answer.why == ""
    assert answer.path == f"{tmp_path}/calib0/{name}.fz"
    # Two rows that agree on the missing key are one answer.
    assert answer.values == (("calibDate", "2015-02-16"),)
    assert [tuple(c) for c in answer.candidates] == [
        (2, answer.values, *ALWAYS),
        (3, answer.values, *ALWAYS),
    ]


def test_overlapping_ranges_are_ambiguous_never_the_nearest(tmp_path: Path) -> None:
    tables = {"bias": [valid(d, *ALWAYS, ccd=7) for d in ("2015-02-16", "2015-02-17")]}
    files = [[HSC_BIAS.format(d) for d in ("2015-02-16", "2015-02-17")]]
    answer = ask(tmp_path, HSC(), "bias", HSC_RAW, tables, files=files)
    assert answer.status == "ambiguous" and answer.path is None
    assert answer.values == (("calibDate", "2015-02-16"), ("calibDate", "2015-02-17"))
    assert [c.row for c in answer.candidates] == [1, 2]
    assert answer.why == f"2 answers in table bias of {tmp_path}/calib0"


def test_hsc_flat_compares_the_filter_as_text(tmp_path: Path) -> None:
    tables = {
        "flat": [
            valid("2015-02-16", *ALWAYS, ccd=7, filter="HSC-I"),
            valid("2015-02-17", *ALWAYS, ccd=7, filter="HSC-R"),
            valid("2015-02-18", *ALWAYS, ccd=7, filter="hsc-r"),
            valid("2015-02-18", *ALWAYS, ccd=7, filter=None),
        ]
    }
    name = "FLAT/2015-02-17/HSC-R/FLAT-2015-02-17-HSC-R-007.fits"
    answer = ask(tmp_path, HSC(), "flat", HSC_RAW, tables, files=[[name]])
    assert (answer.status, answer.path) == ("one", f"{tmp_path}/calib0/{name}")


IMSIM_RAW = {
    "run": "1",
    "visit": 1,
    "expId": 1,
    "raftName": "R11",
    "detectorName": "S20",
    "detector": 42,
    "filter": "i_sim_1.4",
    "dateObs": "2022-10-05T06:53:26.357",
}
CHIP = {"raftName": "R11", "detectorName": "S20", "detector": 42}


def test_lsst_fringes_are_looked_up_in_the_flat_table(tmp_path: Path) -> None:
    tables = {
        "flat": [valid("2022-08-06", *ALWAYS, **CHIP, filter="i_sim_1.4")],
        "fringe": [valid("2022-01-01", *ALWAYS, **CHIP, filter="i_sim_1.4")],
    }
    name = "fringe/i_sim_1.4/{0}/fringe_i_sim_1.4-R11-S20-det042_{0}.fits"
    right, bait = name.format("2022-08-06"), name.format("2022-01-01")
    (tmp_path / "1").mkdir()
    answer = ask(tmp_path / "1", ImSim(), "fringe", IMSIM_RAW, tables, files=[[bait]])
    assert (answer.status, answer.values) == ("none", (("calibDate", "2022-08-06"),))
    assert right in answer.why
    (tmp_path / "2").mkdir()
    answer = ask(tmp_path / "2", ImSim(), "fringe", IMSIM_RAW, tables, files=[[right]])
    assert answer.path == f"{tmp_path}/2/calib0/{right}"


def test_lsst_bias_takes_the_time_from_raw_and_excludes_the_end_day(tmp_path: Path) -> None:
    tables = {
        "bias": [
            valid("2022-10-01", "2022-10-01", "2022-10-05", **CHIP),
            valid("2022-10-07", "2022-10-05", "2022-10-09", **CHIP),
        ]
    }
    name = "bias/2022-10-07/bias-R11-S20-det042_2022-10-07.fits"
    assert (
        ask(tmp_path, ImSim(), "bias", IMSIM_RAW, tables, files=[[name]]).path == f"{tmp_path}/calib0/{name}"
    )


def test_lsst_without_a_unique_raw_row_is_fatal(tmp_path: Path) -> None:
    rows = [IMSIM_RAW, {**IMSIM_RAW, "dateObs": "2022-10-05T06:54:00"}]
    tables = {"bias": [valid("2022-10-01", *ALWAYS, **CHIP)]}
    name = "bias/2022-10-01/bias-R11-S20-det042_2022-10-01.fits"
    for world in make(tmp_path, ImSim(), rows, tables, files=[[name]]):
        missing = {**IMSIM_RAW, "visit": 5}
        answers = world.compare(ImSim().calibration("bias"), [*rows_of(world.raw), missing])
        assert [a.status for a in answers] == ["error"] * 3
        assert answers[0].why == "table raw of the raw registry has 2 answers for dateObs"


@pytest.mark.parametrize("camera", [ImSim(), ComCam(), LATISS()], ids=lambda c: c.name)
def test_lsst_qe_curve_never_worked(camera: Camera, tmp_path: Path) -> None:
    raw = {k: v for k, v in IMSIM_RAW.items() if k in SCHEMAS[type(camera)][0]}
    answer = ask(tmp_path, camera, "qe_curve", raw, {})
    assert (answer.status, answer.why) == ("error", "table raw of the raw registry has no column calibDate")


def test_latiss_goes_by_observing_day_but_its_defects_by_time(tmp_path: Path) -> None:
    raw = {
        "dayObs": "2018-09-20",
        "seqNum": 65,
        "visit": 1,
        "expId": 1,
        "detectorName": "S00",
        "detector": 0,
        "filter": "g",
        "dateObs": "2018-09-21T06:12:18.210",
    }
    rows = [
        valid("2018-09-19", "2018-09-19", "2018-09-20", detector=0),
        valid("2018-09-21", "2018-09-21", "2018-09-30", detector=0),
    ]
    by_day = "bias/2018-09-19/bias-det000_2018-09-19.fits"
    by_time = "linearizer/2018-09-21/linearizer-det000_2018-09-21.fits"
    for world in make(
        tmp_path,
        LATISS(),
        [raw],
        {"bias": rows, "linearizer": rows, "defects": rows},
        files=[[by_day, by_time]],
    ):
        for dataset_type, path in (("bias", by_day), ("linearizer", by_time)):
            (answer,) = world.compare(LATISS().calibration(dataset_type), rows_of(world.raw))
            assert answer.path == f"{tmp_path}/calib0/{path}"
        # The family's template wants a raft, which LATISS registries do not have.
        (answer,) = world.compare(LATISS().calibration("defects"), rows_of(world.raw))
        assert answer.why == f"table defects of {tmp_path}/calib0 has no column raftName"


DECAM_RAW = {"date": "2015-02-17", "filter": "g", "visit": 1, "hdu": 3, "ccdnum": 3, "object": "x"}


def test_decam_bias_does_not_compare_the_detector(tmp_path: Path) -> None:
    """The calibDates of all detectors together must have one member."""
    tables = {
        "bias": [valid("2015-02-16", *ALWAYS, ccdnum=3), valid("2015-02-17", *ALWAYS, ccdnum=4)],
        "fringe": [
            valid("2015-02-16", "2000-01-01", "2000-01-01", ccdnum=3, filter="g"),
            valid("2015-02-17", *ALWAYS, ccdnum=4, filter="g"),
        ],
        "illumcor": [valid("2015-02-16", *ALWAYS, ccdnum=3, calib_hdu=9, filter="g")],
    }
    files = [
        "BIAS/2015-02-16/BIAS-2015-02-16-03.fits",
        "FRINGE/2015-02-16/g/FRINGE-2015-02-16-03.fits",
        "cpILLUMCOR/2015-02-16/g/ILLUMCOR-2015-02-16.fits",
    ]
    for world in make(tmp_path, LikeDECam(), [DECAM_RAW], tables, files=[files]):
        for dataset_type, status, hdu in (
            ("bias", "ambiguous", None),
            ("fringe", "one", None),
            ("cpIllumcor", "one", 9),
        ):
            (answer,) = world.compare(LikeDECam().calibration(dataset_type), rows_of(world.raw))
            assert (answer.status, answer.hdu) == (status, hdu)
        assert answer.values == (("calibDate", "2015-02-16"), ("calib_hdu", 9))


def test_decam_shared_table_gives_one_date_for_both_products(tmp_path: Path) -> None:
    """The date comes from the other product's row, and then the file is missing."""
    tables = {"bias": [valid("2015-02-16", *ALWAYS, ccdnum=3)]}
    name = "cpBIAS/2015-02-16/BIAS-2015-02-16.fits"
    for world in make(tmp_path, LikeDECam(), [DECAM_RAW], tables, files=[[name]]):
        (answer,) = world.compare(LikeDECam().calibration("cpBias"), rows_of(world.raw))
        assert (answer.path, answer.hdu) == (f"{tmp_path}/calib0/{name}", 3)
        (answer,) = world.compare(LikeDECam().calibration("bias"), rows_of(world.raw))
        assert answer.status == "none" and len(answer.candidates) == 1


def test_cfht_asks_for_the_path(tmp_path: Path) -> None:
    raw = {"visit": 1, "ccd": 2, "extension": 3, "taiObs": "2006-05-20T12:04:45.73", "filter": "r"}
    iso = ("2006-05-20T00:00:00", "2006-05-20T12:04:45.73")
    rows = [{"path": f"b/{n}.fits", "extension": n, "validStart": iso[0], "validEnd": iso[1]} for n in (3, 4)]
    same = [{**r, "path": "b/3.fits"} for r in rows]
    for world in make(tmp_path, LikeCFHT(), [raw], {"bias": rows, "dark": same}, files=[["b/3.fits.fz"]]):
        for dataset_type, matched in (("bias", 1), ("dark", 2)):
            (answer,) = world.compare(LikeCFHT().calibration(dataset_type), rows_of(world.raw))
            assert (answer.path, answer.hdu) == (f"{tmp_path}/calib0/b/3.fits.fz", 3)
            assert len(answer.candidates) == matched


def test_raw_alone_can_answer(tmp_path: Path) -> None:
    raw = {"visit": 1, "ccd": 1, "filter": "r", "taiObs": "2015-02-17"}
    answer = ask(tmp_path, Undeclared(), "fringe", raw, {}, files=[["flat/flat_fr.fits"]])
    assert (answer.path, answer.values) == (f"{tmp_path}/calib0/flat/flat_fr.fits", (("filter", "r"),))


def test_a_calib_date_in_the_data_id_suppresses_the_lookup(tmp_path: Path) -> None:
    class Dated(HSC):
        raw = replace(HSC.raw, keys=(*HSC.raw.keys, "calibDate"))

    name = HSC_BIAS.format("2015-02-16")
    for world in make(tmp_path, HSC(), [HSC_RAW], {}, {}, files=[[], [name]]):
        world.camera = Dated()
        row = {**HSC_RAW, "calibDate": "2015-02-16"}
        (answer,) = world.compare(HSC().calibration("bias"), [row])
        assert (answer.path, answer.values) == (f"{tmp_path}/calib1/{name}", ())


@pytest.mark.parametrize(
    ("first", "status", "root"),
    [
        ([], "one", 1),  # no row: the parent is tried
        ([valid("2015-02-16", *ALWAYS, ccd=7)], "one", 0),  # the first answer stands
        ([valid("2015-02-11", *ALWAYS, ccd=7)], "one", 1),  # a row without its file
        ([valid("2015-02-16", *ALWAYS, ccd=7), valid("2015-02-17", *ALWAYS, ccd=7)], "one", 1),
        (None, "error", None),  # no table: nothing is tried after that
    ],
)
def test_roots_in_turn(first: Any, status: str, root: int | None, tmp_path: Path) -> None:
    names = [HSC_BIAS.format(d) for d in ("2015-02-16", "2015-02-17")]
    tables = [{} if first is None else {"bias": first}, {"bias": [valid("2015-02-17", *ALWAYS, ccd=7)]}]
    answer = ask(tmp_path, HSC(), "bias", HSC_RAW, *tables, files=[names, names])
    assert answer.status == status
    assert answer.path == (None if root is None else f"{tmp_path}/calib{root}/{names[root]}")


def test_ambiguous_beats_none_and_a_missing_file_beats_nothing(tmp_path: Path) -> None:
    two = [valid("2015-02-16", *ALWAYS, ccd=7), valid("2015-02-17", *ALWAYS, ccd=7)]
    for number, (tables, status, word) in enumerate(
        (
            (({"bias": two[:1]}, {"bias": two}), "ambiguous", "2 answers"),
            (({"bias": []}, {"bias": two[:1]}), "none", "is not in"),
            (({"bias": []}, {"bias": []}), "none", "no row of table bias"),
            ((), "none", "no calibration root"),
        )
    ):
        (tmp_path / str(number)).mkdir()
        answer = ask(tmp_path / str(number), HSC(), "bias", HSC_RAW, *tables)
        assert answer.status == status and word in answer.why


# --- Real repositories


def real(camera: Camera) -> Iterator[World]:
    top = SHARED / "data" / camera.name / "gen2"
    if not (top / "registry.sqlite3").is_file():
        pytest.skip(f"no real {camera.name} repository in {top} (GEN2TO3_SHARED says where)")
    with ExitStack() as stack:

        def opened(path: Path) -> sqlite3.Connection:
            return stack.enter_context(
                closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True))
            )

        root = top / "CALIB"
        yield World(
            camera, opened(top / "registry.sqlite3"), [(root, opened(root / "calibRegistry.sqlite3"))]
        )


@pytest.mark.parametrize(
    ("camera", "expected"),
    [
        (
            LATISS(),
            {"bias": "bias/2018-09-21/bias-det000_2018-09-21.fits", "dark": "none", "defects": "error"},
        ),
        (
            ImSim(),
            {
                "bias": "bias/2022-01-01/bias-R11-S20-det042_2022-01-01.fits",
                "dark": "dark/2022-01-01/dark-R11-S20-det042_2022-01-01.fits",
                "flat": "flat/i_sim_1.4/2022-08-06/flat_i_sim_1.4-R11-S20-det042_2022-08-06.fits",
                "fringe": "none",
                "qe_curve": "error",
            },
        ),
    ],
    ids=["latiss", "imsim"],
)
def test_real_repository(camera: Camera, expected: Mapping[str, str]) -> None:
    for world in real(camera):
        rows = rows_of(world.raw)
        assert rows
        for calibration in camera.calibrations:
            for answer in world.compare(calibration, rows):
                want = expected.get(calibration.dataset_type)
                if want and want.endswith(".fits"):
                    assert (answer.status, answer.path) == ("one", f"{world.roots[0][0]}/{want}")
                elif want:
                    assert answer.status == want
