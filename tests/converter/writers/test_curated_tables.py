"""Curated calibrations as FITS: what the stack's readers need, and the text's values exactly."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.curated.documents import load_document, parse_document
from adapters.curated.package import read_package
from adapters.decam import DECam
from adapters.lsst import LATISS, ImSim
from converter.nouns import CuratedDocument, Gen2to3Error
from converter.writers.curated_tables import PRODUCTS, curated_bytes, write_curated
from fixtures.curated import (
    bfk_text,
    boxes_of,
    crosstalk_text,
    defects_text,
    ecsv,
    linearizer_text,
    make_package,
    metadata_of,
    qe_curve_text,
)

from .curated_readers import (
    READERS,
    read_bfk,
    read_crosstalk,
    read_defects,
    read_linearizer,
    read_qe_curve,
)

STABLE = settings(derandomize=True, deadline=None, database=None, max_examples=60)
DATE = "1970-01-01T00:00:00"
FLOATS = st.floats(allow_nan=True, allow_infinity=True, width=64)


def meta(obstype: str, **more: Any) -> dict[str, Any]:
    return metadata_of("DECam", 35, DATE, obstype, **more)


def document(text: str, extension: str = ".yaml") -> CuratedDocument:
    return parse_document(text.encode(), f"f{extension}", extension)


def refusal(dataset_type: str, text: str, extension: str = ".yaml") -> str:
    with pytest.raises(Gen2to3Error) as caught:
        curated_bytes(dataset_type, document(text, extension))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"f{extension}: ")
    return str(caught.value)


def same(a: Any, b: Any) -> bool:
    """Equal to the last bit but for the kind of NaN, zeros with their signs."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    return bool(
        np.array_equal(a, b, equal_nan=True) and np.array_equal(np.signbit(a[a == 0]), np.signbit(b[b == 0]))
    )


# Layout


@pytest.mark.parametrize(
    ("camera", "name", "types"),
    [
        (DECam(), "decam", {"defects", "crosstalk", "linearizer"}),
        (LATISS(), "latiss", {"defects", "manual_defects", "qe_curve"}),
        (ImSim(), "imsim", {"defects", "bfk"}),
    ],
)
def test_every_file_of_a_package_is_accepted(tmp_path: Path, camera: Any, name: Any, types: set[str]) -> None:
    package = read_package(camera, make_package(tmp_path, name))
    assert {f.dataset_type for f in package.files} == types
    for i, file in enumerate(package.files):
        target = tmp_path / f"{i}.fits"
        write_curated(file.dataset_type, load_document(file), target)
        content = target.read_bytes()
        read = READERS[file.dataset_type](content)
        assert read["meta"]["DETECTOR"] == file.data_id.detector
        assert read["meta"]["CALIBDATE"] == file.calib_date
        assert read["meta"]["OBSTYPE"].lower() == file.dataset_type
        assert len(content) % 2880 == 0
        assert content == curated_bytes(file.dataset_type, load_document(file))
        with fits.open(target) as hdus:
            hdus.verify("exception")
            assert [type(h) for h in hdus[1:]] == [fits.BinTableHDU] * (len(hdus) - 1)


def test_all_written_types_have_a_product() -> None:
    from adapters.curated.types import STANDARD_TYPES

    assert {t.name for t in STANDARD_TYPES.values() if t.written} == set(PRODUCTS) == set(READERS)


def test_a_file_that_is_there_is_never_replaced(tmp_path: Path) -> None:
    target = tmp_path / "a.fits"
    target.write_text("precious")
    with pytest.raises(FileExistsError):
        write_curated("defects", document(defects_text(meta("defects"), []), ".ecsv"), target)
    assert target.read_text() == "precious"


# Defects


@STABLE
@given(
    st.lists(
        st.tuples(
            st.integers(-(2**31), 2**31 - 1),
            st.integers(-(2**31), 2**31 - 1),
            st.integers(1, 2**31 - 1),
            st.integers(1, 2**31 - 1),
        ),
        max_size=20,
    )
)
def test_boxes_survive(boxes: list[tuple[int, int, int, int]]) -> None:
    content = curated_bytes("defects", document(defects_text(meta("defects"), boxes), ".ecsv"))
    assert read_defects(content)["boxes"] == boxes


