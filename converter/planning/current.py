"""Masters in the versions that the repository is to have, and what that adds to a plan: alike for all sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from adapters.camera import Camera

from ..decisions import Decision
from ..file_records import Records
from ..nouns import Master, MasterKey, Reject
from ..subset import Subset
from ..target import TargetState
from ..timespans import Span
from .datasets import DatasetPlan, plan_masters
from .plan import Plan
from .superseding import Settled, settle_versions


class Told(Protocol):
    """What a part of the planning has to tell."""

    conflicts: list[str]
    folded: dict[str, str]
    decisions: list[Decision]
    rejects: list[Reject]


def add_told(plan: Plan, told: Told) -> None:
    """Add what a part of the planning has to tell."""
    plan.conflicts += told.conflicts
    plan.folded |= told.folded
    plan.decisions += told.decisions
    plan.rejects += told.rejects


def add_datasets(plan: Plan, part: DatasetPlan) -> None:
    """Add one kind of dataset, but for its files, whose order is the plan's."""
    add_told(plan, part)
    plan.types += part.types
    plan.written += part.written
    plan.existing += part.existing
    plan.certified += part.certified
    plan.certifies += part.certifies
    plan.decertifies += part.decertifies


def plan_current_masters(
    camera: Camera,
    recipe: Subset,
    state: TargetState,
    masters: Mapping[MasterKey, Master],
    spans: Mapping[MasterKey, Sequence[Span]],
    records: Records,
    plan: Plan,
) -> tuple[DatasetPlan, Settled]:
    """Compare masters with what the repository has, and plan what it lacks.

    Parameters
    ----------
    camera
        The camera's declaration.
    recipe
        The choices.
    state
        What the repository has.
    masters, spans
        Masters of the source and their validity, under the keys of first versions.
    records
        What is known of the files that were converted.
    plan
        Gets what is found out about changed files.
    """
    settled = settle_versions(camera, recipe, state, masters, spans, records)
    add_told(plan, settled)
    part = plan_masters(
        camera,
        recipe.label,
        settled.masters.values(),
        settled.spans,
        state,
        recipe.split_masters,
        settled.ours,
        recipe.supersede,
    )
    return part, settled
