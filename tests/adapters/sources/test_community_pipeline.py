"""Deliveries of the DECam Community Pipeline, read by the declaration that comes with the camera."""

import hashlib
from collections import Counter
from datetime import date, timedelta

import astropy.io.fits
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lsst.daf.butler import Butler

from adapters import fits_cards
from adapters.decam import DECam
from adapters.sources.delivery import read_delivery
from adapters.sources.loading import load_declaration
from converter.convert import convert
from converter.nouns import DataId, MasterKey
from converter.recipe import Recipe
from fixtures import fits
from fixtures.cp_delivery import CpSpec, cp_name, extension, extensions, make_cp_delivery, primary
from fixtures.decam import EXPOSURES, NIGHTS, DecamSpec, make_decam
from fixtures.decam_files import FILTERS

CAMERA = DECam()
DECLARATIONS = [load_declaration(path) for path in CAMERA.delivery_files]
CCDS = (1, 2, 3, 4)


def read(*paths, **options):
    return read_delivery(CAMERA, DECLARATIONS, paths, **options)


def write(path, content):
    fits.write(path, content)
    return path


def digest(root):
    return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob("*") if p.is_file()}


def only_reject(found):
    (reject,) = found.rejects
    assert not found.masters and not found.skips
    return reject.reason


def test_a_full_delivery(tmp_path):
    made = make_cp_delivery(tmp_path)
    assert len(made.files) == 54
    before = digest(tmp_path)
    found = read(tmp_path)
    assert (found.rejects, found.skips, found.types) == ([], [], ())
    expected = {
        MasterKey("cpBias", f"{n.replace('-', '')}T000000Z", DataId(ccd))
        for n in NIGHTS
        for ccd in range(1, 63)
    } | {
        MasterKey("cpFlat", f"{n.replace('-', '')}T000000Z", DataId(ccd, FILTERS[band]))
        for n in NIGHTS
        for band in ("g", "r", "i", "z", "Y")
        for ccd in range(1, 63)
    }
    assert len(expected) == 3348 and set(found.masters) == expected
    for key, master in found.masters.items():
        assert master.key == key and master.hdu == key.data_id.detector
        assert master.calib_date.replace("-", "") == key.stamp[:8]
    key = MasterKey("cpFlat", "20150217T000000Z", DataId(61, FILTERS["Y"]))
    path = tmp_path / "2015-02-17" / "c4d_150217_193000_fci_Y_v1.fits.fz"
    master = found.masters[key]
    assert (master.path, master.size) == (str(path), path.stat().st_size)
    assert master.mtime_ns == path.stat().st_mtime_ns
    assert master.provenance.source == str(path)
    assert dict(master.provenance.text) == {
        "dataset_type": "cpFlat",
        "calib_date": "2015-02-17",
        "physical_filter": "Y",
    }
    assert digest(tmp_path) == before


def test_illumination_and_weight_maps(tmp_path):
    make_cp_delivery(tmp_path, CpSpec(NIGHTS[:1], ("g", "VR"), CCDS, illumination=True, weight_maps=True))
    found = read(tmp_path)
    assert not found.rejects
    assert Counter(k.dataset_type for k in found.masters) == {"cpBias": 4, "cpFlat": 8, "cpIllumcor": 8}
    assert [s.reason for s in found.skips] == ["weight map of the Community Pipeline, no master"] * 3
    assert sorted(s.item for s in found.skips) == sorted(str(p) for p in tmp_path.rglob("*cw_*"))


def test_workers_and_order_make_no_difference(tmp_path):
    make_cp_delivery(tmp_path, CpSpec(NIGHTS[:2], ("g",), CCDS, weight_maps=True, odd=("copy", "same-night")))
    one = read(tmp_path)
    many = read(tmp_path / NIGHTS[1], tmp_path / NIGHTS[0], tmp_path, workers=4)
    assert many == one
    assert list(many.masters) == list(one.masters)