def test_metadata_of_defects() -> None:
    content = curated_bytes("defects", document(defects_text(meta("defects"), boxes_of(35, 0)), ".ecsv"))
    assert read_defects(content)["meta"] == {
        "OBSTYPE": "defects",
        "defects_SCHEMA": "Simple",  # FITS knows one case: the file's DEFECTS_SCHEMA stands
        "defects_VERSION": 2.0,
        "INSTRUME": "DECam",
        "DETECTOR": 35,
        "CALIBCLS": "lsst.ip.isr.defects.Defects",
        "CALIBDATE": DATE,
        "DEFECTTYPE": "BADPIXEL",
        "DEFECTS_SCHEMA_VERSION": 1,
    }
    with fits.open(io.BytesIO(content)) as hdus:
        columns = hdus[1].columns
        assert list(zip(columns.names, columns.formats, strict=True)) == [
            (n, "K") for n in ("x0", "y0", "width", "height")
        ]


def test_manual_defects_keep_their_type() -> None:
    text = defects_text(meta("manual_defects", defects_VERSION=2.0), [(1, 2, 3, 4)])
    read = read_defects(curated_bytes("manual_defects", document(text, ".ecsv")))
    assert read["meta"]["OBSTYPE"] == "manual_defects"
    assert read["boxes"] == [(1, 2, 3, 4)]


def test_defects_that_are_none() -> None:
    columns = {n: ("int32", [1]) for n in ("x0", "y0", "width")}
    assert "has no 'height'" in refusal("defects", ecsv(columns, meta("defects")), ".ecsv")
    columns = {n: ("float64", [1.5]) for n in ("x0", "y0", "width", "height")}
    assert "x0: expected one integer" in refusal("defects", ecsv(columns, meta("defects")), ".ecsv")
    text = defects_text(meta("defects"), [(1, 2, 3, 4), (1, 2, 0, 4)])
    assert "width of box 2 is 0, expected at least 1" in refusal("defects", text, ".ecsv")


# Metadata


def test_metadata_that_no_header_holds_are_refused() -> None:
    for bad in ("Ö", "two\nlines", "a\tb"):
        text = defects_text(meta("defects", NOTE="@"), []).replace("'@'", repr(bad).replace("'", '"'))
        assert "the metadata NOTE" in refusal("defects", text, ".ecsv")
    text = defects_text(meta("defects", NOTE="@"), []).replace("'@'", ".nan")
    assert "the metadata NOTE" in refusal("defects", text, ".ecsv")
    assert "the metadata TTYPE1" in refusal("defects", defects_text(meta("defects", TTYPE1="x"), []), ".ecsv")


def test_long_keys_and_values_survive() -> None:
    more = {
        "A_KEY_THAT_IS_LONG": "v" * 60,
        "CALIB_ID": "w" * 150,
        "NUMBER": 1e-300,
        "TRUTH": True,
        "BIG": 2**60,
    }
    text = defects_text(meta("defects", **more), [])
    found = read_defects(curated_bytes("defects", document(text, ".ecsv")))["meta"]
    assert {k: found[k] for k in more} == more


def test_a_class_of_another_product_is_refused() -> None:
    for name in ("os.system", "lsst.ip.isr.crosstalk.CrosstalkCalib"):
        text = defects_text(meta("defects", CALIBCLS=name), [])
        assert f"CALIBCLS is '{name}', expected 'lsst.ip.isr.defects.Defects'" in refusal(
            "defects", text, ".ecsv"
        )


def test_metadata_that_contradict_each_other() -> None:
    text = crosstalk_text(meta("CROSSTALK", DET_NAME="N4", DETECTOR_NAME="S4"), [0.0] * 4)
    assert "DET_NAME 'N4', DETECTOR_NAME 'S4'" in refusal("crosstalk", text)


