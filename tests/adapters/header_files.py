"""Tiny FITS files with the headers of real raws."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from astro_metadata_translator.tests import read_test_file
from astropy.io import fits

from adapters.camera import Camera
from adapters.headers import HeaderJob, read_exposures

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("GEN2TO3_SHARED", ROOT.parent / "shared")) / "data" / "headers"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no header data in {DATA}")

STRUCTURE = {"SIMPLE", "XTENSION", "BITPIX", "EXTEND", "PCOUNT", "GCOUNT", "TFIELDS", "BZERO", "BSCALE"}
STRUCTURE |= {"COMMENT", "HISTORY", "CHECKSUM", "DATASUM", ""}
STRUCTURE_STEMS = (
    "NAXIS",
    "TTYPE",
    "TFORM",
    "ZIMAGE",
    "ZBITPIX",
    "ZNAXIS",
    "ZTILE",
    "ZCMPTYPE",
    "ZNAME",
    "ZVAL",
)


def header_of(name: str, drop: tuple[str, ...] = (), **changes) -> fits.Header:
    cards = dict(read_test_file(str(DATA / name)))
    cards.update(changes)
    header = fits.Header()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for key, value in cards.items():
            if key in STRUCTURE or key in drop or key.startswith(STRUCTURE_STEMS):
                continue
            header[key if len(key) <= 8 else f"HIERARCH {key}"] = value
    return header


def write(path: Path, primary: fits.Header | None, *extensions: fits.Header) -> str:
    hdus = [fits.PrimaryHDU(header=primary)]
    for header in extensions:
        hdu = fits.ImageHDU(np.zeros((2, 3), np.int16))
        # Not ImageHDU(header=…): it upper-cases EXTNAME.
        for card in header.cards:
            hdu.header[card.keyword if len(card.keyword) <= 8 else f"HIERARCH {card.keyword}"] = card.value
        hdus.append(hdu)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits.HDUList(hdus).writeto(path)
    return str(path)


def hsc_file(path: Path, **changes) -> str:
    return write(path, header_of("fitsheader-hsc.yaml", **changes))


def read_one(camera: Camera, *paths: str):
    (result,) = read_exposures([HeaderJob(7, paths)], camera)
    assert result.exposure == 7
    return result


def decam_file(path: Path, name: str) -> str:
    per_detector = ("CCDNUM", "DETPOS", "EXTNAME")
    full = header_of(name)
    extension = fits.Header([(k, full[k]) for k in per_detector if k in full])
    return write(path, header_of(name, drop=per_detector), extension)


def content(data: bytes):
    def make(path: Path) -> str:
        path.write_bytes(data)
        return str(path)

    return make


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 17\n"
