"""Brighter-fatter kernels, for each amplifier or for the whole detector.

Version 1.1 is written. A text of version 1.0 has means and variances of the
points used; they become the raw ones, with a mask that is true throughout, as
the stack's reader does it. At level ``DETECTOR`` the table of amplifiers has
no rows: what such a text says of amplifiers (``valid``) is not written, and
the stack does not write it either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table

from ..nouns import CuratedDocument
from .curated_meta import Product, check_obstype, column, followed_by, number, numbers, stacked, standard

BFK = Product(
    "bfk",
    "Brighter-fatter kernel",
    1.1,
    ("lsst.ip.isr.brighterFatterKernel.BrighterFatterKernel", "lsst.ip.isr.BrighterFatterKernel"),
)

# Column and key in YAML.
_COLUMNS = (
    ("EXP_ID_MASK", "expIdMask"),
    ("RAW_MEANS", "rawMeans"),
    ("RAW_VARIANCES", "rawVariances"),
    ("RAW_XCORRS", "rawXcorrs"),
    ("GAIN", "gain"),
    ("NOISE", "noise"),
    ("MEAN_XCORRS", "meanXcorrs"),
    ("KERNEL", "ampKernels"),
    ("VALID", "valid"),
)
_OLD = {"RAW_MEANS": ("MEANS", "means"), "RAW_VARIANCES": ("VARIANCES", "variances")}


def _by_amplifier(document: CuratedDocument, name: str, key: str) -> Mapping[str, Any]:
    if document.is_table:
        amplifiers = [str(a) for a in column(document, "AMPLIFIER")]
        return dict(zip(amplifiers, column(document, name), strict=True))
    values = column(document, key)
    if not isinstance(values, Mapping):
        raise ValueError(f"{key}: expected a mapping by amplifier")
    return values


def _of_amplifiers(document: CuratedDocument, old: bool, length: int, small: int) -> Table:
    found: dict[str, Mapping[str, Any]] = {}
    for name, key in _COLUMNS:
        if old and name == "EXP_ID_MASK":
            continue
        found[name] = _by_amplifier(document, *(_OLD.get(name, (name, key)) if old else (name, key)))
    amplifiers = list(found["RAW_MEANS"])
    if not amplifiers:
        raise ValueError("has no amplifiers, and LEVEL is 'AMP'")
    if old:
        found["EXP_ID_MASK"] = {a: np.full(np.size(m), True) for a, m in found["RAW_MEANS"].items()}
    for name, by_amplifier in found.items():
        if missing := [a for a in amplifiers if a not in by_amplifier]:
            raise ValueError(f"{name}: amplifier {missing[0]!r} is missing")
    n_obs = {np.size(found["RAW_MEANS"][a]) for a in amplifiers}
    if len(n_obs) != 1:
        raise ValueError(f"RAW_MEANS: amplifiers differ in length {sorted(n_obs)}")
    (observations,) = n_obs
    sizes = {
        "EXP_ID_MASK": observations,
        "RAW_MEANS": observations,
        "RAW_VARIANCES": observations,
        "RAW_XCORRS": observations * small,
        "MEAN_XCORRS": length,
        "KERNEL": length,
    }
    bad = set(document.content.get("badAmps") or ())
    columns: dict[str, Any] = {"AMPLIFIER": amplifiers}
    for name, _ in _COLUMNS:
        values = [found[name][a] for a in amplifiers]
        if name == "VALID":
            columns[name] = [int(bool(v) and a not in bad) for a, v in zip(amplifiers, values, strict=True)]
        elif name == "EXP_ID_MASK":
            masks = np.stack([np.asarray(v).reshape(sizes[name]) for v in values])
            if masks.size and masks.dtype.kind != "b":
                raise ValueError(f"{name}: expected true or false, found {masks.dtype.name} values")
            columns[name] = masks
        elif name in sizes:
            columns[name] = stacked([numbers(v, name).reshape(sizes[name]) for v in values], name)
        else:
            columns[name] = np.array([number(v, name) for v in values])
    return Table(columns)


def bfk(document: CuratedDocument) -> list[Table]:
    """The tables of a document: amplifiers, and kernels of detectors if it has them.

    Raises
    ------
    ValueError
        A key is missing, or a kernel has another size than the metadata say.
    """
    check_obstype(document, BFK)
    metadata = document.metadata
    version = metadata.get("bfk_VERSION")
    if version not in (1.0, 1.1):
        raise ValueError(f"bfk_VERSION is {version!r}, expected 1.0 or 1.1")
    level = metadata.get("LEVEL", "AMP")
    if level not in ("AMP", "DETECTOR"):
        raise ValueError(f"LEVEL is {level!r}, expected 'AMP' or 'DETECTOR'")
    shape = (metadata.get("KERNEL_DX"), metadata.get("KERNEL_DY"))
    if not all(type(n) is int and n > 0 for n in shape):
        raise ValueError(f"KERNEL_DX, KERNEL_DY are {shape}, expected the kernel's size")
    width, height = int(shape[0] or 0), int(shape[1] or 0)
    length = width * height
    if level == "AMP":
        small = (width - 1) * (height - 1) // 4
        table = _of_amplifiers(document, version == 1.0, length, small)
    else:
        table = Table({name: np.zeros(0) for name in ("AMPLIFIER", *(c for c, _ in _COLUMNS))})
    kernels = {} if document.is_table else document.content.get("detKernels") or {}
    if not isinstance(kernels, Mapping):
        raise ValueError("detKernels: expected a mapping by detector")
    if level == "DETECTOR" and not kernels:
        raise ValueError("has no detKernels, and LEVEL is 'DETECTOR'")
    meta = followed_by(
        {**standard(document, BFK), "LEVEL": level, "KERNEL_DX": width, "KERNEL_DY": height}, metadata
    )
    table.meta.update(meta)
    if not kernels:
        return [table]
    rows = stacked(list(kernels.values()), "detKernels")
    if rows.reshape(len(kernels), -1).shape[1] != length:
        raise ValueError(f"detKernels: a kernel has {rows[0].size} values, expected {length}")
    detectors = Table(
        {"DETECTOR": [str(d) for d in kernels], "KERNEL": rows.reshape(len(kernels), length)}, meta=meta
    )
    return [table, detectors]
