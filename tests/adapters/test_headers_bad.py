"""Raw files whose header cannot be read or translated."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from header_files import LFS, content, decam_file, hsc_file, needs_data, read_one

from adapters import fits_header
from adapters.fits_header import HeaderError
from adapters.headers import read_exposures
from adapters.hsc import HSC
from converter.nouns import Reject, UsageError


def cut(path: Path) -> str:
    whole = Path(hsc_file(path.with_suffix(".whole"))).read_bytes()
    path.write_bytes(whole[:3000])
    return str(path)


def cut_zip(path: Path) -> str:
    whole = Path(hsc_file(path.with_suffix(".whole"))).read_bytes()
    path.write_bytes(gzip.compress(whole)[:200])
    return str(path)


def fifo(path: Path) -> str:
    os.mkfifo(path)
    return str(path)


END = b"END".ljust(80)
CARD = b"SIMPLE  =                    T".ljust(80)
NOT_A_CAMERA = (CARD + b"BITPIX  = 8".ljust(80) + b"NAXIS   = 0".ljust(80) + END).ljust(2880)
IMPOSSIBLE = CARD + b"BITPIX  = 64".ljust(80) + b"NAXIS   = 1".ljust(80)
IMPOSSIBLE += b"NAXIS1  = 999999999999999999999".ljust(80) + END


BAD = {
    "missing": (lambda path: str(path), 0, "No such file"),
    "directory": (lambda path: (path.mkdir(), str(path))[1], 0, "no regular file"),
    "fifo": (fifo, 0, "no regular file"),
    "NUL in the name": (lambda path: f"{path}\0", 0, "readable FITS file"),
    "empty": (content(b""), 1, "found it empty"),
    "LFS pointer": (content(LFS), 1, "Git LFS pointer; run `git lfs pull`"),
    "random": (content(bytes(range(256)) * 20), 1, "expected a FITS file"),
    "cut": (cut, 1, "expected an END card, found the end of the file after 3000 bytes"),
    "cut zip": (cut_zip, 1, "expected a FITS header, reading it failed"),
    "bad zip": (content(b"\x1f\x8bnonsense"), 1, "expected a FITS header, reading it failed"),
    "garbled cards": (
        content((CARD + b"\xff\x00= '" * 400 + END).ljust(2880)),
        1,
        "header is of",
    ),
    "no cards": (content(NOT_A_CAMERA), 1, "header is of no known camera, expected HSC"),
    "no second HDU": (content(NOT_A_CAMERA + b"special records".ljust(2880)), 1, "of no known camera"),
    "cut second HDU": (content(NOT_A_CAMERA + b"XTENSION= 'IMAGE'".ljust(99)), 1, "expected an END card"),
    "impossible size": (content(IMPOSSIBLE.ljust(2880)), 1, "expected the size of the primary HDU's data"),
}


@needs_data
@pytest.mark.parametrize("make, reads, reason", BAD.values(), ids=BAD)
def test_bad_file(tmp_path, make, reads, reason):
    """The next file is tried; the bad one is named, in one line."""
    bad, good = make(tmp_path / "bad.fits"), hsc_file(tmp_path / "good.fits")
    result = read_one(HSC(), bad, good)
    assert result.record.exposure["id"] == 904024
    assert (result.reads, result.path) == (reads + 1, good)
    (reject,) = result.rejects
    assert reject.item == bad
    assert reason in reject.reason
    assert "\n" not in reject.reason and reject.reason.isprintable()


@needs_data
def test_other_camera(tmp_path):
    path = decam_file(tmp_path / "a.fits", "fitsheader-decam.yaml")
    assert read_one(HSC(), path).rejects == (Reject(path, "header is of DECam, expected HSC"),)


@needs_data
def test_missing_cards_are_all_named(tmp_path):
    path = hsc_file(tmp_path / "a.fits", drop=("EXP-ID", "FILTER01", "EXPTIME"))
    (reject,) = read_one(HSC(), path).rejects
    for text in (
        "EXP-ID",
        "FILTER01",
        "EXPTIME",
        "exposure_id",
        "physical_filter",
        "exposure_time_requested",
    ):
        assert text in reject.reason
    assert read_one(HSC(), path).rejects == (reject,)


@needs_data
def test_all_bad_and_no_files(tmp_path):
    paths = [content(b"")(tmp_path / "a"), content(LFS)(tmp_path / "b"), str(tmp_path / "c")]
    result = read_one(HSC(), *paths)
    assert (result.record, result.path, result.reads) == (None, None, 2)
    assert [r.item for r in result.rejects] == paths
    assert read_one(HSC()).rejects == (Reject("exposure 7", "expected a raw file, found none"),)


class Endless:
    """A stream of header cards without end, that counts what was asked of it."""

    asked = 0

    def read(self, n: int) -> bytes:
        self.asked += n
        return CARD * (n // 80)


def test_huge_header_is_refused_with_bounded_memory(tmp_path):
    stream = Endless()
    with pytest.raises(HeaderError, match="END card within 2000000 bytes"):
        fits_header.HeaderFile(stream).primary()
    assert stream.asked < fits_header.HEADER_LIMIT + 2880
    path = tmp_path / "huge.fits"
    with open(path, "wb") as f:
        f.write(CARD)
        f.truncate(10_000_000_000)  # sparse
    result = read_one(HSC(), str(path))
    assert result.reads == 1
    assert "within 2000000 bytes" in result.rejects[0].reason


@needs_data
def test_text_too_long_is_a_reject_not_a_truncation(tmp_path):
    (reject,) = read_one(HSC(), hsc_file(tmp_path / "a.fits", OBJECT="x" * 66)).rejects
    assert reject.reason.startswith("target_name: expected at most 64 characters, found 66: 'xxx")


def test_unknown_translator_and_module():
    camera = type("Odd", (HSC,), {"translator": "NoSuch"})()
    with pytest.raises(UsageError, match=r"no header translator is called 'NoSuch'; known: .*HSC"):
        read_exposures([], camera)
    camera = type("Odd", (HSC,), {"translator": "HSC", "translator_module": "no.such.module"})()
    with pytest.raises(UsageError, match=r"'no.such.module' cannot be imported: ModuleNotFoundError"):
        read_exposures([], camera)
