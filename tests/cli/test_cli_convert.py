from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path

import pytest
from lsst.daf.butler import Butler, Timespan

from converter.ledger import FILE_NAME, Ledger
from fixtures.hsc import HscSpec, make_hsc

from .conftest import error_line, lookups, run_process

KEYS = {"conversion", "operations", "written", "existing", "certified", "rejected", "skipped"} | {
    "decisions",
    "handed_off",
    "conflicts",
}
COUNTS = {"bias": 4, "dark": 4, "defects": 4, "flat": 4, "raw": 12}


def datasets(repo: Path, dataset_type: str, collections: str = "HSC/defaults") -> int:
    butler = Butler.from_config(str(repo))
    return len(butler.query_datasets(dataset_type, collections, find_first=False, limit=None, explain=False))


# --- exit status 0


def test_plan_writes_nothing(run, good, tmp_path):
    result = run("plan", good.root, tmp_path / "repo")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert "28 datasets to write" in result.stdout
    assert "hand-off  camera" in result.stdout
    assert not (tmp_path / "repo").exists()


def test_convert_in_a_process(good, tmp_path):
    repo = tmp_path / "repo"
    done = run_process("convert", good.root, repo)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Conversion 1: 28 datasets written" in done.stdout
    assert "48 agree, 0 explained, 0 disagreements" in done.stdout
    assert {t: datasets(repo, t) for t in COUNTS} == COUNTS


def test_convert_says_what_it_did_as_json(run_json, good, tmp_path):
    status, data = run_json("convert", good.root, tmp_path / "repo")
    assert status == 0
    assert set(data) == KEYS | {"header_reads", "verify", "visits"}
    assert data["conversion"] == 1
    assert data["written"] == COUNTS
    assert data["existing"] == {}
    assert data["certified"] == {t: n for t, n in COUNTS.items() if t != "raw"}
    assert data["rejected"] == data["conflicts"] == []
    assert {d["rule"] for d in data["decisions"]} == {"dialect"}
    assert [h["type"] for h in data["handed_off"]] == ["camera"]
    assert data["verify"]["observations"] == 12
    assert data["verify"]["lookups"] == lookups(data["verify"]) == 48
    assert {t: datasets(tmp_path / "repo", t) for t in COUNTS} == COUNTS


def test_plan_json_is_what_convert_does(run_json, odd, tmp_path):
    _, planned = run_json("plan", odd.root, tmp_path / "repo")
    _, dry = run_json("convert", "--dry-run", odd.root, tmp_path / "repo")
    _, done = run_json("convert", "--no-verify", odd.root, tmp_path / "repo")
    assert "verify" not in planned
    assert dry == planned | {"verify": None}
    assert done == planned | {"conversion": 1, "verify": None}


def test_second_convert_has_nothing_to_write(run, run_json, good, tmp_path):
    run("convert", good.root, tmp_path / "repo")
    status, data = run_json("convert", good.root, tmp_path / "repo")
    assert status == 0
    assert data["operations"] == 0
    assert (data["conversion"], data["written"], data["certified"]) == (None, {}, {})
    assert data["existing"] == COUNTS
    assert data["verify"]["agree"] == 48
    result = run("convert", good.root, tmp_path / "repo")
    assert "Nothing to write: 28 datasets there already" in result.stdout


def test_dry_run_writes_nothing(run, good, tmp_path):
    result = run("convert", "--dry-run", good.root, tmp_path / "repo")
    assert result.exit_code == 0
    assert "Nothing was written" in result.stdout
    assert not (tmp_path / "repo").exists()


def test_relative_paths_are_recorded_absolute(good, tmp_path):
    done = run_process(
        "convert",
        good.root.name,
        tmp_path / "repo",
        "--calib",
        f"{good.root.name}/CALIB",
        cwd=good.root.parent,
    )
    assert done.returncode == 0
    recipe = Ledger(tmp_path / "repo" / FILE_NAME).last_recipe()
    assert recipe["root"] == str(good.root)
    assert recipe["calib"] == [str(good.calib)]


def test_ledger_elsewhere(run, good, tmp_path):
    result = run("convert", good.root, tmp_path / "repo", "--ledger", tmp_path / "book.sqlite3")
    assert result.exit_code == 0
    assert not (tmp_path / "repo" / FILE_NAME).exists()
    assert Ledger(tmp_path / "book.sqlite3").last_recipe()["root"] == str(good.root)
    assert run("verify", tmp_path / "repo", "--ledger", tmp_path / "book.sqlite3").exit_code == 0
    assert "no conversion is recorded" in error_line(run("verify", tmp_path / "repo"))


