"""The benchmark at a tiny size: it runs, and what it compares is the same."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import imports, run
from tests.sampling import FULL

CASE_KEYS = {
    "case",
    "ours_s",
    "cpu_s",
    "bare_s",
    "bare_cpu_s",
    "ratio",
    "cpu_ratio",
    "commands_s",
    "commands_cpu_s",
    "speedup",
    "header_reads",
    "exposures",
    "peak_rss_mb",
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict, str]:
    directory = tmp_path_factory.mktemp("bench") / "work"
    output = directory.with_suffix(".json")
    words = ["--masters", "208", "--raws", "60", "--detectors", "26", "--sample", "20"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.run", *words, "--dir", directory, "--output", output],
        cwd=run.CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return directory, json.loads(output.read_text()), done.stdout


def rows(database: Path, query: str) -> list[tuple]:
    with sqlite3.connect(database) as connection:
        return sorted(connection.execute(query).fetchall(), key=repr)


def test_json(bench: tuple[Path, dict, str]) -> None:
    _, result, _ = bench
    cases = {case["case"]: case for case in result["cases"]}
    assert list(cases) == ["plan", "apply", "convert", "verify", "convert+verify", "second convert"]
    assert all(set(case) == CASE_KEYS for case in cases.values())
    assert set(result["machine"]) == {"cores", "architecture", "python", "daf_butler"}
    assert result["size"]["masters"] == 208
    assert result["size"]["raws"] == 60
    convert = cases["convert"]
    assert convert["ratio"] == pytest.approx(convert["ours_s"] / convert["bare_s"])
    assert convert["speedup"] == pytest.approx(convert["commands_s"] / convert["ours_s"])
    assert convert["header_reads"] == convert["exposures"] == 3
    assert cases["second convert"]["header_reads"] == 0
    assert cases["verify"]["bare_s"] is None
    assert not result["second"]["wrote"]
    assert 0 < result["second"]["cpu_share_of_first"] < 1
    assert result["verification"]["lookups"] == result["verification"]["agree"] == 180
    assert "scaled to" in result["commands"]


def test_table_is_aligned(bench: tuple[Path, dict, str]) -> None:
    lines = bench[2].splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("case "))
    assert len({len(line) for line in lines[first : first + 7]}) == 1


def test_bare_content_equals_ours(bench: tuple[Path, dict, str]) -> None:
    """Compared in the databases, not by the code that the benchmark itself compares with."""
    ours, bare = (bench[0] / name / "gen3.sqlite3" for name in ("gen3", "bare"))
    names = [
        name for (name,) in rows(ours, "SELECT name FROM sqlite_master") if name.startswith("dataset_calibs")
    ]
    tables = sorted(name for name in names if name.split("_")[-1].isdigit())
    assert len(tables) == 2  # with and without a filter
    ranges = " UNION ALL ".join(f"SELECT dataset_id, timespan_begin, timespan_end FROM {t}" for t in tables)  # noqa: S608
    for query, count in (
        ("SELECT id FROM dataset", 268),
        (ranges, 208),
        ("SELECT dataset_id, path, formatter, file_size FROM file_datastore_records", 268),
        ("SELECT * FROM exposure", 3),
        ("SELECT * FROM detector", 112),
    ):
        assert rows(ours, query) == rows(bare, query)
        assert len(rows(ours, query)) == count


def test_problems_are_found() -> None:
    first = {"wrote": True, "rejects": 0, "header_reads": 3, "exposures": 3}
    check = {"disagreements": 0, "agree": 9, "lookups": 9, "disagree": []}
    second = {"wrote": False, "header_reads": 0, "recalled": True}
    good = run.Measured({}, [first], [check], [second], [{"differences": []}])
    assert run.problems(good) == []
    for changed in (
        run.Measured({}, [first | {"header_reads": 4}], [check], [second], [{"differences": []}]),
        run.Measured({}, [first], [check | {"disagreements": 1}], [second], [{"differences": []}]),
        run.Measured({}, [first], [check], [second | {"wrote": True}], [{"differences": []}]),
        run.Measured({}, [first], [check], [second | {"recalled": False}], [{"differences": []}]),
        run.Measured({}, [first], [check], [second], [{"differences": ["bias datasets"]}]),
    ):
        assert len(run.problems(changed)) == 1


def test_both_sizes_are_measured_unless_one_is_named() -> None:
    def sizes(*words: str) -> list[tuple[int, int, int, str]]:
        return [(o.masters, o.raws, o.sample, o.output.name) for o in run.parse([*words])]

    small, large = (30_000, 20_000, 1_500, "latest.json"), (300_000, 200_000, 0, "large.json")
    assert sizes() == [small, large]
    assert sizes("--size", "large") == [large]
    assert sizes("--masters", "700", "--output", "own.json") == [(700, 20_000, 1_500, "own.json")]
    with pytest.raises(SystemExit):
        run.parse(["--output", "both.json"])


def test_cost_is_compared_with_a_smaller_case_only() -> None:
    def result(masters: int, cost: float) -> dict:
        size = {"masters": masters, "raws": masters}
        return {"size": size, "cost": {"cpu_us_per_item": cost, "against": None, "ratio": None}}

    large = result(300, 12.0)
    run.compare(large, result(30, 10.0))
    assert large["cost"] == {
        "cpu_us_per_item": 12.0,
        "against": {"masters": 30, "raws": 30},
        "ratio": pytest.approx(1.2),
    }
    for other in (None, {"size": {"masters": 3, "raws": 3}}, result(300, 10.0), result(3_000, 10.0)):
        alone = result(300, 12.0)
        run.compare(alone, other)
        assert alone == result(300, 12.0)


def test_a_directory_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    assert run.main(["--dir", str(tmp_path)]) == 2
    assert os.listdir(tmp_path) == ["mine"]


def test_the_starting_process_stays_small() -> None:
    """Its memory would show in the peak of every step."""
    code = "import sys, benchmarks.run; sys.exit(any(m in sys.modules for m in ('lsst', 'astropy', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=run.CHECKOUT, check=False).returncode == 0


@pytest.mark.skipif(not FULL, reason="takes long: make test-full")
def test_import_benchmark(tmp_path: Path) -> None:
    output = tmp_path / "import.json"
    words = ["--nights", "1", "--repeat", "1", "--dir", tmp_path / "work", "--output", output]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.imports", *words],
        cwd=run.CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(output.read_text())
    assert result["size"] == {"nights": 1, "datasets": 372, "runs": 1, "certify_calls": 2}
    cases = {case["case"]: case for case in result["cases"]}
    assert list(cases) == ["plan", "apply", "read back", "import-calibs"]
    assert cases["import-calibs"]["ratio"] > 0
    ours, bare = (tmp_path / "work" / name / "gen3.sqlite3" for name in ("gen3", "bare"))
    query = "SELECT id, dataset_type_id FROM dataset"
    assert rows(ours, query) == rows(bare, query)
    assert len(rows(ours, query)) == 372


def test_problems_of_an_import_are_found() -> None:
    ours = {"written": {"a": 372}, "certified": {"a": 372}, "found": 372, "rejects": 0, "conflicts": 0}
    ours["missing"] = []
    bare: dict = {"differences": []}
    assert imports.problems(1, [ours], [bare]) == []
    for changed in (
        ours | {"written": {"a": 371}},
        ours | {"certified": {}},
        ours | {"found": 0},
        ours | {"rejects": 1},
        ours | {"missing": ["one"]},
    ):
        assert len(imports.problems(1, [changed], [bare])) == 1
    assert len(imports.problems(1, [ours], [{"differences": ["cpBias datasets"]}])) == 1
