"""Lines of validity tables: what they say, and one reject with its line for each that says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.decam import DECam
from adapters.hsc import HSC
from adapters.sources.validity_table import Statements, read_validity_table
from converter.nouns import Gen2to3Error
from converter.statements import Selector
from converter.timespans import SECOND, Span, parse_time, to_tai

HEADING = "dataset_type,detector,physical_filter,file,calib_date,begin,end,scale"


def read(
    tmp_path: Path, text: str | bytes, suffix: str = ".csv", camera: HSC | DECam | None = None
) -> Statements:
    path = tmp_path / f"table{suffix}"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_validity_table(path, camera or HSC(), ("cpBiasOfMine",))


def rejects(tmp_path: Path, text: str, suffix: str = ".csv") -> list[str]:
    result = read(tmp_path, text, suffix)
    return [f"{Path(r.item).name}: {r.reason}" for r in result.rejects]


def utc(text: str) -> int:
    return to_tai(parse_time(text), "utc")


def test_a_full_line(tmp_path: Path) -> None:
    text = f'{HEADING}\n# biases\n\nflat,49;1_5*,HSC-R; HSC-G,"BIAS-*,x.fits",2014-10-*,2014-10-01,2014-10-02T06:00:00.5,\n'
    result = read(tmp_path, text)
    (found,) = result.statements
    assert not result.rejects
    assert found.selector == Selector(
        ("flat",), ("49", "1_5*"), ("HSC-R", "HSC-G"), ("BIAS-*,x.fits",), ("2014-10-*",)
    )
    assert found.span == Span(utc("2014-10-01"), utc("2014-10-02T06:00:00") + SECOND // 2)
    assert (found.provenance.row, found.provenance.text[-1]) == (4, ("end", "2014-10-02T06:00:00.5"))


def test_a_date_is_its_begin_and_the_end_is_not_part(tmp_path: Path) -> None:
    (found,) = read(tmp_path, "dataset_type,begin,end\nbias,2014-10-01,2014-10-02\n").statements
    assert found.span == Span(utc("2014-10-01"), utc("2014-10-02"))
    assert (found.span.end or 0) - (found.span.begin or 0) == 86_400 * SECOND


def test_scales_and_offsets(tmp_path: Path) -> None:
    text = "dataset_type,begin,end,scale\nbias,2014-10-01,,tai\nbias,2014-10-01T00:00:00+02:00,2014-10-01T00:00Z,utc\n"
    tai, zoned = read(tmp_path, text).statements
    assert tai.span == Span(to_tai(parse_time("2014-10-01"), "tai"), None)
    assert zoned.span == Span(utc("2014-09-30T22:00:00"), utc("2014-10-01"))


def test_times_that_a_butler_does_not_store_are_open(tmp_path: Path) -> None:
    (found,) = read(tmp_path, "dataset_type,begin,end\nbias,1744-01-01,2296-01-01\n").statements
    assert found.span == Span(None, None)


def test_aliases_of_filters_and_types_of_the_delivery(tmp_path: Path) -> None:
    text = "dataset_type,physical_filter\ncpFlat,g\ncpBiasOfMine,\n"
    flat, mine = read(tmp_path, text, camera=DECam()).statements
    assert flat.selector.physical_filter == ("g DECam SDSS c0001 4720.0 1520.0",)
    assert mine.selector.dataset_type == ("cpBiasOfMine",)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (",,,,,2014-10-01,,", "dataset_type is empty"),
        ("bais,,,,,,,", "unknown dataset_type 'bais'"),
        ("bi?,,,,,,,", "unknown dataset_type 'bi?': it matches none"),
        ("bias,412,,,,,,", "unknown detector '412'"),
        ("bias,049,,,,,,", "unknown detector '049'"),
        ("bias,9_9*,,,,,,", "unknown detector '9_9*'"),
        ("flat,,HSC-Q,,,,,", "unknown physical_filter 'HSC-Q'"),
        ("bias,,,,2014-9-1,,,", "calib_date: '2014-9-1' is not"),
        ("bias,,,,,soon,,", "'soon' is not"),
        ("bias,,,,,None,,", "'None' is not"),
        ("bias,,,,,2014-13-01,,", "'2014-13-01' is not a date"),
        ("bias,,,,,2014-10-02,2014-10-01,", "runs backwards"),
        ("bias,,,,,2014-10-01,2014-10-01,", "has no length"),
        ("bias,,,,,1950-01-01,1960-01-01,", "not within 1970 to 2100"),
        ("bias,,,,,2014-10-01,,UT", "unknown scale 'UT'"),
        ("bias,,,,,2014-10-01T00:00:00Z,,tai", "offset from UTC"),
        ("bias,,,,,2014-10-01;2014-10-02,,", "begin is expected to be one value"),
        ("bias,,,,,2014-10-01,", "8 cells were expected"),
        ("bias,,,,,2014-10-01,,utc,x", "8 cells were expected"),
    ],
)
def test_a_bad_line_is_one_reject_and_harms_no_other(tmp_path: Path, cells: str, reason: str) -> None:
    good = "bias,,,,,2014-10-01,2014-10-02,"
    result = read(tmp_path, f"{HEADING}\n{good}\n{cells}\n{good}\n")
    assert [s.provenance.row for s in result.statements] == [2, 4]
    found = [f"{Path(r.item).name}: {r.reason}" for r in result.rejects]
    assert len(found) == 1
    assert found[0].startswith("table.csv line 3: ")
    assert reason in found[0]


def test_lines_that_spreadsheets_leave_are_no_lines(tmp_path: Path) -> None:
    result = read(tmp_path, f"\ufeff{HEADING}\r\n\r\nbias,,,,,2014-10-01,,\r\n,,,,,,,\r\n")
    assert ([s.provenance.row for s in result.statements], result.rejects) == ([3], [])


def test_wrong_quotes_are_the_fault_of_their_lines(tmp_path: Path) -> None:
    text = 'dataset_type,file\nbias,"a"b\nbias,c\nbias,"d\nbias,e\n'
    result = read(tmp_path, text)
    assert [s.selector.file for s in result.statements] == [("c",)]
    assert [r.item.rpartition(" ")[2] for r in result.rejects] == ["2", "4"]
    assert "up to line 5" in result.rejects[1].reason


def test_lines_are_counted_through_quoted_line_ends(tmp_path: Path) -> None:
    text = 'dataset_type,file,begin\nbias,"a\nb",2014-10-01\nbias,x,soon\n'
    assert [r.item.rpartition(" ")[2] for r in read(tmp_path, text).rejects] == ["4"]


@pytest.mark.parametrize("column", ["dataset", "Begin", "dataset_type"])
def test_a_wrong_heading_leaves_no_line_to_be_trusted(tmp_path: Path, column: str) -> None:
    result = read(tmp_path, f"dataset_type,{column}\nbias,1\n")
    assert not result.statements
    (reject,) = result.rejects
    assert (
        "line 1" in reject.item
        and column in reject.reason
        and "no line of the table is read" in reject.reason
    )


@pytest.mark.parametrize(
    ("text", "suffix", "message"),
    [
        (b"", ".csv", "is empty"),
        (b"dataset_type,begin\n", ".csv", "is empty"),
        (b"", ".yaml", "is empty"),
        (b"[]", ".yaml", "is empty"),
        (b"dataset_type,file\nbias,\xff\n", ".csv", "line 2: byte 0xff is not UTF-8"),
        (b'"dataset_type\nbias', ".csv", "line 1: is not valid CSV, up to line 2"),
        (b"version https://git-lfs.github.com/spec/v1\n", ".csv", "Git LFS pointer"),
        (b"dataset_type: bias\n", ".yaml", "a list of mappings was expected"),
        (b"- a: [1\n- b", ".yaml", "is not valid YAML"),
        (b"[" * 100_000, ".yaml", "nested deeper"),
        (b"- a\n---\n- b\n", ".yaml", "a second document"),
        (b"dataset_type begin\nbias 2014-10-01\n", ".ecsv", "is not valid ECSV"),
        (b"dataset_type\nbias\n", ".txt", "suffix"),
    ],
)
def test_a_file_that_is_no_table_is_one_error(tmp_path: Path, text: bytes, suffix: str, message: str) -> None:
    with pytest.raises(Gen2to3Error, match=message) as caught:
        read(tmp_path, text, suffix)
    assert "table" + suffix in str(caught.value) and "\n" not in str(caught.value)


def test_a_huge_file_and_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Gen2to3Error, match="No such file"):
        read_validity_table(tmp_path / "none.csv", HSC())
    with open(tmp_path / "huge.csv", "wb") as stream:
        stream.truncate(65 * 1024 * 1024)
    with pytest.raises(Gen2to3Error, match="is larger than"):
        read_validity_table(tmp_path / "huge.csv", HSC())


def test_yaml_dates_mean_what_is_written(tmp_path: Path) -> None:
    text = """