def test_every_file_is_opened_once(tmp_path, monkeypatch):
    path = write(tmp_path / cp_name("zci", "2015-02-16"), primary("zci", "2015-02-16") + extension(1))
    opened = []
    real = fits_cards._open
    monkeypatch.setattr(fits_cards, "_open", lambda p, flags: opened.append(p) or real(p, flags))
    found = read(tmp_path)
    assert [m.hdu for m in found.masters.values()] == [1]
    assert opened == [str(path)]


def test_large_data_are_skipped_not_read(tmp_path):
    path = tmp_path / cp_name("zci", "2015-02-16")
    first = extension(1)[: -fits.BLOCK].replace(fits.card("NAXIS1", 2), fits.card("NAXIS1", 1 << 30))
    with open(path, "wb") as stream:
        stream.write(primary("zci", "2015-02-16") + first)
        stream.seek(8 << 30, 1)
        stream.write(b"\0" * (-(8 << 30) % fits.BLOCK) + extension(2))
    found = read(path)
    assert [(m.key.data_id.detector, m.hdu) for m in found.masters.values()] == [(1, 1), (2, 2)]
    assert found.rejects == []


def test_old_names(tmp_path):
    ccd = [("CCDNUM", 10)]
    fringe = {
        "PROCTYPE": "MasterCal",
        "OBSTYPE": "fringe",
        "DATE-OBS": "2013-11-15T00:10:00",
        "FILTER": FILTERS["z"],
    }
    in_primary = write(
        tmp_path / "DECam_Master_20131115v1-zG_ci_z_10.fits", fits.header({**fringe, "CCDNUM": 10})
    )
    in_extension = write(
        tmp_path / "DECam_Master_20131115v1-YG_ci_Y_11.fits",
        fits.header({**fringe, "FILTER": FILTERS["Y"]}) + extension(11),
    )
    by_name = write(
        tmp_path / "DECam_Master_20131115v1-zG_ci_z_12.fits",
        fits.header({k: v for k, v in fringe.items() if k != "FILTER"}),
    )
    wrong = write(tmp_path / "DECam_Master_20131115v1-zG_ci_z_13.fits", fits.header({**fringe, "CCDNUM": 14}))
    mask = write(tmp_path / "DECam_Master_20131115v1-bpm_01.fits", fits.header(dict(ccd)))
    zero = write(tmp_path / "zci.fits", primary("zci", "2015-02-16") + extensions(CCDS))
    flat = write(tmp_path / "fci.fits", primary("fci", "2015-02-17", "r") + extensions(CCDS[:1]))
    found = read(tmp_path)
    day = "20131115T000000Z"
    assert {k: (m.path, m.hdu) for k, m in found.masters.items()} == {
        MasterKey("fringe", day, DataId(10, FILTERS["z"])): (str(in_primary), None),
        MasterKey("fringe", day, DataId(11, FILTERS["Y"])): (str(in_extension), None),
        MasterKey("fringe", day, DataId(12, FILTERS["z"])): (str(by_name), None),
        **{MasterKey("cpBias", "20150216T000000Z", DataId(c)): (str(zero), c) for c in CCDS},
        MasterKey("cpFlat", "20150217T000000Z", DataId(1, FILTERS["r"])): (str(flat), 1),
    }
    (reject,) = found.rejects
    assert reject.path == str(wrong)
    assert "disagree on the detector: CCDNUM = '14', but '13' in the file's name" in reject.reason
    assert [(s.item, s.reason) for s in found.skips] == [
        (str(mask), "bad-pixel mask of the Community Pipeline; the stack has its own defects")
    ]


