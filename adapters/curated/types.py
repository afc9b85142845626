"""The dataset types that any data package may have.

The table is the stack's own and the same for all cameras. What a camera adds
is the name of its directory (`Curated`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CuratedType:
    """One standard dataset type of curated calibrations.

    Parameters
    ----------
    name
        Gen3 dataset type name, which is also the directory's name.
    dimensions
        Gen3 dimensions besides the instrument, in the order of the directory
        levels.
    storage_class
        Gen3 storage class.
    extensions
        File name extensions that the stack's class reads, of those that a
        package may have.
    written
        False if only the stack can write the dataset: its FITS files are
        archives of objects of the stack.
    """

    name: str
    dimensions: tuple[str, ...]
    storage_class: str
    extensions: tuple[str, ...] = (".ecsv", ".yaml")
    written: bool = True


EXTENSIONS = (".ecsv", ".yaml", ".json")
"""What the stack takes for a file of a data package; it ignores all others."""

_DETECTOR = ("detector",)
_FILTER = ("physical_filter",)
_TABLE = (".ecsv",)


def _curve(name: str, *dimensions: str) -> CuratedType:
    return CuratedType(name, dimensions, "TransmissionCurve", _TABLE, written=False)


STANDARD_TYPES: dict[str, CuratedType] = {
    t.name: t
    for t in (
        # The stack's class reads defects from tables only, its YAML reader fails.
        CuratedType("defects", _DETECTOR, "Defects", _TABLE),
        CuratedType("manual_defects", _DETECTOR, "Defects", _TABLE),
        CuratedType("qe_curve", _DETECTOR, "QECurve", _TABLE),
        CuratedType("crosstalk", _DETECTOR, "CrosstalkCalib"),
        CuratedType("linearizer", _DETECTOR, "Linearizer"),
        CuratedType("bfk", _DETECTOR, "BrighterFatterKernel"),
        _curve("transmission_optics"),
        _curve("transmission_atmosphere"),
        _curve("transmission_filter", *_FILTER),
        _curve("transmission_sensor", *_DETECTOR),
        _curve("transmission_filter_detector", *_DETECTOR, *_FILTER),
        _curve("transmission_system", *_DETECTOR, *_FILTER),
    )
}


@dataclass(frozen=True, slots=True)
class Curated:
    """The camera's part of a data package of curated calibrations.

    Parameters
    ----------
    policy
        Name of the camera's directory in the package, with its case; also
        what ``INSTRUME`` says in the package's files.
    package
        Name of the package, for messages.
    types
        Dataset types that it may have, `None` for all that the stack knows.
    """

    policy: str
    package: str
    types: tuple[str, ...] | None = None