# Crosstalk


@STABLE
@given(st.lists(FLOATS, min_size=4, max_size=4), st.lists(FLOATS, min_size=4, max_size=4))
def test_coefficients_survive(own: list[float], other: list[float]) -> None:
    content = curated_bytes("crosstalk", document(crosstalk_text(meta("CROSSTALK"), own, N9=other, S1=own)))
    read = read_crosstalk(content)
    assert same(read["coeffs"], np.reshape(own, (2, 2)))
    assert list(read["sources"]) == ["N9", "S1"]
    assert same(read["sources"]["N9"], np.reshape(other, (2, 2)))
    assert same(read["sources"]["S1"], np.reshape(own, (2, 2)))


def test_an_old_crosstalk_is_filled_as_the_stack_does() -> None:
    text = crosstalk_text(meta("CROSSTALK", DETECTOR_NAME="N4", DETECTOR_SERIAL=35), [0.0, 1e-4, 2e-4, 0.0])
    content = curated_bytes("crosstalk", document(text))
    read = read_crosstalk(content)
    assert read["sources"] == {}
    assert read["units"] == "adu"
    for name in ("errors", "squares", "square_errors", "ratios"):
        assert same(read[name], np.zeros((2, 2)))
        assert read[name].dtype.kind == "f"
    assert read["counts"].tolist() == [[0, 0], [0, 0]]
    assert read["counts"].dtype.kind == "i"
    assert read["valid"].tolist() == [[True, True], [True, True]]
    assert read["gains"].tolist() == [0.0, 0.0]
    assert (read["name"], read["serial"], read["detector"], read["instrument"]) == ("N4", 35, 35, "DECam")
    # None is an empty text here.
    assert read["meta"]["RAFTNAME"] == read["meta"]["FILTER"] == ""
    with fits.open(io.BytesIO(content)) as hdus:
        assert len(hdus) == 2
        assert hdus[1].columns.formats == ["4D", "4D", "4K", "4L", "4D", "4D", "4D", "2D"]


def full_crosstalk() -> str:
    vectors = {
        "CT_COEFFS": ("string:float64[4]", "[0.0,0.1,0.2,NaN]"),
        "CT_ERRORS": ("string:float64[4]", "[1.5,2.5,3.5,Infinity]"),
        "CT_COUNTS": ("string:int64[4]", f"[1,2,3,{2**53 + 1}]"),
        "CT_VALID": ("string:bool[4]", "[true,false,false,true]"),
        "CT_COEFFS_SQR": ("string:float64[4]", "[1e-9,2e-9,3e-9,4e-9]"),
        "CT_FIT_GAINS": ("string:float64[2]", "[1.1,1.2]"),
    }
    more = {"HAS_CROSSTALK": True, "NAMP": 2, "CROSSTALK_VERSION": 1.2, "CROSSTALK_RATIOS_UNITS": "electron"}
    columns = {n: (kind, [value]) for n, (kind, value) in vectors.items()}
    return ecsv(columns, meta("CROSSTALK", CALIBCLS="lsst.ip.isr.crosstalk.CrosstalkCalib", **more))


def test_a_crosstalk_table() -> None:
    read = read_crosstalk(curated_bytes("crosstalk", document(full_crosstalk(), ".ecsv")))
    assert same(read["coeffs"], [[0.0, 0.1], [0.2, math.nan]])
    assert same(read["errors"], [[1.5, 2.5], [3.5, math.inf]])
    assert read["counts"].tolist() == [[1, 2], [3, 2**53 + 1]]
    assert read["valid"].tolist() == [[True, False], [False, True]]
    assert same(read["squares"], [[1e-9, 2e-9], [3e-9, 4e-9]])
    assert same(read["ratios"], np.zeros((2, 2)))
    assert read["gains"].tolist() == [1.1, 1.2]
    assert read["units"] == "electron"


