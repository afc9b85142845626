"""What a rule says of a file: type, date, detector and filter, from texts that have been read."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from converter.timespans import stamp

from ..camera import Calibration, Camera
from ..fits_cards import FileCards
from ..gen2.files import printable
from .declaration import Declaration, Field, FileRule, HeaderText, NameText

_T = TypeVar("_T", bound=Hashable)
_PLACE = re.compile(r"\{([^{}]*)\}")

ADVICE = "correct the declaration, or leave the file out with --exclude"


class CannotTellError(Exception):
    """A file is not said to be anything that the camera has; the text says why."""


@dataclass(frozen=True, slots=True)
class Said:
    """A text and who says it."""

    text: str
    by: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What one file is.

    Parameters
    ----------
    calibration
        Its dataset type.
    calib_date, stamp
        Calibration date (UTC), as the source has it, and the stamp of its RUN.
    detector, physical_filter
        `None` for what the dataset type lacks, or the extensions tell.
    texts
        What was read, by field.
    """

    calibration: Calibration
    calib_date: str
    stamp: str
    detector: int | None
    physical_filter: str | None
    texts: tuple[tuple[str, str], ...]


class Rules:
    """The rules of several declarations, for one camera.

    Parameters
    ----------
    camera
        The camera.
    declarations
        Earlier ones come first.
    types
        All dataset types, by name.
    """

    def __init__(
        self, camera: Camera, declarations: Collection[Declaration], types: Mapping[str, Calibration]
    ) -> None:
        self._camera = camera
        self._types = types
        self._rules = [rule for declaration in declarations for rule in declaration.rules]
        self._detectors = {str(d.id): d.id for d in camera.instrument.detectors}
        for d in camera.instrument.detectors:
            self._detectors.setdefault(d.full_name, d.id)
        self.names = ", ".join(d.name for d in declarations) or "no declaration"

    def cards(self) -> set[str]:
        """Header cards that any rule looks at."""
        return {card for rule in self._rules for card in rule.cards()}

    def by_name(self, name: str) -> list[FileRule]:
        """The rules that may apply to a file of this name, up to the first that skips it anyhow."""
        found: list[FileRule] = []
        for rule in self._rules:
            if rule.name is None or rule.name.fullmatch(name):
                found.append(rule)
                if rule.skip and not rule.when:
                    break
        return found

    def choose(self, rules: list[FileRule], cards: FileCards) -> FileRule | None:
        """The rule whose conditions the headers fulfil.

        Raises
        ------
        CannotTellError
            The name is that of a master, and the headers are not.
        """
        unmet: list[str] = []
        for rule in rules:
            problem = next(
                (
                    f"{card} matching {pattern.pattern!r}, found {cards.get(card)!r}"
                    for card, pattern in rule.when.items()
                    if not pattern.fullmatch(cards.get(card))
                ),
                "",
            )
            if not problem:
                return rule
            if rule.name is not None and not rule.skip:
                unmet.append(problem)
        if unmet:
            raise CannotTellError(
                printable(
                    f"named like a master, but its header is not of one: expected {' or '.join(unmet)}; {ADVICE}"
                )
            )
        return None

    def identify(self, rule: FileRule, name: str, cards: FileCards) -> Identity:
        """What a file is.

        Raises
        ------
        CannotTellError
            Something is missing or unknown, or header and name disagree.
        """
        match = rule.name.fullmatch(name) if rule.name is not None else None
        groups = match.groupdict() if match is not None else {}
        texts: dict[str, str] = {}

        def find(key: str, field: Field | None, convert: Callable[[str], _T]) -> _T:
            if field is None:
                raise CannotTellError(f"nothing says how to find the {key}; {ADVICE}")
            return _find(key, field, cards, groups, convert, texts)

        calibration = find("dataset_type", rule.dataset_type, self._calibration)
        date = find("calib_date", rule.calib_date, _Date)
        detector = physical_filter = None
        if "detector" in calibration.dimensions and (
            rule.detector is not None or calibration.extensions is None
        ):
            detector = find("detector", rule.detector, self._detector)
        if "physical_filter" in calibration.dimensions:
            physical_filter = find("physical_filter", rule.physical_filter, self._filter)
        return Identity(
            calibration, texts["calib_date"], date.stamp, detector, physical_filter, tuple(texts.items())
        )

    def _calibration(self, name: str) -> Calibration:
        try:
            return self._types[name]
        except KeyError:
            known = ", ".join(self._types)
            raise ValueError(f"no calibration type of {self._camera.instrument.name}: {known}") from None

    def _detector(self, text: str) -> int:
        key = str(int(text)) if text.isascii() and text.isdigit() else text
        try:
            return self._detectors[key]
        except KeyError:
            raise ValueError(f"no detector of {self._camera.instrument.name}") from None

    def _filter(self, text: str) -> str:
        found = self._camera.physical_filter(text)
        if found is None:
            raise ValueError(f"no filter of {self._camera.instrument.name}")
        return found