@pytest.mark.parametrize(
    ("odd", "parts"),
    [
        ("header-says-flat", ["dataset_type", "OBSTYPE = 'dome flat'", "cpFlat", "'zci' in", "cpBias"]),
        ("other-band", ["physical_filter", FILTERS["g"], "'r' in the file's name"]),
        ("other-night", ["calib_date", "2016-01-01", "2014-12-31"]),
        ("no-filter-at-all", ["expected the physical_filter", "the header has no FILTER"]),
        ("out-of-place", ["expected detector 1 in HDU 1", "found it in HDU 4, and 3 more"]),
        ("no-end", ["expected an END card", "copy the file again"]),
        ("cut-data", ["is cut off, 9 bytes are missing", "copy the file again"]),
        ("lfs-pointer", ["Git LFS pointer", "git lfs pull"]),
        ("empty", ["is empty (0 bytes)", "copy the file again"]),
    ],
)
def test_rejects(tmp_path, odd, parts):
    make_cp_delivery(tmp_path, CpSpec(NIGHTS[:1], (), CCDS, odd=(odd,)))
    found = read(tmp_path)
    (reject,) = found.rejects
    assert reject.path in {str(p) for p in (tmp_path / odd).iterdir()}
    assert [part for part in parts if part not in reject.reason] == []
    assert "\n" not in reject.reason
    # The good file beside it is read.
    assert set(found.masters) == {MasterKey("cpBias", "20150216T000000Z", DataId(c)) for c in CCDS}
    assert found.skips == []


def test_oddities_that_are_no_faults(tmp_path):
    spec = CpSpec((), (), CCDS, odd=("no-filter", "ccdnum-twice", "guide-chips", "half-camera"))
    make_cp_delivery(tmp_path, spec)
    found = read(tmp_path)
    assert found.rejects == []
    assert set(found.masters) == {
        *(MasterKey("cpFlat", "20160101T000000Z", DataId(c, FILTERS["g"])) for c in CCDS),
        *(MasterKey("cpBias", "20160102T000000Z", DataId(c)) for c in CCDS),
        *(MasterKey("cpBias", "20160103T000000Z", DataId(c)) for c in CCDS),
        *(MasterKey("cpBias", "20160104T000000Z", DataId(c)) for c in CCDS[:2]),
    }
    assert [s.reason for s in found.skips] == ["3 extensions of no detector of DECam"]


def test_a_detector_in_two_extensions(tmp_path):
    write(tmp_path / "zci.fits", primary("zci", "2015-02-16") + extensions((1, 2, 2, 1)))
    found = read(tmp_path)
    assert {k.data_id.detector: m.hdu for k, m in found.masters.items()} == {1: 1, 2: 2}
    reason = "2 extensions with the number of an earlier one, which is taken"
    assert ([s.reason for s in found.skips], found.rejects) == ([reason], [])


def test_copies_are_skipped_and_contradictions_rejected(tmp_path):
    made = make_cp_delivery(tmp_path, CpSpec((), (), CCDS, odd=("copy", "same-night")))
    found = read(tmp_path)
    first, second, third = made.odd["copy"]
    assert {m.path for m in found.masters.values()} == {str(first)}
    assert {(s.item, s.reason) for s in found.skips} == {
        (str(p), f"the same as {first} (same checksum)") for p in (second, third)
    }
    one, other = made.odd["same-night"]
    assert [r.path for r in found.rejects] == [str(one), str(other)]
    assert str(other) in found.rejects[0].reason and str(one) in found.rejects[1].reason
    assert all("cpBias 20160102T000000Z detector=1 and 3 more" in r.reason for r in found.rejects)


def test_only_what_clashes_is_rejected(tmp_path):
    for name, ccds in (("a/zci.fits", (1, 2)), ("b/zci.fits", (None, 2, 3))):
        write(tmp_path / name, primary("zci", "2015-02-16") + extensions(ccds))
    found = read(tmp_path)
    assert [k.data_id.detector for k in found.masters] == [1, 3]
    assert len(found.rejects) == 2 and all("detector=2)" in r.reason for r in found.rejects)


def test_hdu_is_free_if_masters_are_split(tmp_path):
    make_cp_delivery(tmp_path, CpSpec((), (), CCDS, odd=("out-of-place",)))
    found = read(tmp_path, split=True)
    assert not found.rejects
    assert {k.data_id.detector: m.hdu for k, m in found.masters.items()} == {1: 4, 2: 3, 3: 2, 4: 1}


