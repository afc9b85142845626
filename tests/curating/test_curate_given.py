"""Files that the user has: cameras with ranges, stray light, transmission curves."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time
from lsst.daf.butler import Butler, Timespan

from converter.timespans import parse_time, to_tai

from .reading import GENERIC, collections, files, ledger, ranges

ARCHIVE = (
    "ARCHIVE_INDEX",
    "Camera",
    "Detector",
    "TransformMap",
    "TransformPoint2ToPoint2",
    "Detector",
    "Camera",
)
STRAY = "lsst.obs.subaru.strayLight.formatter.SubaruStrayLightDataFormatter"


def utc(text: str) -> int:
    return to_tai(parse_time(text), "utc")


def archive(path: Path, names: tuple[str, ...] = ARCHIVE, value: int = 0) -> Path:
    """A file with the extensions of the stack's archives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hdus: list = [fits.PrimaryHDU()]
    for name in names:
        column = fits.Column("id", "J", array=np.array([value]))
        hdu = fits.BinTableHDU.from_columns([column])
        hdu.header["EXTNAME"] = name
        hdus.append(hdu)
    fits.HDUList(hdus).writeto(path)
    return path


def test_one_camera(run_json, decam: Path, tmp_path: Path) -> None:
    repo, camera = tmp_path / "repo", archive(tmp_path / "camera.fits")
    status, result = run_json("curate", repo, decam, "--camera", "decam", "--camera-file", camera)
    assert (status, result["handed_off"]) == (0, [])
    run = "DECam/calib/curated/unbounded"
    assert ranges(repo, "DECam/calib/curated", "camera") == {(run, ()): [(None, None)]}
    ((key, (path, formatter, _)),) = files(repo, "camera").items()
    assert key == (run, ())
    assert formatter == GENERIC
    assert path.read_bytes() == camera.read_bytes() and camera.exists()
    with Butler.from_config(str(repo), writeable=False) as butler:
        found = butler.get_dataset_type("camera")
        assert (set(found.dimensions.required), found.storageClass_name) == ({"instrument"}, "Camera")
        assert found.isCalibration()
        when = Timespan.fromInstant(Time("2015-01-01", scale="tai"))
        ref = butler.find_dataset("camera", instrument="DECam", collections="DECam/defaults", timespan=when)
        assert ref is not None and ref.run == run
    (row,) = ledger(repo, "select size, sha256 is null from items where dataset like 'camera %'")
    assert row == (camera.stat().st_size, 0)
    again = run_json("curate", repo, decam, "--camera-file", camera)[1]
    assert (again["operations"], again["existing"]["camera"], again["handed_off"]) == (0, 1, [])
    # It need not be named again.
    assert run_json("curate", repo, decam)[1]["handed_off"] == []


def test_no_package_is_needed(run_json, tmp_path: Path) -> None:
    repo, camera = tmp_path / "repo", archive(tmp_path / "camera.fits")
    words = ("--camera", "megaprime", "--camera-file", camera, "--label", "")
    status, result = run_json("curate", repo, *words)
    assert (status, result["written"]) == (0, {"camera": 1})
    assert ranges(repo, "MegaPrime/calib", "camera") == {("MegaPrime/calib/unbounded", ()): [(None, None)]}


