"""The nouns that sources yield and planning reads.

Frozen dataclasses only: no Butler, no files, no decisions. Whatever a source
is (a Gen2 registry, a validity table, a delivery of masters made elsewhere),
it is read into these, each with the provenance that leads back to the row or
file it came from. Reading never fails on a bad row: it yields a `Reject`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

DataIdValue = int | str


class Gen2to3Error(Exception):
    """Something the user has to know, said in one line.

    The text names the file or row, what was expected, what was found and
    what to do; the command line prints it without a traceback.
    """

    exit_status = 1


class UsageError(Gen2to3Error):
    """The call itself cannot be carried out (missing root, unknown camera)."""

    exit_status = 2


class StoppedError(Gen2to3Error):
    """Stopped before anything was written (conflicts, ``--strict``)."""

    exit_status = 3


class DataId(NamedTuple):
    """What identifies a dataset besides its instrument, type and run.

    A dimension that the dataset type lacks is `None`.
    """

    detector: int | None = None
    physical_filter: str | None = None
    exposure: int | None = None

    def as_dict(self) -> dict[str, DataIdValue]:
        """The given dimensions only, by name."""
        return {k: v for k, v in self._asdict().items() if v is not None}

    def __str__(self) -> str:
        return " ".join(f"{k}={v}" for k, v in self.as_dict().items()) or "(instrument)"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a noun came from.

    Parameters
    ----------
    source
        The file that was read (registry, validity table, FITS file).
    table
        Table in it, or ``""``.
    row
        Row id or line number in the table, `None` for a file.
    text
        The original text of the fields that matter, kept for ever (for a
        validity range: ``validStart``, ``validEnd``, ``calibDate``).
    """

    source: str
    table: str = ""
    row: int | None = None
    text: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        where = f"{self.source}"
        if self.table:
            where += f" table {self.table}"
        if self.row is not None:
            where += f" row {self.row}"
        return where


class MasterKey(NamedTuple):
    """What tells one master from another.

    ``stamp`` is the last part of the RUN name, ``YYYYMMDDTHHMMSSZ`` in UTC.
    """

    dataset_type: str
    stamp: str
    data_id: DataId


@dataclass(frozen=True, slots=True)
class Master:
    """One calibration dataset: a file (or one extension of it) and its data ID.

    Parameters
    ----------
    key
        Dataset type, RUN stamp and data ID.
    path
        Absolute path of the file.
    hdu
        Extension that holds this detector, `None` if the file is one dataset.
    calib_date
        The source's own text of the calibration date (UTC).
    size
        Bytes, as found when it was read.
    mtime_ns
        Modification time, Unix nanoseconds.
    provenance
        The row that names it, or the file itself.
    """

    key: MasterKey
    path: str
    hdu: int | None
    calib_date: str
    size: int
    mtime_ns: int
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class ValidityClaim:
    """One statement that a master is valid from ``begin`` to ``end``.

    Both are the source's own text; what they mean is decided by
    `converter.timespans` from the declared reading of the source.

    Parameters
    ----------
    master
        The master that the statement is about.
    begin, end
        Original text. `None` or ``""`` means unbounded where the source says
        so; the *text* ``"None"`` never does.
    registered
        When the source recorded it (text, for the ``latest-registered``
        policy), ``""`` if unknown.
    provenance
        The row that makes the statement.
    mounted
        UTC texts of the time, from and up to, for which the statement is about
        this detector, where it was made of a chip that moved; ``""`` is
        unbounded.
    """

    master: MasterKey
    begin: str | None
    end: str | None
    registered: str
    provenance: Provenance
    mounted: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class RawFile:
    """One raw file that the registry names.

    Parameters
    ----------
    path
        Absolute path.
    exposure
        Exposure id, as the registry's exposure key gives it.
    detectors
        Detector ids in this file, as the registry says.
    size
        Bytes.
    mtime_ns
        Modification time, Unix nanoseconds.
    provenance
        The (first) row that names the file.
    """

    path: str
    exposure: int
    detectors: tuple[int, ...]
    size: int
    mtime_ns: int
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Observation:
    """One raw row, as far as calibration lookup and validity need it.

    Parameters
    ----------
    exposure, detector
        Ids as the registry gives them.
    times
        Text of each time column that the camera's lookups use, by column.
    physical_filter
        Gen3 filter name, `None` if the registry's text is not known.
    row
        Row id in the raw table.
    """

    exposure: int
    detector: int
    times: Mapping[str, str]
    physical_filter: str | None
    row: int


class Box(NamedTuple):
    """A box of pixels: lower left pixel, counted from 0, and size."""

    x0: int
    y0: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class CuratedFile:
    """One text file of a data package, a dataset of curated calibrations.

    Parameters
    ----------
    dataset_type
        Gen3 dataset type name.
    data_id
        Detector and filter, as far as the dataset type has them.
    path
        Absolute path.
    valid_from
        Begin of its validity, from the file's name: ISO text, UTC.
    calib_date
        ``CALIBDATE`` of its metadata, which names the RUN: ISO text, UTC.
    sha256
        Digest of the file's content.
    size
        Bytes.
    mtime_ns
        Modification time, Unix nanoseconds.
    provenance
        The file, with the original texts of both dates.
    """

    dataset_type: str
    data_id: DataId
    path: str
    valid_from: str
    calib_date: str
    sha256: str
    size: int
    mtime_ns: int
    provenance: Provenance


class CuratedStart(NamedTuple):
    """When a file of a data package begins to be valid: ISO text, UTC."""

    dataset_type: str
    data_id: DataId
    valid_from: str


@dataclass(frozen=True, slots=True)
class CuratedDocument:
    """What a text file of a data package says, as plain data.

    Parameters
    ----------
    source
        Name of the file, for messages.
    metadata
        Its metadata: texts, numbers, truth values, `None`, lists of them.
    content
        The rest of a YAML file, or the columns of a table as numpy arrays.
    is_table
        Whether it was a table.
    units
        Units of those columns that have one.
    """

    source: str
    metadata: Mapping[str, Any]
    content: Mapping[str, Any]
    is_table: bool = False
    units: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reject:
    """A row or file that cannot be converted, and why.

    ``path`` is the file concerned, where the item is a row; ``detector`` the
    Gen3 detector that the row is about, if that is known.
    """

    item: str
    reason: str
    path: str = ""
    detector: int | None = None

    def __str__(self) -> str:
        # Some reasons name the file themselves; once is enough for a reader.
        return f"{self.item}: {self.reason.removeprefix(f'{self.item} ')}"


@dataclass(frozen=True, slots=True)
class Skip:
    """A row or file that is left out (or written uncertified) for a stated reason.

    ``path`` is the file concerned, where the item is a row.
    """

    item: str
    reason: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class ExposureRecord:
    """What one exposure's header says, in the terms of the Gen3 dimensions.

    Parameters
    ----------
    exposure
        Fields of the ``exposure`` dimension record without ``timespan``.
    begin_ns, end_ns
        Exposure timespan, integer nanoseconds since 1970-01-01 TAI.
    day_obs_offset_s
        Seconds after 00:00 TAI at which the observing day rolls over, `None`
        if the camera does not say.
    """

    exposure: Mapping[str, Any]
    begin_ns: int
    end_ns: int
    day_obs_offset_s: int | None = None
    warnings: tuple[str, ...] = field(default=())
