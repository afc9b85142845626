from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.gen2.templates import DirectoryIndex, Template, locate
from converter.nouns import Gen2to3Error

RING = "%(raftName)s-%(detectorName)s"
# All path templates of GEN2_FACTS section 4 that are written out in full.
TEMPLATES = [
    "%(field)s/%(dateObs)s/%(pointing)05d/%(filter)s/HSC-%(visit)07d-%(ccd)03d.fits",
    "BIAS/%(calibDate)s/NONE/BIAS-%(calibDate)s-%(ccd)03d.fits",
    "DARK/%(calibDate)s/NONE/DARK-%(calibDate)s-%(ccd)03d.fits",
    "FLAT/%(calibDate)s/%(filter)s/FLAT-%(calibDate)s-%(filter)s-%(ccd)03d.fits",
    "FRINGE/%(calibDate)s/%(filter)s/FRINGE-%(calibDate)s-%(filter)s-%(ccd)03d.fits",
    "SKY/%(calibDate)s/%(filter)s/SKY-%(calibDate)s-%(filter)s-%(ccd)03d.fits",
    "defects/%(calibDate)s/defects-%(calibDate)s-%(ccd)03d.fits",
    "BFKERNEL/brighter_fatter_kernel.pkl",
    "STRAY_LIGHT/ybackground-%(ccd)03d.fits",
    "BIAS/%(calibDate)s/NONE/BIAS-%(calibDate)s-%(ccd)1d.fits",
    "transmission/filter-%(filter)s.fits",
    "transmission/optics.fits",
    "%(date)s/%(filter)s/decam%(visit)07d.fits.fz[%(hdu)d]",
    "%(visit)07d/instcal%(visit)07d.fits.fz[%(hdu)d]",
    "BIAS/%(calibDate)s/BIAS-%(calibDate)s-%(ccdnum)02d.fits",
    "FLAT/%(calibDate)s/%(filter)s/FLAT-%(calibDate)s-%(ccdnum)02d.fits",
    "cpBIAS/%(calibDate)s/BIAS-%(calibDate)s.fits[%(ccdnum)d]",
    "cpFLAT/%(calibDate)s/%(filter)s/FLAT-%(calibDate)s.fits[%(ccdnum)d]",
    "cpILLUMCOR/%(calibDate)s/%(filter)s/ILLUMCOR-%(calibDate)s.fits[%(calib_hdu)d]",
    "defects/%(calibDate)s/defects-%(calibDate)s-%(ccdnum)03d.fits",
    "raw/%(runId)s/%(object)s/%(date)s/%(filter)s/%(visit)d%(state)1s.fits.fz[%(extension)d]",
    "%(path)s[%(extension)d]",
    f"raw/%(dayObs)s/%(expId)013d/%(expId)013d-{RING}-det%(detector)03d.fits[0]",
    f"raw/%(dayObs)s/%(expId)013d/%(expId)013d-{RING}-det%(detector)03d.fits[%(channel)d]",
    f"raw/%(run)s/%(raftName)s/%(expId)08d-{RING}-det%(detector)03d.fits",
    f"bias/%(calibDate)s/bias-{RING}-det%(detector)03d_%(calibDate)s.fits",
    f"flat/%(filter)s/%(calibDate)s/flat_%(filter)s-{RING}-det%(detector)03d_%(calibDate)s.fits",
    f"sky/%(calibDate)s/%(filter)s/sky-%(filter)s-{RING}-det%(detector)03d_%(calibDate)s.fits",
    f"defects/%(calibDate)s/defects-%(calibDate)s-{RING}-%(detector)03d.fits",
    "linearizer/%(calibDate)s/linearizer-det%(detector)03d_%(calibDate)s.fits",
    f"qe_curve/%(calibDate)s/qe_curve-%(calibDate)s-{RING}.fits",
    "bfk/bfKernel-%(raftName)s_%(detectorName)s.fits",
    "bias/%(calibDate)s/bias-det%(detector)03d_%(calibDate)s.fits",
    "flat/%(filter)s/%(calibDate)s/flat_%(filter)s-det%(detector)03d_%(calibDate)s.fits",
    "bias/%(calibDate)s/bias-det%(detector)03d-%(detectorName)s_%(calibDate)s.fits",
    "raw/raw_v%(visit)d_f%(filter)s.fits.gz",
    "bias/bias.fits.gz",
    "flat/flat_f%(filter)s.fits.gz",
    "bias/v0/R%(raft)s/S%(sensor)s/imsim_0_R%(raft)s_S%(sensor)s_C%(channel)s.fits",
    "flat/v2-f%(filter)s/R%(raft)s/S%(sensor)s/imsim_2_R%(raft)s_S%(sensor)s_C%(channel)s.fits",
    "bias/%(calibDate)s/bias-%(calibDate)s.fits.gz",
    "flat/%(filter)s/%(calibDate)s/flat_%(filter)s_%(calibDate)s.fits.gz",
    "bias/%(calibDate)s/bias-%(ccd)s-%(calibDate)s.fits",
    "BIAS/NONE/BIAS_%(ccd)s_%(calibDate)s.fits",
    "FLAT/%(filter)s/FLAT_%(ccd)s_%(calibDate)s.fits",
    "calib/bias/%(calibDate)s/%(ccd)i.fits",
    "calib/flat/%(calibDate)s/%(ccd)i/%(filter)s.fits",
    "BIAS/pfsBias-%(calibDate)s-%(visit0)06d-%(arm)s%(spectrograph)1d.fits",
    "DETECTORMAP/pfsDetectorMap-%(visit0)06d-%(arm)s%(spectrograph)1d.fits",
    "FIBERNORMS/pfsFiberNorms-%(calibDate)s-%(visit0)06d-%(arm)s.fits",
    "ref_cats/%(name)s/%(pixel_id)s.fits",
    "deepCoadd/BrightObjectMasks/%(tract)d/BrightObjectMask-%(tract)d-%(patch)s-%(filter)s.reg",
]

