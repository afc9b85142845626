"""Masters that were converted before: unchanged, changed, gone from the source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from adapters.camera import Camera

from .. import names
from ..decisions import Decision
from ..file_records import Records, is_modified
from ..gather import check_files
from ..nouns import DataId, Master, MasterKey, Reject
from ..subset import Subset
from ..target import TargetState
from ..timespans import Span
from .raw_versions import LINKED
from .versions import Current, Versions, choose_versions, families
from .wording import advise, describe


@dataclass
class Settled:
    """Masters and their ranges, under the keys of the versions that are wanted.

    Parameters
    ----------
    masters, spans
        By the key of the wanted version.
    ours
        By dataset type and data ID: RUNs of all versions of these masters.
    keys
        The masters under the keys of first versions.
    versions
        What the repository has.
    conflicts, folded
        Changed files that are good, if they are not to be superseded.
    modified
        Those of the conflicts that are about a modification time only.
    decisions
        The same, if they are.
    rejects, bad
        Changed files that are not good, and their masters: the repository
        keeps the version that it has.
    """

    masters: Mapping[MasterKey, Master]
    spans: Mapping[MasterKey, Sequence[Span]]
    ours: Mapping[tuple[str, DataId], Collection[str]]
    keys: Collection[MasterKey]
    versions: Versions
    conflicts: list[str] = field(default_factory=list)
    folded: dict[str, str] = field(default_factory=dict)
    modified: list[str] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    bad: set[MasterKey] = field(default_factory=set)


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
    parts = {c.dataset_type for c in camera.calibrations if c.extensions}

    def run(stamp: str) -> str:
        return names.calibration_run(instrument, recipe.label, stamp)

    def exists(key: MasterKey) -> bool:
        return key.data_id in state.datasets.get((key.dataset_type, run(key.stamp)), ())

    def dataset(key: MasterKey) -> tuple[str, str, DataId]:
        return key.dataset_type, run(key.stamp), key.data_id

    latest = {key: versions.key(key, versions.number(key)) for key in masters}
    there = {key: dataset(k) for key, k in latest.items() if exists(k)}
    records.look_up(there.values())
    changed = {
        key: why
        for key, known in there.items()
        if (why := records.why_changed(known, masters[key], key.dataset_type in parts))
    }
    # The others were looked at when they were new.
    bad = check_files((masters[key].path for key in changed), recipe.workers)
    good = {key: why for key, why in changed.items() if masters[key].path not in bad}
    current = choose_versions(versions, masters, good, recipe.supersede)
    settled = Settled(
        current.masters,
        {current.keys[key]: ranges for key, ranges in spans.items() if key in current.keys},
        families(versions, [key for key in current.keys if key in spans], run),
        current.keys.keys(),
        versions,
    )
    settled.rejects = [Reject(path, reason, path) for path, reason in sorted(bad.items())]
    settled.bad = {latest[key] for key in changed.keys() - good.keys()}
    links = records.linked((dataset(latest[key]), masters[key].path) for key in current.changed)
    for key, why in current.changed.items():
        current.changed[key] = why + LINKED if dataset(latest[key]) in links else why
    _tell_changed(masters, latest, current, recipe, settled)
    return settled


def _tell_changed(
    masters: Mapping[MasterKey, Master],
    latest: Mapping[MasterKey, MasterKey],
    current: Current,
    recipe: Subset,
    settled: Settled,
) -> None:
    """Changed files, detectors of one file together."""
    groups: dict[tuple[str, str | None, str, str], list[MasterKey]] = defaultdict(list)
    for key in current.changed:
        stamps = latest[key].stamp, current.keys[key].stamp
        groups[key.dataset_type, key.data_id.physical_filter, *stamps].append(key)
    for (dataset_type, physical_filter, before, stamp), group in groups.items():
        item = f"{dataset_type} {before}{describe(physical_filter, [key.data_id for key in group])}"
        paths = dict.fromkeys(masters[key].path for key in group)
        what = next(iter(paths)) + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
        why = current.changed[group[0]]
        if recipe.supersede:
            text = f"{what} changed since it was converted: {why}"
            settled.decisions.append(Decision("new-version", item, before, stamp, text, dataset_type))
            continue
        lines = [
            f"{dataset_type} {key.data_id}: "
            f"{advise(masters[key].path, current.changed[key], recipe.checksum)}"
            for key in group
        ]
        settled.conflicts += lines
        settled.modified += [
            line for line, key in zip(lines, group, strict=True) if is_modified(current.changed[key])
        ]
        if len(lines) > 1:
            settled.folded |= dict.fromkeys(lines, f"{item}: {advise(what, why, recipe.checksum)}")
