"""Masters that were converted before: unchanged, changed, gone from the source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from adapters.camera import Camera

from .. import names
from ..decisions import Decision
from ..nouns import DataId, Master, MasterKey
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
    decisions
        Changed files, if they are.
    """

    masters: Mapping[MasterKey, Master]
    spans: Mapping[MasterKey, Sequence[Span]]
    ours: Mapping[tuple[str, DataId], Collection[str]]
    conflicts: list[str] = field(default_factory=list)
    folded: dict[str, str] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)


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
        return records.why_changed(master, run(master.key.stamp), master.key.dataset_type in split)

    latest = [versions.key(key, versions.number(key)) for key in masters]
    records.look_up((k.dataset_type, run(k.stamp), k.data_id) for k in latest if exists(k))
    current = choose_versions(versions, masters, exists, why_changed, recipe.supersede)
    settled = Settled(
        current.masters,
        {current.keys[key]: ranges for key, ranges in spans.items() if key in current.keys},
        families(versions, [key for key in current.keys if key in spans], run),
    )
    _tell_changed(masters, current.keys, current.changed, recipe.supersede, settled)
    return settled


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