def test_choices(tmp_path):
    make_cp_delivery(tmp_path, CpSpec(NIGHTS[:2], ("g",), CCDS))
    found = read(
        tmp_path,
        wants=lambda dataset_type: dataset_type == "cpFlat",
        excludes=lambda path: path.startswith("2015-02-17/"),
        wants_detector=lambda detector: detector in (2, 4),
    )
    assert set(found.masters) == {
        MasterKey("cpFlat", "20150216T000000Z", DataId(c, FILTERS["g"])) for c in (2, 4)
    }
    assert found.rejects == []
    assert Counter(s.reason for s in found.skips) == {
        "left out by --types or --exclude": 3,
        "2 detectors left out by --detectors": 1,
    }


def test_header_cards(tmp_path):
    own = extension(1).replace(fits.card("GAINA", 4.0), fits.card("VALIDTO", "2015-03-01"))
    cards = {"VALIDTO": "2015-04-01", "VALIDFRO": "2015-02-16"}
    bare = extension(3).replace(fits.card("GAINA", 4.0), fits.card("GAINX", 4.0))
    write(tmp_path / "zci.fits", primary("zci", "2015-02-16", **cards) + own + extension(2) + bare)
    found = read(tmp_path, cards=("validto", "VALIDFRO", "GAINA", "DETPOS"))
    assert {k.data_id.detector: texts for k, texts in found.cards.items()} == {
        1: {"VALIDTO": "2015-03-01", "VALIDFRO": "2015-02-16", "DETPOS": "S29"},
        2: {"VALIDTO": "2015-04-01", "VALIDFRO": "2015-02-16", "DETPOS": "S30", "GAINA": "4.0"},
        3: {"VALIDTO": "2015-04-01", "VALIDFRO": "2015-02-16", "DETPOS": "S31"},
    }


def test_not_of_the_pipeline(tmp_path):
    raw = write(tmp_path / cp_name("zci", "2015-02-16"), primary("zci", "2015-02-16", PROCTYPE="raw"))
    text = write(tmp_path / "README.txt", b"hello")
    science = write(tmp_path / "c4d_150216_020304_ooi_g_v1.fits.fz", primary("fci", "2015-02-16"))
    found = read(tmp_path)
    assert [r.path for r in found.rejects] == [str(raw)]
    assert "expected PROCTYPE matching 'MasterCal', found 'raw'" in found.rejects[0].reason
    reason = "no rule of DECam Community Pipeline, masters with CALIB_ID says what it is"
    assert [(s.item, s.reason) for s in found.skips] == [(str(text), reason), (str(science), reason)]
    # Who names a file means it.
    assert [(r.path, r.reason) for r in read(science).rejects] == [(str(science), reason)]


def test_built_by_the_stack(tmp_path):
    """Masters that LSST code made of DECam data have CALIB_ID, and are no masters of the pipeline."""
    bias = fits.master("bias", {"filter": "NONE", "ccdnum": 10, "calibDate": "2015-02-16"})
    flat = fits.master("flat", {"filter": "g", "ccdnum": 62, "calibDate": "2015-02-17"}, PROCTYPE="raw")
    write(tmp_path / "BIAS-2015-02-16-10.fits", bias)
    write(tmp_path / "FLAT-2015-02-17-62.fits", flat)
    found = read(tmp_path)
    assert {k: m.hdu for k, m in found.masters.items()} == {
        MasterKey("bias", "20150216T000000Z", DataId(10)): None,
        MasterKey("flat", "20150217T000000Z", DataId(62, FILTERS["g"])): None,
    }
    assert found.rejects == found.skips == []