def test_versions_of_the_camera(run_json, run, hsc: Path, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    old, mid, new = (archive(tmp_path / f"c{i}=x..y.fits", value=i) for i in range(3))
    words = [
        f"{old}=..2014-01-01",
        f"{mid}=2014-01-01..2016-06-01T12:30:00",
        f"{new}=2016-06-01T12:30:00..",
    ]
    given = [x for w in words for x in ("--camera-file", w)]
    status, result = run_json("curate", repo, hsc, "--camera", "hsc", *given, "--transfer", "direct")
    assert (status, result["written"]["camera"]) == (0, 3)
    base = "HSC/calib/curated"
    swap = utc("2016-06-01T12:30:00")
    expected = {
        (f"{base}/unbounded", ()): [(None, utc("2014-01-01"))],
        (f"{base}/camera/20140101T000000Z", ()): [(utc("2014-01-01"), swap)],
        (f"{base}/camera/20160601T123000Z", ()): [(swap, None)],
    }
    assert ranges(repo, base, "camera") == expected
    assert {k: p for k, (p, _, _) in files(repo, "camera").items()} == dict(
        zip(expected, (old, mid, new), strict=True)
    )
    assert run_json("curate", repo, hsc, *given)[1]["operations"] == 0
    # Another content, and another range, of what is there.
    other = archive(tmp_path / "other.fits", value=9)
    status, result = run_json("curate", repo, "--camera-file", f"{other}=..2014-01-01")
    assert status == 3
    (conflict,) = result["conflicts"]
    assert conflict.startswith(
        f"camera (instrument) unbounded: changed: {base}/unbounded has another content"
    )
    status, result = run_json("curate", repo, "--camera-file", f"{mid}=2014-01-01..2015-01-01")
    assert (status, "its range changed" in result["conflicts"][0]) == (3, True)
    status, result = run_json("curate", repo, "--camera-file", f"{other}=2018-01-01..")
    assert status == 3
    assert (
        "conflicts in HSC/calib/curated with HSC/calib/curated/camera/20160601T123000Z"
        in result["conflicts"][0]
    )
    assert ranges(repo, base, "camera") == expected


def test_ranges_must_not_overlap(run_json, hsc: Path, tmp_path: Path) -> None:
    one, two = (archive(tmp_path / f"{i}.fits") for i in range(2))
    words = ("--camera-file", f"{one}=..2014-01-02", "--camera-file", f"{two}=2014-01-01..")
    status, result = run_json("curate", tmp_path / "repo", hsc, "--camera", "hsc", *words)
    assert status == 3
    (conflict,) = result["conflicts"]
    assert f"{one} for [-inf, 2014-01-02T00:00:35) and {two} for" in conflict
    assert conflict.endswith("are valid at the same time; correct the ranges")
    words = ("--camera-file", one, "--camera-file", two)
    status, result = run_json("curate", tmp_path / "repo", hsc, "--camera", "hsc", *words)
    assert status == 3 and any(
        "would both be in HSC/calib/curated/unbounded" in c for c in result["conflicts"]
    )
    assert not (tmp_path / "repo").exists()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda p: archive(p, ARCHIVE[:-1]),
            "has the extensions ARCHIVE_INDEX, Camera, Detector, TransformMap",
        ),
        (lambda p: archive(p, ()), "has the extensions none; expected ARCHIVE_INDEX"),
        (lambda p: p.write_text("SIMPLY"), "is not a FITS file"),
        (lambda p: p.write_bytes(b""), "is empty (0 bytes)"),
        (lambda p: p.write_bytes(b"SIMPLE  =" + b"\0" * 5000), ""),
    ],
)
def test_no_camera(run_json, hsc: Path, tmp_path: Path, make, said: str) -> None:
    bad = tmp_path / "bad.fits"
    make(bad)
    status, result = run_json("curate", tmp_path / "repo", hsc, "--camera", "hsc", "--camera-file", bad)
    assert (status, result["written"]) == (1, {"defects": 12})
    (reject,) = result["rejected"]
    assert (
        reject["item"] == str(bad) and reject["reason"].startswith("as camera: ") and said in reject["reason"]
    )
    assert "camera" in {h["type"] for h in result["handed_off"]}


def test_stray_light(run_json, hsc: Path, tmp_path: Path) -> None:
    repo, stray = tmp_path / "repo", tmp_path / "STRAY_LIGHT"
    for name in (
        "ybackground-049.fits",
        "ybackground-050.fits",
        "ybackground-112.fits",
        "ybackground-5.fits",
    ):
        archive(stray / name, ())
    words = ("--ingest", f"yBackground={stray}/*.fits", "--transfer", "hardlink")
    status, result = run_json("curate", repo, hsc, "--camera", "hsc", *words)
    assert (status, result["written"]["yBackground"]) == (1, 2)
    assert {r["item"].rpartition("-")[2]: r["reason"] for r in result["rejected"]} == {
        "112.fits": "as yBackground: 112 in its name is no detector of HSC",
        "5.fits": r"as yBackground: its name is not of the form ybackground-(?P<detector>\d{3})\.fits",
    }
    assert "yBackground" not in {h["type"] for h in result["handed_off"]}
    run = "HSC/calib/curated/unbounded"
    # Up to 2018-01-01 TAI, as the stack has it.
    end = to_tai(parse_time("2018-01-01"), "tai")
    assert end == 1_514_764_800 * 10**9
    data_ids = [(("detector", d), ("physical_filter", "HSC-Y")) for d in (49, 50)]
    assert ranges(repo, "HSC/calib/curated", "yBackground") == {(run, d): [(None, end)] for d in data_ids}
    for (_, data_id), (path, formatter, _) in files(repo, "yBackground").items():
        assert formatter == STRAY
        source = stray / f"ybackground-{dict(data_id)['detector']:03d}.fits"
        assert os.path.samefile(path, source)
    with Butler.from_config(str(repo), writeable=False) as butler:
        assert butler.get_dataset_type("yBackground").storageClass_name == "StrayLightData"
    assert run_json("curate", repo, hsc, *words)[1]["operations"] == 0
    # The user's range wins.
    words = ("--label", "other", "--ingest", f"yBackground={stray}/*-049.fits=2014-03-01..2018-01-01")
    assert run_json("curate", repo, *words)[0] == 0
    assert ranges(repo, "HSC/calib/other", "yBackground") == {
        ("HSC/calib/other/yBackground/20140301T000000Z", data_ids[0]): [
            (utc("2014-03-01"), utc("2018-01-01"))
        ]
    }


