"""Where validity may come from, for masters that no Gen2 registry of the source lists."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adapters.sources.export_yaml import is_export
from adapters.sources.table_rows import SUFFIXES

from .nouns import MasterKey, UsageError
from .range_rules import DateRule
from .timespans import Scale

MAX_DAYS = 36_525
"""Most days of a rule ``+-N days``: a hundred years."""


@dataclass(frozen=True)
class FromTable:
    """Tables in CSV, ECSV or YAML, whose lines add up."""

    paths: tuple[str, ...]


@dataclass(frozen=True)
class FromCards:
    """Header cards of the masters themselves.

    Parameters
    ----------
    begin, end
        Names of the cards; ``""`` for a range that is open on this side.
    scale
        Scale of their texts.
    cards
        Texts of the cards by master and name.
    """

    begin: str
    end: str = ""
    scale: Scale = "utc"
    cards: Mapping[MasterKey, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class FromRule:
    """The masters' own dates.

    Parameters
    ----------
    rule
        How ranges follow from them.
    days
        The number of days of ``+-N days``.
    """

    rule: DateRule
    days: int = 0


@dataclass(frozen=True)
class FromGen3:
    """A collection of another Gen3 repository, or of its export.

    Parameters
    ----------
    root
        The repository, or the file if it is an export.
    collection
        CALIBRATION collection or chain, ``""`` for the only one.
    exported
        Whether it is an export.
    """

    root: str
    collection: str = ""
    exported: bool = False


@dataclass(frozen=True)
class FromRegistry:
    """A Gen2 calibration registry elsewhere; its files need not be there."""

    path: str


Source = FromTable | FromCards | FromRule | FromGen3 | FromRegistry

_FORMS = (
    "a table (.csv, .ecsv, .yaml, .yml), rule:NAME, cards:BEGIN,END[,tai], gen3:REPO[#COLLECTION], "
    "export:FILE[#COLLECTION] or gen2:DIR"
)


def parse_validity(text: str) -> Source:
    """The source that one command line option names.

    Parameters
    ----------
    text
        One of the forms above. A YAML file that is an export of a repository
        is taken as such, also without ``export:``.

    Raises
    ------
    UsageError
        The text is none of them.
    """
    kind, colon, rest = text.partition(":")
    if colon and kind in _PARSERS:
        if not rest:
            raise UsageError(f"--validity {text}: nothing follows {kind}:; expected {_FORMS}")
        return _PARSERS[kind](rest)
    path, collection = _split_collection(text)
    suffix = Path(path).suffix.lower()
    if suffix in (".yaml", ".yml") and is_export(path):
        return FromGen3(path, collection, exported=True)
    if Path(text).suffix.lower() in SUFFIXES:
        return FromTable((text,))
    raise UsageError(f"--validity {text!r} is none of the sources of validity; expected {_FORMS}")


def _parse_rule(text: str) -> FromRule:
    around = re.fullmatch(r"(?:\+-|±)(\d{1,9})(?: ?days?)?", text, re.ASCII)
    if around:
        days = int(around[1])
        if days > MAX_DAYS:
            raise UsageError(f"--validity rule:{text}: at most {MAX_DAYS} days were expected")
        return FromRule(DateRule.AROUND, days)
    names = [rule.value for rule in DateRule if rule is not DateRule.AROUND]
    if text not in names:
        raise UsageError(f"--validity rule:{text}: unknown rule; expected {', '.join(names)} or +-N (days)")
    return FromRule(DateRule(text))


def _parse_cards(text: str) -> FromCards:
    begin, *others = (part.strip() for part in text.split(","))
    end = others[0] if others else ""
    scale = others[1].lower() if len(others) > 1 else "utc"
    if not others or len(others) > 2 or not (begin or end):
        raise UsageError(
            f"--validity cards:{text}: expected BEGIN,END or BEGIN,END,tai (names of header cards)"
        )
    if scale not in ("utc", "tai"):
        raise UsageError(f"--validity cards:{text}: unknown scale {scale!r}: utc or tai was expected")
    return FromCards(begin.upper(), end.upper(), "tai" if scale == "tai" else "utc")


def _parse_gen3(text: str) -> FromGen3:
    return FromGen3(*_split_collection(text))


def _parse_export(text: str) -> FromGen3:
    return FromGen3(*_split_collection(text), exported=True)


def _split_collection(text: str) -> tuple[str, str]:
    path, hash_, collection = text.rpartition("#")
    # A name may contain the character.
    return (path, collection) if hash_ and not os.path.lexists(text) else (text, "")


_PARSERS: Mapping[str, Callable[[str], Source]] = {
    "rule": _parse_rule,
    "cards": _parse_cards,
    "gen3": _parse_gen3,
    "export": _parse_export,
    "gen2": FromRegistry,
}
