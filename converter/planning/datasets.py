"""Masters and raws to ingest and certify operations, less what the target has. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from adapters.camera import EXPOSURE, Calibration, Camera

from .. import names
from ..decisions import Decision
from ..nouns import DataId, ExposureRecord, Master, MasterKey, Observation, RawFile, Reject
from ..operations import Certify, Decertify, Ingest, IngestFile, RegisterDatasetType
from ..target import TargetState
from ..timespans import Span, day_timespan
from .ranges import Certified, ChangeBook, by_span, compare_ranges

T = TypeVar("T")
Dataset = tuple[str, DataId]

# A batch is one transaction: large, because small ones cost time, but bounded in what a kill can undo.
BATCH = 20_000


@dataclass
class DatasetPlan:
    """Operations for one kind of dataset.

    Parameters
    ----------
    types
        Dataset types that are needed.
    runs
        RUN collections that are needed.
    ingests, certifies, decertifies
        What is to be written, and taken off.
    written, existing, certified
        Numbers of datasets per type.
    present
        ``(dataset type, RUN, data ID)`` of what the target has already.
    conflicts
        What would stop the Butler, one line each.
    folded
        For some conflicts the line that stands for them in a short list.
    decisions, rejects
        As everywhere.
    """

    types: list[RegisterDatasetType] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    ingests: list[Ingest] = field(default_factory=list)
    certifies: list[Certify] = field(default_factory=list)
    decertifies: list[Decertify] = field(default_factory=list)
    written: Counter[str] = field(default_factory=Counter)
    existing: Counter[str] = field(default_factory=Counter)
    certified: Counter[str] = field(default_factory=Counter)
    present: list[tuple[str, str, DataId]] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    folded: dict[str, str] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


def chunks(items: Sequence[T], size: int = BATCH) -> Iterable[Sequence[T]]:
    """Cut a sequence into batches."""
    return (items[i : i + size] for i in range(0, len(items), size))


def check_dataset_type(wanted: RegisterDatasetType, target: TargetState) -> str:
    """Why the target's definition of a dataset type stands in the way, ``""`` if it does not."""
    found = target.dataset_types.get(wanted.name)
    if found is None:
        return ""
    dimensions, storage_class, is_calibration = found
    if (set(dimensions), storage_class, is_calibration) == (
        set(wanted.dimensions),
        wanted.storage_class,
        wanted.is_calibration,
    ):
        return ""
    return (
        f"dataset type {wanted.name} is {sorted(dimensions)} {storage_class} in the repository, "
        f"{sorted(wanted.dimensions)} {wanted.storage_class} by the camera's declaration; "
        f"leave it out with --types, or convert into another repository"
    )


def plan_masters(
    camera: Camera,
    label: str,
    masters: Iterable[Master],
    spans: Mapping[MasterKey, Sequence[Span]],
    target: TargetState,
    split: bool = False,
    ours: Mapping[tuple[str, DataId], Collection[str]] | None = None,
    supersede: bool = False,
) -> DatasetPlan:
    """Plan the ingest and certification of masters.

    Parameters
    ----------
    camera
        The camera's declaration.
    label
        Label of the calibration collection.
    masters
        The masters to have in the repository.
    spans
        Validity of each, from `converter.planning.validity`.
    target
        What the repository has.
    split
        Whether masters of files with many detectors get files of their own.
    ours
        By dataset type and data ID: RUNs of all versions of the masters of
        which a validity is stated.
    supersede
        Whether ranges of these that the source no longer states are taken off.
    """
    plan = DatasetPlan()
    instrument = camera.instrument.name
    collection = names.calibration_collection(instrument, label)
    files: dict[tuple[str, tuple[str, ...]], dict[tuple[str, str, bool], list[tuple[Dataset, int]]]] = (
        defaultdict(lambda: defaultdict(list))
    )
    wanted: dict[tuple[str, DataId], list[Certified]] = defaultdict(list)
    declared: dict[str, Calibration] = {c.dataset_type: c for c in camera.calibrations}
    used: set[str] = set()
    # Each is in all RUNs.
    alone: dict[Dataset, tuple[Dataset]] = {}
    for master in masters:
        dataset_type, stamp, data_id = master.key
        calibration = declared[dataset_type]
        run = names.calibration_run(instrument, label, stamp)
        used.add(dataset_type)
        if data_id in target.datasets.get((dataset_type, run), ()):
            plan.existing[dataset_type] += 1
            plan.present.append((dataset_type, run, data_id))
        else:
            group = files[run, calibration.dimensions]
            # Only where the camera says so: an HDU alone may be of a file with one detector.
            is_split = split and calibration.extensions is not None and master.hdu is not None
            formatter = EXPOSURE if is_split else calibration.formatter
            (pair,) = alone.setdefault((dataset_type, data_id), ((dataset_type, data_id),))
            group[master.path, formatter, is_split].append((pair, master.hdu or 0))
            plan.written[dataset_type] += 1
        # Of a master without a statement nothing is known, so nothing of it is taken off.
        if (stated := spans.get(master.key)) is not None:
            wanted[dataset_type, data_id] += [(run, span) for span in stated]
    _plan_ranges(plan, instrument, collection, wanted, target, ours, supersede)
    for dataset_type in (c.dataset_type for c in camera.calibrations if c.dataset_type in used):
        _add_type(plan, target, declared[dataset_type])
    for (run, _), by_file in sorted(files.items()):
        entries = [
            IngestFile(
                path,
                formatter,
                alone[found[0][0]] if len(found) == 1 else tuple(d for d, _ in found),
                tuple(h for _, h in found if is_split),
            )
            for (path, formatter, is_split), found in by_file.items()
        ]
        plan.ingests.append(Ingest(instrument, run, tuple(entries)))
    plan.runs = sorted({i.run for i in plan.ingests})
    return plan


