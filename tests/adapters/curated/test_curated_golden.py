"""The real packages: every file, every value, and the ranges of real exports."""

from __future__ import annotations

import functools
import re
import sqlite3
import uuid
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from lsst.daf.butler import Butler

from adapters.camera import Camera
from adapters.curated.documents import load_document
from adapters.curated.package import CuratedPackage, read_package
from adapters.decam import DECam
from adapters.hsc import HSC
from adapters.lsst import LATISS
from converter import names
from converter.curated import validity_spans
from converter.nouns import CuratedFile
from converter.timespans import Span, format_tai, stamp
from converter.writers.curated_tables import curated_bytes
from tests.converter.writers.curated_readers import READERS
from tests.sampling import FULL, some

PACKAGES = {"decam": "obs_decam_data", "hsc": "obs_subaru_data", "latiss": "obs_lsst_data"}
CAMERAS: dict[str, Camera] = {"decam": DECam(), "hsc": HSC(), "latiss": LATISS()}


@functools.cache
def packages(base: Path, camera: str) -> CuratedPackage:
    return read_package(CAMERAS[camera], base / "curated" / PACKAGES[camera])


@pytest.mark.parametrize(
    ("camera", "written", "handed_off", "skipped"),
    [
        ("decam", {"defects": 365, "crosstalk": 62, "linearizer": 2}, {}, 0),
        ("hsc", {"defects": 840}, {}, 0),
        (
            "latiss",
            {"defects": 2, "crosstalk": 1},
            {"transmission_filter": 8, "transmission_optics": 1, "transmission_sensor": 1},
            5,
        ),
    ],
)
def test_every_file_is_a_dataset_or_said_why_not(
    data: Path, camera: str, written: dict[str, int], handed_off: dict[str, int], skipped: int
) -> None:
    package = packages(data, camera)
    assert package.rejects == ()
    counts = Counter(f.dataset_type for f in package.files)
    # The linearizers are large; there may be more of them than two.
    assert counts | written == counts
    assert {t: n for t, n in counts.items() if t != "linearizer"} == {
        t: n for t, n in written.items() if t != "linearizer"
    }
    assert Counter(f.dataset_type for f in package.handed_off) == handed_off
    assert len(package.skips) == skipped
    root = data / "curated" / PACKAGES[camera]
    found = [*package.files, *package.handed_off, *package.skips]
    assert {f.path for f in found} == {str(p) for p in root.rglob("*") if p.is_file()}


