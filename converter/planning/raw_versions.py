"""Raws that were converted before, and are no longer what they were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from adapters.camera import Camera

from .. import names
from ..decisions import Decision
from ..file_records import Records, is_modified
from ..gather import check_files
from ..nouns import DataId, ExposureRecord, RawFile, Reject
from ..subset import Subset
from ..target import TargetState
from ..timespans import Span
from .wording import advise, describe


class ChangedRaw(NamedTuple):
    """A raw file, its detectors, what is not as it was of it, and the version that the repository has of it."""

    file: RawFile
    why: str
    version: int


@dataclass
class RawVersions:
    """Versions of raw files.

    Parameters
    ----------
    numbers
        Number of the wanted version of each path, if it is not the first.
    changed
        Good files that are not what was converted, by path.
    bad
        Changed files that cannot be read: the repository keeps what it has.
    modified
        Conflicts that are about a modification time only.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    changed: dict[str, ChangedRaw] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)
    modified: list[str] = field(default_factory=list)


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
    found = {
        file.path: (ChangedRaw(file, why, number), dataset)
        for file, dataset, number in there
        if (why := records.why_changed(dataset, file))
    }
    # The others were looked at when they were new.
    result.bad = check_files(found, recipe.workers)
    links = records.linked((dataset, path) for path, (_, dataset) in found.items() if path not in result.bad)
    for path, (changed, dataset) in found.items():
        if path in result.bad:
            continue
        result.changed[path] = changed._replace(why=changed.why + LINKED) if dataset in links else changed
        if recipe.supersede:
            result.numbers[path] = changed.version + 1
    return result


LINKED = (
    " (the repository links to this very file: what changed in it has changed in the old version as well)"
)


def tell_changed(
    camera: Camera, versions: RawVersions, rejects: Iterable[Reject], recipe: Subset
) -> tuple[list[str], dict[str, str], list[Decision]]:
    """Conflicts, the lines that stand for them, and decisions; files of one exposure together.

    Parameters
    ----------
    camera
        The camera's declaration.
    versions
        The changed files.
    rejects
        Files that are told already.
    recipe
        Whether the files become new versions, or stop the conversion.
    """
    told = {reject.path for reject in rejects}
    dataset_type, instrument = camera.raw.dataset_type, camera.instrument.name
    groups: dict[tuple[int, int], list[ChangedRaw]] = defaultdict(list)
    for path, changed in versions.changed.items():
        if path not in told:
            groups[changed.file.exposure, changed.version].append(changed)
    conflicts: list[str] = []
    folded: dict[str, str] = {}
    decisions: list[Decision] = []
    for (exposure, version), group in sorted(groups.items()):
        detectors = [DataId(detector=d) for c in group for d in c.file.detectors]
        item = f"{dataset_type} exposure {exposure}{describe(None, detectors)}"
        more = f" and {len(group) - 1} more" if len(group) > 1 else ""
        what = f"{group[0].file.path}{more}"
        if recipe.supersede:
            before, after = names.raw_run(instrument, version), names.raw_run(instrument, version + 1)
            why = f"{what} changed since it was converted: {group[0].why}"
            decisions.append(Decision("new-version", item, before, after, why, dataset_type))
            continue
        lines = [
            f"{dataset_type} exposure={c.file.exposure}: {advise(c.file.path, c.why, recipe.checksum)}"
            for c in group
        ]
        conflicts += lines
        versions.modified += [line for line, c in zip(lines, group, strict=True) if is_modified(c.why)]
        if len(lines) > 1:
            folded |= dict.fromkeys(lines, f"{item}: {advise(what, group[0].why, recipe.checksum)}")
    return conflicts, folded, decisions


def compare_headers(
    records: Mapping[int, ExposureRecord], state: TargetState, changed: Collection[int], dataset_type: str
) -> list[Decision]:
    """Exposures of which a new raw, or a changed one, says otherwise than the record, which stays as it is."""
    decisions = []
    for exposure, record in sorted(records.items()):
        known = state.exposures.get(exposure)
        if known is None:
            continue
        before = known.begin_ns, known.end_ns, known.physical_filter
        after = record.begin_ns, record.end_ns, record.exposure["physical_filter"]
        if before != after:
            decisions.append(
                Decision(
                    "exposure-record",
                    f"exposure {exposure}",
                    f"{Span(*before[:2])} {before[2]} in the repository",
                    f"{Span(*after[:2])} {after[2]} in the header of the {'changed' if exposure in changed else 'new'} raw",
                    "the record of the repository stays as it is: masters were certified by it",
                    dataset_type,
                )
            )
    return decisions
