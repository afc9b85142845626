"""A Gen2 repository of one detector that changes, and what its registry says: counted here, not asked of the tool."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from fixtures.hsc import HscSpec, make_hsc
from tests.incremental.world import longer, same_size, touched

DETECTOR = 49
BIAS = ("2014-10-01", "2014-10-08", "2014-10-15")
DARK = ("2014-10-01", "2014-10-08")
SPEC = HscSpec(
    nights=("2014-10-03", "2014-10-10", "2014-10-17"),
    visits_per_night=1,
    detectors=(DETECTOR,),
    filters=("HSC-R",),
    bias=BIAS,
    dark=DARK,
    flat=(),
    defects=(),
)
VISITS = (9040, 9042, 9044)
LENGTHS = (6, 4, 8)
"""Last day of a range, counted from its first; with 8 it overlaps the range that begins a week later."""

Item = tuple[str, str]
"""Dataset type, and calibration date or visit."""

ITEMS: tuple[Item, ...] = (
    *(("bias", day) for day in BIAS),
    *(("dark", day) for day in DARK),
    *(("raw", str(visit)) for visit in VISITS),
)
TAI_MINUS_UTC_S = 35


@dataclass(frozen=True)
class Facts:
    """What can be seen of a file."""

    size: int
    mtime_ns: int
    sha256: str


class Source:
    """The repository, and all that it could contain beside it."""

    def __init__(self, base: Path) -> None:
        made = make_hsc(base / "gen2", SPEC)
        self.root, self.calib = made.root, made.calib
        self.lengths = {item: LENGTHS[0] for item in ITEMS if item[0] != "raw"}
        self.paths = {item: self._path(item) for item in ITEMS}
        shutil.copytree(self.root, base / "all")
        self._all = base / "all"
        with closing(sqlite3.connect(self.calib / "calibRegistry.sqlite3")) as db, db:
            for item in self.lengths:
                self._set_range(db, item)

    def _path(self, item: Item) -> Path:
        kind, name = item
        if kind == "raw":
            (found,) = self.root.glob(f"**/HSC-{int(name):07d}-{DETECTOR:03d}.fits")
            return found
        return self.calib / f"{kind.upper()}/{name}/NONE/{kind.upper()}-{name}-{DETECTOR:03d}.fits"

    def _set_range(self, db: sqlite3.Connection, item: Item) -> None:
        kind, day = item
        end = date.fromisoformat(day) + timedelta(days=self.lengths[item])
        db.execute(
            f"update {kind} set validStart = ?, validEnd = ? where calibDate = ?",  # noqa: S608
            (day, end.isoformat(), day),
        )

    def _registry(self, item: Item) -> tuple[Path, str, str]:
        name, column = ("registry", "visit") if item[0] == "raw" else ("CALIB/calibRegistry", "calibDate")
        return self.root / f"{name}.sqlite3", item[0], column

    @property
    def items(self) -> list[Item]:
        """What it contains."""
        return [item for item, path in self.paths.items() if path.exists()]

    def change(self, how: str, item: Item) -> None:
        """Carry out one change; one that makes no sense is none."""
        path = self.paths[item]
        if how == "add":
            if not path.exists():
                self._add(item)
        elif not path.exists():
            return
        elif how == "remove":
            path.unlink()
            database, table, column = self._registry(item)
            with closing(sqlite3.connect(database)) as db, db:
                db.execute(f"delete from {table} where {column} = ?", (item[1],))  # noqa: S608
        elif how == "longer":
            longer(path)
        elif how == "other":
            same_size(path, b"x" if path.read_bytes()[-1:] != b"x" else b"y")
        elif how == "touch":
            touched(path)
        elif item in self.lengths:
            self.lengths[item] = LENGTHS[int(how)]
            with closing(sqlite3.connect(self.calib / "calibRegistry.sqlite3")) as db, db:
                self._set_range(db, item)

    def _add(self, item: Item) -> None:
        path = self.paths[item]
        shutil.copyfile(self._all / path.relative_to(self.root), path)
        database, table, column = self._registry(item)
        with closing(sqlite3.connect(database)) as db, db:
            db.execute("attach ? as every", (str(self._all / database.relative_to(self.root)),))
            db.execute(
                f"insert into {table} select * from every.{table} where {column} = ?",  # noqa: S608
                (item[1],),
            )
            if item in self.lengths:
                self._set_range(db, item)
            db.commit()
            db.execute("detach every")

    def facts(self, item: Item) -> Facts:
        """What can be seen of a file that is there."""
        path = self.paths[item]
        status = path.stat()
        return Facts(status.st_size, status.st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())

    def span(self, item: Item) -> tuple[int, int]:
        """Range of a master in TAI ns since 1970: whole UTC days, both ends included."""
        begin = datetime.fromisoformat(item[1]).replace(tzinfo=UTC)
        end = begin + timedelta(days=self.lengths[item] + 1)
        return _tai(begin), _tai(end)

    def content(self) -> dict[str, tuple[str, int]]:
        """Digest and time of everything."""
        found = {}
        for directory, _, names in os.walk(self.root):
            for name in names:
                path = Path(directory) / name
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                found[str(path)] = (digest, path.stat().st_mtime_ns)
        return found


def _tai(when: datetime) -> int:
    return (int(when.timestamp()) + TAI_MINUS_UTC_S) * 10**9