def test_crosstalk_that_is_none() -> None:
    text = crosstalk_text(meta("CROSSTALK"), [0.0] * 4)
    assert "coeffs: has 3 values, expected 4" in refusal(
        "crosstalk", text.replace("coeffs:\n- 0.0\n", "coeffs:\n")
    )
    assert "coeffs: expected numbers" in refusal("crosstalk", text.replace("- 0.0", "- zero", 1))
    assert "no crosstalk" in refusal("crosstalk", text.replace("hasCrosstalk: true", "hasCrosstalk: false"))
    assert "nAmp is 'two'" in refusal("crosstalk", text.replace("nAmp: 2", "nAmp: two"))
    assert "nAmp is 0" in refusal("crosstalk", text.replace("nAmp: 2", "nAmp: 0"))
    assert "OBSTYPE is 'crosstalk', expected 'CROSSTALK'" in refusal(
        "crosstalk", crosstalk_text(meta("crosstalk"), [0.0] * 4)
    )
    assert "coeffValid: expected true or false" in refusal("crosstalk", text + "coeffValid: [1, 1, 1, 1]\n")
    assert "coeffNum: expected integers" in refusal("crosstalk", text + "coeffNum: [1.5, 1, 1, 1]\n")
    assert "interChip" in refusal("crosstalk", text + "interChip: [1]\n")


# Linearizers


@STABLE
@given(st.lists(st.lists(FLOATS, min_size=3, max_size=3), min_size=1, max_size=3))
def test_lookup_tables_survive(table: list[list[float]]) -> None:
    read = read_linearizer(curated_bytes("linearizer", document(linearizer_text(meta("LINEARIZER"), table))))
    assert same(read["lookup"], table)


def test_a_linearizer_as_decam_has_it() -> None:
    text = linearizer_text(meta("LINEARIZER", DET_NAME="N4", DET_SER="35"), [[0.5, 1e-05]])
    content = curated_bytes("linearizer", document(text))
    read = read_linearizer(content)
    assert list(read["amplifiers"]) == ["A", "B"]
    for i, amp in enumerate(read["amplifiers"].values()):
        assert amp["type"] == "LookupTable"
        assert amp["box"] == (1024 * i, 0, 1024, 4096)
        assert amp["coeffs"].tolist() == [i, 0]
        assert amp["coeffs"].dtype.kind == "i"
        assert amp["params"].shape == amp["errors"].shape == (0,)
        assert amp["residuals"].tolist() == amp["linear"].tolist() == [0.0]
        assert all(math.isnan(amp[k]) for k in ("chi", "scatter", "turnoff", "maximum"))
    assert (read["name"], read["serial"], read["detector"]) == ("N4", "35", 35)
    assert read["units"] == "adu"
    assert read["meta"]["LINEARIZER_VERSION"] == 1.4
    assert read["meta"]["OVERRIDE"] is True
    assert read["meta"]["RAFTNAME"] is None
    with fits.open(io.BytesIO(content)) as hdus:
        assert len(hdus[1].columns) == 15
        assert hdus[2].columns.names == ["LOOKUP_VALUES"]


def test_a_linearizer_without_table() -> None:
    text = linearizer_text(meta("LINEARIZER"), [[0.0]]).partition("tableData")[0]
    text = text.replace("linearityCoeffs:\n    - 1", "linearityCoeffs:\n    - 1.5")
    read = read_linearizer(curated_bytes("linearizer", document(text)))
    assert read["lookup"] is None
    assert [a["coeffs"].tolist() for a in read["amplifiers"].values()] == [[0.0, 0.0], [1.5, 0.0]]