class _Date:
    """A calibration date; equal to another one if they are as far as both say."""

    def __init__(self, text: str) -> None:
        self.stamp = stamp(text)
        self._is_date = "T" not in text and " " not in text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Date):
            return NotImplemented
        digits = 8 if self._is_date or other._is_date else None
        return self.stamp[:digits] == other.stamp[:digits]

    def __hash__(self) -> int:
        return hash(self.stamp[:8])


def _find(
    key: str,
    field: Field,
    cards: FileCards,
    groups: Mapping[str, str | None],
    convert: Callable[[str], _T],
    texts: dict[str, str],
) -> _T:
    said = _all_said(field, cards, groups)
    if not said:
        places = []
        if field.header is not None:
            places.append(_nothing_in(field.header, cards))
        if field.name is not None:
            places.append("the file's name does not say")
        raise CannotTellError(printable(f"expected the {key}, but {', and '.join(places)}; {ADVICE}"))
    found = []
    for one in said:
        try:
            found.append(convert(one.text))
        except ValueError as exc:
            raise CannotTellError(printable(f"unknown {key}: {one.by}: {exc}; {ADVICE}")) from None
    if found[1:] and found[0] != found[1]:
        raise CannotTellError(
            printable(
                f"header and name disagree on the {key}: {said[0].by}, but {said[1].by}; "
                "find out which is true, and rename the file or leave it out with --exclude"
            )
        )
    texts[key] = said[0].text
    return found[0]


def _all_said(field: Field, cards: FileCards, groups: Mapping[str, str | None]) -> list[Said]:
    """What is said, header first."""
    if field.value:
        return [Said(field.value, f"declared as {field.value!r}")]
    said = [
        _in_header(field.header, cards) if field.header is not None else None,
        _in_name(field.name, groups) if field.name is not None else None,
    ]
    return [s for s in said if s is not None]


def _in_header(header: HeaderText, cards: FileCards) -> Said | None:
    for card in header.cards:
        raw = cards.get(card).strip()
        text = raw
        if not raw or raw in header.absent:
            continue
        if header.pattern is not None:
            match = header.pattern.search(raw)
            if match is None:
                continue
            text = _picked(match, header.text)
        if text and text not in header.absent:
            by = f"{card} = {raw!r}"
            meaning = header.table.meaning(text)
            if meaning is None:
                raise CannotTellError(printable(f"{by}: expected {_expected(header)}; {ADVICE}"))
            return Said(meaning, by if meaning == raw else f"{by} says {meaning!r}")
    return None


def _picked(match: re.Match[str], text: str) -> str:
    if text:
        return _filled(text, match.groupdict()) or ""
    return next((g for g in match.groups() if g is not None), "") if match.re.groups else match[0]


def _expected(source: HeaderText | NameText) -> str:
    table = source.table
    texts = [repr(t) for t in table.values] + [f"…{t}…" for t in table.contains]
    return f"one of {', '.join(texts)}"


def _nothing_in(header: HeaderText, cards: FileCards) -> str:
    there = [f"{card} = {cards.get(card)!r}" for card in header.cards if cards.get(card)]
    return (
        f"{' and '.join(there)} does not say" if there else f"the header has no {' or '.join(header.cards)}"
    )


def _in_name(name: NameText, groups: Mapping[str, str | None]) -> Said | None:
    text = _filled(name.text, groups)
    if not text:
        return None
    meaning = name.table.meaning(text)
    if meaning is None:
        raise CannotTellError(printable(f"{text!r} in the file's name: expected {_expected(name)}; {ADVICE}"))
    return Said(meaning, f"{text!r} in the file's name" + (f" says {meaning!r}" if meaning != text else ""))


def _filled(text: str, groups: Mapping[str, str | None]) -> str | None:
    """A text with groups in it, `None` if one of them has none."""
    if any(not groups.get(group) for group in _PLACE.findall(text)):
        return None
    return _PLACE.sub(lambda m: groups[m[1]] or "", text)
