"""How files of an archive are declared to be masters.

A declaration is data: rules that say which files it means, and for each the
dataset type, detector, filter and calibration date, from header cards first
and the file's name second. `adapters.sources.loading` reads it from YAML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..camera import Calibration


@dataclass(frozen=True, slots=True)
class Table:
    """What a text means.

    Parameters
    ----------
    values
        Meaning of texts that are exactly these.
    contains
        Meaning of texts that contain these, the first that does.
    ignore_case
        Whether case makes no difference.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    contains: Mapping[str, str] = field(default_factory=dict)
    ignore_case: bool = False

    def __bool__(self) -> bool:
        return bool(self.values or self.contains)

    def meaning(self, text: str) -> str | None:
        """What a text means, `None` if nothing is declared for it; without a table, itself."""
        if not self:
            return text
        fold = str.casefold if self.ignore_case else str
        for key, value in self.values.items():
            if fold(key) == fold(text):
                return value
        return next((value for key, value in self.contains.items() if fold(key) in fold(text)), None)


@dataclass(frozen=True, slots=True)
class HeaderText:
    """Where a header says something.

    Parameters
    ----------
    cards
        Cards of the primary header (or of the first extension, if the primary
        lacks them), of which the first that says something counts.
    pattern
        What of the card's text is meant: the first group, or all that
        matches. A text that does not match says nothing.
    text
        Text made of the named groups of ``pattern``, as ``20{yy}-{mm}-{dd}``.
    absent
        Texts that say nothing.
    table
        What the text means.
    """

    cards: tuple[str, ...]
    pattern: re.Pattern[str] | None = None
    text: str = ""
    absent: tuple[str, ...] = ()
    table: Table = Table()


@dataclass(frozen=True, slots=True)
class NameText:
    """Where the file's name says something.

    Parameters
    ----------
    text
        Text made of the named groups of the rule's expression, as
        ``20{yy}-{mm}-{dd}``; it says nothing if one of them is empty.
    table
        What the text means.
    """

    text: str
    table: Table = Table()


@dataclass(frozen=True, slots=True)
class Field:
    """How one thing is found: from the header first, from the name second.

    Parameters
    ----------
    header, name
        Where to look; where both say something, they have to agree.
    value
        What it always is; then nothing is looked for.
    """

    header: HeaderText | None = None
    name: NameText | None = None
    value: str = ""


@dataclass(frozen=True, slots=True)
class FileRule:
    """What the files of one sort are.

    Parameters
    ----------
    name
        Expression that the whole name of the file matches, `None` if only
        headers tell.
    when
        Expressions that the whole texts of header cards match.
    skip
        Why such files are left out, ``""`` if they are masters.
    dataset_type, calib_date
        How to find them.
    detector
        How to find the detector; `None` if the dataset type has ``extensions``,
        or no detector.
    physical_filter
        How to find the filter, if the dataset type has one.
    """

    name: re.Pattern[str] | None = None
    when: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    skip: str = ""
    dataset_type: Field = Field()
    calib_date: Field = Field()
    detector: Field | None = None
    physical_filter: Field | None = None

    def cards(self) -> Iterator[str]:
        """Names of all header cards that are looked at."""
        yield from self.when
        for found in (self.dataset_type, self.calib_date, self.detector, self.physical_filter):
            if found is not None and found.header is not None:
                yield from found.header.cards


@dataclass(frozen=True, slots=True)
class Declaration:
    """A source of masters.

    Parameters
    ----------
    name
        What it is called in messages.
    rules
        Tried in order; the first that a file's name and headers fit counts.
    types
        Dataset types that the camera does not declare.
    """

    name: str
    rules: tuple[FileRule, ...]
    types: tuple[Calibration, ...] = ()
