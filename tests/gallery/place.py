"""A small HSC repository to be spoiled, the command line, and what a conversion left behind."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import stat
import warnings
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from astropy.time import Time, TimeDelta
from click.testing import CliRunner
from lsst.daf.butler import Butler, DatasetRef

from adapters.gen2.files import printable
from converter.cli import main
from fixtures import fits
from fixtures.hsc import HscSpec, make_hsc
from fixtures.hsc_files import CALIB_TEMPLATES, PER_FILTER, RAW_TEMPLATE, master_content, raw_cards, raw_row

SPEC = HscSpec(nights=("2014-10-01",), dark=("2014-09-01",), defects=("2013-01-31T00:00:00",))
"""One night of two exposures and two CCDs, four of six tables in use."""

NIGHT = datetime(2014, 10, 1, 7, tzinfo=UTC)
LFS = fits.lfs_pointer("something")
NOT_FITS = b"<html><body>504 Gateway Timeout</body></html>\n"

BIAS = "BIAS/2014-10-02/NONE/BIAS-2014-10-02-049.fits"
DARK = "DARK/2014-09-01/NONE/DARK-2014-09-01-049.fits"
RAW = "STRIPE82L/2014-10-01/01004/HSC-R/HSC-0009040-049.fits"

GOOD = frozenset(
    {
        *(f"bias 2014-09-30 detector={d} valid 2014-07-02..2014-10-01" for d in (49, 50)),
        *(f"bias 2014-10-02 detector={d} valid 2014-10-02..2014-12-31" for d in (49, 50)),
        *(f"dark 2014-09-01 detector={d} valid 2014-06-03..2014-11-30" for d in (49, 50)),
        *(
            f"flat 2014-09-28 detector={d} physical_filter={f} valid 2014-06-30..2014-12-27"
            for d in (49, 50)
            for f in ("HSC-R", "HSC-I")
        ),
        *(f"defects 2013-01-31 detector={d} valid 2013-01-31..2037-12-31" for d in (49, 50)),
        *(f"raw exposure={e} detector={d}" for e in (9040, 9042) for d in (49, 50)),
    }
)
"""Everything in the repository before it is spoiled, with the ranges in Gen2's own inclusive days."""


