"""A source that was copied without its times: other modification times, the same contents."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from converter.recorded import read_recorded

from .world import World, make_world

SEVERAL = ("copy", "hardlink", "auto")
"""Modes after which the repository keeps what the source was."""
ONE = ("symlink", "relsymlink", "direct")
"""Modes after which it has nothing but the source's own files."""

ALL = "files that were converted before have another modification time and the same size"


def copied_anew(world: World, root: Path | None = None) -> None:
    """Like ``cp -r`` to another place, and there instead of the source unless it is to stay at ``root``."""
    new = root or world.root.with_name("copy")
    shutil.copytree(world.root, new, symlinks=True, copy_function=shutil.copyfile)
    for path in new.rglob("*"):
        os.utime(path, ns=(1_700_000_000_000_000_000, 1_700_000_000_000_000_000))
    if root is None:
        shutil.rmtree(world.root)
        new.rename(world.root)


def number_of_files(world: World) -> int:
    return len(list(world.root.rglob("*.fits")))


def converted(tmp_path: Path, *options: str) -> World:
    world = make_world(tmp_path)
    status, _ = world.run("--quiet", "--no-verify", *options)
    assert status == 0
    return world


def conflicts(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if line.startswith("conflict  ")]


def recorded_times(world: World) -> set[tuple[Any, ...]]:
    return {(Path(r.file).name, r.mtime_ns) for r in read_recorded(world.ledger).values()}


@pytest.mark.parametrize("transfer", [*SEVERAL, *ONE])
def test_one_line_says_that_all_times_are_others(tmp_path: Path, transfer: str) -> None:
    options = ("--transfer", transfer, "--no-verify")
    world = converted(tmp_path, *options)
    copied_anew(world)
    before = world.state()
    number = number_of_files(world)
    status, printed = world.run(*options)
    assert status == 3
    (line,) = conflicts(printed)
    assert line.startswith(f"conflict  all {number} {ALL}")
    assert "--checksum compares contents" in line and "--supersede" in line
    # Each is there where it counts.
    assert len(world.run_json(*options)[1]["conflicts"]) == number
    assert len(conflicts(world.run(*options, "--verbose")[1])) == number
    assert world.state() == before


@pytest.mark.parametrize(
    ("transfer", "in_place"), [*((transfer, True) for transfer in SEVERAL), ("hardlink", False)]
)
def test_contents_tell_where_the_repository_has_them(tmp_path: Path, transfer: str, in_place: bool) -> None:
    options = ("--transfer", transfer, "--no-verify")
    world = converted(tmp_path, *options)
    copied_anew(world, None if in_place else world.root.with_name("elsewhere"))
    if not in_place:
        shutil.rmtree(world.root)
        world = World(world.root.with_name("elsewhere"), world.root, world.target)
    before = world.state()
    status, result = world.run_json(*options, "--checksum")
    assert (status, result["conflicts"], result["written"]) == (0, [], {})
    assert world.state() == before
    assert recorded_times(world) == {(p.name, p.stat().st_mtime_ns) for p in world.root.rglob("*.fits")}
    # The new times are recorded, so that nothing is asked about again.
    status, result = world.run_json(*options)
    assert (status, result["conversion"], result["conflicts"]) == (0, None, [])
    status, found = world.run_json("--transfer", transfer)
    assert (status, found["verify"]["disagree"]) == (0, [])


@pytest.mark.parametrize(("transfer", "gone"), [*((transfer, False) for transfer in ONE), ("symlink", True)])
def test_where_nothing_tells_that_is_said(tmp_path: Path, transfer: str, gone: bool) -> None:
    options = ("--transfer", transfer, "--no-verify")
    world = converted(tmp_path, *options)
    copied_anew(world, world.root.with_name("elsewhere") if gone else None)
    if gone:
        shutil.rmtree(world.root)
        world = World(world.root.with_name("elsewhere"), world.root, world.target)
    number = number_of_files(world)
    before = world.state()
    status, printed = world.run(*options, "--checksum")
    assert status == 3
    (line,) = conflicts(printed)
    assert line.startswith(f"conflict  all {number} {ALL}, and --checksum cannot tell whether they changed")
    assert "compares contents" not in line and "cp -a" in line
    # In full, each says why.
    why = "what the repository had of it is gone" if gone else "there is no other copy (the repository links"
    listed = world.run_json(*options, "--checksum")[1]["conflicts"]
    assert len(listed) == number
    assert all(f"no checksum is recorded, and {why}" in conflict for conflict in listed)
    assert not any("with --checksum" in conflict for conflict in listed)
    assert world.state() == before


@pytest.mark.parametrize("transfer", ONE)
def test_recorded_checksums_tell_in_every_mode(tmp_path: Path, transfer: str) -> None:
    options = ("--transfer", transfer, "--no-verify")
    world = converted(tmp_path, *options, "--checksum")
    copied_anew(world)
    before = world.state()
    assert world.run_json(*options)[0] == 3
    status, result = world.run_json(*options, "--checksum")
    assert (status, result["conflicts"], result["written"]) == (0, [], {})
    assert world.state() == before
    status, result = world.run_json(*options)
    assert (status, result["conversion"]) == (0, None)


def test_what_was_moved_and_comes_back(tmp_path: Path) -> None:
    """A source that was moved is restored from a backup that did not keep times."""
    world = make_world(tmp_path)
    kept = tmp_path / "backup"
    shutil.copytree(world.root, kept)
    move = ("--transfer", "move", "--i-know-that-files-are-moved")
    assert world.run("--quiet", *move)[0] == 0 and number_of_files(world) == 0
    shutil.rmtree(world.root)
    shutil.copytree(kept, world.root, copy_function=shutil.copyfile)
    number = number_of_files(world)
    before = world.state()
    status, printed = world.run(*move)
    assert status == 3
    (line,) = conflicts(printed)
    assert line.startswith(f"conflict  all {number} {ALL}")
    status, result = world.run_json(*move, "--checksum")
    assert (status, result["written"], result["moved"]) == (0, {}, {"deleted": number, "kept": []})
    assert world.state() == before and number_of_files(world) == 0


def test_some_that_changed_beside_all_others(tmp_path: Path) -> None:
    """What has other content is named, and is not lost among those that were only copied."""
    options = ("--transfer", "copy", "--no-verify")
    world = converted(tmp_path, *options)
    copied_anew(world)
    path = world.bias("2014-10-02")
    path.write_bytes(path.read_bytes() + b" " * 2880)
    number = number_of_files(world)
    status, printed = world.run(*options)
    assert status == 3
    longer, others = sorted(conflicts(printed), key=lambda line: ALL in line)
    assert str(path) in longer and "bytes, and had" in longer
    assert others.startswith(f"conflict  {number - 1} of {number} {ALL}")
    status, result = world.run_json(*options, "--checksum")
    assert status == 3
    (conflict,) = result["conflicts"]
    assert str(path) in conflict and "its content is another" in conflict


def test_files_that_are_as_they_were_are_not_meant(tmp_path: Path) -> None:
    """Only where nothing is as it was it was a copy; otherwise each exposure and date is told."""
    options = ("--transfer", "copy", "--no-verify")
    world = converted(tmp_path, *options)
    for path in world.root.rglob("HSC-*.fits"):
        os.utime(path, ns=(0, 0))
    status, printed = world.run(*options)
    assert status == 3
    lines = conflicts(printed)
    assert len(lines) == 2 and not any(ALL in line for line in lines)
    assert all("raw exposure" in line and "--checksum" in line for line in lines)
