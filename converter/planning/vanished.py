"""What was converted once and is no longer in the source: told, and kept. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

from adapters.camera import Camera

from .. import names
from ..nouns import MasterKey, Observation, Reject, Skip
from .versions import Versions

REASON = "no longer in the source; kept in the repository"


def report_vanished(
    camera: Camera,
    label: str,
    converted: Iterable[tuple[str, str]],
    roots: Collection[str],
    planned: Collection[str],
    masters: Callable[[], Iterable[MasterKey]],
    observations: Iterable[Observation],
    rejects: Iterable[Reject],
    versions: Versions,
) -> list[Skip]:
    """Name what the source had and has no longer, one line per dataset type and RUN.

    Parameters
    ----------
    camera
        The camera's declaration.
    label
        Label of the calibration collection.
    converted
        Name and file of every dataset that was converted, from the ledger.
    roots
        Raw root and calibration roots: what came from elsewhere is not of this source.
    planned
        Names of the datasets that the source has, in the version that is wanted.
    masters
        Gives all masters that the source names, also those that are rejects.
    observations
        Rows of the raw registry.
    rejects
        What is told already.
    versions
        Versions of masters that the repository has.
    """
    instrument = camera.instrument.name
    prefix = names.calibration_run(instrument, label, "")
    raws = names.raw_run(instrument)
    raw_type = camera.raw.dataset_type
    below = tuple(f"{root.rstrip('/')}/" for root in roots)
    candidates: dict[tuple[str, str, str], str] = {}
    for name, file in converted:
        if name in planned or not file.startswith(below):
            continue
        dataset_type, _, rest = name.partition(" ")
        if dataset_type == raw_type and rest.startswith(raws):
            candidates[raw_type, raws, rest.removeprefix(raws).partition(" ")[2]] = file
        elif rest.startswith(prefix):
            # A stamp has no blanks; of a RUN below another label it is none.
            stamp, _, data_id = rest.removeprefix(prefix).partition(" ")
            if "/" not in stamp:
                run = f"{prefix}{versions.first(dataset_type, stamp)}"
                candidates[dataset_type, run, data_id] = file
    if not candidates:
        return []
    told = {reject.path for reject in rejects}
    there = {(raw_type, raws, f"detector={o.detector} exposure={o.exposure}") for o in observations}
    there |= {(key.dataset_type, f"{prefix}{key.stamp}", str(key.data_id)) for key in masters()}
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (dataset_type, run, data_id), file in candidates.items():
        if (dataset_type, run, data_id) not in there and file not in told:
            # Exposures one by one, detectors together.
            exposure = f" {data_id.partition(' ')[2]}" if dataset_type == raw_type else ""
            groups[dataset_type, run + exposure].append(data_id)
    return [
        Skip(f"{dataset_type} {run}" + (f" {ids[0]}" if len(ids) == 1 else f" (×{len(ids)})"), REASON)
        for (dataset_type, run), ids in sorted(groups.items())
    ]
