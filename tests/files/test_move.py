"""`--transfer move`: said twice, copied, compared, recorded, deleted last."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.gallery.place import BIAS, DARK, GOOD, RAW, Datasets, Place, digest

REPOSITORY = Path(__file__).parents[2]
MOVE = ("--transfer", "move", "--i-know-that-files-are-moved")


def data_files(place: Place) -> dict[Path, str]:
    """The source's FITS files that are converted, with their SHA-256."""
    return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in place.root.rglob("*.fits")}


def in_ledger(place: Place, query: str) -> list[tuple]:
    with closing(sqlite3.connect(place.target / "gen2to3.sqlite3")) as db:
        return db.execute(query).fetchall()


def stored_sums(place: Place) -> set[str]:
    return {hashlib.sha256(p.read_bytes()).hexdigest() for p in place.target.rglob("*.fits")}


def test_refused_if_said_once(tmp_path: Path) -> None:
    place = Place(tmp_path)
    before = digest(place.root)
    run = place.convert("--transfer", "move")
    assert (run.status, run.out) == (2, "")
    assert "say --i-know-that-files-are-moved too" in run.err
    assert not place.target.exists()
    (tmp_path / "recipe.yaml").write_text("transfer: move\n")
    run = place.convert("--recipe", str(tmp_path / "recipe.yaml"))
    assert (run.status, run.out) == (2, "")
    assert place.run("plan", place.root, place.target, "--transfer", "move").status == 0
    assert place.convert("--transfer", "move", "--dry-run").status == 0
    run = place.run("import-calibs", place.target, place.calib, "--camera", "hsc", "--transfer", "move")
    assert (run.status, run.out) == (2, "")
    assert "does not move files" in run.err
    assert digest(place.root) == before


def test_moved(tmp_path: Path) -> None:
    place = Place(tmp_path)
    files = data_files(place)
    registries = {p: p.read_bytes() for p in (place.registry, place.calib_registry)}
    run = place.convert(*MOVE, "--json")
    assert run.status == 0, run.err
    assert run.json["moved"] == {"deleted": len(files), "kept": []}
    assert run.json["verify"]["agree"] == 16
    assert data_files(place) == {}
    assert {p: p.read_bytes() for p in registries} == registries
    assert Datasets(place.target).lines == GOOD
    assert stored_sums(place) == set(files.values())
    rows = in_ledger(place, "select file, sha256 from items where state = 'done'")
    assert {Path(file): digest_ for file, digest_ in rows} == files
    assert not in_ledger(place, "select * from moves where deleted_utc is null")
    # Again: nothing to do, and nothing to complain of.
    target = digest(place.target)
    run = place.convert(*MOVE, "--json")
    assert (run.status, run.json["rejected"], run.json["conversion"]) == (0, [], None)
    assert {s["reason"] for s in run.json["skipped"]} >= {
        "was moved into the repository by an earlier conversion"
    }
    assert run.json["moved"] == {"deleted": 0, "kept": []}
    assert {k: v[2] for k, v in digest(place.target).items()} == {k: v[2] for k, v in target.items()}
    run = place.run("verify", place.target, "--files", "--checksum", "--json")
    assert (run.status, run.json["files"]["unknown"]) == (0, 0)


