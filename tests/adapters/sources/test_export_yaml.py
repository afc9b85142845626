"""Certifications read from an export, compared with a plain reading of the file."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.sources.export_yaml import is_export, read_export
from converter.nouns import DataId, Gen2to3Error, UsageError
from converter.timespans import Span

HITS = Path("/work/shared/data/hits2015/export_current.yaml")
TYPES = {"cpBias", "cpFlat"}


class Plain(yaml.SafeLoader):
    """Any tag as plain data, also where the Butler's own package has taught the safe loader its tags."""

    yaml_constructors = {
        tag: make
        for tag, make in yaml.SafeLoader.yaml_constructors.items()
        if not tag or tag.startswith("tag:")
    }


def _any(loader: Plain, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


Plain.add_multi_constructor("!", _any)
Plain.add_multi_constructor("lsst", _any)


def ns(text: str | None) -> int | None:
    if text is None:
        return None
    date, _, fraction = text.partition(".")
    since = datetime.datetime.fromisoformat(date) - datetime.datetime(1970, 1, 1)
    return (since.days * 86_400 + since.seconds) * 10**9 + int(fraction)


@pytest.mark.skipif(not HITS.exists(), reason="the export of ap_verify_ci_hits2015 is not here")
@pytest.mark.parametrize("types", [TYPES, {"defects"}, {"crosstalk", "linearizer"}])
def test_hits2015_to_the_nanosecond(types: set[str]) -> None:
    data = yaml.load(HITS.read_text(), Plain)["data"]  # noqa: S506
    datasets = {
        record["dataset_id"][0]: (block["dataset_type"], block["run"], record["data_id"][0], record["path"])
        for block in data
        if block["type"] == "dataset"
        for record in block["records"]
    }
    expected = set()
    for block in data:
        for item in block.get("validity_ranges", ()):
            for id_ in item["dataset_ids"]:
                dataset_type, run, data_id, path = datasets[id_]
                if dataset_type in types:
                    key = DataId(data_id["detector"], data_id.get("physical_filter"))
                    span = Span(ns(item["timespan"]["begin"]), ns(item["timespan"]["end"]))
                    expected.add((dataset_type, key, run, path.rpartition("/")[2], span))
    found = read_export(HITS, "", "DECam", types)
    assert found.rejects == []
    ranges = found.by_collection["DECam/calib"]
    assert len(ranges) == len(expected)
    assert {(r.dataset_type, r.data_id, r.run, r.file, r.span) for r in ranges} == expected
    if types == TYPES:
        assert len(ranges) == 16
        assert {r.span.begin for r in ranges} == {ns("1987-10-04 00:00:00.0"), ns("2015-03-02 00:00:00.0")}


EXPORT = """description: Butler Data Repository Export
version: 1.0.2
data:
- type: dataset
  dataset_type: bias
  run: HSC/calib/a/20141001T000000Z
  records:
  - dataset_id: [!uuid 'id-1', !uuid 'id-2']
    data_id:
    - {instrument: HSC, detector: 1}
    - {instrument: HSC, detector: 2}
    path: some/where/BIAS.fits
  - dataset_id: [!uuid 'id-3']
    data_id: [{instrument: LATISS, detector: 0}]
    path: x.fits
- type: associations
  collection: A
  collection_type: CALIBRATION
  validity_ranges:
  - timespan: !lsst.daf.butler.Timespan {begin: null, end: !butler_time/tai/iso '2014-10-05 00:00:00.000000001'}
    dataset_ids: [!uuid 'id-1', !uuid 'id-3', !uuid 'id-9']
  - timespan: !lsst.daf.butler.Timespan EMPTY
    dataset_ids: [!uuid 'id-2']
  - timespan: !lsst.daf.butler.Timespan {begin: 2014-10-01, end: null}
    dataset_ids: [!uuid 'id-2']
- type: associations
  collection: B
  collection_type: CALIBRATION
  validity_ranges:
  - timespan: !lsst.daf.butler.Timespan {begin: null, end: null}
    dataset_ids: [!uuid 'id-2']
- {type: collection, collection_type: CHAINED, name: C, children: [B, A, C]}
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "export.yaml"
    path.write_text(text)
    return path


def test_several_collections_have_to_be_named(tmp_path: Path) -> None:
    path = write(tmp_path, EXPORT)
    assert is_export(path)
    with pytest.raises(UsageError, match=r"2 CALIBRATION collections with ranges \(A, B\)"):
        read_export(path, "", "HSC", {"bias"})
    with pytest.raises(UsageError, match="no CALIBRATION collection D; found A, B"):
        read_export(path, "D", "HSC", {"bias"})
    assert list(read_export(path, "C", "HSC", {"bias"}).by_collection) == ["B", "A"]


def test_what_cannot_be_read_is_named_with_its_line(tmp_path: Path) -> None:
    found = read_export(write(tmp_path, EXPORT), "A", "HSC", {"bias"})
    (only,) = found.by_collection["A"]
    end = ns("2014-10-05 00:00:00.000000001")
    assert (only.stamp, only.file, only.data_id, only.span) == (
        "20141001T000000Z",
        "BIAS.fits",
        DataId(1),
        Span(None, end),
    )
    assert [r.item.rpartition(" ")[2] for r in found.rejects] == ["20", "22", "24"]
    assert [s.reason for s in found.skips] == ["1 range of bias of the instrument LATISS"]


def test_files_that_are_no_export(tmp_path: Path) -> None:
    for text in ("", "- a\n", "description: Butler Data Repository Export\n", "a: &x [*x"):
        path = write(tmp_path, text)
        with pytest.raises(Gen2to3Error, match="export"):
            read_export(path, "", "HSC", {"bias"})
    assert not is_export(write(tmp_path, "- dataset_type: bias\n"))
