"""What a camera declares.

A camera is a subclass of `Camera` that reads top-down as data: the Gen3
instrument with its detectors and filters (in a YAML file beside the class),
how the Gen2 registry names things, and one `Calibration` line per dataset
type. Hooks exist only for what data cannot say. Nothing here touches a Butler.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from .curated.types import Curated
from .hand_offs import (
    CAMERA,
    GENERIC,
    WRITE_ADDITIONAL,
    WRITE_CAMERA,
    WRITE_CURATED,
    WRITE_PACKAGE,
    HandedFiles,
    HandOffRule,
)
from .instrument import Instrument, load_instrument

__all__ = [
    "CALIB_ID",
    "CAMERA",
    "EXPOSURE",
    "GENERIC",
    "WRITE_ADDITIONAL",
    "WRITE_CAMERA",
    "WRITE_CURATED",
    "WRITE_PACKAGE",
    "Calibration",
    "Camera",
    "Curated",
    "Extensions",
    "HandOffRule",
    "HandedFiles",
    "Lookup",
    "Raw",
    "RegistryFile",
    "Serials",
    "TimeColumn",
]

EXPOSURE = "lsst.obs.base.formatters.fitsExposure.FitsExposureFormatter"

CALIB_ID = str(Path(__file__).with_name("sources") / "calib_id.yaml")
"""Declares the masters of the stack's Gen2 tasks, for `Camera.deliveries`."""


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """How a registry writes the time by which calibrations are looked up.

    Parameters
    ----------
    name
        Column of the raw table.
    kind
        ``"date"`` (``YYYY-MM-DD``) or ``"iso"`` (date and time with a ``T``),
        both compared as text; ``"datetime"`` if the query compared instants to
        the second, through SQLite's ``DATETIME()``.
    scale
        ``"utc"`` or ``"tai"``: what the text, and so the ranges compared with
        it, really mean.
    rollover_s
        Seconds after 0h (in ``scale``) at which a day of this column begins:
        43200 for an observing day that rolls over at noon.
    """

    name: str
    kind: Literal["date", "iso", "datetime"]
    scale: Literal["utc", "tai"]
    rollover_s: int = 0


@dataclass(frozen=True, slots=True)
class Lookup:
    """The Gen2 mapping that chose a master: what the query really matched.

    Parameters
    ----------
    columns
        The policy's ``columns``, the time column included; `None` if the
        policy has none (then every key of the data ID constrains the query).
    reference
        Raw registry table from which missing columns are completed.
    ref_columns
        Keys that constrain the reference query, `None` for all.
    table
        Calibration table that is asked, if not the one that lists the masters
        (LSST fringes were looked up in the flat table).
    valid_range
        False if the query has no date test.
    time
        Time column, if not the camera's own.
    """

    columns: tuple[str, ...] | None
    reference: str | None = None
    ref_columns: tuple[str, ...] | None = None
    table: str | None = None
    valid_range: bool = True
    time: TimeColumn | None = None


@dataclass(frozen=True, slots=True)
class Extensions:
    """How a file with several detectors says which extension is which.

    Parameters
    ----------
    card
        Header card of the extension that names the detector, ``""`` if the
        number of the HDU counts.
    pattern
        Regular expression with one group, for a card that is a text; what
        does not match is no detector.
    offset
        Added to the number to give the Gen3 detector id.
    highest
        Highest number that is a detector (focus and guide chips have higher
        ones), `None` for no limit.
    compressed
        Card that counts instead where ``EXTNAME`` is ``COMPRESSED_IMAGE``.
    by_number
        Whether the stack's formatter opens the HDU of the detector's number.
    """

    card: str = ""
    pattern: str = ""
    offset: int = 0
    highest: int | None = None
    compressed: str = ""
    by_number: bool = False


@dataclass(frozen=True, slots=True)
class RegistryFile:
    """A registry beside the calibRegistry that lists masters of its own.

    Parameters
    ----------
    name
        File name without ``.sqlite3``.
    directories
        Where it is looked for, in this order, relative to the calibration
        root. Paths in it are relative to the directory where it is.
    """

    name: str
    directories: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class Serials:
    """How masters are found by the serial number of a detector's chip.

    The instrument's ``serials`` say which chip was where. Gen2 asked for the
    detector's serial and compared nothing else but the time.

    Parameters
    ----------
    card
        Header card of a master's file (primary or first extension) with the
        serial of its chip.
    position
        How the same header names the detector.
    moved
        Path below the registry's directory where a file may be instead of
        where its row says; ``%(detector)02d`` stands for any number, as the
        serial in the header decides. ``""`` if there is no such place.
    """

    card: str
    position: Extensions
    moved: str = ""