def test_growing_source(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert place.convert(*MOVE).status == 0
    path = place.root / place.add_raw(9044)
    run = place.convert(*MOVE, "--json")
    assert (run.status, run.json["written"], run.json["moved"]["deleted"]) == (0, {"raw": 1}, 1)
    assert not path.exists()
    assert Datasets(place.target).lines == GOOD | {"raw exposure=9044 detector=49"}


def test_what_was_copied_is_not_moved_later(tmp_path: Path) -> None:
    """Files that another conversion copied were not said to be moved."""
    place = Place(tmp_path)
    assert place.convert("--transfer", "copy").status == 0
    before = data_files(place)
    new = place.root / place.add_raw(9044)
    run = place.convert(*MOVE, "--json")
    assert run.json["moved"]["deleted"] == 1
    assert not new.exists()
    assert data_files(place) == before


def test_links_and_what_is_outside_are_rejects(tmp_path: Path) -> None:
    place = Place(tmp_path)
    inside, outside = place.root / RAW, place.calib / BIAS
    real = inside.with_name("real.fits")
    inside.rename(real)
    inside.symlink_to(real.name)
    outside.rename(place.elsewhere / "bias.fits")
    outside.symlink_to(place.elsewhere / "bias.fits")
    (place.calib / "DARK").rename(place.root / "dark")
    (place.calib / "DARK").symlink_to(place.root / "dark")
    run = place.convert(*MOVE, "--allow-outside", str(place.elsewhere), "--json")
    assert run.status == 1
    reasons = {r["item"]: r["reason"] for r in run.json["rejected"]}
    links = {str(inside): real, str(outside): place.elsewhere / "bias.fits"}
    for item, target in links.items():
        assert reasons[item].startswith(f"is a link, or behind one, to {target}")
    assert len(reasons) == 4, reasons
    assert inside.is_symlink() and real.exists()
    assert outside.is_symlink() and (place.elsewhere / "bias.fits").exists()
    assert (place.root / "dark" / DARK.removeprefix("DARK/")).exists()
    assert run.json["moved"]["kept"] == []
    lost = ("raw exposure=9040 detector=49", "bias 2014-10-02 detector=49", "dark")
    assert Datasets(place.target).lines == {line for line in GOOD if not line.startswith(lost)}


def test_file_that_the_repository_needs_where_it_is(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert place.convert("--transfer", "direct", "--types", "bias", "--no-verify").status == 0
    run = place.convert(*MOVE, "--label", "other", "--types", "bias", "--json", "--no-verify")
    assert run.status == 1
    kept = run.json["moved"]["kept"]
    assert run.json["moved"]["deleted"] == 0 and len(kept) == 4
    assert all("refers to it where it is" in k["reason"] for k in kept)
    assert len(list((place.calib / "BIAS").rglob("*.fits"))) == 4


def test_disagreement_keeps_everything(tmp_path: Path) -> None:
    """Two copies are swapped under the nose of the verification: what is not proved is not deleted."""
    place = Place(tmp_path)
    assert place.convert("--transfer", "copy", "--no-verify").status == 0
    biases = sorted(place.target.rglob("*bias*.fits"))
    first, second = biases[0].read_bytes(), biases[-1].read_bytes()
    biases[0].write_bytes(second)
    biases[-1].write_bytes(first)
    place.add_raw(9044)
    before = data_files(place)
    run = place.convert(*MOVE, "--json")
    assert run.status == 4
    assert run.json["moved"]["deleted"] == 0
    assert "the verification failed" in run.json["moved"]["kept"][0]["reason"]
    assert data_files(place) == before


KILL = """
import os, signal, sys
at, name = int(sys.argv[1]), sys.argv[2]
real, count = getattr(os, name), 0
def killed(path, *rest, **options):
    global count
    if "/source/" in str(path) or name != "unlink":
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
    return real(path, *rest, **options)
setattr(os, name, killed)
from converter.cli import main
main(sys.argv[3:])
"""


@pytest.mark.parametrize(("at", "name"), [(1, "unlink"), (2, "unlink"), (9, "unlink"), (3, "fsync")])
def test_killed(tmp_path: Path, at: int, name: str) -> None:
    place = Place(tmp_path)
    files = data_files(place)
    command = ["convert", str(place.root), str(place.target), *MOVE]
    done = subprocess.run(
        [sys.executable, "-c", KILL, str(at), name, *command],
        cwd=REPOSITORY,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -9, done.stderr
    left = data_files(place)
    assert len(left) == len(files) - (at - 1 if name == "unlink" else 0)
    # Each file is somewhere, and what is in the repository is whole.
    assert set(left.values()) | stored_sums(place) == set(files.values()) == stored_sums(place)
    run = place.convert(*MOVE, "--json")
    assert (run.status, run.json["rejected"]) == (0, []), run.out
    assert run.json["moved"]["kept"] == []
    assert data_files(place) == {}
    assert stored_sums(place) == set(files.values())
    assert Datasets(place.target).lines == GOOD
    assert {d for (d,) in in_ledger(place, "select sha256 from items where state = 'done'")} == set(
        files.values()
    )


def test_copy_that_was_changed_before_the_rest_is_deleted(tmp_path: Path) -> None:
    place = Place(tmp_path)
    command = ["convert", str(place.root), str(place.target), *MOVE]
    subprocess.run(
        [sys.executable, "-c", KILL, "1", "unlink", *command], cwd=REPOSITORY, check=False, timeout=120
    )
    before = data_files(place)
    copy = next(place.target.rglob("*bias*.fits"))
    copy.write_bytes(b"!" + copy.read_bytes()[1:])
    run = place.convert(*MOVE, "--json")
    # Once when it went on, once when it compared everything again.
    kept = {Path(k["file"]) for k in run.json["moved"]["kept"]}
    assert run.status in (1, 4)
    assert set(data_files(place)) == kept & set(before)
    assert len(kept & set(before)) == 1


def test_a_source_that_changes_meanwhile_is_kept(tmp_path: Path) -> None:
    place = Place(tmp_path)
    command = ["convert", str(place.root), str(place.target), *MOVE]
    subprocess.run(
        [sys.executable, "-c", KILL, "1", "unlink", *command], cwd=REPOSITORY, check=False, timeout=120
    )
    os.utime(place.calib / BIAS, ns=(0, 0))
    run = place.convert(*MOVE, "--json")
    assert run.status == 3
    assert (place.calib / BIAS).exists()
    (conflict,) = run.json["conflicts"]
    assert str(place.calib / BIAS) in conflict and "changed since it was converted" in conflict
