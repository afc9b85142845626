"""A decision: something that was chosen, repaired or read in one of several ways.

Nothing is guessed in silence: whatever is not plain copying becomes one of
these, shown by ``plan``, stored in the ledger, and consulted by ``verify``.
"""

from __future__ import annotations

from dataclasses import dataclass

from .nouns import DataId
from .timespans import Span


@dataclass(frozen=True, slots=True)
class Change:
    """What a decision changed for one master (over several data IDs).

    Parameters
    ----------
    stamp
        RUN stamp of the master.
    data_ids
        Data IDs to which the change applies.
    before, after
        Validity spans (TAI), both possibly empty.
    """

    stamp: str
    data_ids: tuple[DataId, ...]
    before: tuple[Span, ...]
    after: tuple[Span, ...]

    def explains(self, stamp: str, data_id: DataId, span: Span) -> bool:
        """Whether an answer for ``span`` changed for this master."""
        if stamp != self.stamp or data_id not in self.data_ids:
            return False
        was = any(s.overlaps(span) for s in self.before)
        return was != any(s.overlaps(span) for s in self.after)


@dataclass(frozen=True, slots=True)
class Decision:
    """One choice, with what it changed.

    Parameters
    ----------
    rule
        Name of the rule that decided, such as ``dialect`` or ``latest-start``.
    item
        What it is about: table, or dataset type and data ID.
    before, after
        The state that was found and the one that is written (TAI for times).
    why
        One sentence.
    dataset_type
        Dataset type concerned, ``""`` for none in particular.
    changes
        The masters whose validity changed, for ``verify`` to find why an
        answer differs.
    """

    rule: str
    item: str
    before: str
    after: str
    why: str
    dataset_type: str = ""
    changes: tuple[Change, ...] = ()

    def as_dict(self) -> dict[str, str]:
        """The five fields of the command line's JSON contract."""
        return {
            "rule": self.rule,
            "item": self.item,
            "before": self.before,
            "after": self.after,
            "why": self.why,
        }