@dataclass(frozen=True)
class Run:
    """What one command did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.out)

    @property
    def wrong(self) -> list[str]:
        """Lines that say what is wrong; the line that only sums the conflicts up is none."""
        lines = [line for line in self.out.splitlines() if line.startswith(("reject  ", "conflict  "))]
        return lines or [line for line in self.err.splitlines() if line.startswith("gen2to3: error: ")]


class Place:
    """A Gen2 repository, a target that is not there yet, and a directory elsewhere."""

    def __init__(self, tmp: Path, spec: HscSpec = SPEC) -> None:
        self.tmp = tmp
        self.root = tmp / "source"
        self.calib = self.root / "CALIB"
        self.target = tmp / "repo"
        self.elsewhere = tmp / "elsewhere"
        self.elsewhere.mkdir()
        make_hsc(self.root, spec)
        self.registry = self.root / "registry.sqlite3"
        self.calib_registry = self.calib / "calibRegistry.sqlite3"

    def run(self, *args: str | Path) -> Run:
        """Run a command in this process; an exception that nobody caught is not hidden."""
        words = [str(a).format(tmp=self.tmp) for a in args]
        result = CliRunner().invoke(main, words, catch_exceptions=False)
        return Run(result.exit_code, result.stdout, result.stderr)

    def convert(self, *options: str) -> Run:
        return self.run("convert", self.root, self.target, *options)

    def sql(self, database: Path, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute(statement, values)

    def raw_sql(self, statement: str, *values: object) -> None:
        self.sql(self.registry, statement, *values)

    def calib_sql(self, statement: str, *values: object) -> None:
        self.sql(self.calib_registry, statement, *values)

    def unconstrained(self, database: Path, table: str) -> None:
        """Make a table anew without its types and its unique constraint, as hand-made registries have none."""
        self.sql(database, f"CREATE TABLE other AS SELECT * FROM {table}")  # noqa: S608
        self.sql(database, f"DROP TABLE {table}")
        self.sql(database, f"ALTER TABLE other RENAME TO {table}")

    def add_master(
        self,
        table: str,
        calib_date: str,
        start: object,
        end: object,
        *,
        ccd: object = 49,
        filter_: str = "",
        content: bytes | None = None,
    ) -> str:
        """Add a row and (unless empty content says otherwise) its file; returns the path below CALIB."""
        row = {
            "filter": filter_ or ("HSC-R" if table in PER_FILTER else "NONE"),
            "ccd": ccd,
            "calibDate": calib_date,
            "validStart": start,
            "validEnd": end,
        }
        self.calib_sql(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES (?, ?, ?, ?, ?)",  # noqa: S608
            *row.values(),
        )
        path = CALIB_TEMPLATES[table] % row
        fits.write(self.calib / path, master_content(table, row) if content is None else content)
        return path

    def add_raw(
        self,
        visit: int = 9044,
        *,
        ccd: int = 49,
        filter_: str = "HSC-R",
        cards: dict[str, Any] | None = None,
        minutes: int = 0,
    ) -> str:
        """Add a row and its file, whose header may say something else."""
        begin = NIGHT + timedelta(minutes=minutes)
        row = raw_row(visit, ccd, begin, filter_)
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        self.raw_sql(f"INSERT INTO raw ({names}) VALUES ({marks})", *row.values())  # noqa: S608
        visit_row = {k: row[k] for k in ("visit", "field", "filter", "dateObs", "taiObs")}
        self.raw_sql(
            f"INSERT OR IGNORE INTO raw_visit ({', '.join(visit_row)}) VALUES (?, ?, ?, ?, ?)",  # noqa: S608
            *visit_row.values(),
        )
        header = raw_cards(row, begin) if cards is None else cards
        path = RAW_TEMPLATE % row
        fits.write(self.root / path, fits.header(header))
        return path


def digest(path: Path) -> dict[str, tuple[object, ...]]:
    """Names, modes, times and contents of everything in a tree (or of a file); empty if nothing is there."""
    found: dict[str, tuple[object, ...]] = {}
    if not os.path.lexists(path):
        return found
    names = [path]
    for directory, directories, files in os.walk(path):
        names += [Path(directory) / name for name in (*directories, *files)]
    for name in names:
        status = os.lstat(name)
        content = ""
        if stat.S_ISLNK(status.st_mode):
            content = os.readlink(name)
        elif stat.S_ISREG(status.st_mode):
            if status.st_size > 100_000_000:
                content = f"{status.st_size} bytes in {status.st_blocks} blocks"
            else:
                content = hashlib.sha256(name.read_bytes()).hexdigest()
        found[str(name)] = (status.st_mode, status.st_mtime_ns, content)
    return found


def contents(target: Path) -> dict[str, tuple[object, ...]]:
    """What a target holds, but for the time of its directory: the lock comes and goes there."""
    return {k: v if k != str(target) else (v[0], v[2]) for k, v in digest(target).items()}


class Datasets:
    """Every dataset of a repository, read back through the Butler."""

    def __init__(self, target: Path) -> None:
        self.lines: set[str] = set()
        self.number: Counter[str] = Counter()
        self.inodes: set[tuple[int, int]] = set()
        if not (target / "butler.yaml").exists():
            return
        butler = Butler.from_config(str(target), writeable=False)
        infos = butler.collections.query_info("*")
        calibrations = [info.name for info in infos if info.type.name == "CALIBRATION"]
        for dataset_type in butler.registry.queryDatasetTypes():
            ranges: dict[object, list[str]] = {}
            for collection in calibrations if dataset_type.isCalibration() else ():
                for association in butler.registry.queryDatasetAssociations(dataset_type, collection):
                    assert association.timespan is not None
                    text = _days(*association.timespan.nsec)
                    ranges.setdefault(association.ref.id, []).append(text)
            for ref in butler.query_datasets(dataset_type, "*", find_first=False, explain=False, limit=None):
                self.number[dataset_type.name] += 1
                status = os.stat(butler.getURI(ref).ospath)
                self.inodes.add((status.st_dev, status.st_ino))
                self.lines.add(_describe(ref, ranges.get(ref.id, ())))


def _describe(ref: DatasetRef, ranges: Sequence[str]) -> str:
    values = {k: v for k, v in ref.dataId.required.items() if k != "instrument"}
    if ref.datasetType.name == "raw":
        return f"raw exposure={values['exposure']} detector={values['detector']}"
    stamp = ref.run.rsplit("/", 1)[1]
    words = " ".join(f"{k}={v}" for k, v in values.items())
    valid = f"valid {', '.join(sorted(ranges))}" if ranges else "not certified"
    return f"{ref.datasetType.name} {stamp[:4]}-{stamp[4:6]}-{stamp[6:8]} {words} {valid}"


@cache
def _days(begin: int, end: int) -> str:
    """First and last day in UTC; a bound within a day is shown in full, so that it cannot pass for a day."""
    texts = []
    for ns, days in ((begin, 0), (end, 1)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # leap seconds of the far future are not known
            time = Time(0, ns / 1e9, format="unix_tai", scale="tai") - TimeDelta(days, format="jd")
            texts.append(time.utc.isot.removesuffix("T00:00:00.000"))
    return "..".join(texts)


def account_for_everything(place: Place, result: dict[str, Any], datasets: Datasets) -> None:
    """Find every row and every file of the source in a conversion's result, or in the target.

    Parameters
    ----------
    place
        Where the source and the target are.
    result
        The JSON of the conversion.
    datasets
        What the target has.
    """
    counted = Counter(result["written"]) + Counter(result["existing"])
    assert counted == datasets.number, "written and existing are not what is there"

    left_out = [*result["rejected"], *result["skipped"]]
    items = {entry["item"] for entry in left_out}
    spoken = "\n".join(f"{entry['item']}: {entry['reason']}" for entry in left_out)
    directories = tuple(item for item in items if item.endswith("/"))

    def named(path: Path) -> bool:
        shorts = [
            printable(path),
            *(
                printable(path)[len(str(d)) + 1 :]
                for d in (place.calib, place.root)
                if path.is_relative_to(d)
            ),
        ]
        if any(re.search(rf"(?<![\w/.-]){re.escape(short)}(?![\w/~-]|\.\w)", spoken) for short in shorts):
            return True
        return str(path).startswith(directories)

    def accounted(path: Path) -> bool:
        if named(path):
            return True
        try:
            status = os.stat(path)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) in datasets.inodes

    for directory, below, files in os.walk(place.root):
        links = [name for name in below if (Path(directory) / name).is_symlink()]
        for name in (*files, *links):
            path = Path(directory) / name
            assert accounted(path), f"vanished: file {path}"

    for database, whole, base, templates in (
        (place.registry, f"{place.root}: raw registry", place.root, {"raw": RAW_TEMPLATE}),
        (place.calib_registry, f"{place.calib}: calibration registry", place.calib, CALIB_TEMPLATES),
    ):
        if whole in items or not database.exists():
            continue
        for table, row in _rows(database):
            if {f"{database}: table {table}", f"{database} table {table} row {row['id']}"} & items:
                continue
            assert table in templates, f"vanished: {database} table {table} row {row['id']}"
            path = base / (templates[table] % row)
            assert accounted(path), f"vanished: {database} table {table} row {row['id']} ({path})"


def _rows(database: Path) -> list[tuple[str, dict[str, Any]]]:
    found = []
    with closing(sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in names:
            if not table.endswith("_visit") and not table.startswith("sqlite_"):
                quoted = table.replace('"', '""')
                rows = connection.execute(f'SELECT rowid AS id, * FROM "{quoted}"')  # noqa: S608
                found += [(table, dict(row)) for row in rows]
    return found