def test_a_linearizer_table() -> None:
    columns = {
        "AMPLIFIER_NAME": ("string", ["C00", "C01"]),
        "TYPE": ("string", ["Spline", "Spline"]),
        "COEFFS": ("string:float64[2]", ["[0.1,0.2]", "[0.3,NaN]"]),
        **{n: ("int64", [i, i + 10]) for i, n in enumerate(("BBOX_X0", "BBOX_Y0", "BBOX_DX", "BBOX_DY"))},
        "LINEARITY_TURNOFF": ("float64", [1000.5, "nan"]),
    }
    text = ecsv(columns, meta("LINEARIZER", HAS_LINEARITY=True, LINEARITY_UNITS="electron"))
    read = read_linearizer(curated_bytes("linearizer", document(text, ".ecsv")))
    assert same(read["amplifiers"]["C01"]["coeffs"], [0.3, math.nan])
    assert read["amplifiers"]["C00"]["box"] == (0, 1, 2, 3)
    assert read["amplifiers"]["C00"]["turnoff"] == 1000.5
    assert read["amplifiers"]["C00"]["params"].tolist() == [0.0]
    assert read["units"] == "electron"


def test_linearizers_that_are_none() -> None:
    text = linearizer_text(meta("LINEARIZER"), [[0.0, 1.0], [2.0, 3.0]])
    assert "tableData: rows differ in length" in refusal("linearizer", text + "  - 1.0\n")
    assert "says that it has no linearity" in refusal(
        "linearizer", text.replace("  - HAS_LINEARITY\n", "  - X\n").replace("- - HAS_LINEARITY", "- - X")
    )
    uneven = text.replace("    fitParams: []", "    fitParams: [1.0]", 1)
    assert "FIT_PARAMS: amplifiers differ in length (1, 0)" in refusal("linearizer", uneven)
    assert "'fitRes' is not a key that can be written" in refusal(
        "linearizer", text.replace("    fitParams: []", "    fitRes: []", 1)
    )
    assert "has no linearityBBox" in refusal(
        "linearizer",
        text.replace("linearityBBox: !", "linearityBBox: ~ #", 1).replace(
            "    - !!python/object/apply:lsst.geom.Point2I\n      - 0\n      - 0\n    - !!python/object/apply:lsst.geom.Point2I\n      - 1023\n      - 4095\n",
            "",
            1,
        ),
    )


# Brighter-fatter kernels


def test_a_kernel_of_the_detector() -> None:
    kernel = [-1e-10 * (k + 1) / 3 for k in range(25)]
    content = curated_bytes("bfk", document(bfk_text(meta("bfk"), "R01_S00", kernel, 5)))
    read = read_bfk(content)
    assert read["level"] == "DETECTOR"
    assert read["amplifiers"] == {}
    assert same(read["detectors"]["R01_S00"], np.reshape(kernel, (5, 5)))
    # The file's raftName is the header's RAFTNAME: FITS knows one case.
    assert (read["name"], read["raft"], read["meta"]["RAFTNAME"]) == ("R01_S00", "R01", "R01")
    with fits.open(io.BytesIO(content)) as hdus:
        assert [len(h.data) for h in hdus[1:]] == [0, 1]


def amp_kernels(version: float) -> str:
    metadata = meta("bfk", bfk_VERSION=version, LEVEL="AMP", KERNEL_DX=3, KERNEL_DY=3)
    from fixtures.curated import property_list

    old = version == 1.0
    means, variances = ("means", "variances") if old else ("rawMeans", "rawVariances")
    text = property_list(metadata)
    if not old:
        text += "expIdMask: {C00: [true, false], C01: [true, true]}\n"
    text += f"{means}: {{C00: [1.5, .nan], C01: [3, 4]}}\n{variances}: {{C00: [5.0, 6.0], C01: [7.0, 8.0]}}\n"
    text += "rawXcorrs: {C00: [0.1, 0.2], C01: [0.3, 0.4]}\ngain: {C00: 1.5, C01: 2}\n"
    text += "noise: {C00: 5.5, C01: .inf}\nvalid: {C00: true, C01: true}\nbadAmps: [C01]\n"
    for key, start in (("meanXcorrs", 0), ("ampKernels", 9)):
        rows = {a: [(start + i) / 3 for i in range(9)] for a in ("C00", "C01")}
        text += f"{key}: {{" + ", ".join(f"{a}: {v}" for a, v in rows.items()) + "}\n"
    return text + "detKernels: {}\n"