def test_quiet_is_silent_when_all_is_good(run, good, tmp_path):
    result = run("convert", "--quiet", good.root, tmp_path / "repo")
    assert (result.exit_code, result.output) == (0, "")


# --- exit status 1


def test_rejects_are_all_named(run, odd, tmp_path):
    result = run("convert", odd.root, tmp_path / "repo")
    assert result.exit_code == 1
    rejects = [line for line in result.stdout.splitlines() if line.startswith("reject  ")]
    kinds = (
        "lfs_master",
        "lfs_raw",
        "broken_master",
        "broken_raw",
        "row_without_file",
        "raw_row_without_file",
    )
    for kind in kinds:
        for item in odd.expected(kind):
            assert any(Path(item.path).name in line for line in rejects), item
    assert f"{len(rejects)} rejects" in result.stdout


def test_rejects_as_json(run, run_json, odd, tmp_path):
    status, data = run_json("plan", odd.root, tmp_path / "repo")
    assert status == 1
    assert all(set(r) == {"item", "reason"} for r in data["rejected"] + data["skipped"])
    quiet = run("plan", "--quiet", odd.root, tmp_path / "repo")
    assert quiet.exit_code == 1
    assert len(quiet.stdout.splitlines()) == len(data["rejected"])


def test_skips_are_counted_and_named_on_request(run, odd, tmp_path):
    brief = run("plan", odd.root, tmp_path / "repo").stdout
    full = run("plan", "-v", odd.root, tmp_path / "repo").stdout
    assert "skip  2 x backup file" in brief
    assert "README.txt" not in brief
    assert "README.txt" in full


def test_decisions_are_folded(run, good, tmp_path):
    brief = run("plan", good.root, tmp_path / "repo").stdout
    assert "decision  dialect: 4" in brief
    assert "... and 1 more (--verbose shows all)" in brief
    assert "defects (table defects)" not in brief
    assert "defects (table defects)" in run("plan", "--verbose", good.root, tmp_path / "repo").stdout


# --- exit status 3


def test_conflicts_stop_before_writing(run, run_json, overlapping, tmp_path):
    for command in ("plan", "convert"):
        result = run(command, overlapping.root, tmp_path / "repo")
        assert result.exit_code == 3
        assert "conflict  bias: masters 20140930T000000Z and 20141001T000000Z" in result.stdout
        assert "nothing was written" in error_line(result)
    status, data = run_json("convert", overlapping.root, tmp_path / "repo")
    assert status == 3
    assert len(data["conflicts"]) == 1
    assert data["verify"] is None
    assert not (tmp_path / "repo").exists()


def test_policy_resolves_the_conflict(run_json, overlapping, tmp_path):
    status, data = run_json(
        "convert", overlapping.root, tmp_path / "repo", "--overlaps", "bias=latest-calib-date"
    )
    assert status == 0
    assert "latest-calib-date" in {d["rule"] for d in data["decisions"]}
    assert data["verify"]["lookups"] == lookups(data["verify"])


def test_strict_stops_at_rejects(run, odd, tmp_path):
    result = run("convert", "--strict", odd.root, tmp_path / "repo")
    assert result.exit_code == 3
    assert "--strict" in error_line(result)
    assert "reject  " in result.stdout
    assert not (tmp_path / "repo").exists()
    assert run("plan", "--strict", odd.root, tmp_path / "repo").exit_code == 3


# --- exit status 4


def test_disagreement_wins_over_rejects(run, run_json, odd, tmp_path):
    # Half-open ranges lose the last day of each bias.
    args = ("convert", odd.root, tmp_path / "repo", "--reading", "bias=half-open")
    status, data = run_json(*args)
    assert status == 4
    assert data["rejected"]
    assert {d["type"] for d in data["verify"]["disagree"]} == {"bias"}
    assert set(data["verify"]["disagree"][0]) == {"exposure", "detector", "type", "gen2", "gen3"}
    assert data["verify"]["lookups"] == lookups(data["verify"])
    quiet = run(*args, "--quiet")
    assert quiet.exit_code == 4
    assert sum(line.startswith("disagree  exposure ") for line in quiet.stdout.splitlines()) == len(
        data["verify"]["disagree"]
    )


