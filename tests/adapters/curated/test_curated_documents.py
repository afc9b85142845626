"""Texts: read as plain data, and nothing in them is ever run."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import numpy as np
import pytest

from adapters.curated import documents
from adapters.curated.documents import parse_document, read_text
from converter.nouns import Box, CuratedDocument, Gen2to3Error
from fixtures.curated import defects_text, ecsv, linearizer_text, metadata_of, property_list

META = metadata_of("decam", 1, "1970-01-01T00:00:00", "defects")


def yaml_of(text: str) -> CuratedDocument:
    return parse_document(text.encode(), "f.yaml", ".yaml")


def ecsv_of(text: str) -> CuratedDocument:
    return parse_document(text.encode(), "f.ecsv", ".ecsv")


def refusal(text: str, extension: str = ".yaml") -> str:
    with pytest.raises(Gen2to3Error) as caught:
        parse_document(text.encode(), f"f{extension}", extension)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"f{extension}: ")
    return str(caught.value)


def test_a_property_list_is_a_mapping() -> None:
    text = property_list({"A": "x", "B": 1, "C": 1.5, "D": True, "E": None, "F": [2, 2]})
    assert yaml_of(text).metadata == {"A": "x", "B": 1, "C": 1.5, "D": True, "E": None, "F": [2, 2]}
    assert yaml_of("metadata: {A: x}").metadata == {"A": "x"}


def test_boxes_tuples_and_special_numbers() -> None:
    document = yaml_of(linearizer_text(META, [[1e-05, float("inf"), float("-inf")]]))
    amplifiers = document.content["amplifiers"]
    assert amplifiers["B"]["linearityBBox"] == Box(1024, 0, 1024, 4096)
    assert math.isnan(amplifiers["A"]["fitChiSq"])
    assert amplifiers["A"]["fitParams"] == []
    assert document.content["tableData"] == [[1e-05, math.inf, -math.inf]]
    geom = "!!python/object/apply:lsst.geom."
    text = f"metadata: {{}}\nx: !!python/tuple [1, 2]\nb: {geom}Box2I [{geom}Point2I [1, 2], {geom}Extent2I [3, 4]]"
    assert yaml_of(text).content == {"x": (1, 2), "b": Box(1, 2, 3, 4)}


def test_unquoted_dates_are_texts() -> None:
    assert yaml_of("metadata: {CALIBDATE: 2014-01-17T01:29:00, DAY: 2014-01-17}").metadata == {
        "CALIBDATE": "2014-01-17T01:29:00",
        "DAY": "2014-01-17",
    }


def test_tables_keep_types_units_and_metadata() -> None:
    document = ecsv_of(defects_text(META, [(1, 2, 3, 4)]))
    assert document.is_table
    assert document.units == dict.fromkeys(("x0", "y0", "width", "height"), "pix")
    assert document.content["x0"].dtype == np.int32
    assert document.metadata["FILTER"] is None
    assert document.metadata["DETECTOR"] == 1


HOSTILE = [
    "!!python/object/apply:os.system ['touch {marker}']",
    "!!python/object/new:os.system ['touch {marker}']",
    "!!python/object/apply:subprocess.check_call [[touch, '{marker}']]",
    "!!python/object/apply:eval [\"open('{marker}', 'w')\"]",
    "!!python/name:os.system",
    "!!python/module:os",
    "!!python/object:os.system {{}}",
    "!!python/object/apply:numpy.core.multiarray.scalar [x, y]",
    "!!python/object/apply:lsst.geom.Box2D []",
    "!<lsst.daf.base.PropertySet> []",
    "!numpy.ndarray {{buffer: '', dtype: object, shape: [1]}}",
]


@pytest.mark.parametrize("payload", HOSTILE)
@pytest.mark.parametrize("where", ["value", "metadata", "key", "alias"])
def test_other_tags_are_refused_and_not_run(tmp_path: Path, payload: str, where: str) -> None:
    marker = tmp_path / "marker"
    payload = payload.format(marker=marker)
    text = {
        "value": f"metadata: {{}}\nx: {payload}",
        "metadata": f"metadata: {payload}",
        "key": f"metadata: {{}}\n? {payload}\n: 1",
        "alias": f"metadata: {{}}\nx: &a {payload}\ny: *a",
    }[where]
    assert "is not one that a data package needs; the file is refused" in refusal(text)
    assert not marker.exists()


@pytest.mark.parametrize("payload", [*HOSTILE[:7], "!numpy.ndarray {{buffer: '', dtype: object}}"])
@pytest.mark.parametrize("indent", ["# ", "#", "  # "])
def test_headers_of_tables_are_checked_too(tmp_path: Path, payload: str, indent: str) -> None:
    marker = tmp_path / "marker"
    lines = defects_text(META, [(1, 2, 3, 4)]).splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("# meta"))
    lines[at:] = [f"# meta: {{x: {payload.format(marker=marker)} }}", *lines[-2:]]
    text = "\n".join(indent + line[2:] if line.startswith("# ") else line for line in lines)
    assert "is not one that a data package needs" in refusal(text, ".ecsv")
    assert not marker.exists()


def test_a_table_cannot_name_a_class_to_build() -> None:
    text = defects_text(META, [(1, 2, 3, 4)]).replace(
        "# schema:",
        "# - __serialized_columns__:\n#     x0:\n#       __class__: os.system\n"
        "#       command: !astropy.table.SerializedColumn {name: x0}\n# schema:",
    )
    assert "cannot be read as ecsv" in refusal(text, ".ecsv")


def test_aliases_that_explode() -> None:
    text = "metadata: {}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 20)
    )
    begin = time.monotonic()
    assert "expands to more than" in refusal(text)
    assert time.monotonic() - begin < 5
    assert "or contains itself" in refusal("metadata: &a {x: *a}")
    assert "or contains itself" in refusal("metadata: {x: *nothing}")
    assert yaml_of("metadata: &a {x: 1}\ny: *a\n").content == {"y": {"x": 1}}


def test_deep_nesting() -> None:
    for depth in (100, 200_000):
        message = refusal("metadata: " + "[" * depth)
        assert "nested deeper than 60" in message or "is not valid YAML" in message
    assert "nested deeper than 60" in refusal("metadata: {}\nx: " + "[" * 100 + "]" * 100)


def test_other_things_that_are_no_document() -> None:
    assert "the key 'A' is there twice" in refusal("metadata: {A: 1, B: 2, A: 1}")
    assert "is not a mapping" in refusal("- 1\n- 2")
    assert "has no metadata" in refusal("coeffs: []")
    assert "is not valid YAML" in refusal("metadata: [")
    assert "is not valid YAML" in refusal("metadata: {}\n---\nmetadata: {}")
    assert "cannot be read as yaml: the PropertyList has 'A' twice" in refusal(
        property_list({"A": 1}) + "- - A\n  - Int\n  - 2\n  - ''\n"
    )
    assert "a PropertyList row is" in refusal("metadata: !<lsst.daf.base.PropertyList>\n- 1")
    assert "is a Git LFS pointer" in refusal("version https://git-lfs.github.com/spec/v1\noid sha256:0")
    assert "does not begin with '# %ECSV'" in refusal("x0 y0\n1 2\n", ".ecsv")
    assert "the table has an empty cell" in refusal(ecsv({"x0": ("int32", [1, '""'])}, META), ".ecsv")
    with pytest.raises(Gen2to3Error, match="is not a text in UTF-8"):
        parse_document(b"metadata: \xff\xfe", "f.yaml", ".yaml")


def test_large_files_and_fifos(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    with open(large, "wb") as stream:
        stream.truncate(documents.MAX_BYTES + 1)
    with pytest.raises(Gen2to3Error, match="more than the 67108864 that are read"):
        read_text(large)
    os.mkfifo(tmp_path / "fifo.yaml")
    with pytest.raises(Gen2to3Error, match="cannot be read"):
        read_text(tmp_path / "fifo.yaml")
    with pytest.raises(Gen2to3Error, match="No such file"):
        read_text(tmp_path / "none.yaml")


def test_a_large_file_within_the_limit_is_bounded_by_its_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_NODES", 1000)
    assert "expands to more than 1000 nodes" in refusal("metadata: {}\nx: [" + "1, " * 1001 + "]")
