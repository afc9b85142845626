"""A file that was a reject, was mended and converted: what is wrong later is not explained by the old reject."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from lsst.daf.butler import Butler, Timespan

from converter.cli import main
from fixtures.decam import EXPOSURES, DecamSpec, make_decam
from fixtures.decam_files import cp_content
from tests.gallery.place import LFS, Place

NIGHT = "2015-02-16"
BIAS = "BIAS/2014-09-30/NONE/BIAS-2014-09-30-049.fits"
"""Of the range in which the exposures are."""


def run(*words: str | Path) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(main, [*map(str, words), "--json"])
    return result.exit_code, json.loads(result.stdout)


def decertify(target: Path, instrument: str, dataset_type: str, detector: int) -> None:
    """Somebody takes all ranges of a detector off."""
    butler = Butler.from_config(str(target), writeable=True)
    butler.registry.decertify(
        f"{instrument}/calib/gen2",
        dataset_type,
        Timespan(None, None),
        dataIds=[{"instrument": instrument, "detector": detector}],
    )


def test_a_file_that_was_mended(tmp_path: Path) -> None:
    place = Place(tmp_path)
    path = place.calib / BIAS
    content = path.read_bytes()
    path.write_bytes(LFS)
    status, result = run("convert", place.root, place.target)
    assert (status, [r["item"] for r in result["rejected"]]) == (1, [str(path)])
    # Gen2 would have given the pointer, Gen3 has nothing: the reject says why.
    explained = result["verify"]["explained"]
    assert explained > 0 and result["verify"]["disagree"] == []
    asked = ("explain", place.target, "bias", "--detector", "49", "--exposure", "9040")
    assert [x["item"] for x in run(*asked)[1]["left_out"]] == [str(path)]
    # As long as nothing is converted the reject stands.
    assert run("convert", place.root, place.target)[1]["verify"]["explained"] == explained
    path.write_bytes(content)
    status, result = run("convert", place.root, place.target)
    assert (status, result["written"], result["certified"]) == (0, {"bias": 1}, {"bias": 1})
    assert (result["verify"]["explained"], result["verify"]["disagree"]) == (0, [])
    assert run(*asked)[1]["left_out"] == []
    decertify(place.target, "HSC", "bias", 49)
    status, result = run("verify", place.target)
    assert (status, result["explained"]) == (4, 0)
    assert {(d["type"], d["detector"]) for d in result["disagree"]} == {("bias", 49)}


def test_an_extension_that_was_mended(tmp_path: Path) -> None:
    """The reject names the file with its HDU, what is converted later the file."""
    spec = DecamSpec(nights=(NIGHT,), exposures=EXPOSURES[:1], ccds=(1, 62), cp_bias=(NIGHT,), cp_flat=())
    made = make_decam(tmp_path / "gen2", spec)
    path, target = made.calib / f"cpBIAS/{NIGHT}/BIAS-{NIGHT}.fits", tmp_path / "gen3"
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(cp_content("zero", NIGHT, "NONE", range(1, 61)))
    status, result = run("convert", made.root, target, "--calib", made.calib)
    (reject,) = result["rejected"]
    assert status == 1 and "no extension for detector 62: it has 60 detectors" in reject["reason"]
    # The other detectors of the file were converted by the same conversion, and the reject still stands.
    assert result["written"]["cpBias"] == 60
    assert (result["verify"]["explained"], result["verify"]["disagree"]) == (1, [])
    path.unlink()
    path.write_bytes(whole)
    status, result = run("convert", made.root, target, "--calib", made.calib, "--supersede")
    assert (status, result["rejected"], result["verify"]["disagree"]) == (0, [], [])
    assert result["verify"]["explained"] == 0
    decertify(target, "DECam", "cpBias", 62)
    status, result = run("verify", target)
    assert (status, result["explained"]) == (4, 0)
    assert {(d["type"], d["detector"]) for d in result["disagree"]} == {("cpBias", 62)}
