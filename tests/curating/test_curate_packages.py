"""Packages become datasets: data IDs, ranges, RUNs, files, ledger, chains."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from lsst.daf.butler import Butler

from adapters.curated.documents import parse_document
from converter.timespans import parse_time, to_tai
from converter.writers.curated_tables import curated_bytes
from fixtures.curated import DATES, ISO, make_package

from .reading import GENERIC, chains, collections, files, ledger, ranges, tree

STAMPS = ("19700101T000000Z", "20130115T013000Z", "20140117T012900Z", "20141020T103000Z", "20150105T000000Z")
BEGINS = [to_tai(parse_time(text), "utc") for text in ISO]


def test_the_first_begin_is_that_of_the_stack() -> None:
    assert BEGINS[0] == 8_000_082_000


@pytest.mark.parametrize(("label", "parent"), [(None, "DECam/calib/curated"), ("", "DECam/calib")])
def test_decam(run_json, decam: Path, tmp_path: Path, label: str | None, parent: str) -> None:
    repo, before = tmp_path / "repo", tree(decam)
    words = [] if label is None else ["--label", label]
    status, result = run_json("curate", repo, decam, "--camera", "decam", *words)
    assert status == 0
    assert result["written"] == {"crosstalk": 3, "defects": 12, "linearizer": 3} == result["certified"]
    assert result["conversion"] == 1
    assert (result["existing"], result["rejected"], result["conflicts"]) == ({}, [], [])
    assert result["read_back"] == {"found": result["certified"], "missing": []}
    assert [h["type"] for h in result["handed_off"]] == ["camera"]

    expected = {}
    for detector, number in ((1, 5), (2, 5), (35, 2)):
        begins = BEGINS[:number]
        for i, span in enumerate(zip(begins, [*begins[1:], None], strict=True)):
            expected[f"{parent}/curated/{STAMPS[i]}", (("detector", detector),)] = [span]
    assert ranges(repo, parent, "defects") == expected
    first = {(f"{parent}/curated/{STAMPS[0]}", (("detector", d),)): [(BEGINS[0], None)] for d in (1, 2, 35)}
    assert ranges(repo, parent, "crosstalk") == first == ranges(repo, parent, "linearizer")

    kinds = collections(repo)
    assert kinds[parent] == "CALIBRATION"
    assert {n for n, k in kinds.items() if k == "RUN"} == {f"{parent}/curated/{s}" for s in STAMPS}
    if label is None:
        assert chains(repo) == {"DECam/calib": (parent,), "DECam/defaults": ("DECam/calib",)}
    else:
        assert chains(repo) == {"DECam/defaults": ("DECam/calib",)}

    with Butler.from_config(str(repo), writeable=False) as butler:
        for name, storage in (
            ("defects", "Defects"),
            ("crosstalk", "CrosstalkCalib"),
            ("linearizer", "Linearizer"),
        ):
            found = butler.get_dataset_type(name)
            assert (set(found.dimensions.required), found.storageClass_name, found.isCalibration()) == (
                {"instrument", "detector"},
                storage,
                True,
            )
    assert tree(decam) == before
    assert not list(repo.glob(".gen2to3*")) and not list(tmp_path.glob(".gen2to3*"))


def test_files_are_those_of_the_texts(run_json, decam: Path, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    assert run_json("curate", repo, decam, "--camera", "decam")[0] == 0
    detectors = {1: "s29", 2: "s30", 35: "n4"}
    seen = 0
    for (run, data_id), (path, formatter, id_) in files(repo, "defects").items():
        assert formatter == GENERIC
        assert uuid.UUID(id_).version == 5  # follows from type, RUN and data ID
        stem = DATES[STAMPS.index(run.rpartition("/")[2])]
        source = decam / "decam/defects" / detectors[dict(data_id)["detector"]] / f"{stem}.ecsv"
        document = parse_document(source.read_bytes(), str(source), ".ecsv")
        assert path.read_bytes() == curated_bytes("defects", document)
        assert path.is_relative_to(repo)
        seen += 1
    assert seen == 12


def test_the_ledger_has_the_texts(run_json, decam: Path, tmp_path: Path) -> None:
    import hashlib

    repo = tmp_path / "repo"
    run_json("curate", repo, decam, "--camera", "decam")
    rows = ledger(
        repo, "select file, sha256, size, mtime_ns, dataset, dataset_id, validity, state from items"
    )
    done = [r for r in rows if r[-1] == "done"]
    assert len(done) == 18
    ids = {id_ for t in ("defects", "crosstalk", "linearizer") for _, _, id_ in files(repo, t).values()}
    assert {r[5] for r in done} == ids
    for file, sha256, size, mtime_ns, dataset, _, validity, _ in done:
        status = Path(file).stat()
        assert (size, mtime_ns) == (status.st_size, status.st_mtime_ns)
        assert sha256 == hashlib.sha256(Path(file).read_bytes()).hexdigest()
        assert dataset.split()[0] == Path(file).relative_to(decam / "decam").parts[0]
        assert " -> [" in validity
    assert ledger(repo, "select command from conversions") == [("curate",)]
    handed = ledger(repo, "select source, reason from items where state = 'handed-off'")
    assert [h[0] for h in handed] == ["camera"] and "writeCameraGeom" in handed[0][1]


@pytest.mark.parametrize(
    ("camera", "written", "handed_off"),
    [
        (
            "hsc",
            {"defects": 12},
            [
                "camera",
                "bfKernel",
                "transmission_optics",
                "transmission_sensor",
                "transmission_filter",
                "transmission_atmosphere",
                "yBackground",
            ],
        ),
        (
            "latiss",
            {"defects": 5, "manual_defects": 1, "qe_curve": 1},
            ["camera", "transmission_filter", "transmission_optics", "transmission_sensor"],
        ),
        ("imsim", {"bfk": 2, "defects": 7}, ["camera"]),
    ],
)
def test_other_cameras(run_json, tmp_path: Path, camera: str, written: dict, handed_off: list[str]) -> None:
    package = make_package(tmp_path / "packages", camera)  # type: ignore[arg-type]
    status, result = run_json("curate", tmp_path / "repo", package, "--camera", camera, "--workers", "2")
    assert (status, result["written"], result["certified"]) == (0, written, written)
    assert [h["type"] for h in result["handed_off"]] == handed_off
    skipped = {s["item"] for s in result["skipped"]}
    made = {r[0] for r in ledger(tmp_path / "repo", "select file from items where state = 'done'")}
    below = {str(p) for p in package.rglob("*") if p.is_file()}
    assert below == {f for f in below if f in made or any(f == s or f.startswith(f"{s}/") for s in skipped)}


def test_commands_of_hand_offs(run_json, latiss: Path, hsc: Path, tmp_path: Path) -> None:
    repo = tmp_path / "latiss"
    _, result = run_json("curate", repo, latiss, "--camera", "latiss", "--label", "a b")
    commands = {h["type"]: h["command"] for h in result["handed_off"]}
    assert commands["transmission_sensor"] == (
        f"butler write-curated-calibrations {repo} LATISS 'a b-stack' && "
        f"butler collection-chain --mode extend {repo} LATISS/calib LATISS/calib/'a b-stack'"
    )
    repo = tmp_path / "hsc"
    _, result = run_json("curate", repo, hsc, "--camera", "hsc")
    commands = {h["type"]: h["command"] for h in result["handed_off"]}
    assert commands["bfKernel"].endswith(f" lsst.obs.subaru.HyperSuprimeCam {repo} HSC/calib/curated curated")
    assert ".writeAdditionalCuratedCalibrations(" in commands["bfKernel"]
    assert commands["yBackground"].endswith(f"' {repo} STRAY_LIGHT HSC/calib/curated curated")


def test_a_dry_run_writes_nothing(run, run_json, decam: Path, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    status, result = run_json("curate", repo, decam, "--camera", "decam", "--dry-run")
    assert (status, result["conversion"], result["read_back"]) == (0, None, None)
    assert result["written"] == {"crosstalk": 3, "defects": 12, "linearizer": 3}
    assert not repo.exists()
    run("curate", repo, decam, "--camera", "decam", "--types", "crosstalk")
    before = tree(repo)
    status, result = run_json("curate", repo, decam, "--dry-run")
    assert (status, result["existing"]) == (0, {"crosstalk": 3})
    assert tree(repo) == before


def test_several_processes_make_the_same(run, decam: Path, tmp_path: Path) -> None:
    for name, workers in (("one", 1), ("two", 2)):
        result = run("curate", tmp_path / name, decam, "--camera", "decam", "--workers", workers)
        assert result.exit_code == 0, result.output
    for dataset_type in ("defects", "crosstalk", "linearizer"):
        one, two = (files(tmp_path / n, dataset_type) for n in ("one", "two"))
        assert {k: (p.read_bytes(), i) for k, (p, _, i) in one.items()} == {
            k: (p.read_bytes(), i) for k, (p, _, i) in two.items()
        }


def test_the_directory_of_the_camera_will_do(run_json, decam: Path, tmp_path: Path) -> None:
    status, result = run_json("curate", tmp_path / "repo", decam / "decam", "--camera", "decam")
    assert (status, result["skipped"]) == (0, [])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--camera", "megaprime"], "there is no package of curated calibrations for MegaPrime"),
        ([], "does not exist yet; name the camera of the calibrations with --camera"),
        (["--camera", "decam", "--types", "bias"], "'bias' matches no type of curated calibrations"),
        (["--camera", "hsc"], "has no directory 'hsc'; expected a checkout of obs_subaru_data"),
        (["--camera", "decam", "--ingest", "camera"], "is not of the form TYPE=GLOB"),
        (["--camera", "decam", "--ingest", "flat=x.fits"], "--ingest flat: files of this type are not taken"),
        (["--camera", "decam", "--camera-file", "nothing.fits"], "nothing.fits: there is no such file"),
        (["--camera", "decam", "--camera-file", "x=2015-1-1.."], "'2015-1-1' is not YYYY-MM-DD"),
        (["--camera", "decam", "--camera-file", "x=2015-01-02..2015-01-02"], "2015-01-02 is empty"),
    ],
)
def test_calls_that_make_no_sense(run, decam: Path, tmp_path: Path, words: list[str], said: str) -> None:
    result = run("curate", tmp_path / "repo", decam, *words)
    assert result.exit_code == 2
    assert said in result.stderr and result.stderr.count("\n") == 1
    assert not (tmp_path / "repo").exists()


def test_nothing_given_and_a_target_inside(run, decam: Path, tmp_path: Path) -> None:
    assert "nothing was given" in run("curate", tmp_path / "repo", "--camera", "decam").stderr
    result = run("curate", decam / "repo", decam, "--camera", "decam")
    assert (result.exit_code, "is inside the package" in result.stderr) == (2, True)
