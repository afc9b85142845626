"""Masters that were converted before: unchanged, changed, gone from the source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from adapters.camera import Camera

from .. import names
from ..decisions import Decision
from ..gather import check_files
from ..nouns import DataId, Master, MasterKey, RawFile, Reject
from ..recorded import Records
from ..subset import Subset
from ..target import TargetState
from ..timespans import Span
from .versions import Versions, choose_versions, families
from .wording import describe


@dataclass
class Settled:
    """Masters and their ranges, under the keys of the versions that are wanted.

    Parameters
    ----------
    masters, spans
        By the key of the wanted version.
    ours
        By dataset type and data ID: RUNs of all versions of these masters.
    conflicts, folded
        Changed files, if they are not to be superseded.
    decisions, rejects
        Changed files, if they are: those that are good, and the others.
    """

    masters: Mapping[MasterKey, Master]
    spans: Mapping[MasterKey, Sequence[Span]]
    ours: Mapping[tuple[str, DataId], Collection[str]]
    conflicts: list[str] = field(default_factory=list)
    folded: dict[str, str] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


def settle_versions(
    camera: Camera,
    recipe: Subset,
    state: TargetState,
    masters: Mapping[MasterKey, Master],
    spans: Mapping[MasterKey, Sequence[Span]],
    records: Records,
) -> Settled:
    """Compare the masters of a source with those that the repository has of them.

    Parameters
    ----------
    camera
        The camera's declaration.
    recipe
        Label, and whether what has changed is superseded.
    state
        What the repository has.
    masters, spans
        Masters of the source and their validity, under the keys of first versions.
    records
        What is known of the files that were converted.
    """
    instrument = camera.instrument.name
    versions = Versions.of(camera, recipe.label, state)
    split = {c.dataset_type for c in camera.calibrations if c.extensions} if recipe.split_masters else set()

    def run(stamp: str) -> str:
        return names.calibration_run(instrument, recipe.label, stamp)

    def exists(key: MasterKey) -> bool:
        return key.data_id in state.datasets.get((key.dataset_type, run(key.stamp)), ())

    def why_changed(master: Master) -> str:
        dataset_type, stamp, data_id = master.key
        return records.why_changed((dataset_type, run(stamp), data_id), master, dataset_type in split)

    latest = [versions.key(key, versions.number(key)) for key in masters]
    records.look_up((k.dataset_type, run(k.stamp), k.data_id) for k in latest if exists(k))
    current = choose_versions(versions, masters, exists, why_changed, recipe.supersede)
    settled = Settled(
        current.masters,
        {current.keys[key]: ranges for key, ranges in spans.items() if key in current.keys},
        families(versions, [key for key in current.keys if key in spans], run),
    )
    if recipe.supersede:
        # The others were looked at when they were new.
        bad = check_files((masters[key].path for key in current.changed), recipe.workers)
        settled.rejects = [Reject(path, reason, path) for path, reason in sorted(bad.items())]
        for key in [key for key in current.changed if masters[key].path in bad]:
            del current.masters[current.keys[key]], current.changed[key]
    _tell_changed(masters, current.keys, current.changed, recipe.supersede, settled)
    return settled


@dataclass
class RawVersions:
    """Versions of raw files.

    Parameters
    ----------
    numbers
        Number of the wanted version of each path, if it is not the first.
    conflicts
        Changed files, if they are not to be superseded.
    decisions
        Changed files, if they are.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)


def settle_raws(
    camera: Camera, recipe: Subset, state: TargetState, files: Sequence[RawFile], records: Records
) -> RawVersions:
    """Compare the raw files of a source with those that the repository has of them.

    Parameters
    ----------
    camera
        The camera's declaration.
    recipe
        Whether what has changed is superseded.
    state
        What the repository has.
    files
        Raw files of the source.
    records
        What is known of the files that were converted.
    """
    dataset_type, instrument = camera.raw.dataset_type, camera.instrument.name
    first = names.raw_run(instrument)
    latest: dict[DataId, int] = {}
    for (name, run), data_ids in state.datasets.items():
        suffix = "0" if run == first else run.removeprefix(f"{first}.")
        if name == dataset_type and suffix.isdigit():
            for data_id in data_ids:
                latest[data_id] = max(latest.get(data_id, 0), int(suffix))
    result = RawVersions()
    there: list[tuple[RawFile, tuple[str, str, DataId], int]] = []
    for file in files:
        known = [
            d for d in (DataId(detector=n, exposure=file.exposure) for n in file.detectors) if d in latest
        ]
        if known:
            newest = max(known, key=lambda d: latest[d])
            number = latest[newest]
            there.append((file, (dataset_type, names.raw_run(instrument, number), newest), number))
            if number:
                result.numbers[file.path] = number
    records.look_up(dataset for _, dataset, _ in there)
    for file, dataset, number in there:
        why = records.why_changed(dataset, file)
        if why and recipe.supersede:
            result.numbers[file.path] = number + 1
            run = names.raw_run(instrument, number + 1)
            said = (
                f"{file.path} has changed since it was converted ({why}); the exposure record stays as it is"
            )
            result.decisions.append(
                Decision("new-version", f"exposure {file.exposure}", dataset[1], run, said, dataset_type)
            )
        elif why:
            result.conflicts.append(f"{dataset_type} exposure={file.exposure}: {_advice(file.path, why)}")
    return result


def _tell_changed(
    masters: Mapping[MasterKey, Master],
    keys: Mapping[MasterKey, MasterKey],
    changed: Mapping[MasterKey, str],
    supersede: bool,
    settled: Settled,
) -> None:
    """Changed files, detectors of one file together."""
    files: dict[tuple[str, str | None, str, str, str], list[MasterKey]] = defaultdict(list)
    for key, why in changed.items():
        where = (key.dataset_type, key.data_id.physical_filter, keys[key].stamp, masters[key].path, why)
        files[where].append(key)
    for (dataset_type, physical_filter, stamp, path, why), group in files.items():
        detectors = describe(physical_filter, [key.data_id for key in group])
        if supersede:
            settled.decisions.append(
                Decision(
                    "new-version",
                    f"{dataset_type}{detectors}",
                    group[0].stamp,
                    stamp,
                    f"{path} has changed since it was converted: {why}",
                    dataset_type,
                )
            )
            continue
        lines = [f"{dataset_type} {key.data_id}: {_advice(path, why)}" for key in group]
        settled.conflicts += lines
        if len(lines) > 1:
            settled.folded |= dict.fromkeys(lines, f"{dataset_type}{detectors}: {_advice(path, why)}")


def _advice(path: str, why: str) -> str:
    return (
        f"{path} has changed since it was converted: {why}; "
        "write it as a new version with --supersede, or compare contents with --checksum"
    )