- dataset_type: bias
  detector: [49, 50]
  begin: 2014-10-01
  end: 2014-10-02T12:00:00-03:00
- {dataset_type: [bias, dark], begin: ~, end: "2014-10-02"}
- dataset_type: bias
  begin: 2014-10-01 12:00:00
  scale: tai
"""
    bare, listed, tai = read(tmp_path, text, ".yaml").statements
    assert bare.selector.detector == ("49", "50")
    assert bare.span == Span(utc("2014-10-01"), utc("2014-10-02T15:00:00"))
    assert (listed.selector.dataset_type, listed.span) == (("bias", "dark"), Span(None, utc("2014-10-02")))
    assert tai.span.begin == to_tai(parse_time("2014-10-01T12:00:00"), "tai")
    assert [s.provenance.row for s in (bare, listed, tai)] == [2, 6, 7]


def test_bad_mappings_have_their_lines(tmp_path: Path) -> None:
    text = """- dataset_type: bias
  detektor: 4
- 5
- dataset_type: bias
  dataset_type: dark
- dataset_type: !!python/object/apply:os.system [ls]
- dataset_type: bias
  begin: 2014-10-1
- dataset_type: bias
  detector: []
- dataset_type: bias
  begin: {a: b}
- begin: 2014-10-01
- dataset_type: bias
"""
    found = rejects(tmp_path, text, ".yaml")
    expected = [
        ("line 1", "unknown key 'detektor'"),
        ("line 3", "a mapping was expected"),
        ("line 4", "dataset_type is there twice"),
        ("line 6", "has the tag"),
        ("line 9", "nothing in it"),
        ("line 11", "a value or a list"),
        ("line 7", "'2014-10-1' is not"),
        ("line 13", "dataset_type is empty"),
    ]
    assert len(found) == len(expected)
    for text_, (line, reason) in zip(found, expected, strict=True):
        assert f"table.yaml {line}: " in text_ and reason in text_
    assert len(read(tmp_path, text, ".yaml").statements) == 1


def test_ecsv_has_its_own_delimiters_and_types(tmp_path: Path) -> None:
    head = "# %ECSV 1.0\n# ---\n{}# datatype:\n# - {{name: dataset_type, datatype: string}}\n# - {{name: detector, datatype: int64}}\n# - {{name: begin, datatype: string}}\n"
    spaced = head.format("") + 'dataset_type detector begin\nbias 49 "2014-10-01 06:00:00"\nbias "" soon\n'
    result = read(tmp_path, spaced, ".ecsv")
    (found,) = result.statements
    assert (found.selector.detector, found.span.begin, found.provenance.row) == (
        ("49",),
        utc("2014-10-01T06:00:00"),
        8,
    )
    assert [r.item.rpartition(" ")[2] for r in result.rejects] == ["9"]
    commas = head.format("# delimiter: ','\n") + "dataset_type,detector,begin\nbias,50,2014-10-01\n"
    assert read(tmp_path, commas, ".ecsv").statements[0].selector.detector == ("50",)