@pytest.mark.parametrize("version", [1.0, 1.1])
def test_kernels_of_amplifiers(version: float) -> None:
    read = read_bfk(curated_bytes("bfk", document(amp_kernels(version))))
    first, second = read["amplifiers"]["C00"], read["amplifiers"]["C01"]
    assert first["mask"].tolist() == ([True, True] if version == 1.0 else [True, False])
    assert same(first["means"], [1.5, math.nan])
    assert same(second["variances"], [7.0, 8.0])
    assert same(second["xcorrs"], [[[0.3]], [[0.4]]])
    assert (first["gain"], second["gain"], second["noise"]) == (1.5, 2.0, math.inf)
    assert (first["valid"], second["valid"]) == (True, False)
    assert same(first["mean_xcorrs"], np.reshape([i / 3 for i in range(9)], (3, 3)))
    assert same(second["kernel"], np.reshape([(9 + i) / 3 for i in range(9)], (3, 3)))
    assert read["detectors"] == {}


def test_kernels_that_are_none() -> None:
    text = bfk_text(meta("bfk"), "R01_S00", [0.0] * 25, 5)
    assert "a kernel has 25 values, expected 16" in refusal(
        "bfk",
        text.replace("KERNEL_DX\n  - Int\n  - 5", "KERNEL_DX\n  - Int\n  - 4").replace(
            "KERNEL_DY\n  - Int\n  - 5", "KERNEL_DY\n  - Int\n  - 4"
        ),
    )
    assert "bfk_VERSION is 0.9" in refusal("bfk", text.replace("  - 1.0\n", "  - 0.9\n"))
    assert "LEVEL is 'CAMERA'" in refusal("bfk", text.replace("'DETECTOR'", "'CAMERA'"))
    amps = amp_kernels(1.1)
    assert "GAIN: amplifier 'C01' is missing" in refusal(
        "bfk", amps.replace("gain: {C00: 1.5, C01: 2}", "gain: {C00: 1.5}")
    )
    assert "RAW_MEANS: amplifiers differ in length" in refusal("bfk", amps.replace("C01: [3, 4]", "C01: [3]"))
    assert "EXP_ID_MASK: expected true or false" in refusal(
        "bfk", amps.replace("[true, false]", "[1, 0]").replace("[true, true]", "[1, 1]")
    )
    assert "has no 'noise'" in refusal("bfk", amps.replace("noise:", "nose:"))


# Quantum efficiency


@pytest.mark.parametrize("names", [("", "", ""), ("C00", "C00", "C01")])
def test_curves_survive(names: tuple[str, str, str]) -> None:
    rows = [(names[0], 320.006, 49.30967), (names[1], 400.0, 1 / 3), (names[2], 320.006, math.nan)]
    text = qe_curve_text(meta("qe_curve", DATE="2023-07-13T01:38:51", CALIB_CREATION_DATE="2023-07-13"), rows)
    read = read_qe_curve(curated_bytes("qe_curve", document(text, ".ecsv")))
    assert [(n, w) for n, w, _ in read["rows"]] == [(n, w) for n, w, _ in rows]
    assert same([e for *_, e in read["rows"]], [e for *_, e in rows])
    # The time of writing is not written: the same text gives the same file.
    assert read["meta"]["DATE"] == "2023-07-13T01:38:51"
    assert read["meta"]["TYPE"] == "QE"


def test_curves_that_are_none() -> None:
    text = qe_curve_text(meta("qe_curve"), [("", 1.0, 2.0)])
    assert "efficiency has the unit ''" in refusal("qe_curve", text.replace(", unit: '%'", ""), ".ecsv")
    assert "wavelength has the unit 's'" in refusal("qe_curve", text.replace("unit: nm", "unit: s"), ".ecsv")
    assert "MODE is 'IMAGE'" in refusal("qe_curve", text.replace("'DETECTOR'", "'IMAGE'"), ".ecsv")
    assert "has no 'efficiency'" in refusal("qe_curve", text.replace("efficiency", "throughput"), ".ecsv")
