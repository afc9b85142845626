"""The same package again, and a package that has changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fixtures.curated import boxes_of, defects_text, metadata_of, write

from .reading import chains, files, ledger, ranges, registry

LATER = "2016-06-01T00:00:00"


@pytest.fixture
def repo(run, decam: Path, tmp_path: Path) -> Path:
    """A repository with the package of the tests."""
    result = run("curate", tmp_path / "repo", decam, "--camera", "decam")
    assert result.exit_code == 0, result.output
    return tmp_path / "repo"


def text_of(detector: int, date: str, index: int = 7) -> str:
    return defects_text(metadata_of("decam", detector, date, "defects"), boxes_of(detector, index))


@pytest.mark.parametrize("with_ledger", [True, False])
def test_the_same_again_is_nothing_to_do(run, run_json, repo: Path, decam: Path, with_ledger: bool) -> None:
    before, conversions = registry(repo), ledger(repo, "select count(*) from conversions")
    stored = {k: p.stat().st_mtime_ns for k, (p, _, _) in files(repo, "defects").items()}
    if not with_ledger:
        (repo / "gen2to3.sqlite3").unlink()
    status, result = run_json("curate", repo, decam)
    assert status == 0
    assert (result["operations"], result["written"], result["certified"]) == (0, {}, {})
    assert result["existing"] == {"crosstalk": 3, "defects": 12, "linearizer": 3}
    assert registry(repo) == before
    assert {k: p.stat().st_mtime_ns for k, (p, _, _) in files(repo, "defects").items()} == stored
    # A lost ledger gets the datasets again.
    assert ledger(repo, "select count(*) from conversions") == conversions
    rows = ledger(repo, "select distinct reason, sha256 is null from items where state = 'done'")
    assert rows == [("", 0)] if with_ledger else [("found in the repository", 0)]
    assert "Nothing to write: 18 datasets there already" in run("curate", repo, decam).stdout


def test_a_copy_of_the_package_is_the_same(run_json, repo: Path, decam: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / "obs_decam_data"
    shutil.copytree(decam, copy)
    status, result = run_json("curate", repo, copy)
    assert (status, result["operations"], result["conflicts"]) == (0, 0, [])


@pytest.mark.parametrize("with_ledger", [True, False])
def test_changed_content(run, run_json, repo: Path, decam: Path, with_ledger: bool) -> None:
    for detector, name in ((1, "s29"), (2, "s30")):
        write(
            decam / f"decam/defects/{name}/20130115t0130.ecsv", text_of(detector, "2013-01-15T01:30:00", 99)
        )
    if not with_ledger:
        (repo / "gen2to3.sqlite3").unlink()
    before = registry(repo)
    status, result = run_json("curate", repo, decam)
    run_name = "DECam/calib/curated/curated/20130115T013000Z"
    assert status == 3
    assert result["conflicts"] == [
        f"defects detector={d} 2013-01-15T01:30:00: changed: {run_name} has another content than the "
        "package's text gives; write to a new collection with --label NEW"
        for d in (1, 2)
    ]
    done = run("curate", repo, decam)
    assert done.exit_code == 3
    assert "conflict  defects detectors 1..2 (×2) 2013-01-15T01:30:00: changed" in done.stdout
    assert done.stderr == "gen2to3: error: 2 conflicts, nothing was written\n"
    assert registry(repo) == before
    assert not list(repo.glob(".gen2to3*"))


def test_comments_may_change(run_json, repo: Path, decam: Path) -> None:
    """The text is another one, the dataset is the same."""
    text = decam / "decam/crosstalk/s29/1970-01-01T00:00:00.yaml"
    text.write_text("# a remark\n" + text.read_text())
    status, result = run_json("curate", repo, decam)
    assert (status, result["operations"], result["conflicts"]) == (0, 0, [])


def test_a_file_that_appeared(run_json, repo: Path, decam: Path) -> None:
    write(decam / "decam/defects/s29/20160601T000000.ecsv", text_of(1, LATER))
    before = registry(repo)
    status, result = run_json("curate", repo, decam)
    assert status == 3
    appeared, changed = sorted(result["conflicts"], key=lambda c: "range changed" in c)
    assert appeared == (
        f"defects detector=1 {LATER}: appeared: DECam/calib/curated was made without it; "
        "write to a new collection with --label NEW"
    )
    assert changed.startswith(
        "defects detector=1 2015-01-05T00:00:00: its range changed: [2015-01-05T00:00:35, +inf) in "
        "DECam/calib/curated, [2015-01-05T00:00:35, 2016-06-01T00:00:36) now; "
    )
    assert registry(repo) == before


def test_a_file_that_vanished(run_json, repo: Path, decam: Path) -> None:
    (decam / "decam/defects/s29/2014-01-17T01:29:00.ecsv").unlink()
    (decam / "decam/crosstalk/n4/1970-01-01T00:00:00.yaml").unlink()
    status, result = run_json("curate", repo, decam)
    assert status == 3
    vanished = [c for c in result["conflicts"] if "vanished" in c]
    assert [c.split(":")[0] for c in vanished] == [
        "crosstalk detector=35 19700101T000000Z",
        "defects detector=1 20140117T012900Z",
    ]
    (changed,) = set(result["conflicts"]) - set(vanished)
    assert changed.startswith(
        "defects detector=1 2013-01-15T01:30:00: its range changed: [2013-01-15T01:30:35"
    )
    assert "2014-01-17T01:29:35) in DECam/calib/curated" in changed
    assert "2014-10-20T10:30:35.25) now" in changed


def test_a_file_that_is_bad_now_has_vanished(run_json, repo: Path, decam: Path) -> None:
    write(decam / "decam/defects/s29/20130115t0130.ecsv", text_of(2, "2013-01-15T01:30:00"))
    status, result = run_json("curate", repo, decam)
    assert status == 3
    assert [r["item"] for r in result["rejected"]] == [str(decam / "decam/defects/s29/20130115t0130.ecsv")]
    (conflict,) = result["conflicts"]
    assert conflict.startswith("defects detector=1 20130115T013000Z: vanished")


def test_a_new_label_takes_it_beside_the_old(run_json, repo: Path, decam: Path) -> None:
    old = ranges(repo, "DECam/calib/curated", "defects")
    write(decam / "decam/defects/s29/20160601T000000.ecsv", text_of(1, LATER))
    status, result = run_json("curate", repo, decam, "--label", "curated-2016")
    assert (status, result["written"]["defects"]) == (0, 13)
    assert ranges(repo, "DECam/calib/curated", "defects") == old
    new = ranges(repo, "DECam/calib/curated-2016", "defects")
    assert len(new) == 13 and all(run.startswith("DECam/calib/curated-2016/curated/") for run, _ in new)
    assert chains(repo)["DECam/calib"] == ("DECam/calib/curated", "DECam/calib/curated-2016")


def test_make_default(run_json, repo: Path, decam: Path) -> None:
    _, result = run_json("curate", repo, decam, "--label", "new", "--make-default")
    assert result["written"]["defects"] == 12
    assert chains(repo)["DECam/calib"] == ("DECam/calib/new", "DECam/calib/curated")
    rows = ledger(repo, "select before, after from collections where name = 'DECam/calib' order by rowid")
    assert rows[-1] == ('["DECam/calib/curated"]', '["DECam/calib/new", "DECam/calib/curated"]')
    # Also of what is there already, and again is nothing to do.
    status, result = run_json("curate", repo, decam, "--make-default")
    assert (status, result["operations"], result["written"]) == (0, 1, {})
    assert chains(repo)["DECam/calib"] == ("DECam/calib/curated", "DECam/calib/new")
    assert run_json("curate", repo, decam, "--make-default")[1]["operations"] == 0


def test_types_one_after_the_other(run_json, decam: Path, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    _, result = run_json("curate", repo, decam, "--camera", "decam", "--types", "cross*")
    assert result["written"] == {"crosstalk": 3}
    assert {s["reason"] for s in result["skipped"]} >= {"left out by --types"}
    assert {h["type"] for h in result["handed_off"]} == {"camera", "linearizer"}
    status, result = run_json("curate", repo, decam)
    assert (status, result["written"]) == (0, {"defects": 12, "linearizer": 3})
    assert {h["type"] for h in result["handed_off"]} == {"camera"}


def test_a_reject_that_was_corrected_is_added(run_json, decam: Path, tmp_path: Path) -> None:
    repo, bad = tmp_path / "repo", decam / "decam/defects/s29/20130115t0130.ecsv"
    good = bad.read_text()
    bad.write_text(good.replace("DETECTOR: 1", "DETECTOR: 2"))
    assert run_json("curate", repo, decam, "--camera", "decam")[0] == 1
    kept = ranges(repo, "DECam/calib/curated", "defects")
    assert run_json("curate", repo, decam)[0] == 1
    bad.write_text(good)
    status, result = run_json("curate", repo, decam)
    assert (status, result["written"], result["conflicts"]) == (0, {"defects": 1}, [])
    now = ranges(repo, "DECam/calib/curated", "defects")
    assert {k: v for k, v in now.items() if k in kept} == kept and len(now) == len(kept) + 1


def test_a_stored_file_that_is_gone(run_json, repo: Path, decam: Path) -> None:
    (path, _, _) = files(repo, "crosstalk")[
        "DECam/calib/curated/curated/19700101T000000Z", (("detector", 1),)
    ]
    path.unlink()
    (repo / "gen2to3.sqlite3").unlink()
    status, result = run_json("curate", repo, decam)
    assert (status, len(result["conflicts"])) == (3, 1)
    assert "its file is not in the repository" in result["conflicts"][0]


def test_masters_in_the_way(run_json, repo: Path, decam: Path, tmp_path: Path) -> None:
    """In the historical layout one collection has everything; ranges of others are never changed."""
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "collection: DECam/calib/mixed\ncertify:\n- from: DECam/calib/curated/curated/20150105T000000Z\n"
        "  type: defects\n  range: ['', '']\n"
    )
    assert run_json("bless", repo, plan)[0] == 0
    status, result = run_json("curate", repo, decam, "--label", "mixed")
    assert status == 3
    assert any(
        "conflicts in DECam/calib/mixed with DECam/calib/curated/curated/20150105" in c
        for c in result["conflicts"]
    )
    assert set(ranges(repo, "DECam/calib/mixed", "defects")) == {
        ("DECam/calib/curated/curated/20150105T000000Z", (("detector", d),)) for d in (1, 2)
    }
