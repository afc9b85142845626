"""How every plan with datasets of a camera begins: its title, the instrument's records, the chips."""

from __future__ import annotations

from typing import Protocol

from adapters.camera import Camera

from ..target import TargetState
from .instrument import plan_instrument, serial_periods
from .plan import Choices, Plan


class LabelledChoices(Choices, Protocol):
    """Choices with a label of the calibration collection."""

    @property
    def label(self) -> str:
        """Last part of the collection's name."""


def begin_plan(
    command: str,
    source: str,
    camera: Camera,
    recipe: LabelledChoices,
    state: TargetState,
    update_instrument: bool = False,
) -> Plan:
    """Begin a plan.

    Parameters
    ----------
    command
        The command line's name of what is done.
    source
        Where the datasets come from, for people.
    camera
        The camera's declaration.
    recipe
        All choices.
    state
        What the repository has.
    update_instrument
        Whether records of the instrument that differ are changed.
    """
    title = f"{camera.instrument.name}: {source}, label {recipe.label!r}, transfer {recipe.transfer}"
    plan = Plan(command, title, recipe)
    plan.instrument, plan.conflicts, plan.decisions = plan_instrument(
        camera.instrument, state, update_instrument
    )
    plan.serials = serial_periods(camera.instrument)
    return plan
