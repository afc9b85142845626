"""What a conversion does to a Butler repository, as immutable data.

The same operations render to a table, to JSON and to the Butler, so a dry run
cannot drift from reality. What the target already has becomes no operation.
Only `converter.writers` knows how to carry one out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from adapters.geometry import CameraGeometry

from .nouns import DataId, ExposureRecord
from .timespans import Span

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RegisterInstrument:
    """Insert (or, with ``update``, change) instrument, detector and filter records.

    Only records that the target lacks, or that differ, are listed.
    """

    name: str
    instrument: Record | None
    detectors: tuple[Record, ...]
    filters: tuple[Record, ...]
    update: bool = False


@dataclass(frozen=True, slots=True)
class RegisterDatasetType:
    """Register one dataset type. Dimensions include the instrument."""

    name: str
    dimensions: tuple[str, ...]
    storage_class: str
    is_calibration: bool


@dataclass(frozen=True, slots=True)
class RegisterCollection:
    """Register a RUN or CALIBRATION collection."""

    name: str
    type: Literal["RUN", "CALIBRATION"]


@dataclass(frozen=True, slots=True)
class InsertExposures:
    """Insert group, day_obs and exposure records in bulk."""

    instrument: str
    records: tuple[ExposureRecord, ...]


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit and what belongs to it.

    Parameters
    ----------
    record
        Fields of the ``visit`` dimension record, without ``timespan`` and
        ``region``.
    begin_ns, end_ns
        Timespan, integer nanoseconds since 1970-01-01 TAI.
    exposures
        Ids of its exposures.
    systems
        Ids of the visit systems that it belongs to.
    ra, dec, sky_angle
        Boresight (ICRS) and position angle of the focal plane, degrees, of
        its first exposure.
    """

    record: Record
    begin_ns: int
    end_ns: int
    exposures: tuple[int, ...]
    systems: tuple[int, ...]
    ra: float
    dec: float
    sky_angle: float


@dataclass(frozen=True, slots=True)
class DefineVisits:
    """Insert visits with their regions in bulk.

    ``systems`` holds id and name of the visit systems that they belong to.
    """

    instrument: str
    systems: tuple[tuple[int, str], ...]
    visits: tuple[Visit, ...]
    geometry: CameraGeometry


@dataclass(frozen=True, slots=True)
class IngestFile:
    """One file and the datasets in it.

    Parameters
    ----------
    path
        Absolute path of the source file.
    formatter
        Full name of the stack's formatter class.
    datasets
        ``(dataset type, data ID)`` of each dataset in the file.
    hdus
        Number of the HDU of each dataset, if they are to be split into files
        of their own; empty to take the file as it is.
    is_made
        Whether it was made for the target, and is to be moved there.
    """

    path: str
    formatter: str
    datasets: tuple[tuple[str, DataId], ...]
    hdus: tuple[int, ...] = ()
    is_made: bool = False


@dataclass(frozen=True, slots=True)
class Ingest:
    """Ingest files into one RUN.

    All dataset types of the files have equal dimensions, because the cost of
    an ingest call is per RUN and set of dimensions.
    """

    instrument: str
    run: str
    files: tuple[IngestFile, ...]

    @property
    def size(self) -> int:
        """Number of datasets."""
        return sum(len(f.datasets) for f in self.files)


@dataclass(frozen=True, slots=True)
class Certify:
    """Certify datasets of one type for one validity range.

    ``datasets`` holds ``(RUN, data ID)`` of each.
    """

    instrument: str
    collection: str
    dataset_type: str
    span: Span
    datasets: tuple[tuple[str, DataId], ...]


@dataclass(frozen=True, slots=True)
class Decertify:
    """Take a validity range off datasets of one type, whatever is certified for it then.

    ``data_ids`` are those of the datasets; ranges that reach beyond ``span``
    are cut, not removed.
    """

    instrument: str
    collection: str
    dataset_type: str
    span: Span
    data_ids: tuple[DataId, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """Define a CHAINED collection with these children, in order."""

    name: str
    children: tuple[str, ...]
    before: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class HandOff:
    """What only the stack can write: recorded, shown, never silently missing."""

    dataset_type: str
    command: str
    reason: str


@dataclass(frozen=True, slots=True)
class Removal:
    """Take back what a conversion made: ranges, datasets, chains and collections, in this order.

    ``certifies`` are ranges that are put back once the datasets are gone;
    ``collections`` are removed in the order given, chains before their children.
    """

    dataset_ids: tuple[str, ...] = ()
    decertifies: tuple[Decertify, ...] = ()
    certifies: tuple[Certify, ...] = ()
    chains: tuple[Chain, ...] = ()
    collections: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to take back."""
        return not any((self.dataset_ids, self.decertifies, self.certifies, self.chains, self.collections))


Operation = (
    RegisterInstrument
    | RegisterDatasetType
    | RegisterCollection
    | InsertExposures
    | DefineVisits
    | Ingest
    | Decertify
    | Certify
    | Chain
    | HandOff
)
