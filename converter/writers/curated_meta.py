"""What the tables of all curated products have in common: metadata and numbers.

The stack's calibration classes keep a list of metadata that begins with the
product's type, schema and version, goes on with what identifies the detector,
and ends with whatever else the text file said. Keys that the file has under
several names (``DET_NAME``, ``DETECTOR_NAME``) must agree, because its readers
refuse them otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..nouns import CuratedDocument


@dataclass(frozen=True, slots=True)
class Product:
    """One of the stack's calibration classes.

    Parameters
    ----------
    obstype
        Its ``OBSTYPE``, which also begins the keys of schema and version.
    schema, version
        What is written.
    classes
        Full names of the class; the first is written as ``CALIBCLS``.
    """

    obstype: str
    schema: str
    version: float
    classes: tuple[str, ...]


_IDENTITY = {
    "INSTRUME": ("INSTRUME", "instrument"),
    "RAFTNAME": ("RAFTNAME",),
    "SLOTNAME": ("SLOTNAME",),
    "DETECTOR": ("DETECTOR", "detectorId"),
    "DET_NAME": ("DET_NAME", "DETECTOR_NAME", "detectorName"),
    "DET_SER": ("DET_SER", "DETECTOR_SERIAL", "detectorSerial"),
    "FILTER": ("FILTER", "filterName"),
    "CALIB_ID": ("CALIB_ID",),
}


def identity(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What identifies instrument, detector and filter; `None` where nothing does.

    Raises
    ------
    ValueError
        Two keys contradict each other.
    """
    result: dict[str, Any] = {}
    for key, names in _IDENTITY.items():
        given = {n: metadata[n] for n in names if metadata.get(n) is not None}
        if len(set(given.values())) > 1:
            listed = ", ".join(f"{n} {v!r}" for n, v in given.items())
            raise ValueError(f"the metadata contradict each other: {listed}; correct one of them")
        value = next(iter(given.values()), None)
        result[key] = None if value == "" else value
    return result


def check_class(document: CuratedDocument, product: Product) -> None:
    """Refuse a document that names another class than the product's.

    The stack imports what ``CALIBCLS`` names, so it must not be anything else.

    Raises
    ------
    ValueError
        It names another class.
    """
    found = document.metadata.get("CALIBCLS")
    if found is not None and found not in product.classes:
        raise ValueError(f"CALIBCLS is {found!r}, expected {product.classes[0]!r}")


def check_obstype(document: CuratedDocument, product: Product) -> None:
    """Refuse an ``OBSTYPE`` in other letters than the stack's class compares.

    Raises
    ------
    ValueError
        It differs.
    """
    found = document.metadata.get("OBSTYPE")
    if found != product.obstype:
        raise ValueError(f"OBSTYPE is {found!r}, expected {product.obstype!r}: the stack compares the case")


def standard(document: CuratedDocument, product: Product) -> dict[str, Any]:
    """The metadata that every product begins with."""
    check_class(document, product)
    return {
        "OBSTYPE": product.obstype,
        f"{product.obstype}_SCHEMA": product.schema,
        f"{product.obstype}_VERSION": product.version,
        **identity(document.metadata),
        "CALIBCLS": product.classes[0],
    }


def followed_by(first: Mapping[str, Any], rest: Mapping[str, Any]) -> dict[str, Any]:
    """Both together; a key of both has the value of the first."""
    return {**first, **{key: value for key, value in rest.items() if key not in first}}


def numbers(value: Any, what: str) -> np.ndarray:
    """Numbers as an array, as they are (integers stay integers).

    Raises
    ------
    ValueError
        Something in it is no number, or rows differ in length.
    """
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{what}: rows differ in length") from None
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{what}: expected numbers, found {array.dtype.name} values")
    return array


def number(value: Any, what: str) -> float:
    """One number as a float.

    Raises
    ------
    ValueError
        It is none.
    """
    array = numbers(value, what)
    if array.ndim:
        raise ValueError(f"{what}: expected one number, found {array.size}")
    return float(array)


def stacked(rows: list[Any], what: str) -> np.ndarray:
    """Vectors of all amplifiers as one column.

    Raises
    ------
    ValueError
        They are no numbers, or differ in length.
    """
    arrays = [numbers(row, what) for row in rows]
    if len({a.shape for a in arrays}) > 1:
        lengths = ", ".join(str(a.size) for a in arrays)
        raise ValueError(f"{what}: amplifiers differ in length ({lengths}); a table needs the same for all")
    return np.stack(arrays) if arrays else np.zeros(0)


def column(document: CuratedDocument, name: str) -> Any:
    """A column of a table or a key of a YAML file.

    Raises
    ------
    ValueError
        There is none.
    """
    try:
        return document.content[name]
    except KeyError:
        raise ValueError(f"has no {name!r}") from None
