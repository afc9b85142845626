"""Nothing has changed: the outcome is known without planning, and anything that has changed is seen.

Whether a plan was made is counted at the one function that makes it; all
the rest goes through the command line.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from lsst.daf.butler import Butler, Timespan

import converter.convert as module
from adapters import hsc, registry
from adapters.contract.repository import digest
from converter.cli import main
from converter.target import LOCK_NAME
from fixtures.decam import make_decam
from fixtures.hsc import HscSpec, make_hsc
from fixtures.hsc_oddities import HscOddities
from fixtures.lsst import LsstSpec, make_lsst
from fixtures.megaprime import IN_ORDER, make_megaprime

from .world import World, longer, make_world, same_size, touched

SMALL = HscSpec(
    nights=("2014-10-01",),
    visits_per_night=1,
    filters=("HSC-R",),
    bias=("2014-09-30",),
    dark=("2014-09-01",),
    defects=(),
)


class Planned:
    """How often a plan was made."""

    def __init__(self) -> None:
        self.number = 0

    def since(self, do: Callable[[], Any]) -> int:
        """How often one was made by something."""
        before = self.number
        do()
        return self.number - before


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Iterator[Planned]:
    counter, real = Planned(), module.make_plan

    def counting(*args: Any, **rest: Any) -> Any:
        counter.number += 1
        return real(*args, **rest)

    monkeypatch.setattr(module, "make_plan", counting)
    yield counter


def run(*words: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, [str(w) for w in words], prog_name="gen2to3")
    return result.exit_code, result.stdout, result.stderr


def forget(ledger: Path) -> None:
    """Let the ledger not know the outcome of what is unchanged."""
    with closing(sqlite3.connect(ledger)) as db, db:
        db.execute("delete from unchanged")


def is_kept(ledger: Path) -> bool:
    with closing(sqlite3.connect(ledger)) as db:
        if not db.execute("select 1 from sqlite_master where name = 'unchanged'").fetchone():
            return False
        return bool(db.execute("select 1 from unchanged").fetchone())


STABLE = HscOddities.all(
    # Of these headers are read again each time, or the conversion is stopped.
    foreign_header=False,
    unknown_filter=False,
    overlapping_masters=False,
)

SOURCES: dict[str, tuple[Callable[[Path], Path], list[str]]] = {
    "hsc": (lambda p: make_hsc(p, HscSpec(calibration_frames=True, straddling=True)).root, []),
    "hsc with oddities": (
        lambda p: make_hsc(p, HscSpec(calibration_frames=True, sky=("2014-01-31",), oddities=STABLE)).root,
        [],
    ),
    "hsc, a part": (
        lambda p: make_hsc(p, HscSpec(calibration_frames=True)).root,
        ["--detectors", "49", "--related-only"],
    ),
    "imsim": (lambda p: make_lsst(p, "imsim").root, []),
    "latiss": (lambda p: make_lsst(p, "latiss", LsstSpec(defects=())).root, ["--transfer", "copy"]),
    "comcam": (lambda p: make_lsst(p, "comcam").root, ["--label", ""]),
    "decam": (lambda p: make_decam(p).root, ["--types", "raw,cpBias"]),
    "megaprime": (lambda p: make_megaprime(p, IN_ORDER).root, ["--no-visits"]),
}


@pytest.mark.parametrize(("make", "options"), SOURCES.values(), ids=SOURCES)
def test_says_what_a_plan_would_say(
    make: Callable[[Path], Path], options: list[str], tmp_path: Path, planned: Planned
) -> None:
    root, target = make(tmp_path / "gen2"), tmp_path / "gen3"
    ledger = target / "gen2to3.sqlite3"
    first = run("convert", root, target, "--json", *options)
    assert first[0] in (0, 1), first
    assert is_kept(ledger)
    before, source = everything(target), digest(root)

    calls = [
        ("convert", root, target, "--json", *options),
        ("convert", root, target, "--verbose", *options),
        ("convert", root, target, *options),
        ("plan", root, target, *options),
        ("convert", root, target, "--no-verify", *options),
    ]
    made = planned.number
    quick = [run(*call) for call in calls]
    assert planned.number == made
    assert (everything(target), digest(root)) == (before, source)

    forget(ledger)
    slow = [run(*call) for call in calls]
    assert planned.number == made + len(calls)
    assert quick == slow

    again = json.loads(quick[0][1])
    assert again["conversion"] is None and again["written"] == {} and again["header_reads"] == 0
    written = json.loads(first[1])["written"]
    assert again["existing"] == written and written["raw"] > 0


def everything(target: Path) -> dict[str, Any]:
    """All but the directory itself, in which the lock comes and goes."""
    return {name: found for name, found in digest(target).items() if name != "."}


def test_after_growing(tmp_path: Path, planned: Planned) -> None:
    """What was there before and what was added are both there already."""
    root = make_hsc(tmp_path / "gen2", HscSpec()).root
    calls = ("convert", root, tmp_path / "gen3", "--json")
    assert run(*calls, "--types", "bias")[0] == 0
    assert run(*calls)[0] == 0
    before = planned.number
    quick = run(*calls)
    assert planned.number == before
    forget(tmp_path / "gen3/gen2to3.sqlite3")
    assert run(*calls) == quick


def test_no_verification_yet(tmp_path: Path, planned: Planned) -> None:
    """A verification that was left out is made."""
    world = make_world(tmp_path, SMALL)
    assert world.run("--no-verify")[0] == 0
    before = planned.number
    status, found = world.run_json()
    assert (status, planned.number) == (0, before)
    assert found["verify"]["lookups"] == found["verify"]["agree"] > 0
    assert world.run_json("--no-verify")[1]["verify"] is None


def test_headers_that_would_be_read_again(tmp_path: Path, planned: Planned) -> None:
    """A raw whose header is not its own is looked at each time."""
    spec = HscSpec(oddities=HscOddities(foreign_header=True))
    root, target = make_hsc(tmp_path / "gen2", spec).root, tmp_path / "gen3"
    assert run("convert", root, target)[0] == 1
    assert not is_kept(target / "gen2to3.sqlite3")
    assert planned.since(lambda: run("convert", root, target)) == 1


# -- what has changed ------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = make_world(tmp_path, SMALL)
    (world.root / "note.txt").write_text("a file that no row names")
    assert world.run("--no-verify", "--transfer", "hardlink")[0] == 0
    assert is_kept(world.ledger)
    return world


def add_row(world: World) -> None:
    world.sql(
        "insert into bias select null, filter, ccd, '2014-09-29', validStart, validEnd from bias limit 1"
    )


def change_row(world: World) -> None:
    """Also with the size and times that the registry had."""
    path = world.calib / "calibRegistry.sqlite3"
    status = path.stat()
    world.sql("update dark set validEnd = '2014-12-31'")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def other_mapper(world: World) -> None:
    (world.root / "_mapper").write_text("lsst.obs.subaru.HscMapper\n")


def config(world: World) -> None:
    text = "!RepositoryCfg_v1\n_mapper: lsst.obs.hsc.HscMapper\n_parents: []\n_policy: {skyMap: {a: b}}\n"
    (world.root / "repositoryCfg.yaml").write_text(text)


def half_written(world: World) -> None:
    (world.calib / "calibRegistry.sqlite3-journal").write_bytes(b"x" * 512)


def added(world: World) -> None:
    shutil.copy(world.bias("2014-09-30"), world.calib / "new.fits")


def removed_dataset(world: World) -> None:
    butler = Butler.from_config(str(world.target), writeable=True)
    refs = list(butler.registry.queryDatasets("raw", collections="HSC/raw/all"))[:1]
    butler.pruneDatasets(refs, disassociate=True, unstore=True, purge=True)


def decertified(world: World) -> None:
    butler = Butler.from_config(str(world.target), writeable=True)
    butler.registry.decertify("HSC/calib/gen2", "dark", Timespan(None, None))


def without_chain(world: World) -> None:
    Butler.from_config(str(world.target), writeable=True).collections.x_remove("HSC/defaults")


def other_config(world: World) -> None:
    path = world.target / "butler.yaml"
    path.write_text(path.read_text() + "\n")


def write_ahead(world: World) -> None:
    with closing(sqlite3.connect(world.target / "gen3.sqlite3")) as db:
        db.execute("pragma journal_mode = wal")


def undone(world: World) -> None:
    assert run("undo", world.target)[0] == 0


def killed(world: World) -> None:
    """What a killed process leaves in the ledger."""
    with closing(sqlite3.connect(world.ledger)) as db, db:
        db.execute("update items set state = 'planned' where rowid = (select min(rowid) from items)")


def killed_before(world: World) -> None:
    """A later conversion that did not come to its first batch."""
    with closing(sqlite3.connect(world.ledger)) as db, db:
        db.execute(
            "insert into conversions (command, recipe, versions, started_utc) values ('convert', '{}', '{}', '')"
        )


def older_ledger(world: World) -> None:
    with closing(sqlite3.connect(world.ledger)) as db, db:
        db.execute("drop table unchanged")


CHANGES: dict[str, Callable[[World], object]] = {
    "longer raw": lambda w: longer(next(w.root.glob("**/HSC-*-049.fits"))),
    "touched raw": lambda w: touched(next(w.root.glob("**/HSC-*-049.fits"))),
    "touched master": lambda w: touched(w.bias("2014-09-30")),
    "replaced master": lambda w: same_size(w.bias("2014-09-30"), times=True),
    "removed master": lambda w: w.bias("2014-09-30").unlink(),
    "unreadable master": lambda w: w.bias("2014-09-30").chmod(0o000),
    "renamed master": lambda w: w.bias("2014-09-30").rename(w.calib / "x.fits"),
    "added file": added,
    "changed file without row": lambda w: (w.root / "note.txt").write_text("x"),
    "removed file without row": lambda w: (w.root / "note.txt").unlink(),
    "added directory": lambda w: (w.root / "empty").mkdir(),
    "added link": lambda w: (w.root / "link").symlink_to("/etc"),
    "added row": add_row,
    "changed row": change_row,
    "mapper": other_mapper,
    "configuration": config,
    "registry that is being written": half_written,
    "registry that is now in PostgreSQL": lambda w: (w.root / "registry.pgsql").write_text("host: x\n"),
    "dataset removed": removed_dataset,
    "range decertified": decertified,
    "chain removed": without_chain,
    "configuration of the target": other_config,
    "write-ahead log": write_ahead,
    "undone": undone,
    "killed in a batch": killed,
    "killed before": killed_before,
    "older ledger": older_ledger,
    "no ledger": lambda w: w.ledger.unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change_is_seen(change: Callable[[World], object], world: World, planned: Planned) -> None:
    call = ("plan", world.root, world.target, "--transfer", "hardlink")
    assert planned.since(lambda: run(*call)) == 0
    change(world)
    assert planned.since(lambda: run(*call)) == 1


@pytest.mark.parametrize(
    "options",
    [
        ["--transfer", "copy"],
        ["--label", "other"],
        ["--exclude", "*note*"],
        ["--detectors", "49"],
        ["--strict"],
        ["--supersede"],
        ["--allow-outside", "/usr"],
        ["--checksum"],
    ],
    ids=lambda options: options[0],
)
def test_other_choices(options: list[str], world: World, planned: Planned) -> None:
    words = (
        "convert",
        world.root,
        world.target,
        "--transfer",
        "hardlink",
        "--no-verify",
        "--dry-run",
        *options,
    )
    assert planned.since(lambda: run(*words)) == 1


def test_other_ledger(world: World, planned: Planned, tmp_path: Path) -> None:
    words = (
        "plan",
        world.root,
        world.target,
        "--transfer",
        "hardlink",
        "--ledger",
        tmp_path / "other.sqlite3",
    )
    assert planned.since(lambda: run(*words)) == 1


def test_checksums_are_always_compared(tmp_path: Path, planned: Planned) -> None:
    world = make_world(tmp_path, SMALL)
    assert world.run("--checksum", "--transfer", "copy")[0] == 0
    assert planned.since(lambda: world.run("--checksum", "--transfer", "copy")) == 1
    path = world.bias("2014-09-30")
    status = path.stat()
    path.write_bytes(path.read_bytes()[:-1] + b"x")  # the same inode
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert world.run("--checksum", "--transfer", "copy")[0] == 3


def test_a_reject_that_is_good_again(tmp_path: Path, planned: Planned) -> None:
    """Of a reject the change time counts as well: size and modification time may be kept."""
    world = make_world(tmp_path, SMALL)
    path = world.bias("2014-09-30")
    good, status = path.read_bytes(), path.stat()
    path.write_bytes(b"x" * len(good))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert world.run("--no-verify")[0] == 1
    assert planned.since(lambda: world.run("--no-verify")) == 0
    path.write_bytes(good)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    status_, found = world.run_json("--no-verify")
    assert (status_, found["written"]) == (0, {"bias": 1})


def test_a_missing_file_that_comes(tmp_path: Path, planned: Planned) -> None:
    """Also where a link leads to it that stays as it is, out of the source."""
    world = make_world(tmp_path, SMALL)
    path, outside = world.bias("2014-09-30"), tmp_path / "outside"
    outside.mkdir()
    good = path.read_bytes()
    path.unlink()
    path.symlink_to(outside / "bias.fits")
    options = ("--no-verify", "--transfer", "copy", "--allow-outside", str(outside))
    assert world.run(*options)[0] == 1
    assert planned.since(lambda: world.run(*options)) == 0
    (outside / "bias.fits").write_bytes(good)
    status, found = world.run_json(*options)
    assert (status, found["written"]) == (0, {"bias": 1})
    assert world.runs("bias", instrument="HSC", detector=49) == ["20140930T000000Z"]
    assert planned.since(lambda: world.run(*options)) == 0
    longer(outside / "bias.fits")
    assert world.run(*options)[0] == 3


def test_changes_while_it_is_planned(
    tmp_path: Path, planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read is not what is there: nothing is written down, or it is not believed."""
    world = make_world(tmp_path, SMALL)
    real = module.apply

    def meanwhile(*args: Any, **rest: Any) -> Any:
        touched(world.bias("2014-09-30"))
        add_row(world)
        return real(*args, **rest)

    with monkeypatch.context() as patched:
        patched.setattr(module, "apply", meanwhile)
        assert world.run("--no-verify")[0] == 0
    assert not is_kept(world.ledger)
    assert planned.since(lambda: world.run("--no-verify")) == 1