def columns_of(path: str) -> list[tuple[int, ...]]:
    """The rows of a table of integers, read without astropy."""
    lines = [line for line in Path(path).read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "x0 y0 width height"
    return [tuple(map(int, line.split())) for line in lines[1:]]


def numbers_below(path: str, key: str) -> list[float]:
    """The numbers of a top-level sequence of a YAML file, read without YAML."""
    text = Path(path).read_text().split(f"\n{key}:\n" if key != "coeffs" else "coeffs:\n", 1)[1]
    values = []
    for line in text.splitlines():
        if not (match := re.fullmatch(r"(?:- |  )*- (\S+)", line)):
            break
        values.append(float(match[1]))
    return values


def boxes_of(path: str) -> list[int]:
    """Corner and size of the boxes of a linearizer, read without YAML."""
    points = re.findall(r"Point2I\n +- (\d+)\n +- (\d+)\n", Path(path).read_text())
    corners = [(int(x), int(y)) for x, y in points]
    return [
        v
        for (x0, y0), (x1, y1) in zip(corners[::2], corners[1::2], strict=True)
        for v in (x0, y0, x1 - x0 + 1, y1 - y0 + 1)
    ]


@pytest.mark.parametrize("camera", CAMERAS)
def test_every_value_survives(data: Path, camera: str) -> None:
    read = Counter[str]()
    files = [
        f for t in READERS for f in some([f for f in packages(data, camera).files if f.dataset_type == t], 40)
    ]
    for file in files:
        result = READERS[file.dataset_type](curated_bytes(file.dataset_type, load_document(file)))
        assert result["detector"] == file.data_id.detector
        assert result["meta"]["CALIBDATE"] == file.calib_date
        if file.dataset_type == "defects":
            assert result["boxes"] == columns_of(file.path)
        elif file.path.endswith(".yaml") and file.dataset_type == "crosstalk":
            assert result["coeffs"].ravel().tolist() == numbers_below(file.path, "coeffs")
            text = Path(file.path).read_text().partition("interChip:\n")[2].partition("metadata:")[0]
            names_of_sources = re.findall(r"^  (\w+):$", text, re.MULTILINE)
            assert list(result["sources"]) == names_of_sources
            values = [float(v) for v in re.findall(r"^  - (\S+)$", text, re.MULTILINE)]
            assert [v for m in result["sources"].values() for v in m.ravel()] == values
        elif file.dataset_type == "crosstalk":
            row = Path(file.path).read_text().splitlines()[-1].split(" ")
            assert result["coeffs"].ravel().tolist() == [float(v) for v in row[0].strip("[]").split(",")]
            assert result["gains"].tolist() == [float(v) for v in row[7].strip("[]").split(",")]
        else:
            assert result["lookup"].ravel().tolist() == numbers_below(file.path, "tableData")
            assert result["lookup"].shape == (2, 65536)
            assert [v for a in result["amplifiers"].values() for v in a["box"]] == boxes_of(file.path)
        read[file.dataset_type] += 1
    assert set(read) == {f.dataset_type for f in packages(data, camera).files}
    assert sum(read.values()) == (len(packages(data, camera).files) if FULL else len(files))


def test_a_latiss_file_has_the_size_of_the_stacks(data: Path) -> None:
    sizes = {
        len(curated_bytes(f.dataset_type, load_document(f)))
        for f in packages(data, "latiss").files
        if f.dataset_type == "defects"
    }
    with sqlite3.connect(f"file:{data}/latiss/gen3/gen3.sqlite3?mode=ro", uri=True) as db:
        stored = db.execute("SELECT file_size FROM file_datastore_records WHERE path LIKE '%/defects/%'")
        assert sizes == {size for (size,) in stored} == {8640}


class _Loader(yaml.SafeLoader):
    """What an export needs; its timespans stay texts."""


_Loader.add_constructor("!uuid", lambda loader, node: uuid.UUID(node.value))
_Loader.add_constructor("!butler_time/tai/iso", lambda loader, node: node.value)
_Loader.add_constructor("!lsst.daf.butler.Timespan", lambda loader, node: loader.construct_mapping(node))

Golden = dict[tuple[str, int], set[tuple[str, str | None, str]]]


@pytest.fixture(scope="module")
def export(data: Path) -> Golden:
    """Ranges and runs of a real export: begin and end as TAI texts with nanoseconds."""
    path = data / "hits2015" / "export_current.yaml"
    if not path.exists():
        pytest.skip(f"no {path}")
    loader = _Loader(path.read_text())
    try:
        parts = loader.get_single_data()["data"]
    finally:
        loader.dispose()
    datasets = {}
    for part in parts:
        if part["type"] == "dataset" and part["dataset_type"] in ("defects", "crosstalk", "linearizer"):
            for record in part["records"]:
                for one, data_id in zip(record["dataset_id"], record["data_id"], strict=True):
                    datasets[one] = part["dataset_type"], data_id["detector"], part["run"]
    golden: Golden = {}
    for part in parts:
        if part["type"] != "associations":
            continue
        for validity in part["validity_ranges"]:
            span = validity["timespan"]
            for one in validity["dataset_ids"]:
                if one in datasets:
                    dataset_type, detector, run = datasets[one]
                    golden.setdefault((dataset_type, detector), set()).add((span["begin"], span["end"], run))
    return golden


def as_exported(instrument: str, file: CuratedFile, span: Span) -> tuple[str | None, str | None, str]:
    def text(ns: int | None) -> str | None:
        if ns is None:
            return None
        day, _, rest = format_tai(ns).partition("T")
        return f"{day} {rest.partition('.')[0]}.{rest.partition('.')[2]:0<9}"

    return text(span.begin), text(span.end), names.curated_run(instrument, "", stamp(file.calib_date))


def test_ranges_and_runs_are_those_of_a_real_export(data: Path, export: Golden) -> None:
    package = packages(data, "decam")
    ours: dict[tuple[str, int], set[tuple[str | None, str | None, str]]] = {}
    for file, span in validity_spans(package.files, package.starts):
        assert file.data_id.detector is not None
        ours.setdefault((file.dataset_type, file.data_id.detector), set()).add(
            as_exported("DECam", file, span)
        )
    assert Counter(t for t, _ in export) == {"defects": 62, "crosstalk": 62, "linearizer": 62}
    for key, ranges in ours.items():
        assert ranges == export[key], key
    assert {k for k in export if k[0] != "linearizer"} == {k for k in ours if k[0] != "linearizer"}
    assert ("1970-01-01 00:00:08.000082000", None, "DECam/calib/curated/19700101T000000Z") in ours[
        "crosstalk", 1
    ]


def test_ranges_and_runs_are_those_of_a_real_repository(data: Path, tmp_path: Path) -> None:
    package = packages(data, "latiss")
    ours = {
        (span.begin, span.end, names.curated_run("LATISS", "", stamp(file.calib_date)))
        for file, span in validity_spans(package.files, package.starts)
        if file.dataset_type == "defects"
    }
    for name in ("gen3.sqlite3", "butler.yaml"):
        (tmp_path / name).write_bytes((data / "latiss" / "gen3" / name).read_bytes())
    butler = Butler.from_config(str(tmp_path))
    found = set()
    for a in butler.registry.queryDatasetAssociations("defects", collections="LATISS/calib"):
        assert a.timespan is not None
        assert a.ref.dataId["detector"] == 0
        begin, end = a.timespan.nsec
        found.add((begin, None if a.timespan.end is None else end, a.ref.run))
    assert found == ours
    assert len(found) == 2


def test_hsc_ranges_have_no_gap(data: Path) -> None:
    package = packages(data, "hsc")
    by_detector: dict[int | None, list[Span]] = {}
    for file, span in validity_spans(package.files, package.starts):
        by_detector.setdefault(file.data_id.detector, []).append(span)
    assert Counter(len(s) for s in by_detector.values()) == {8: 104, 1: 8}
    for spans in by_detector.values():
        spans.sort(key=lambda s: s.begin or 0)
        assert format_tai(spans[0].begin) == "1970-01-01T00:00:08.000082"
        assert spans[-1].end is None
        assert np.all([a.end == b.begin for a, b in pairwise(spans)])
