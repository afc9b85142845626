"""Files that are no longer what was converted."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from converter import file_records
from converter.recorded import read_recorded

from .world import SPEC, World, become, good, longer, make_world, nothing, same_size, touched

DATE = "2014-10-02"
STAMP = "20141002T000000Z"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = make_world(tmp_path)
    good(made.convert())
    return made


def versions(ranges: set[Any], detector: int = 49) -> dict[str, list[Any]]:
    """Ranges of the biases of one detector by the last part of their RUN."""
    found: dict[str, list[Any]] = {}
    for name, run, data_id, span in ranges:
        if name == "bias" and ("detector", detector) in data_id:
            found.setdefault(run, []).append(span)
    return found


@pytest.mark.parametrize("change", [longer, same_size, touched], ids=lambda f: f.__name__)
def test_a_changed_file_stops_everything_by_default(world: World, change: Callable[[Path], None]) -> None:
    for detector in SPEC.detectors:
        change(world.bias(DATE, detector))
    before = world.state()
    status, printed = world.run("--quiet")
    assert status == 3
    first = world.bias(DATE, 49)
    assert f"conflict  bias {STAMP} detectors 49..50 (×2): {first} and 1 more changed since" in printed
    assert "--supersede" in printed and "--checksum" in printed
    # Each is named where nothing is folded, and what is new beside it waits as well.
    become_one_more = replace(SPEC, dark=("2014-09-01", "2014-10-10"))
    become(world, become_one_more, keep=[world.bias(DATE, d) for d in SPEC.detectors])
    status, result = world.run_json()
    assert status == 3
    for detector in SPEC.detectors:
        named = f"bias detector={detector}: {world.bias(DATE, detector)} changed since"
        assert any(c.startswith(named) for c in result["conflicts"])
    assert result["written"] == {"dark": 2}
    assert world.state() == before


@pytest.mark.parametrize("change", [longer, same_size], ids=lambda f: f.__name__)
def test_supersede_writes_a_version_and_keeps_the_old_one(
    world: World, change: Callable[[Path], None]
) -> None:
    path = world.bias(DATE)
    old = path.read_bytes()
    before = versions(world.ranges())
    change(path)
    status, result = world.run_json("--supersede")
    assert status == 0
    assert result["written"] == {"bias": 1} and result["certified"] == {"bias": 1}
    assert result["header_reads"] == 0 and result["verify"]["disagree"] == []
    told = {d["rule"]: d for d in result["decisions"]}
    assert told["new-version"]["before"] == STAMP
    assert told["new-version"]["after"] == f"{STAMP}.1"
    assert str(path) in told["new-version"]["why"]
    (span,) = before[STAMP]
    assert told["superseded"]["before"].startswith("[2014-10-0") and told["superseded"]["after"] == "no range"
    after = versions(world.ranges())
    assert after.pop(f"{STAMP}.1") == [span]
    assert after == {run: spans for run, spans in before.items() if run != STAMP}
    # The other detector of that date is as it was.
    assert versions(world.ranges(), 50)[STAMP] == [span]
    assert world.runs(detector=49) == ["20140930T000000Z", STAMP, f"{STAMP}.1"]
    assert world.content("bias", f"HSC/calib/gen2/{STAMP}", detector=49) == old
    assert world.content("bias", f"HSC/calib/gen2/{STAMP}.1", detector=49) == path.read_bytes() != old
    done = world.state()
    nothing(world.convert(supersede=True))
    nothing(world.convert())
    assert world.state() == done
    # Once more.
    longer(path)
    assert world.convert().exit_status == 3
    good(world.convert(supersede=True))
    assert versions(world.ranges())[f"{STAMP}.2"] == [span]
    assert f"{STAMP}.1" not in versions(world.ranges())
    assert world.runs(detector=49)[1:] == [STAMP, f"{STAMP}.1", f"{STAMP}.2"]
    nothing(world.convert())


def test_contents_tell_with_checksum(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    good(world.convert(checksum=True))
    path = world.bias(DATE)
    record = read_recorded(world.ledger)[f"bias HSC/calib/gen2/{STAMP} detector=49"]
    assert record.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    same_size(path, times=True)
    # Size and time do not tell; the comparison with Gen2 does, for the ends of the files.
    unseen = world.convert()
    assert unseen.plan.is_empty and unseen.exit_status == 4
    stopped = world.convert(checksum=True)
    assert stopped.exit_status == 3
    (conflict,) = stopped.plan.conflicts
    assert f"{path} changed since it was converted: its content is another" in conflict
    good(world.convert(checksum=True, supersede=True))
    assert set(versions(world.ranges())) == {"20140930T000000Z", f"{STAMP}.1"}
    nothing(world.convert(checksum=True))


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("ledger", [True, False])
def test_a_touched_file_is_unchanged_with_checksum(tmp_path: Path, first: bool, ledger: bool) -> None:
    # Without a digest in the ledger, copies in the repository tell as much.
    world = make_world(tmp_path)
    good(world.convert(checksum=first, transfer="copy"))
    before = world.state()
    if not ledger:
        world.ledger.unlink()
    path = world.bias(DATE)
    touched(path)
    if ledger:
        assert world.convert(transfer="copy").exit_status == 3
    outcome = good(world.convert(checksum=True, transfer="copy"))
    assert outcome.plan.is_empty and world.state() == before
    # It is recorded as it is now, so that the question does not come up again.
    nothing(world.convert(transfer="copy"))
    nothing(world.convert(checksum=True, transfer="copy"))
    same_size(path, times=True)
    assert world.convert(checksum=True, transfer="copy").exit_status == 3


def test_a_file_changed_in_place_is_said_to_have_changed_the_old_version(world: World) -> None:
    path = world.bias(DATE)
    with open(path, "r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        stream.write(b"x")
    touched(path)
    outcome = good(world.convert(supersede=True))
    (why,) = [d.why for d in outcome.plan.decisions if d.rule == "new-version"]
    assert "the repository links to this very file: what changed" in why


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "Git LFS pointer"),
        (b"SIMPLE", "FITS"),
    ],
    ids=["pointer", "cut"],
)
@pytest.mark.parametrize("ledger", [True, False])
def test_a_file_that_has_become_bad_is_a_reject(
    world: World, content: bytes, said: str, ledger: bool
) -> None:
    path, raw = world.bias(DATE), world.raw(9040)
    if not ledger:
        world.ledger.unlink()
    before = world.state()
    kept = {p: p.read_bytes() for p in (path, raw)}
    for p in kept:
        p.unlink()
        p.write_bytes(content)
    longer(world.bias("2014-09-30"))
    for _ in range(2):
        outcome = world.convert(supersede=True)
        assert outcome.exit_status == 1
        assert {r.path for r in outcome.plan.rejects} == {str(path), str(raw)}
        assert all(said in r.reason for r in outcome.plan.rejects)
        # The good one beside them was written, the old ones stay certified.
        assert set(versions(world.ranges())) == {"20140930T000000Z.1", STAMP}
        assert world.runs("raw", exposure=9040) == ["all", "all"]
    assert set(before[0]) < set(world.state()[0])
    assert world.content("bias", f"HSC/calib/gen2/{STAMP}", detector=49) == kept[path]
    assert world.content("raw", "HSC/raw/all", exposure=9040, detector=49) == kept[raw]


def test_each_file_is_read_once_for_its_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = file_records._sha256

    def counting(path: str) -> str:
        read.append(path)
        return original(path)

    monkeypatch.setattr(file_records, "_sha256", counting)
    world = make_world(tmp_path)
    good(world.convert(checksum=True))
    assert len(read) == len(set(read)) > 0
    read.clear()
    nothing(world.convert(checksum=True))
    assert len(read) == len(set(read)) > 0
