"""What only the stack can write: the commands that complete the repository. Pure."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike

from adapters.camera import WRITE_PACKAGE, Camera, HandOffRule

from .. import names
from ..nouns import CuratedFile, DataId
from ..operations import HandOff
from ..target import TargetState, local_path
from .curated_difference import Wanted


def plan_hand_offs(
    camera: Camera,
    label: str,
    target: str,
    state: TargetState,
    with_calibs: bool,
    files: Mapping[HandOffRule, Sequence[str]] | None = None,
    calib: str | PathLike[str] = "",
) -> list[HandOff]:
    """What the stack has to write: always the camera, the rest where the source has files.

    Parameters
    ----------
    camera
        The camera's declaration.
    label
        Label of the calibration collection.
    target
        Butler repository.
    state
        What it has.
    with_calibs
        Whether it has (or gets) masters.
    files
        Files of the source that only the stack can convert, by rule.
    calib
        Calibration root of the source.
    """
    instrument = camera.instrument.name
    collection = names.calibration_collection(instrument, label)
    result = []
    for rule in camera.hand_offs:
        found = (files or {}).get(rule, ())
        if rule.pattern and not found:
            continue
        if not rule.pattern and (
            not with_calibs or _certified(state, instrument, collection, rule.dataset_type)
        ):
            continue
        command = _command(camera, label, target, rule.command, calib)
        result.append(HandOff(rule.dataset_type, command, _why(found)))
    return result


def plan_curated_hand_offs(
    camera: Camera,
    label: str,
    target: str,
    state: TargetState,
    wanted: Iterable[Wanted],
    handed_off: Iterable[CuratedFile],
) -> list[HandOff]:
    """What the stack has to write besides what ``curate`` wrote of a data package.

    Parameters
    ----------
    camera
        The camera's declaration.
    label
        Label of the calibration collection.
    target
        Butler repository.
    state
        What it has.
    wanted
        What it gets, or has already as it is wanted.
    handed_off
        Files of the package that only the stack can write.
    """
    instrument = camera.instrument.name
    collection = names.calibration_collection(instrument, label)
    got: dict[str, set[DataId]] = defaultdict(set)
    for one in wanted:
        got[one.dataset_type].add(one.data_id)
    rest: dict[str, list[str]] = defaultdict(list)
    for file in handed_off:
        there = got[file.dataset_type] | _certified(state, instrument, collection, file.dataset_type)
        if file.data_id not in there:
            rest[file.dataset_type].append(file.path)
    result = []
    for rule in (*(r for r in camera.hand_offs if not r.pattern), *camera.also_curated):
        if rule.dataset_type in rest or got.get(rule.dataset_type):
            continue
        if not _certified(state, instrument, collection, rule.dataset_type):
            command = _command(camera, label, target, rule.command)
            why = _why(()) if rule in camera.hand_offs else "it is in no data package"
            if rule.files is not None:
                why += f", and --ingest {rule.dataset_type}=GLOB takes files that you have"
            result.append(HandOff(rule.dataset_type, command, why))
    for dataset_type, paths in sorted(rest.items()):
        command = _command(camera, label, target, WRITE_PACKAGE)
        result.append(HandOff(dataset_type, command, _why(paths)))
    return result


def _certified(state: TargetState, instrument: str, collection: str, dataset_type: str) -> set[DataId]:
    """Data IDs of a dataset type for which a search finds anything at any time."""
    found: set[DataId] = set()
    todo, seen = [collection, names.calibration_chain(instrument)], set()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += state.chains.get(name, ())
            found |= {a.data_id for a in state.associations.get((name, dataset_type), ())}
    return found


def _why(paths: Sequence[str]) -> str:
    if not paths:
        return "every instrument needs it for ISR"
    return paths[0] if len(paths) == 1 else f"{len(paths)} files, such as {paths[0]}"


def _command(camera: Camera, label: str, target: str, command: str, calib: str | PathLike[str] = "") -> str:
    """A rule's command, as a shell takes it."""
    instrument = camera.instrument.name
    words = {
        "repo": local_path(target) or target,
        "instrument": instrument,
        "class_name": camera.instrument.record["class_name"],
        "collection": names.calibration_collection(instrument, label),
        # In the historical layout <inst>/calib is no chain; the umbrella is.
        "chain": names.calibration_chain(instrument) if label else names.umbrella(instrument),
        "other": f"{label}-stack" if label else "stack",
        "calib": calib,
    }
    # Paths and labels are the user's: a shell must take them as they are.
    quoted = {name: shlex.quote(str(word)) for name, word in words.items()}
    return command.format(**quoted, labels=f" {shlex.quote(label)}" if label else "")