def test_transmission_curves(run_json, latiss: Path, tmp_path: Path) -> None:
    repo, curves = tmp_path / "repo", tmp_path / "curves"
    archive(curves / "transmission_filter_LATISS_SDSSg_65mm~empty_LATISS_calib_unbounded.fits", ())
    archive(curves / "sdssr_65mm~empty" / "curve.fits", ())
    archive(curves / "nobody.fits", ())
    archive(curves / "sensor" / "rxx_s00" / "19700101T000000.fits", ())
    archive(curves / "optics.fits", ())
    words = [
        f"transmission_filter={curves}/t*.fits",
        f"transmission_filter={curves}/sdss*/*.fits",
        f"transmission_filter={curves}/nobody.fits",
        f"transmission_sensor={curves}/sensor/*/*",
        f"transmission_optics={curves}/optics.fits",
    ]
    status, result = run_json(
        "curate", repo, latiss, "--camera", "latiss", *[x for w in words for x in ("--ingest", w)]
    )
    assert status == 1
    (reject,) = result["rejected"]
    assert reject["item"] == str(curves / "nobody.fits")
    assert "neither its name nor its directories name a filter of LATISS" in reject["reason"]
    run = "LATISS/calib/curated/unbounded"
    assert ranges(repo, "LATISS/calib/curated", "transmission_filter") == {
        (run, (("physical_filter", f"SDSS{b}_65mm~empty"),)): [(None, None)] for b in "gr"
    }
    assert ranges(repo, "LATISS/calib/curated", "transmission_sensor") == {
        (run, (("detector", 0),)): [(None, None)]
    }
    assert ranges(repo, "LATISS/calib/curated", "transmission_optics") == {(run, ()): [(None, None)]}
    assert [h["type"] for h in result["handed_off"]] == ["camera"]


def test_several_names_are_told(run_json, hsc: Path, tmp_path: Path) -> None:
    path = archive(tmp_path / "HSC-R_or_HSC-R2.fits", ())
    _, result = run_json(
        "curate", tmp_path / "repo", "--camera", "hsc", "--ingest", f"transmission_filter={path}"
    )
    (reject,) = result["rejected"]
    assert "'HSC-R_or_HSC-R2' names several filters: HSC-R, HSC-R2" in reject["reason"]


@pytest.mark.parametrize(
    ("camera", "path"), [("latiss", "latiss/gen3/LATISS"), ("imsim", "imsim/gen3/LSSTCam-imSim")]
)
def test_real_cameras(run_json, data: Path, tmp_path: Path, camera: str, path: str) -> None:
    (source,) = (data / path).glob("calib/unbounded/camera/*.fits")
    repo = tmp_path / "repo"
    words = ("--label", "", "--transfer", "copy", "--camera-file", source)
    status, result = run_json("curate", repo, "--camera", camera, *words)
    assert (status, result["written"], result["handed_off"]) == (0, {"camera": 1}, [])
    name = path.rpartition("/")[2]
    # As the stack's own repository has it.
    golden = ranges(data / path.rpartition("/")[0], f"{name}/calib", "camera")
    assert (
        ranges(repo, f"{name}/calib", "camera") == golden == {(f"{name}/calib/unbounded", ()): [(None, None)]}
    )
    ((_, (stored, formatter, _)),) = files(repo, "camera").items()
    ((_, (_, theirs, _)),) = files(data / path.rpartition("/")[0], "camera").items()
    assert formatter == theirs
    assert stored.read_bytes() == source.read_bytes()
    assert collections(repo)[f"{name}/calib/unbounded"] == "RUN"