CAMERA = """
from adapters.hsc import HSC

class Mine(HSC):
    name = "mine"
    mappers = ("my.own.Mapper",)
"""


def test_target_changes_while_it_is_planned(
    tmp_path: Path, planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else takes something away between planning and writing."""
    world = make_world(tmp_path, SMALL)
    assert world.run("--no-verify", "--types", "raw")[0] == 0
    real = module.make_plan

    def meanwhile(*args: Any, **rest: Any) -> Any:
        plan = real(*args, **rest)
        removed_dataset(world)
        return plan

    with monkeypatch.context() as patched:
        patched.setattr(module, "make_plan", meanwhile)
        assert world.run("--no-verify")[0] == 0
    status, found = world.run_json("--no-verify")
    assert (status, found["written"]) == (0, {"raw": 1})


def test_other_code(tmp_path: Path, planned: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera of another package, some file of which is another one now."""
    package = tmp_path / "packages" / "my_own_camera"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(CAMERA)
    shutil.copy(Path(str(hsc.__file__)).parent / "camera.yaml", package)
    monkeypatch.syspath_prepend(package.parent)
    more = EntryPoint("mine", "my_own_camera:Mine", registry.GROUP)
    real = list(entry_points(group=registry.GROUP))
    monkeypatch.setattr(registry, "entry_points", lambda group: [*real, more])
    world = make_world(tmp_path, SMALL)
    options = ("--no-verify", "--camera", "mine")
    assert world.run(*options)[0] == 0
    assert planned.since(lambda: world.run(*options)) == 0
    touched(package / "camera.yaml")
    assert planned.since(lambda: world.run(*options)) == 1


def test_locked_target_stops_all_the_same(world: World) -> None:
    lock = {"pid": 1, "host": "elsewhere", "started": "", "command": "convert", "since_utc": ""}
    names = [p.name for p in world.target.iterdir()]
    (world.target / LOCK_NAME).write_text(json.dumps(lock))
    assert run("convert", world.root, world.target, "--transfer", "hardlink")[0] == 3
    (world.target / LOCK_NAME).unlink()
    assert sorted(names) == sorted(p.name for p in world.target.iterdir())