def test_converted_masters_have_their_hdu_too(tmp_path):
    """The same check for the masters of a Gen2 repository; --split-masters is the way out."""
    night = ("2015-02-16",)
    spec = DecamSpec(night, EXPOSURES[:1], ccds=(1, 2), cp_bias=night, cp_flat=(), cp_ccds=(1, 2, 3))
    made = make_decam(tmp_path / "gen2", spec)
    path = made.calib / "cpBIAS/2015-02-16/BIAS-2015-02-16.fits"
    path.write_bytes(primary("zci", "2015-02-16") + extensions((1, 3, 2, 5, 4)))
    recipe = Recipe(str(made.root), calib=("CALIB",), transfer="direct")
    outcome = convert(recipe, str(tmp_path / "gen3"))
    expected = {d: hdu for hdu, d in enumerate((1, 3, 2, 5, 4), start=1) if d != hdu}
    assert {r.path: r.reason.partition(";")[0] for r in outcome.plan.rejects} == {
        f"{path}[{d}]": f"expected detector {d} in HDU {d}, which is what the stack's formatter opens, "
        f"found it in HDU {hdu} of {path}"
        for d, hdu in expected.items()
    }
    assert len(outcome.plan.rejects) == 4
    # CCD 1 agrees; that Gen3 has nothing for CCD 2 is explained by the reject.
    assert outcome.verification.by_type["cpBias"] == {"agree": 1, "explained": 1}
    assert "detector 2 in HDU 2" in next(iter(outcome.verification.explanations))
    assert outcome.plan.written["cpBias"] == 1
    assert _biases(tmp_path / "gen3") == {1: 0}
    split = Recipe(str(made.root), calib=("CALIB",), transfer="copy", split_masters=True)
    outcome = convert(split, str(tmp_path / "split"))
    assert (outcome.plan.rejects, outcome.plan.written["cpBias"]) == ([], 5)
    assert _biases(tmp_path / "split") == {ccd: ccd for ccd in range(1, 6)}


def _biases(repo):
    """Detectors of the biases in a repository, each with the pixel of its file's first extension (0: many)."""
    with Butler.from_config(str(repo)) as butler:
        refs = butler.query_datasets("cpBias", "DECam/calib/gen2/*", find_first=False)
        found = {}
        for ref in refs:
            with astropy.io.fits.open(butler.getURI(ref).ospath) as hdus:
                found[ref.dataId["detector"]] = int(hdus[1].data[0, 0]) if len(hdus) == 2 else 0
        return found


NIGHT = st.dates(date(2013, 1, 1), date(2024, 12, 31))
BAND = st.sampled_from(sorted(set(FILTERS) - {"solid"}))
CODES = {"zci": "cpBias", "fci": "cpFlat", "ici": "cpIllumcor"}


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    header=st.tuples(st.sampled_from([*CODES, None]), BAND | st.none(), NIGHT | st.none()),
    name=st.tuples(st.sampled_from(sorted(CODES)), BAND | st.none(), NIGHT | st.none()),
    same=st.booleans(),
)
@example(header=("zci", None, None), name=("zci", None, None), same=False)
@example(
    header=("fci", "g", date(2015, 2, 16)), name=("fci", "g", date(2015, 2, 16) + timedelta(1)), same=False
)
def test_header_and_name_agree_or_the_file_is_a_reject(tmp_path, header, name, same):
    """What is known is what either says; what both say has to be the same."""
    if same:
        header = tuple(n if h is not None else None for h, n in zip(header, name, strict=True))
    content = primary(
        header[0] or "zci",
        f"{header[2]}",
        header[1] or "",
        **({} if header[0] else {"OBSTYPE": None}),
        **({} if header[2] else {"DATE_OBS": None}),
    )
    parts = [f"c4d_{name[2]:%y%m%d}_193000"] if name[2] else []
    path = tmp_path / ("_".join([*parts, name[0], *([name[1]] if name[1] else [])]) + ".fits")
    path.write_bytes(content + extension(1))
    found = read(path)
    path.unlink()

    known = [{h, n} - {None} for h, n in zip(header, name, strict=True)]
    codes, bands, nights = known
    if codes == {"zci"}:
        bands = {None}  # a bias has no filter, whatever is said
    if all(len(k) == 1 for k in (codes, bands, nights)):
        ((code,), (band,), (night,)) = codes, bands, nights
        expected = MasterKey(CODES[code], f"{night:%Y%m%d}T000000Z", DataId(1, FILTERS.get(band)))
        assert set(found.masters) == {expected} and not found.rejects
    else:
        reason = only_reject(found)
        assert ("disagree" in reason) or ("expected the " in reason and "does not say" in reason)
        clash = len(codes) == 2 or (len(nights) == 2 and len(codes) == 1)
        if clash:
            assert "disagree" in reason
