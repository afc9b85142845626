"""A decision: something that was chosen, repaired or read in one of several ways.

Nothing is guessed in silence: whatever is not plain copying becomes one of
these, shown by ``plan``, stored in the ledger, and consulted by ``verify``.
"""

from __future__ import annotations

from dataclasses import dataclass


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
    masters
        RUN stamps of the masters concerned, for ``verify`` to find why an
        answer differs.
    """

    rule: str
    item: str
    before: str
    after: str
    why: str
    dataset_type: str = ""
    masters: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, str]:
        """The five fields of the command line's JSON contract."""
        return {
            "rule": self.rule,
            "item": self.item,
            "before": self.before,
            "after": self.after,
            "why": self.why,
        }