def _plan_ranges(
    plan: DatasetPlan,
    instrument: str,
    collection: str,
    wanted: Mapping[tuple[str, DataId], Sequence[Certified]],
    target: TargetState,
    ours: Mapping[tuple[str, DataId], Collection[str]] | None,
    supersede: bool,
) -> None:
    """Plan what is certified, and what is taken off."""
    there = {t: _by_data_id(target, collection, t) for t in {dataset_type for dataset_type, _ in wanted}}
    on: list[tuple[str, DataId, Certified]] = []
    off: list[tuple[str, DataId, Certified]] = []
    book = ChangeBook(collection)
    for (dataset_type, data_id), rows in wanted.items():
        certified = there[dataset_type].get(data_id, {})
        own = {run for run, _ in rows} if ours is None else ours.get((dataset_type, data_id), ())
        changes = compare_ranges(rows, certified, own)
        on += [(dataset_type, data_id, row) for row in changes.on]
        off += [(dataset_type, data_id, row) for row in changes.off]
        book.add(dataset_type, data_id, rows, certified, changes)
    plan.conflicts += book.conflicts(supersede)
    plan.folded |= book.folded
    if supersede:
        plan.decisions += book.decisions()
        for (dataset_type, span), datasets in by_span(off).items():
            data_ids = tuple(data_id for _, data_id in datasets)
            plan.decertifies.append(Decertify(instrument, collection, dataset_type, span, data_ids))
    for (dataset_type, span), datasets in by_span(on).items():
        plan.certifies.append(Certify(instrument, collection, dataset_type, span, tuple(datasets)))
        plan.certified[dataset_type] += len(datasets)


def _add_type(plan: DatasetPlan, target: TargetState, calibration: Calibration) -> None:
    wanted = RegisterDatasetType(
        calibration.dataset_type,
        ("instrument", *calibration.dimensions),
        calibration.storage_class,
        is_calibration=True,
    )
    problem = check_dataset_type(wanted, target)
    if problem:
        plan.conflicts.append(problem)
    elif calibration.dataset_type not in target.dataset_types:
        plan.types.append(wanted)


def _by_data_id(
    target: TargetState, collection: str, dataset_type: str
) -> dict[DataId, dict[tuple[str, Span], None]]:
    """What is certified for each data ID, in order: ``(RUN, range)``."""
    table: dict[DataId, dict[tuple[str, Span], None]] = defaultdict(dict)
    for run, data_id, span in target.associations.get((collection, dataset_type), ()):
        table[data_id][run, span] = None
    return table


