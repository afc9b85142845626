"""The source is never changed, and converting twice changes nothing at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from golden_cases import CASES, Case, copy_tree, datasets
from lsst.daf.butler import Butler

from adapters.contract.repository import digest

pytestmark = pytest.mark.filterwarnings("ignore")

TRANSFERS = ("direct", "symlink", "copy", "hardlink")


def test_digest_sees_changes(tmp_path: Path):
    file = tmp_path / "a"
    file.write_text("one")
    os.utime(file, ns=(0, 0))
    before = digest(tmp_path)
    assert digest(tmp_path) == before
    file.write_text("two")
    os.utime(file, ns=(0, 0))
    assert digest(tmp_path)["a"] != before["a"]
    file.write_text("one")
    os.utime(file, ns=(0, 1))
    assert digest(tmp_path)["a"] != before["a"]
    os.utime(file, ns=(0, 0))
    assert digest(tmp_path)["a"] == before["a"]
    file.chmod(0o600 if file.stat().st_mode & 0o044 else 0o644)
    assert digest(tmp_path)["a"] != before["a"]
    (tmp_path / "b").symlink_to("a")
    assert set(digest(tmp_path)) == {".", "a", "b"}


@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_source_and_second_conversion(
    case: Case, transfer: str, data: Path, tmp_path: Path, convert: Callable
):
    root = data / case.name / "gen2"
    if transfer == "hardlink":
        # Hard links need one file system, and are the one mode that could change the source's files.
        root = copy_tree(root, tmp_path / "source")
    before = digest(root)
    target = tmp_path / "repo"
    first = convert(root, target, transfer=transfer)
    assert first.exit_status == 0
    assert first.outcome["written"] == case.counts
    assert first.verified == case.verified
    assert digest(root) == before

    written = _written(target)
    again = convert(root, target, transfer=transfer)
    assert again.exit_status == 0
    assert again.outcome["conversion"] is None
    assert again.outcome["operations"] == 0
    assert again.outcome["written"] == {}
    assert again.outcome["certified"] == {}
    assert again.outcome["existing"] == case.counts
    assert again.outcome["header_reads"] == 0
    assert again.verified == case.verified
    assert _written(target) == written
    assert digest(root) == before

    _check_files(case, root, target, transfer)


def _written(target: Path) -> dict:
    """All but the directory itself, in which the lock comes and goes."""
    return {name: found for name, found in digest(target).items() if name != "."}


def _check_files(case: Case, root: Path, target: Path, transfer: str) -> None:
    """The files are where, and what, the transfer mode says."""
    found = datasets(Butler.from_config(target, writeable=False), set(case.counts), root)
    assert len(found) == sum(case.counts.values())
    if transfer == "direct":
        # Nothing but the registry, the configuration and the ledger.
        assert {name for name in digest(target) if name != "."} == {
            "butler.yaml",
            "gen2to3.sqlite3",
            "gen3.sqlite3",
        }
        assert all((root / entry["file"]).is_file() for entry in found.values())
        return
    sources = {path.name: path for path in root.rglob("*.fits")}
    assert len(sources) == len(found)
    seen = set()
    for (name, run, _), entry in found.items():
        stored = target / entry["file"]
        assert entry["file"].startswith(f"{run}/{name}/")
        assert stored.is_symlink() == (transfer == "symlink")
        (source,) = [s for s in sources.values() if s.read_bytes() == stored.read_bytes()]
        seen.add(source)
        assert os.path.samefile(stored, source) == (transfer in ("symlink", "hardlink"))
    assert seen == set(sources.values())
