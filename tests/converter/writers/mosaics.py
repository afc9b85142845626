"""Masters of many detectors in a file, and the files that are split off them."""

import hashlib
from pathlib import Path

import numpy as np
from astropy.io import fits
from lsst.daf.butler import Butler

from adapters.camera import Extensions
from converter.nouns import DataId
from converter.operations import Ingest, IngestFile
from converter.writers import staging

from .conftest import FORMATTER, RUN

RULE = Extensions(card="CCDNUM")
ORDER = (2, 0, 3, 1)
"""Detector of every extension: not the order of their numbers."""


def image(detector: int, dtype: str = "f4", seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(100 * seed + detector)
    pixels = rng.normal(1000 + 500 * detector, 30, (24, 40)).astype(dtype)
    if dtype == "f4":
        pixels[3, 4:7] = np.nan, np.inf, -0.0
    return pixels


def write_master(
    path: Path, dtype: str = "f4", packed: bool = False, seed: int = 0, order: tuple[int, ...] = ORDER
) -> str:
    """A file of one extension per detector, with cards of every sort."""
    primary = fits.PrimaryHDU()
    primary.header["NEXTEND"] = len(order)
    primary.header["OBSTYPE"] = ("zero", "type of master")
    primary.header["HIERARCH ESO DET NAME"] = "made up"
    hdus = fits.HDUList([primary])
    for detector in order:
        pixels = image(detector, dtype, seed)
        hdu = fits.ImageHDU(pixels)
        if packed:
            kind = "GZIP_2" if dtype == "f4" else "RICE_1"
            hdu = fits.CompImageHDU(pixels, compression_type=kind, quantize_level=0)
        hdu.header["EXTNAME"] = f"N{detector}"
        hdu.header["CCDNUM"] = (detector, "detector")
        hdu.header["GAINA"] = (1.5 + detector, "[e/adu] gain")
        hdu.header["LONG"] = "a text that is too long for one card, " * 4
        hdu.header["BUNIT"] = "adu"
        hdu.header.add_history(f"made for detector {detector}")
        hdu.header.add_history("and a second line")
        hdus.append(hdu)
    path.parent.mkdir(parents=True, exist_ok=True)
    hdus.writeto(path, checksum=True)
    return str(path)


def split_ingest(path: str, order: tuple[int, ...] = ORDER) -> Ingest:
    """Ingest of a master whose detectors, sorted, are to be split off."""
    detectors = sorted(d for d in order if d < 3)  # the made-up camera has three
    hdus = tuple(order.index(d) + 1 for d in detectors)
    datasets = tuple(("bias", DataId(d)) for d in detectors)
    return Ingest("Cam", RUN, (IngestFile(path, FORMATTER, datasets, hdus),))


def sha(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def staged(root: Path) -> list[Path]:
    return list(root.rglob(f"{staging.STAGING}*"))


def stored_path(butler: Butler, detector: int) -> str:
    ref = butler.find_dataset("bias", instrument="Cam", detector=detector, collections=RUN)
    return butler.getURI(ref).ospath
