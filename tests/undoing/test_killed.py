"""Killed anywhere: the next start settles what was planned, and undoing works from there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from converter.ledger import FILE_NAME, Ledger
from converter.target import LOCK_NAME
from fixtures.hsc import HscRepository
from tests.blessing.conftest import Place, made, place  # noqa: F401
from tests.sampling import some

from .conftest import kill, run, run_json, start
from .dump import check_ledger, dump, tree
from .test_undo import NOTHING, PLAN, VISITS

WRITES = [
    ("converter.apply", "execute", 1, "before"),  # nothing is there
    ("converter.writers.batch", "register_chains", 3, "after"),  # chains without children
    ("converter.writers.batch", "insert_exposures", 1, "after"),
    ("converter.writers.batch", "ingest", 1, "before"),
    ("converter.writers.batch", "ingest", 1, "after"),  # files without records
    ("converter.intents", "done", 3, "before"),  # committed, and the ledger does not know
    ("converter.writers.batch", "check_formatters", 1, "after"),
    ("converter.writers.batch", "certify", 3, "after"),
    ("converter.intents", "done", 4, "before"),
    ("converter.intents", "record", 4, "after"),
]
UNDO = [
    ("converter.undoing.undo", "remove", 1, "before"),
    ("converter.writers.removal", "_remove_datasets", 1, "after"),
    ("converter.writers.removal", "certify", 1, "after"),
    ("converter.undoing.undo", "remove", 1, "after"),  # records are gone, files are not
    ("converter.undoing.undo", "clean", 1, "after"),  # the ledger does not know
]


def interrupted(point: tuple[str, str, int, str], *args: object) -> bool:
    """Kill a command at a point; whether it came so far."""
    status = kill(*point, *args)
    assert status in (0, 9)
    return status == 9


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, gen2: HscRepository) -> Path:
    """Converted without interruption."""
    repo = tmp_path_factory.mktemp("whole") / "repo"
    run("convert", gen2.root, repo, "--transfer", "copy", "--no-verify")
    return repo


@pytest.mark.parametrize("point", some(WRITES, 1), ids=str)
def test_a_killed_conversion(
    tmp_path: Path, gen2: HscRepository, whole: Path, point: tuple[str, str, int, str]
) -> None:
    repo = tmp_path / "repo"
    convert = ("convert", gen2.root, repo, "--transfer", "copy", "--no-verify")
    assert interrupted(point, *convert)
    assert (repo / LOCK_NAME).exists()
    shutil.copytree(repo, tmp_path / "again", symlinks=True)

    # Undone from there.
    planned = dump(repo)
    assert run_json("undo", repo, "--dry-run")["undone"] == {
        t: n for t in ("bias", "dark", "defects", "flat", "raw") if (n := _number(planned, t))
    }
    run("undo", repo)
    assert dump(repo) == NOTHING
    check_ledger(repo)
    run(*convert)
    assert dump(repo) == dump(whole)
    check_ledger(repo)

    # Or gone on with.
    again = tmp_path / "again"
    run("convert", gen2.root, again, "--transfer", "copy", "--no-verify")
    assert dump(again) == dump(whole)
    check_ledger(again)
    while len(dump(again)["collections"]):
        run("undo", again)
    assert dump(again) == NOTHING
    check_ledger(again)


def _number(content: dict, dataset_type: str) -> int:
    return sum(1 for row in content["datasets"] if row[0] == dataset_type)


@pytest.mark.parametrize("point", some(UNDO, 1), ids=str)
@pytest.mark.parametrize("number", [(), (1,)], ids=["last", "number"])
def test_a_killed_undo_is_finished_by_the_same_command(
    tmp_path: Path, gen2: HscRepository, point: tuple[str, str, int, str], number: tuple[int, ...]
) -> None:
    repo, source = tmp_path / "repo", tree(gen2.root)
    run("convert", gen2.root, repo, *VISITS, "--transfer", "copy", "--no-verify")
    first = dump(repo)
    run("convert", gen2.root, repo, "--transfer", "copy", "--no-verify")
    numbers = tuple(n + 1 for n in number)
    assert interrupted(point, "undo", repo, *numbers)
    data = run_json("undo", repo, *numbers)
    assert data["undoes"] == 2
    assert dump(repo) == first
    check_ledger(repo)
    assert Ledger(repo / FILE_NAME).conversion(2)["undone_by"] == data["conversion"]
    assert tree(gen2.root) == source


@pytest.mark.parametrize("point", some(UNDO, 1), ids=str)
def test_converted_after_a_killed_undo(
    tmp_path: Path, gen2: HscRepository, whole: Path, point: tuple[str, str, int, str]
) -> None:
    repo = tmp_path / "repo"
    shutil.copytree(whole, repo)
    assert interrupted(point, "undo", repo)
    run("convert", gen2.root, repo, "--transfer", "copy", "--no-verify")
    assert dump(repo) == dump(whole)
    check_ledger(repo)


BLESS = [
    ("converter.writers.batch", "ingest", 1, "after"),
    ("converter.writers.batch", "decertify", 1, "after"),
    ("converter.writers.batch", "certify", 1, "after"),
    ("converter.intents", "done", 1, "before"),
]


@pytest.mark.parametrize("point", some(BLESS, 1), ids=str)
def test_a_killed_blessing(place: Place, point: tuple[str, str, int, str]) -> None:  # noqa: F811
    before = dump(place.root)
    path = place.plan(PLAN)
    assert interrupted(point, "bless", place.root, path, "--transfer", "copy")
    run("undo", place.root)
    assert dump(place.root) == before
    states = Ledger(place.root / FILE_NAME).database().execute("select distinct state from items").fetchall()
    assert states == [("undone",)] if point[1] == "done" else [("forgotten",)]
    run("bless", place.root, path)
    run("undo", place.root)
    assert dump(place.root) == before


BROKEN_OFF = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("pragma cache_size = 2")
db.execute("begin immediate")
db.execute("create table broken_off as with recursive n(x) as (select 1 union all select x + 1 from n limit 20000) "
           "select x, hex(zeroblob(50)) as y from n")
os._exit(9)
"""
"""A transaction that no longer fits into memory, so that the file has a part of it, and a journal says how it was."""


def break_off(database: Path) -> None:
    process = start(BROKEN_OFF, database)
    process.communicate(timeout=60)
    assert process.returncode == 9
    assert database.with_name(f"{database.name}-journal").stat().st_size > 512


@pytest.mark.parametrize("database", ["gen3.sqlite3", FILE_NAME])
@pytest.mark.parametrize(
    "command",
    ["convert ROOT REPO --no-verify", "verify REPO --files", "undo REPO --dry-run", "status REPO"],
)
def test_killed_in_a_large_transaction(
    tmp_path: Path, gen2: HscRepository, whole: Path, database: str, command: str
) -> None:
    repo = tmp_path / "repo"
    shutil.copytree(whole, repo)
    before = dump(repo)
    break_off(repo / database)
    run(*(word.replace("ROOT", str(gen2.root)).replace("REPO", str(repo)) for word in command.split()))
    assert dump(repo) == before
    check_ledger(repo)