DATES = st.dates().map(str) | st.datetimes().map(lambda t: t.isoformat())
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9+.~]{0,6}", fullmatch=True)
LOOSE = {  # keys whose own directory makes any text unambiguous
    "field": st.text(
        st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8
    ).filter(lambda t: t not in (".", "..")),
    "filter": st.sampled_from(["HSC-I2", "g DECam SDSS c0001 4720.0 1520.0", "i_sim_1.4", "unknown~unknown"]),
    "path": st.sampled_from(["bias/02Bm04.bias.0.36.00.fits", "flat/g/03Am04n.flat.g.18.00.fits.fz"]),
    "state": st.sampled_from("op"),
    "arm": st.sampled_from("brnm"),
    "patch": st.sampled_from(["0,0", "12,3"]),
}
INTS = st.integers(0, 10**14) | st.integers(0, 9)


def data_ids(template: Template) -> st.SearchStrategy[dict]:
    def values(key: str, kind: type) -> st.SearchStrategy:
        if kind is int:
            return INTS
        if "date" in key.lower() or key == "dayObs":
            return DATES
        return LOOSE.get(key, NAMES)

    return st.fixed_dictionaries({key: values(key, kind) for key, kind in template.keys.items()})


@settings(max_examples=25, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("text", TEMPLATES)
def test_round_trip(text: str, data: st.DataObject) -> None:
    template = Template(text)
    data_id = data.draw(data_ids(template))
    relpath = template.format(data_id)
    assert relpath == template.path % data_id
    assert template.parse(relpath) == data_id
    if "path" not in data_id:
        assert template.parse(relpath + ".fz") == data_id
    if isinstance(template.hdu, str):
        assert template.parse(relpath + "[12]") == {**data_id, template.hdu: 12}
        assert template.format_hdu({**data_id, template.hdu: 12}) == 12


@settings(max_examples=200, deadline=None)
@given(width=st.integers(0, 8), flag=st.sampled_from(["", "0", "-"]), value=st.integers(-(10**9), 10**9))
def test_widths_are_pythons(width: int, flag: str, value: int) -> None:
    template = Template(f"x/a%(n){flag}{width or ''}d.fits")
    relpath = template.format({"n": value})
    assert relpath == f"x/a%{flag}{width or ''}d.fits" % value
    assert template.parse(relpath) == {"n": value}
    assert template.parse(relpath.replace("x/a", "x/a0")) in (None, {"n": int("0" + str(abs(value)))})


def test_parts() -> None:
    template = Template("%(date)s/%(filter)s/decam%(visit)07d.fits.fz[%(hdu)d]")
    assert template.path == "%(date)s/%(filter)s/decam%(visit)07d.fits.fz"
    assert template.hdu == "hdu"
    assert template.keys == {"date": str, "filter": str, "visit": int}
    assert Template("a.fits[0]").hdu == 0
    assert Template("a.fits[0]").format_hdu({}) == 0
    assert Template("a.fits").hdu is None
    assert Template("a.fits").format_hdu({}) is None
    assert Template("%(a)i%(b)c%(c).2f").keys == {"a": int, "b": str, "c": float}
    assert Template("a%%/%(x)d").format({"x": 1}) == "a%/1"
    assert Template("a%%").format({}) == "a%"
    assert Template("a%%").parse("a%") == {}
    assert Template("a") == Template("a") and len({Template("a"), Template("a")}) == 1


HSC_BIAS = Template("BIAS/%(calibDate)s/NONE/BIAS-%(calibDate)s-%(ccd)03d.fits")


@pytest.mark.parametrize(
    "relpath, expected",
    [
        ("BIAS/2015-01-02/NONE/BIAS-2015-01-02-007.fits", {"calibDate": "2015-01-02", "ccd": 7}),
        ("BIAS/2015-01-02/NONE/BIAS-2015-01-02-007.fits.gz", {"calibDate": "2015-01-02", "ccd": 7}),
        ("BIAS/2015-01-02/NONE/BIAS-2015-01-02-007.fits.fz", {"calibDate": "2015-01-02", "ccd": 7}),
        ("BIAS/2015-01-02/NONE/BIAS-2015-01-02-1234.fits", {"calibDate": "2015-01-02", "ccd": 1234}),
        ("BIAS/2015-01-02/NONE/BIAS-2015-01-02-7.fits", None),
        ("BIAS/2015-01-02/NONE/BIAS-2015-01-02-0123.fits", None),
        ("BIAS/2015-01-02/NONE/BIAS-2015-01-03-007.fits", None),
        ("BIAS/2015-01-02/NONE/BIAS-2015-01-02-007.fits.bz2", None),
        ("BIAS/2015-01-02/NONE/BIAS-2015-01-02-٠٠٧.fits", None),
        ("BIAS/2015-01-02/NONE/BIAS-2015-01-02-007.fits\n", None),
        ("BIAS/2015-01-02/NONE/BIAS-2015-01-02-007.fits[1]", None),
        ("old/BIAS/2015-01-02/NONE/BIAS-2015-01-02-007.fits", None),
        ("BIAS/2015/x/NONE/BIAS-2015/x-007.fits", None),
        ("BIAS/../NONE/BIAS-..-007.fits", None),
    ],
)
def test_parse_hsc(relpath: str, expected: dict | None) -> None:
    assert HSC_BIAS.parse(relpath) == expected


def test_parse_repeated_keys() -> None:
    one_element = Template("flat_%(filter)s-%(filter)s.fits")
    assert one_element.parse("flat_HSC-I-HSC-I.fits") == {"filter": "HSC-I"}
    assert one_element.parse("flat_HSC-I-HSC-R.fits") is None
    widths = Template("%(visit)d/x%(visit)07d.fits")
    assert widths.parse("12/x0000012.fits") == {"visit": 12}
    assert widths.parse("12/x0000013.fits") is None


def test_parse_hdu() -> None:
    constant = Template("a-%(x)d.fits[0]")
    assert constant.parse("a-1.fits") == {"x": 1}
    assert constant.parse("a-1.fits[0]") == {"x": 1}
    assert constant.parse("a-1.fits[1]") is None


def test_parse_path() -> None:
    cfht = Template("%(path)s[%(extension)d]")
    assert cfht.parse("flat/g/03Am04n.flat.g.18.00.fits[7]") == {
        "path": "flat/g/03Am04n.flat.g.18.00.fits",
        "extension": 7,
    }
    assert Template("x/%(object)s").parse("x/a/b") is None


@pytest.mark.parametrize(
    "data_id, reason",
    [
        ({"ccd": 1}, "needs key calibDate; the data ID has ccd"),
        ({"calibDate": "2015", "ccd": "1"}, "key ccd is expected to be int, found '1'"),
        ({"calibDate": "2015", "ccd": 1.0}, "key ccd is expected to be int, found 1.0"),
        ({"calibDate": "2015", "ccd": True}, "key ccd is expected to be int, found True"),
        ({"calibDate": "2015", "ccd": None}, "key ccd is expected to be int, found None"),
        ({"calibDate": None, "ccd": 1}, "key calibDate is expected to be str, found None"),
        ({"calibDate": "", "ccd": 1}, "key calibDate is expected to be str, found ''"),
        ({"calibDate": b"x", "ccd": 1}, "key calibDate is expected to be str, found b'x'"),
        ({"calibDate": "..", "ccd": 1}, "which leads out of the root ('..'); refused"),
        ({"calibDate": "a/../../x", "ccd": 1}, "which leads out of the root ('..'); refused"),
        ({"calibDate": "a\0b", "ccd": 1}, "which contains a NUL; refused"),
    ],
)
def test_format_refuses(data_id: dict, reason: str) -> None:
    with pytest.raises(Gen2to3Error) as error:
        HSC_BIAS.format(data_id)
    assert str(error.value).startswith(f"template {HSC_BIAS.text!r}")
    assert reason in str(error.value)
    assert str(error.value).isprintable()


def test_format_as_gen2_did() -> None:
    assert Template("%(ccd)s.fits").format({"ccd": 3, "other": None}) == "3.fits"
    assert Template("%(a)s..fits").format({"a": "x.."}) == "x....fits"
    assert Template("%(object)s/x").format({"object": "M31/N1"}) == "M31/N1/x"
    assert Template("%(x).2f").format({"x": 1}) == "1.00"
    assert Template("%(x).2f").parse("-1.25") == {"x": -1.25}
    with pytest.raises(Gen2to3Error, match="which is absolute; refused"):
        Template("%(path)s[%(extension)d]").format({"path": "/etc/passwd"})
    with pytest.raises(Gen2to3Error, match="key extension is expected to be int, found 'x'"):
        Template("%(path)s[%(extension)d]").format_hdu({"extension": "x"})
    with pytest.raises(Gen2to3Error, match="key b is expected to be one character, found 'ab'"):
        Template("%(b)c").format({"b": "ab"})


@pytest.mark.parametrize("text", ["%d", "a%(x", "%(x)q", "%(x)*d", "%(x)+d", "100%", "%(x).3s"])
def test_unsupported_templates(text: str) -> None:
    with pytest.raises(Gen2to3Error, match="template "):
        Template(text)


def test_real_paths(real_data: Path) -> None:
    imsim = DirectoryIndex(real_data / "imsim" / "gen2" / "CALIB")
    template = Template(f"bias/%(calibDate)s/bias-{RING}-det%(detector)03d_%(calibDate)s.fits")
    parsed = [d for name in imsim.files if (d := template.parse(name))]
    assert parsed == [{"calibDate": "2022-01-01", "raftName": "R11", "detectorName": "S20", "detector": 42}]
    path = imsim.locate(template.format(parsed[0]))
    assert path == imsim.root / "bias/2022-01-01/bias-R11-S20-det042_2022-01-01.fits"
    assert locate(imsim.root, template.format(parsed[0])) == path
    test = Template("raw/raw_v%(visit)d_f%(filter)s.fits.gz")
    index = DirectoryIndex(real_data / "obs_test" / "gen2")
    found = [d for name in index.files if (d := test.parse(name))]
    assert found == [{"visit": 1, "filter": "g"}, {"visit": 2, "filter": "g"}, {"visit": 3, "filter": "r"}]
