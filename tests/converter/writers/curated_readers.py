"""What the stack's readers take from a FITS file of a curated calibration.

A re-implementation of no more than what they access: which HDUs, columns and
metadata, in which shape, and what makes them refuse a file.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy import units
from astropy.io import fits
from astropy.table import Table

CLASSES = {
    "defects": "lsst.ip.isr.defects.Defects",
    "crosstalk": "lsst.ip.isr.crosstalk.CrosstalkCalib",
    "linearizer": "lsst.ip.isr.linearize.Linearizer",
    "bfk": "lsst.ip.isr.brighterFatterKernel.BrighterFatterKernel",
}


def tables_of(content: bytes) -> list[Table]:
    """All tables, from HDU 1 on, until one cannot be read."""
    tables = [Table.read(io.BytesIO(content), hdu=1, mask_invalid=False)]
    with fits.open(io.BytesIO(content)) as hdus:
        assert hdus[0].data is None
        count = len(hdus)
    for number in range(2, count):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tables.append(Table.read(io.BytesIO(content), hdu=number, mask_invalid=False))
    for table in tables:
        for key, value in table.meta.items():
            if isinstance(value, fits.card.Undefined):
                table.meta[key] = None
    return tables


def identify(meta: Mapping[str, Any]) -> dict[str, Any]:
    """What every class looks for; two different values are refused."""
    result = {}
    for name, keys in {
        "instrument": ("INSTRUME", "instrument"),
        "raft": ("RAFTNAME",),
        "slot": ("SLOTNAME",),
        "detector": ("DETECTOR", "detectorId"),
        "name": ("DET_NAME", "DETECTOR_NAME", "detectorName"),
        "serial": ("DET_SER", "DETECTOR_SERIAL", "detectorSerial"),
        "filter": ("FILTER", "filterName"),
    }.items():
        values = {meta.get(k) for k in keys} - {None}
        assert len(values) <= 1, (name, values)
        value = values.pop() if values else None
        result[name] = None if value == "" else value
    return result


def read_defects(content: bytes) -> dict[str, Any]:
    (table,) = tables_of(content)
    assert table.meta["CALIBCLS"] == CLASSES["defects"]
    boxes = []
    for record in table:
        # Point2I and Extent2I take integers only.
        assert all(isinstance(record[c], np.int64) for c in ("x0", "y0", "width", "height"))
        boxes.append(tuple(int(record[c]) for c in ("x0", "y0", "width", "height")))
    return {"boxes": boxes, "meta": dict(table.meta), **identify(table.meta)}


def read_crosstalk(content: bytes) -> dict[str, Any]:
    tables = tables_of(content)
    table, meta = tables[0], tables[0].meta
    assert meta["CALIBCLS"] == CLASSES["crosstalk"]
    assert meta["OBSTYPE"] == "CROSSTALK"
    assert meta["CROSSTALK_VERSION"] == 1.2
    assert meta["HAS_CROSSTALK"] is True
    n = meta["NAMP"]
    assert meta["CROSSTALK_SHAPE"] == [n, n]
    result = {"units": meta["CROSSTALK_RATIOS_UNITS"], "meta": dict(meta), **identify(meta)}
    for name, column in {
        "coeffs": "CT_COEFFS",
        "errors": "CT_ERRORS",
        "counts": "CT_COUNTS",
        "valid": "CT_VALID",
        "squares": "CT_COEFFS_SQR",
        "square_errors": "CT_ERRORS_SQR",
        "ratios": "CT_AMP_GAIN_RATIOS",
    }.items():
        result[name] = np.array(table[column]).reshape(n, n)
    result["gains"] = np.array(table["CT_FIT_GAINS"]).reshape(n)
    result["sources"] = {
        str(r["IC_SOURCE_DET"]): np.array(r["IC_COEFFS"]).reshape(n, n) for t in tables[1:] for r in t
    }
    return result


def read_linearizer(content: bytes) -> dict[str, Any]:
    tables = tables_of(content)
    table, meta = tables[0], tables[0].meta
    assert meta["CALIBCLS"] == CLASSES["linearizer"]
    assert meta["OBSTYPE"] == "LINEARIZER"
    amplifiers = {}
    for record in table:
        amplifiers[str(record["AMPLIFIER_NAME"])] = {
            "type": str(record["TYPE"]),
            "coeffs": np.array(record["COEFFS"]),
            "box": tuple(int(record[c]) for c in ("BBOX_X0", "BBOX_Y0", "BBOX_DX", "BBOX_DY")),
            "params": np.array(record["FIT_PARAMS"]),
            "errors": np.array(record["FIT_PARAMS_ERR"]),
            "chi": float(record["RED_CHI_SQ"]),
            "residuals": np.array(record["FIT_RES"]),
            "scatter": float(record["FIT_RES_SIGMAD"]),
            "linear": np.array(record["LIN_FIT"]),
            "turnoff": float(record["LINEARITY_TURNOFF"]),
            "maximum": float(record["LINEARITY_MAX_SIGNAL"]),
        }
    lookup = np.array([r["LOOKUP_VALUES"] for r in tables[1]]) if len(tables) > 1 else None
    assert meta["HAS_LINEARITY"] is True
    assert meta["HAS_TABLE"] is (lookup is not None)
    return {
        "amplifiers": amplifiers,
        "lookup": lookup,
        "units": meta["LINEARITY_UNITS"],
        "meta": dict(meta),
        **identify(meta),
    }


def read_bfk(content: bytes) -> dict[str, Any]:
    tables = tables_of(content)
    table, meta = tables[0], tables[0].meta
    assert meta["CALIBCLS"] == CLASSES["bfk"]
    assert meta["OBSTYPE"] == "bfk"
    # The key is compared with its case.
    assert meta["bfk_VERSION"] == 1.1
    shape = meta["KERNEL_DX"], meta["KERNEL_DY"]
    names = [str(a) for a in table["AMPLIFIER"]]
    small = int(((shape[0] - 1) * (shape[1] - 1) / 4) ** 0.5)
    amplifiers = {
        name: {
            "mask": np.array(row["EXP_ID_MASK"]),
            "means": np.array(row["RAW_MEANS"]),
            "variances": np.array(row["RAW_VARIANCES"]),
            "xcorrs": np.array(row["RAW_XCORRS"]).reshape(-1, small, small),
            "gain": float(row["GAIN"]),
            "noise": float(row["NOISE"]),
            "mean_xcorrs": np.array(row["MEAN_XCORRS"]).reshape(shape),
            "kernel": np.array(row["KERNEL"]).reshape(shape),
            "valid": bool(row["VALID"]),
        }
        for name, row in zip(names, table, strict=True)
    }
    detectors = {
        str(d): np.array(k).reshape(shape)
        for t in tables[1:]
        for d, k in zip(t["DETECTOR"], t["KERNEL"], strict=True)
    }
    return {
        "level": meta["LEVEL"],
        "amplifiers": amplifiers,
        "detectors": detectors,
        "meta": dict(meta),
        **identify(meta),
    }


def read_qe_curve(content: bytes) -> dict[str, Any]:
    (table,) = tables_of(content)
    meta = table.meta
    assert meta["MODE"] in ("DETECTOR", "AMP")
    # What two curves are compared by.
    assert all(key in meta for key in ("MODE", "TYPE", "CALIBDATE", "INSTRUME", "OBSTYPE", "DETECTOR"))
    wavelength, efficiency = table["wavelength"].quantity, table["efficiency"].quantity
    assert efficiency.unit == units.percent
    names = [str(n) for n in table["amp_name"]] if meta["MODE"] == "AMP" else [""] * len(table)
    rows = zip(names, wavelength.to_value(units.nm), efficiency.value, strict=True)
    return {"rows": [(n, float(w), float(e)) for n, w, e in rows], "meta": dict(meta)}


READERS = {
    "defects": read_defects,
    "manual_defects": read_defects,
    "crosstalk": read_crosstalk,
    "linearizer": read_linearizer,
    "bfk": read_bfk,
    "qe_curve": read_qe_curve,
}
