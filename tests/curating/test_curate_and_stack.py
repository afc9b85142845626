"""What the stack writes of a data package beside what `curate` writes, in either order.

The stack is not here. Its names are those of `curate` with the same label (its own rule), its bytes are others.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from adapters.registry import get_camera, list_cameras
from converter.curate_recipe import CurateRecipe

from .reading import chains, collections, files, ranges, registry

TYPES = ("crosstalk", "defects", "linearizer")


def stack_writes(run, repo: Path, package: Path, label: str) -> None:
    """``butler write-curated-calibrations`` with a label: the same names, other bytes, nothing in our ledger."""
    elsewhere = repo.parent / "of the stack.sqlite3"
    done = run("curate", repo, package, "--camera", "decam", "--label", label, "--ledger", elsewhere)
    assert done.exit_code == 0, done.output
    for dataset_type in TYPES:
        for path, _, _ in files(repo, dataset_type, f"DECam/calib/{label}/*").values():
            path.write_bytes(path.read_bytes().replace(b"TELESCOP", b"TELESCOQ", 1) + b" " * 2880)


def labels_of_commands() -> set[str]:
    """What hand-offs give to ``butler write-curated-calibrations`` as label."""
    rules = [rule for entry in list_cameras() for rule in get_camera(entry.name).hand_offs]
    words = [shlex.split(rule.command) for rule in rules if "write-curated-calibrations" in rule.command]
    return {line[line.index("write-curated-calibrations") + 3] for line in words}


def test_hand_offs_have_another_label_than_curate() -> None:
    assert labels_of_commands() == {f"{CurateRecipe.label}-stack"}


@pytest.mark.parametrize("first", ["stack", "curate"])
def test_both_in_either_order(run, run_json, decam: Path, tmp_path: Path, first: str) -> None:
    repo = tmp_path / "repo"
    (label,) = labels_of_commands()
    if first == "stack":
        stack_writes(run, repo, decam, label)
    status, result = run_json("curate", repo, decam, "--camera", "decam")
    assert (status, result["conflicts"]) == (0, [])
    assert result["written"] == {"crosstalk": 3, "defects": 12, "linearizer": 3}
    if first == "curate":
        stack_writes(run, repo, decam, label)
    assert {"DECam/calib/curated", f"DECam/calib/{label}"} <= collections(repo).keys()
    names = ["DECam/calib/curated", f"DECam/calib/{label}"]
    assert chains(repo)["DECam/calib"] == tuple(reversed(names) if first == "stack" else names)
    for dataset_type in TYPES:
        ours, theirs = (ranges(repo, name, dataset_type) for name in names)
        assert len(ours) == len(theirs) > 0
        assert {run_.replace(names[0], names[1]) for run_, _ in ours} == {run_ for run_, _ in theirs}
    status, result = run_json("curate", repo, decam)
    assert (status, result["operations"], result["conflicts"]) == (0, 0, [])


def test_the_same_label_is_one_clear_conflict(run, run_json, decam: Path, tmp_path: Path) -> None:
    """As after a command that an earlier version printed, or that somebody knew by heart."""
    repo = tmp_path / "repo"
    assert run("curate", repo, decam, "--camera", "decam", "--label", "other").exit_code == 0
    stack_writes(run, repo, decam, "curated")
    before = registry(repo)
    done = run("curate", repo, decam)
    assert done.exit_code == 3
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("conflict  ")]
    assert line.startswith(
        "conflict  DECam/calib/curated: 18 datasets have the names that curate gives, another content, and no "
        "conversion wrote them, as after the stack's butler write-curated-calibrations with the same label; "
    )
    assert line.endswith("write to a new collection with --label NEW")
    # Each is named where nothing is folded.
    assert len(run_json("curate", repo, decam)[1]["conflicts"]) == 18
    assert registry(repo) == before
    status, result = run_json("curate", repo, decam, "--label", "curated-2")
    assert (status, result["written"]) == (0, {"crosstalk": 3, "defects": 12, "linearizer": 3})
