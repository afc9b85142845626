"""The instrument's own records: compared with the camera's declaration, added, changed."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from adapters.registry import get_camera

from .apply import apply, why_not
from .decisions import Decision
from .lock import exclusive
from .nouns import StoppedError
from .planning.instrument import RecordChange, compare_instrument, plan_instrument, serial_periods
from .planning.plan import Plan
from .target import open_reading, read_target


@dataclass(frozen=True)
class RegisterRecipe:
    """What `register` is asked for.

    Parameters
    ----------
    camera
        Camera name.
    update
        Change records that differ.
    strict, transfer
        Without meaning here: there are no rejects and no files.
    """

    camera: str
    update: bool = False
    strict: bool = False
    transfer: str = "auto"

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for the ledger."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Registration:
    """What a registration came to.

    Parameters
    ----------
    plan
        What was (or would be) done.
    changes
        The difference between the repository's records and the camera's.
    conversion
        Number in the ledger, `None` if nothing was written.
    stopped
        Why nothing was written although there was something to write.
    """

    plan: Plan
    changes: list[RecordChange]
    conversion: int | None = None
    stopped: str = ""

    @property
    def exit_status(self) -> int:
        """Exit status of the command line's contract."""
        return StoppedError.exit_status if self.stopped else 0

    @property
    def counts(self) -> Counter[str]:
        """Number of differences by kind: ``+``, ``~``, ``=``."""
        return Counter(c.change for c in self.changes)

    def as_dict(self) -> dict[str, Any]:
        """The command line's JSON contract."""
        return self.plan.as_dict(self.conversion) | {"difference": [c.as_dict() for c in self.changes]}


def register(
    recipe: RegisterRecipe,
    target: str,
    ledger: str | None = None,
    dry_run: bool = False,
    wait: float = 0,
) -> Registration:
    """Register a camera's instrument, or bring its records up to date.

    Parameters
    ----------
    recipe
        All choices.
    target
        Butler repository; made (SQLite) if it is not there.
    ledger
        Ledger file, `None` for the one in the repository's root.
    dry_run
        Compare only.
    wait
        Seconds to wait for another writer, `math.inf` for as long as it takes.

    Raises
    ------
    UsageError
        There is no such camera, or the target is something else than a
        Butler repository.
    Gen2to3Error
        The target refused the records.
    """
    if dry_run:
        return _compare(recipe, target)
    # The comparison has to stand until it is carried out.
    with exclusive(target, ledger, "register", wait, insist=False):
        compared = _compare(recipe, target)
        if compared.stopped:
            return compared
        return replace(compared, conversion=apply(compared.plan, target, ledger))


def _compare(recipe: RegisterRecipe, target: str) -> Registration:
    """The registration without the writing."""
    instrument = get_camera(recipe.camera).instrument
    butler = open_reading(target)
    state = read_target(butler, instrument.name, ())
    if butler is not None:
        butler.close()
    changes = compare_instrument(instrument, state)
    plan = Plan("register", f"{instrument.name}: records of the instrument in {target}", recipe)
    plan.instrument, plan.conflicts, plan.decisions = plan_instrument(
        instrument, state, recipe.update, "--update"
    )
    plan.serials = serial_periods(instrument)
    if plan.instrument is not None:
        plan.decisions += _additions(changes, is_new=state.instrument is None)
    return Registration(plan, changes, stopped=why_not(plan))


def _additions(changes: list[RecordChange], is_new: bool) -> list[Decision]:
    """New records as decisions: each by itself, or counted where all of the instrument is new."""
    added = [c for c in changes if c.change == "+"]
    why = "the camera declares it and the repository lacks it"
    if not is_new:
        return [Decision("register", c.item, "none", "added", why) for c in added]
    number = Counter(c.element for c in added)
    instrument = next(c for c in added if c.element == "instrument")
    counts = f"{number['detector']} detectors, {number['physical_filter']} physical filters"
    return [Decision("register", instrument.item, "none", counts, why)]