def plan_raws(
    camera: Camera,
    files: Iterable[RawFile],
    observations: Iterable[Observation],
    records: Mapping[int, ExposureRecord],
    target: TargetState,
    versions: Mapping[str, int] | None = None,
) -> tuple[DatasetPlan, list[ExposureRecord]]:
    """Plan exposure records and the ingest of raws.

    Parameters
    ----------
    camera
        The camera's declaration.
    files
        Raw files that are good to ingest.
    observations
        Rows of the raw registry, to compare with the headers.
    records
        What the headers say, by the registry's exposure id. Exposures that
        the target has need none.
    target
        What the repository has.
    versions
        Number of the version of each path, if it is not the first.

    Returns
    -------
    plan
        Operations and counts.
    exposures
        Records to insert, each with at least one raw.
    """
    plan = DatasetPlan()
    raw, instrument = camera.raw, camera.instrument.name
    good, problems = _check_exposures(camera, records, observations, target, plan)
    entries: dict[str, list[IngestFile]] = defaultdict(list)
    needed: dict[int, ExposureRecord] = {}
    owner: dict[DataId, str] = {}
    for file in sorted(files, key=lambda f: (f.exposure, f.path)):
        run = names.raw_run(instrument, (versions or {}).get(file.path, 0))
        there = target.datasets.get((raw.dataset_type, run), ())
        wanted = []
        for data_id in (DataId(detector=d, exposure=file.exposure) for d in file.detectors):
            other = owner.setdefault(data_id, file.path)
            if other == file.path:
                wanted.append(data_id)
                continue
            why = f"{data_id} is also in {other}; leave one of the two out with --exclude"
            plan.rejects.append(Reject(file.path, why, file.path))
        missing = [d for d in wanted if d not in there]
        plan.existing[raw.dataset_type] += len(wanted) - len(missing)
        plan.present += [(raw.dataset_type, run, d) for d in wanted if d in there]
        if not missing:
            continue
        if file.exposure in good:
            needed[file.exposure] = good[file.exposure]
        elif file.exposure not in target.exposures:
            if file.exposure in problems:
                plan.rejects.append(Reject(file.path, problems[file.exposure], file.path))
            continue
        by_formatter: dict[str, list[tuple[str, DataId]]] = defaultdict(list)
        for data_id in missing:
            assert data_id.detector is not None
            by_formatter[camera.raw_formatter(data_id.detector)].append((raw.dataset_type, data_id))
        for formatter, datasets in by_formatter.items():
            entries[run].append(IngestFile(file.path, formatter, tuple(datasets)))
        plan.written[raw.dataset_type] += len(missing)
    plan.existing = +plan.existing
    for run, files_in_run in sorted(entries.items()):
        plan.ingests += [Ingest(instrument, run, tuple(batch)) for batch in chunks(files_in_run)]
    if entries:
        plan.runs = sorted(entries)
        wanted_type = RegisterDatasetType(
            raw.dataset_type, ("instrument", "detector", "exposure"), raw.storage_class, is_calibration=False
        )
        problem = check_dataset_type(wanted_type, target)
        if problem:
            plan.conflicts.append(problem)
        elif raw.dataset_type not in target.dataset_types:
            plan.types.append(wanted_type)
    return plan, [needed[e] for e in sorted(needed) if e not in target.exposures]


def _check_exposures(
    camera: Camera,
    records: Mapping[int, ExposureRecord],
    observations: Iterable[Observation],
    target: TargetState,
    plan: DatasetPlan,
) -> tuple[dict[int, ExposureRecord], dict[int, str]]:
    """Exposure records that agree with instrument, target and each other, and what is wrong with the others."""
    filters = {f.name for f in camera.instrument.filters}
    registered = {o.exposure: o.physical_filter for o in observations}
    names_seen = dict(target.observations)
    good: dict[int, ExposureRecord] = {}
    problems: dict[int, str] = {}
    for exposure, record in sorted(records.items()):
        fields = record.exposure
        item = f"exposure {exposure}"
        if fields["physical_filter"] not in filters:
            problems[exposure] = (
                f"unknown filter {fields['physical_filter']!r} in the header: "
                f"{camera.instrument.name} has no such filter; leave the file out with --exclude"
            )
            continue
        if names_seen.setdefault(fields["obs_id"], exposure) != exposure:
            problems[exposure] = (
                f"observation id {fields['obs_id']} in the header is also that of exposure "
                f"{names_seen[fields['obs_id']]}; leave the file out with --exclude"
            )
            continue
        if clash := _clashing_day(record, target):
            problems[exposure] = clash
            continue
        good[exposure] = record
        for warning in record.warnings:
            plan.decisions.append(Decision("header", item, "", "", warning, camera.raw.dataset_type))
        said = registered.get(exposure)
        if said is not None and said != fields["physical_filter"]:
            plan.decisions.append(
                Decision(
                    "header-filter",
                    item,
                    f"{said} in the registry",
                    f"{fields['physical_filter']} in the header",
                    "the exposure record is made from the header, as raw ingest does",
                    camera.raw.dataset_type,
                )
            )
    return good, problems


def _clashing_day(record: ExposureRecord, target: TargetState) -> str:
    """Why the exposure's observing day cannot be the target's, ``""`` if it can."""
    day = record.exposure["day_obs"]
    if day not in target.days:
        return ""
    wanted = day_timespan(day, record.day_obs_offset_s)
    if wanted == target.days[day]:
        return ""
    found = target.days[day]
    return (
        f"observing day {day} is {Span(*found) if found else 'without a timespan'} in the repository, "
        f"{Span(*wanted) if wanted else 'without one'} by the header; the repository was made with another offset"
    )