def test_verify_finds_a_lost_range(run, run_json, good, tmp_path):
    repo = tmp_path / "repo"
    run("convert", "--no-verify", good.root, repo)
    assert run("verify", repo).exit_code == 0
    Butler.from_config(str(repo), writeable=True).registry.decertify(
        "HSC/calib/gen2", "dark", Timespan(None, None)
    )
    status, data = run_json("verify", repo)
    assert status == 4
    assert len(data["disagree"]) == 12
    assert (data["agree"], data["lookups"]) == (36, 48)
    result = run("verify", repo, good.root)
    assert result.exit_code == 4
    assert "disagree  exposure 9040 detector 49 dark: Gen2 " in result.stdout
    # The same conversion again repairs it.
    assert run("convert", good.root, repo).exit_code == 0


def test_verify_knows_the_recipe_of_the_conversion(run, run_json, good, tmp_path):
    run("convert", good.root, tmp_path / "repo", "--visits", "9040", "--label", "")
    status, data = run_json("verify", tmp_path / "repo")
    assert (status, data["observations"]) == (0, 2)
    status, data = run_json("verify", tmp_path / "repo", good.root)
    assert (status, data["observations"]) == (0, 12)


# --- internal errors, interruption


@pytest.fixture
def broken_plan(monkeypatch):
    def set_error(error: BaseException) -> None:
        def raise_it(*args, **kwargs):
            raise error

        monkeypatch.setattr(importlib.import_module("converter.convert"), "make_plan", raise_it)

    return set_error


def test_internal_error_is_one_line(run, broken_plan):
    broken_plan(ValueError("two\nlines"))
    result = run("plan", "a", "b")
    assert result.exit_code == 1
    assert error_line(result) == (
        "gen2to3: error: internal error: ValueError: two lines; run again with --debug"
    )
    assert "Traceback" in run("plan", "a", "b", "--debug").stderr


def test_interruption(run, broken_plan):
    broken_plan(KeyboardInterrupt())
    result = run("convert", "a", "b")
    assert result.exit_code == 130
    assert "interrupted; the same command goes on from there" in result.stderr


def test_written_is_told_when_verify_fails(run, good, tmp_path, monkeypatch):
    def fail(*args):
        raise RuntimeError("lost the connection")

    monkeypatch.setattr(importlib.import_module("converter.convert"), "verify", fail)
    result = run("convert", "--json", good.root, tmp_path / "repo")
    assert result.exit_code == 1
    data = json.loads(result.stdout)
    assert (data["written"], data["verify"]) == (COUNTS, None)
    assert "lost the connection" in error_line(result)


# --- real repositories


@pytest.mark.parametrize(
    "camera, instrument, types", [("imsim", "LSSTCam-imSim", 3), ("latiss", "LATISS", 1)]
)
def test_real_repository(run_json, real_data, tmp_path, camera, instrument, types):
    root = real_data / camera / "gen2"
    if not root.is_dir():
        pytest.skip(f"{root} is not there")
    status, data = run_json("convert", root, tmp_path / "repo")
    assert status == 0
    assert data["written"]["raw"] == 1
    assert data["verify"]["agree"] == types
    assert data["verify"]["disagree"] == []
    assert data["verify"]["lookups"] == lookups(data["verify"])
    assert datasets(tmp_path / "repo", "raw", f"{instrument}/raw/all") == 1
    assert datasets(tmp_path / "repo", "bias", f"{instrument}/calib") == 1


def test_new_raws_are_added(run_json, tmp_path):
    made = make_hsc(tmp_path / "gen2", HscSpec(nights=("2014-10-01",)))
    run_json("convert", made.root, tmp_path / "repo")
    shutil.rmtree(made.root)
    make_hsc(tmp_path / "gen2", HscSpec(nights=("2014-10-01", "2014-10-02")))
    # The files have been made anew: by their times they have changed, by their contents not.
    assert run_json("convert", made.root, tmp_path / "repo")[0] == 3
    status, data = run_json("convert", made.root, tmp_path / "repo", "--checksum")
    assert status == 0
    assert (data["conversion"], data["written"], data["existing"]["raw"]) == (2, {"raw": 4}, 4)
