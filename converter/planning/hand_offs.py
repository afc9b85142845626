"""What only the stack can write: the commands that complete the repository. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from os import PathLike

from adapters.camera import Camera, HandOffRule

from .. import names
from ..operations import HandOff
from ..target import TargetState, local_path


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
        if not rule.pattern and (not with_calibs or state.associations.get((collection, rule.dataset_type))):
            continue
        words = {
            "repo": local_path(target) or target,
            "instrument": instrument,
            "class_name": camera.instrument.record["class_name"],
            "collection": collection,
            # In the historical layout <inst>/calib is no chain; the umbrella is.
            "chain": names.calibration_chain(instrument) if label else names.umbrella(instrument),
            "calib": calib,
        }
        # Paths and labels are the user's: a shell must take them as they are.
        quoted = {name: shlex.quote(str(word)) for name, word in words.items()}
        labels = f" {shlex.quote(label)}" if label else ""
        command = rule.command.format(**quoted, labels=labels)
        why = "every instrument needs it for ISR"
        if found:
            why = found[0] if len(found) == 1 else f"{len(found)} files, such as {found[0]}"
        result.append(HandOff(rule.dataset_type, command, why))
    return result
