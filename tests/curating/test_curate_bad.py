"""Bad files: one line each, the good ones beside them are written, the package stays as it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.curated import documents

from .reading import ranges, tree

OLD = "decam/defects/s29/20130115t0130.ecsv"


def edit(name: str, old: str, new: str) -> Callable[[Path], str]:
    def change(package: Path) -> str:
        path = package / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        return name

    return change


def wrong_directory(package: Path) -> str:
    (package / "decam/defects/n4").rename(package / "decam/defects/n44")
    return "decam/defects/n44"


def unknown_type(package: Path) -> str:
    (package / "decam/defects").rename(package / "decam/defect")
    return "decam/defect"


def same_date(package: Path) -> str:
    path = package / "decam/defects/s29/2013-01-15T01:30:00.ecsv"
    path.write_text((package / OLD).read_text())
    return OLD


def huge(package: Path) -> str:
    path = package / "decam/linearizer/s29/1970-01-01T00:00:00.yaml"
    with open(path, "r+b") as stream:
        stream.truncate(documents.MAX_BYTES + 1)
    return str(path.relative_to(package))


def outside(package: Path) -> str:
    elsewhere = package.parent / "elsewhere.ecsv"
    elsewhere.write_text((package / OLD).read_text())
    (package / OLD).unlink()
    (package / OLD).symlink_to(elsewhere)
    return OLD


def fifo(package: Path) -> str:
    (package / OLD).unlink()
    os.mkfifo(package / OLD)
    return OLD


def bomb(package: Path) -> str:
    name = "decam/crosstalk/s29/1970-01-01T00:00:00.yaml"
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    (package / name).write_text("\n".join(lines) + "\n")
    return name


def tag(package: Path) -> str:
    name = "decam/crosstalk/s29/1970-01-01T00:00:00.yaml"
    text = (package / name).read_text()
    (package / name).write_text(
        f'{text}x: !!python/object/apply:os.system ["touch {package.parent}/pwned"]\n'
    )
    return name


CROSSTALK = "decam/crosstalk/s29/1970-01-01T00:00:00.yaml"

CASES = {
    "detector of the metadata": (
        edit(OLD, "DETECTOR: 1", "DETECTOR: 2"),
        "DETECTOR is 2, but its directory says 1; correct whichever is wrong",
        1,
    ),
    "detector of the directory": (wrong_directory, "'n44' is no detector of DECam; expected", 1),
    "instrument": (
        edit(OLD, "INSTRUME: 'decam'", "INSTRUME: 'hsc'"),
        "INSTRUME is 'hsc', but the camera's directory says 'decam'",
        1,
    ),
    "type": (
        edit(OLD, "OBSTYPE: 'defects'", "OBSTYPE: 'bfk'"),
        "OBSTYPE is 'bfk', but the dataset type's directory says 'defects'",
        1,
    ),
    "no CALIBDATE": (edit(OLD, "CALIBDATE", "CALIBDATUM"), "has no CALIBDATE in its metadata", 1),
    "another CALIBDATE": (
        edit(OLD, "2013-01-15T01:30:00", "2013-01-16T01:30:00"),
        "CALIBDATE is '2013-01-16T01:30:00', but the file's name says '2013-01-15T01:30:00'",
        1,
    ),
    "not in order": (
        edit(OLD, "2013-01-15T01:30:00", "2014-06-16T01:30:00"),
        "CALIBDATE is 2014-06-16T01:30:00 in 20130115t0130.ecsv and 2014-01-17T01:29:00 in "
        "2014-01-17T01:29:00.ecsv: not in the order of the file names",
        2,
    ),
    "the same date": (same_date, "begins at 2013-01-15T01:30:00 UTC as 2013-01-15T01:30:00.ecsv does", 2),
    "huge": (
        huge,
        f"has {documents.MAX_BYTES + 1} bytes, more than the {documents.MAX_BYTES} that are read",
        1,
    ),
    "a tag that runs code": (tag, "the YAML tag !!python/object/apply:os.system (line ", 1),
    "aliases": (bomb, f"expands to more than {documents.MAX_NODES} nodes; the file is refused", 1),
    "a link out": (outside, "is a link to ", 1),
    "a FIFO": (fifo, "is not a regular file", 1),
    "no numbers": (
        edit(CROSSTALK, "coeffs:\n- 0.0", "coeffs:\n- zero"),
        "is no crosstalk that can be written",
        1,
    ),
    "no table": (lambda p: edit(OLD, "# %ECSV 1.0", "x")(p), "does not begin with '# %ECSV'", 1),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_files(run, run_json, decam: Path, tmp_path: Path, case: str) -> None:
    change, said, expected = CASES[case]
    name = change(decam)
    before = {} if case == "a FIFO" else tree(decam)
    repo = tmp_path / "repo"
    result = run("curate", repo, decam, "--camera", "decam")
    assert result.exit_code == 1, result.output
    lines = [line for line in result.stdout.splitlines() if line.startswith("reject  ")]
    of_file = [line for line in lines if line.startswith(f"reject  {decam / name}: ")]
    assert len(of_file) == 1, lines
    assert said in of_file[0]
    assert len(lines) == expected
    assert "Traceback" not in result.output
    assert not (decam.parent / "pwned").exists()
    if case != "a FIFO":
        assert tree(decam) == before
    # What is good is there: of the detector concerned, too, and never for the bad one's time.
    defects = ranges(repo, "DECam/calib/curated", "defects")
    assert {k[1][0][1] for k in defects} >= {1, 2}
    spans = [s for (_, d), s in defects.items() if d == (("detector", 1),)]
    if name == OLD:
        assert len(spans) == (3 if case == "not in order" else 4)
        run_of_bad = "DECam/calib/curated/curated/20130115T013000Z"
        assert (run_of_bad, (("detector", 1),)) not in defects
        (first,) = defects["DECam/calib/curated/curated/19700101T000000Z", (("detector", 1),)]
        assert first == (8_000_082_000, 1_358_213_435_000_000_000)  # 2013-01-15T01:30:35 TAI
    # Again: the same rejects, and nothing to write.
    status, again = run_json("curate", repo, decam)
    assert (status, again["operations"], len(again["rejected"])) == (1, 0, expected)


def test_an_unknown_type_is_left_out_as_the_stack_does(run_json, decam: Path, tmp_path: Path) -> None:
    unknown_type(decam)
    status, result = run_json("curate", tmp_path / "repo", decam, "--camera", "decam")
    assert (status, result["written"]) == (0, {"crosstalk": 3, "linearizer": 3})
    (skip,) = (s for s in result["skipped"] if s["item"] == str(decam / "decam/defect"))
    assert skip["reason"] == "'defect' is no dataset type that the stack reads from a package"


def test_strict_writes_nothing(run, decam: Path, tmp_path: Path) -> None:
    edit(OLD, "DETECTOR: 1", "DETECTOR: 2")(decam)
    result = run("curate", tmp_path / "repo", decam, "--camera", "decam", "--strict")
    assert result.exit_code == 3
    assert "--strict: 1 reject, nothing was written" in result.stderr
    assert not (tmp_path / "repo").exists()
