"""What becomes of chains and of the collections that a conversion made. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..intents import CollectionIntent
from ..operations import Chain


@dataclass
class Gone:
    """Collections that go, and chains that get other children.

    Parameters
    ----------
    chains
        With their children afterwards.
    removed
        Names, chains before what is in them.
    refusals
        Why that is not possible, one line each.
    """

    chains: list[Chain] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


def plan_collections(
    intents: Iterable[CollectionIntent], kinds: Mapping[str, str], chains: Mapping[str, tuple[str, ...]]
) -> Gone:
    """Plan how collections become what they were.

    Parameters
    ----------
    intents
        Collections that the conversion made or changed.
    kinds
        Type of every collection of the target.
    chains
        Children of every chain of the target.
    """
    result = Gone()
    new_chains: list[str] = []
    others: list[str] = []
    for intent in intents:
        if kinds.get(intent.name) != intent.type:
            continue  # it is gone already, or was never made
        if intent.type != "CHAINED":
            others.append(intent.name)
        elif intent.before is None:
            new_chains.append(intent.name)
            added = [c for c in chains[intent.name] if c not in (intent.after or ())]
            if added:
                result.refusals.append(
                    f"chain {intent.name}, which it made, has {', '.join(added)} since; take that out first"
                )
        else:
            _restore(intent, chains[intent.name], kinds, result)
    # A collection cannot go while a chain has it.
    result.removed = sorted(new_chains, key=lambda name: _depth(name, chains))
    result.removed += others
    after = dict(chains) | {c.name: c.children for c in result.chains}
    for parent, children in sorted(after.items()):
        if parent not in result.removed and (left := [c for c in children if c in set(result.removed)]):
            result.refusals.append(
                f"chain {parent} has {', '.join(left)}, which it made; take that out first"
            )
    return result


def _restore(
    intent: CollectionIntent, current: tuple[str, ...], kinds: Mapping[str, str], result: Gone
) -> None:
    before, after = intent.before or (), intent.after or ()
    if current == before:
        return
    if current == after:
        wanted = before
    else:
        added = [c for c in after if c not in before]
        if tuple(c for c in after if c not in added) != before:
            result.refusals.append(
                f"chain {intent.name} was given another order, and was changed since: it is "
                f"{', '.join(current) or 'empty'} and was {', '.join(after)}; define it by hand"
            )
            return
        wanted = tuple(c for c in current if c not in added)
        if wanted == current:
            return
    if lost := [c for c in wanted if c not in kinds]:
        result.refusals.append(f"chain {intent.name} had {', '.join(lost)}, which is not there any more")
        return
    result.chains.append(Chain(intent.name, wanted, current))


def _depth(name: str, chains: Mapping[str, tuple[str, ...]]) -> int:
    """Number of chains above a chain."""
    parents = [parent for parent, children in chains.items() if name in children]
    return max((_depth(parent, chains) + 1 for parent in parents), default=0)
