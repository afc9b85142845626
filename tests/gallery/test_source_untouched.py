"""Whatever command is run: the source is as it was, to the last modification time."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from converter.cli import main
from fixtures.cp_delivery import make_cp_delivery
from fixtures.curated import defects_text, metadata_of

from .place import GOOD, Datasets, Place, digest


@dataclass(frozen=True)
class Call:
    """One way to call a command.

    Parameters
    ----------
    words
        The command line; ``{root}``, ``{repo}`` and ``{tmp}`` are filled in.
    status
        Exit status.
    converted
        Whether the repository has to be there before.
    prepare
        Makes what else is needed.
    """

    words: str
    status: int = 0
    converted: bool = False
    prepare: Callable[[Place], object] = lambda place: None


def suite(place: Place) -> None:
    text = "collection: HSC/calib/mine\ninherit:\n- {from: HSC/calib/gen2, type: [bias]}\n"
    (place.tmp / "suite.yaml").write_text(text)


def package(place: Place) -> None:
    text = defects_text(metadata_of("hsc", 49, "1970-01-01T00:00:00", "defects"), [(1, 2, 3, 4)])
    file = place.root / "package" / "hsc" / "defects" / "0_12" / "19700101T000000.ecsv"
    file.parent.mkdir(parents=True)
    file.write_text(text)


def delivery(place: Place) -> None:
    make_cp_delivery(place.root / "delivery")


CALLS: dict[str, tuple[Call, ...]] = {
    "cameras": (Call("cameras"),),
    "inspect": (Call("inspect {root}"), Call("inspect {root} --recipe {tmp}/recipe.yaml")),
    "plan": (Call("plan {root} {repo}"), Call("plan {root} {repo}", converted=True)),
    "convert": (
        *(Call(f"convert {{root}} {{repo}} --transfer {t}") for t in ("auto", "direct", "copy", "symlink")),
        Call("convert {root} {repo} --dry-run --transfer move"),
        Call("convert {root} {repo} --transfer move", status=2),
        Call("convert {root} {repo}", converted=True),
        Call("convert {root} {root}/gen3", status=2),
    ),
    "import-calibs": (
        Call("import-calibs {repo} {root}/delivery --camera decam", status=0, prepare=delivery),
        Call("import-calibs {repo} {root}/CALIB --camera hsc"),
    ),
    "bless": (
        Call("bless {repo} {tmp}/suite.yaml", converted=True, prepare=suite),
        Call("bless {repo} --express HSC/calib/gen2", converted=True),
    ),
    "curate": (
        Call("curate {repo} {root}/package --camera hsc", status=0, prepare=package),
        Call("curate {repo} {root}/package --camera hsc --dry-run", status=0, prepare=package),
    ),
    "register": (Call("register {repo} --camera hsc", status=0),),
    "explain": (Call("explain {repo} bias --detector 49 --time 2014-10-02", converted=True),),
    "status": (Call("status {repo}", converted=True),),
    "report": (Call("report {repo} {root} -o {tmp}/report.html", converted=True),),
    "completion": (Call("completion fish"),),
    "undo": (Call("undo {repo} --dry-run", converted=True), Call("undo {repo}", converted=True)),
    "verify": (
        Call("verify {repo}", converted=True),
        Call("verify {repo} {root} --files --checksum --repair", converted=True),
        Call("verify {repo}", status=2),
    ),
}
"""Ways to call each command. A new command needs one here."""


def test_every_command_is_here() -> None:
    assert set(CALLS) == set(main.commands), "say how the new command is called in CALLS"


@pytest.mark.parametrize(
    ("name", "number"), [(name, i) for name, calls in CALLS.items() for i in range(len(calls))]
)
def test_source_is_as_it_was(name: str, number: int, tmp_path: Path) -> None:
    call = CALLS[name][number]
    assert call.words.split()[0] == name
    place = Place(tmp_path)
    call.prepare(place)
    if call.converted:
        assert place.convert("--transfer", "copy").status == 0
    before, elsewhere = digest(place.root), digest(place.elsewhere)
    words = call.words.format(root=place.root, repo=place.target, tmp=tmp_path).split()
    done = place.run(*words)
    assert done.status == call.status, (done.out, done.err)
    assert "internal error" not in done.err
    assert digest(place.root) == before
    assert digest(place.elsewhere) == elsewhere


def leave_frames(place: Place) -> sqlite3.Connection:
    """A writer that is still there, with one committed row and one that is not in the log."""
    path = place.add_raw(9044)
    writer = sqlite3.connect(place.registry)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("PRAGMA wal_autocheckpoint=0")
    writer.execute("PRAGMA cache_size=1")
    writer.execute("PRAGMA cache_spill=1")
    writer.execute("UPDATE raw SET field = 'CHANGED' WHERE visit = 9044")
    writer.commit()
    old, new = place.root / path, place.root / path.replace("STRIPE82L", "CHANGED")
    new.parent.mkdir(parents=True)
    old.rename(new)
    writer.execute("UPDATE raw SET field = 'NEVER'")
    # Fill the cache, so that frames of a transaction that may never be committed are written out.
    writer.execute("CREATE TABLE filler (x)")
    writer.executemany("INSERT INTO filler VALUES (?)", [("x" * 900,) for _ in range(300)])
    return writer


def test_registry_that_is_being_written(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with closing(leave_frames(place)) as writer:
        beside = sorted(p.name for p in place.root.glob("registry.sqlite3*"))
        assert beside == ["registry.sqlite3", "registry.sqlite3-shm", "registry.sqlite3-wal"]
        assert os.stat(place.root / "registry.sqlite3-wal").st_size > 200_000
        before = digest(place.root)
        done = place.convert("--json")
        assert (done.status, done.json["rejected"]) == (0, [])
        assert digest(place.root) == before
        # The writer never noticed.
        assert writer.execute("SELECT DISTINCT field FROM raw").fetchall() == [("NEVER",)]
        writer.rollback()
    assert Datasets(place.target).lines == GOOD | {"raw exposure=9044 detector=49"}


def test_registry_that_is_written_all_the_time(tmp_path: Path) -> None:
    """What is read is one state of it, or the reject says why there is none."""
    place = Place(tmp_path)
    place.raw_sql("CREATE TABLE counter (a, b)")
    place.raw_sql("INSERT INTO counter VALUES (0, 0)")
    stop = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(place.registry)) as writer:
            writer.execute("PRAGMA journal_mode=WAL")
            while not stop.is_set():
                writer.execute("UPDATE counter SET a = a + 1, b = b + 1")
                writer.commit()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        done = place.convert("--json", "--no-verify")
    finally:
        stop.set()
        thread.join()
    reasons = [r["reason"] for r in done.json["rejected"]]
    assert done.status == (1 if reasons else 0)
    assert all("is being written, and changed during each of 5 attempts" in reason for reason in reasons)
    raws = {line for line in GOOD if line.startswith("raw")}
    assert Datasets(place.target).lines == (GOOD - raws if reasons else GOOD)