@dataclass(frozen=True, slots=True)
class Calibration:
    """One calibration dataset type: where Gen2 kept it and what Gen3 calls it.

    Parameters
    ----------
    dataset_type
        Gen3 dataset type name.
    table
        Table of the calibration registry that lists the masters.
    template
        Gen2 path template below the calibration root, HDU suffix included.
    lookup
        How Gen2 chose among the masters.
    dimensions
        Gen3 dimensions besides the instrument.
    storage_class, formatter
        Gen3 storage class and the stack's formatter class, by full name.
    detector
        Column that identifies the detector.
    detector_offset
        Added to that column to give the Gen3 detector id (MegaPrime's
        ``extension`` counts from 1).
    date
        Column with the calibration date, from which the RUN is named.
    extensions
        How detectors are found in files that hold several.
    shares_dates
        Whether several files of one data ID may have the same date; then
        all but the first (by path) get a RUN ``<stamp>.<n>``.
    zone
        IANA time zone of the registry's times (date column and ranges), if
        they are naive local times; ``""`` for the time column's own scale.
    unreadable
        Why the stack's formatter does not read the files as they are, ``""``
        if it does.
    registry
        Registry that has the table, `None` for the calibRegistry.
    serials
        Given if ``detector`` holds the serial number of a chip, which the
        instrument's ``serials`` turn into a detector.
    """

    dataset_type: str
    table: str
    template: str
    lookup: Lookup
    dimensions: tuple[str, ...] = ("detector",)
    storage_class: str = "ExposureF"
    formatter: str = EXPOSURE
    detector: str = "detector"
    detector_offset: int = 0
    date: str = "calibDate"
    extensions: Extensions | None = None
    shares_dates: bool = False
    zone: str = ""
    unreadable: str = ""
    registry: RegistryFile | None = None
    serials: Serials | None = None

    @property
    def lookup_table(self) -> str:
        """The table that the Gen2 lookup asks."""
        return self.lookup.table or self.table


@dataclass(frozen=True, slots=True)
class Raw:
    """The raw dataset type and how the raw table names its files.

    Parameters
    ----------
    template
        Gen2 path template below the root.
    formatter
        The stack's raw formatter class, by full name.
    exposure, detector, filter
        Columns that give the exposure id, detector id and filter text.
    keys
        Keys that a completed Gen2 raw data ID has: what a calibration lookup
        starts from.
    time
        Time column of the calibration lookups.
    formatter_by_detector
        Exceptions to ``formatter``.
    extensions
        How detectors are found in files that hold several.
    """

    template: str
    formatter: str
    exposure: str
    detector: str
    filter: str
    keys: tuple[str, ...]
    time: TimeColumn
    formatter_by_detector: Mapping[int, str] = field(default_factory=dict)
    table: str = "raw"
    dataset_type: str = "raw"
    storage_class: str = "Exposure"
    extensions: Extensions | None = None


def _directory(owner: type) -> Path:
    file = sys.modules[owner.__module__].__file__
    assert file is not None
    return Path(file).parent


class Camera:
    """Base class of all camera declarations.

    Subclasses set the class attributes below; an instance carries nothing else.
    """

    name: ClassVar[str]
    """Short name on the command line, lower case."""

    instrument_file: ClassVar[str]
    """YAML file beside the class with instrument, detectors and filters."""

    mappers: ClassVar[tuple[str, ...]]
    """Gen2 mapper classes, as written in ``_mapper``."""

    translator: ClassVar[str]
    """Name of the astro_metadata_translator translator."""

    translator_module: ClassVar[str | None] = None
    """Module to import first, if the translator is not one of its own."""

    searches_for_calib: ClassVar[bool] = False
    """Whether the Gen2 mapper looked for CALIB below the root and parents."""

    noon_s: ClassVar[int] = 43_200
    """Seconds after 0h UTC at which one night's calibrations end and the next one's begin."""

    calib_time_s: ClassVar[int] = 43_200
    """Seconds after 0h UTC at which a calibration dated by day was taken, as far as that is known."""

    raw: ClassVar[Raw]
    calibrations: ClassVar[tuple[Calibration, ...]]
    hand_offs: ClassVar[tuple[HandOffRule, ...]] = ()

    also_curated: ClassVar[tuple[HandOffRule, ...]] = ()
    """What the stack has among its curated calibrations besides the data package's files."""

    deliveries: ClassVar[tuple[str, ...]] = ()
    """YAML files beside the class that declare masters made elsewhere (`adapters.sources.declaration`)."""

    curated: ClassVar[Curated | None] = None
    """Its part of a data package, `None` if there is no package for the camera."""

    @cached_property
    def instrument(self) -> Instrument:
        """Gen3 instrument, detectors and filters."""
        return load_instrument(_directory(type(self)) / self.instrument_file)

    @property
    def delivery_files(self) -> tuple[Path, ...]:
        """The files of `deliveries`, which are beside the class that names them."""
        owner = next(c for c in type(self).__mro__ if "deliveries" in vars(c))
        return tuple(_directory(owner) / name for name in self.deliveries)

    @property
    def needed_for_isr(self) -> tuple[str, ...]:
        """Dataset types that ISR needs and that no Gen2 repository has: the hand-offs without a pattern."""
        return tuple(dict.fromkeys(rule.dataset_type for rule in self.hand_offs if not rule.pattern))

    def redeclared(self, **changes: Any) -> Self:
        """A copy that declares some things otherwise, as a recipe may ask for.

        Parameters
        ----------
        **changes
            Values that stand before those of the class, such as ``raw`` or
            ``calibrations``; earlier changes are kept.
        """
        changed = copy.copy(self)
        vars(changed).update(changes)
        return changed

    def physical_filter(self, text: str | None) -> str | None:
        """Gen3 filter for a Gen2 registry's filter text, `None` if unknown."""
        return self.instrument.filter_by_text.get(text or "")

    def time_column(self, calibration: Calibration) -> TimeColumn:
        """The time column by which masters of this type were looked up."""
        return calibration.lookup.time or self.raw.time

    def raw_formatter(self, detector: int) -> str:
        """Full name of the stack's formatter for raws of a detector."""
        return self.raw.formatter_by_detector.get(detector, self.raw.formatter)

    def calibration(self, dataset_type: str) -> Calibration:
        """The declaration of a calibration dataset type."""
        for c in self.calibrations:
            if c.dataset_type == dataset_type:
                return c
        raise KeyError(dataset_type)
