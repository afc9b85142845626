"""Claims of one dataset type made disjoint, every change noted. Pure.

What is common to all sources of validity: rows of one master add up, a policy
decides between masters, boundaries leave exposures whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..decisions import Change, Decision
from ..nouns import DataId, MasterKey, Reject, Skip
from ..overlaps import Claimed, ExposureTimes, Policy, changed_spans, clear_boundaries, resolve, unite
from ..timespans import Span
from .wording import CORRECT_REGISTRY, WHY, ConflictBook, describe, spans_text


@dataclass
class Validity:
    """What planning made of the validity claims.

    Parameters
    ----------
    spans
        Disjoint spans of each master that has a good claim.
    refused
        Masters all of whose claims are rejects: they are not converted.
    decisions, rejects
        What was decided, and the claims that cannot be read.
    conflicts
        Overlaps that stop the conversion, one line each.
    folded
        For each of these lines the one that stands for it in a short list.
    skips
        Masters of which nothing is said, and statements that mean no master.
    """

    spans: dict[MasterKey, list[Span]] = field(default_factory=dict)
    refused: set[MasterKey] = field(default_factory=set)
    decisions: list[Decision] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    folded: dict[str, str] = field(default_factory=dict)
    skips: list[Skip] = field(default_factory=list)


class Settler:
    """Makes the claims of one dataset type disjoint.

    Parameters
    ----------
    dataset_type
        Its name.
    policy
        Which master wins where several are valid.
    remedy
        What else than a policy ends a conflict.
    """

    def __init__(self, dataset_type: str, policy: Policy, remedy: str = CORRECT_REGISTRY) -> None:
        self.dataset_type = dataset_type
        self.policy = policy
        self.conflicts = ConflictBook(dataset_type, remedy)
        self._memos: dict[str | None, dict[tuple[int, int], tuple[int, int]]] = defaultdict(dict)
        # rule -> (stamp, filter, before, after) -> data IDs, so that detectors that changed alike are one decision
        self._changes: dict[str, dict[tuple[str, str | None, tuple, tuple], list[DataId]]] = defaultdict(
            lambda: defaultdict(list)
        )

    def note(self, rule: str, key: MasterKey, before: tuple[Span, ...], after: tuple[Span, ...]) -> None:
        """Note that a rule changed the ranges of a master."""
        self._changes[rule][key.stamp, key.data_id.physical_filter, before, after].append(key.data_id)

    def note_changes(self, rule: str, before: Sequence[Claimed], after: Sequence[Claimed]) -> None:
        """Note all masters whose ranges differ."""
        for key, (old, new) in changed_spans(before, after).items():
            self.note(rule, key, old, new)

    def unite(self, claimed: Sequence[Claimed]) -> list[Claimed]:
        """Add up what is said of the same master."""
        united = unite(claimed)
        if len(united) < len(claimed):
            for key, (before, after) in changed_spans(claimed, united).items():
                if set(before) != set(after):
                    # Sorted, so that the order in which the source says it does not show.
                    ordered = sorted(before, key=lambda s: (s.begin or 0, s.end is None, s.end or 0))
                    self.note("same-master", key, tuple(ordered), after)
        return united

    def resolve(self, united: Sequence[Claimed]) -> list[Claimed]:
        """Decide between the masters of one data ID by the policy."""
        resolved, conflicts = resolve(united, self.policy)
        for conflict in conflicts:
            self.conflicts.add(conflict)
        asked = {claim.master: claim.asked for claim in united}
        for key, (before, after) in changed_spans(united, resolved).items():
            self.note(self.policy.value if asked[key] else "never-selected", key, before, after)
        return resolved

    def clear(
        self, resolved: Sequence[Claimed], exposures: ExposureTimes | None, physical_filter: str | None
    ) -> list[Claimed]:
        """Move boundaries that would cut a known exposure of this filter."""
        if exposures is None:
            return list(resolved)
        cleared = clear_boundaries(resolved, exposures, self._memos[physical_filter])
        self.note_changes("whole-exposure", resolved, cleared)
        return cleared

    def report(self, result: Validity, why: Mapping[str, str]) -> None:
        """Add the decisions and conflicts of the type.

        Parameters
        ----------
        result
            What they are added to.
        why
            One sentence per rule, before the general ones.
        """
        reasons = {**WHY, **why}
        for rule, changes in self._changes.items():
            for (stamp, physical_filter, before, after), data_ids in changes.items():
                change = Change(stamp, tuple(dict.fromkeys(data_ids)), before, after)
                result.decisions.append(
                    Decision(
                        rule,
                        f"{self.dataset_type} {stamp}{describe(physical_filter, change.data_ids)}",
                        spans_text(before),
                        spans_text(after),
                        reasons[rule],
                        self.dataset_type,
                        (change,),
                    )
                )
        lines = self.conflicts.lines()
        result.conflicts += lines
        result.folded |= lines
