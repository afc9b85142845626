"""What a bless plan says, as nouns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from ..nouns import DataId
from ..numbers import numbers_of
from ..timespans import Span, format_tai

ALL = "all"
"""All detectors of the instrument, where detectors are required."""


def matches(patterns: tuple[str, ...], value: str) -> bool:
    """Whether one of some values or globs is meant; none at all means any."""
    # Equality first: a name may hold characters that mean something in a glob.
    return not patterns or value in patterns or any(fnmatchcase(value, p) for p in patterns)


def is_glob(text: str) -> bool:
    """Whether a text may stand for several names."""
    return any(c in text for c in "*?[")


@dataclass(frozen=True)
class Selection:
    """Which datasets are meant; an empty field means any.

    Parameters
    ----------
    types
        Dataset types: values or globs.
    detectors
        Detector ids, ranges of them such as ``1..62``, full names or globs.
    filters
        Physical filters: values or globs.
    where
        Expression of the Butler's query language.
    """

    types: tuple[str, ...] = ()
    detectors: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    where: str = ""

    @cached_property
    def _ids(self) -> frozenset[int]:
        return frozenset(n for text in self.detectors for n in numbers_of(text) or ())

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(text for text in self.detectors if numbers_of(text) is None)

    def has_type(self, dataset_type: str) -> bool:
        """Whether a dataset type is meant."""
        return matches(self.types, dataset_type)

    def has(self, data_id: DataId, detector_names: Mapping[int, str]) -> bool:
        """Whether a data ID is meant, as far as detector and filter tell."""
        if self.filters and not matches(self.filters, data_id.physical_filter or ""):
            return False
        if not self.detectors:
            return True
        if data_id.detector is None:
            return False
        if data_id.detector in self._ids:
            return True
        name = detector_names.get(data_id.detector, "")
        return bool(self._names) and (
            matches(self._names, name) or matches(self._names, str(data_id.detector))
        )

    def to_dict(self) -> dict[str, Any]:
        """Keys of a plan's entry."""
        given = {"type": self.types, "detector": self.detectors, "physical_filter": self.filters}
        result: dict[str, Any] = {key: _short(value) for key, value in given.items() if value}
        return result | ({"where": self.where} if self.where else {})


@dataclass(frozen=True)
class Entry:
    """What entries of both kinds have.

    Parameters
    ----------
    collections
        Names or globs of the collections that are looked in.
    selection
        What is taken of them.
    optional
        Whether it may match nothing.
    where_from
        Place in the plan, for messages.
    """

    collections: tuple[str, ...]
    selection: Selection = field(default_factory=Selection)
    optional: bool = False
    where_from: str = field(default="", compare=False)

    def _to_dict(self) -> dict[str, Any]:
        rest: dict[str, Any] = {"optional": True} if self.optional else {}
        return {"from": _short(self.collections)} | self.selection.to_dict() | rest


@dataclass(frozen=True)
class Inherit(Entry):
    """Certifications of another collection, and what becomes of their ranges.

    Parameters
    ----------
    clip
        What lies outside of this span is left out.
    cut
        What lies inside of this span is left out.
    span
        The range that they get instead.
    drop
        Whether they are left out.
    """

    clip: Span | None = None
    cut: Span | None = None
    span: Span | None = None
    drop: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The entry of a plan, times in TAI."""
        given = {"clip": self.clip, "cut": self.cut, "range": self.span}
        result = self._to_dict() | {key: texts(span) for key, span in given.items() if span is not None}
        return result | ({"drop": True} if self.drop else {})


@dataclass(frozen=True)
class Take(Entry):
    """Datasets that are certified.

    Parameters
    ----------
    spans
        For how long.
    as_type
        Dataset type under which their files are ingested again, ``""`` to
        certify the datasets themselves.
    """

    spans: tuple[Span, ...] = ()
    as_type: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The entry of a plan, times in TAI."""
        result = self._to_dict() | ({"as": self.as_type} if self.as_type else {})
        if len(self.spans) == 1:
            return result | {"range": texts(self.spans[0])}
        return result | {"ranges": [texts(span) for span in self.spans]}


@dataclass(frozen=True)
class Request:
    """A bless plan.

    Parameters
    ----------
    collection
        CALIBRATION collection that is to hold what the entries say.
    instrument
        Gen3 instrument name, ``""`` for the only one of the repository.
    cover
        Span in which no gaps are allowed.
    require
        Detectors that a dataset type must have: ids, ranges, or ``all``.
    inherit
        Certifications of other collections, in order.
    certify
        Datasets that are certified, in order.
    extend
        Whether the collection may exist, and keeps what no entry changes.
    make_default
        Whether ``<inst>/calib`` searches it first.
    transfer
        How files come in again under another type.
    strict
        Whether any reject stops everything.
    """

    collection: str
    instrument: str = ""
    cover: Span | None = None
    require: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    inherit: tuple[Inherit, ...] = ()
    certify: tuple[Take, ...] = ()
    extend: bool = False
    make_default: bool = False
    transfer: str = "auto"
    strict: bool = False

    def to_plan(self) -> dict[str, Any]:
        """The plan file as plain types, times in TAI."""
        result: dict[str, Any] = {"collection": self.collection}
        if self.instrument:
            result["instrument"] = self.instrument
        result["scale"] = "tai"
        if self.cover is not None:
            result["cover"] = texts(self.cover)
        if self.require:
            result["require"] = {key: _short(value) for key, value in self.require.items()}
        for key, entries in (("inherit", self.inherit), ("certify", self.certify)):
            if entries:
                result[key] = [entry.to_dict() for entry in entries]
        if self.extend:
            result["extend"] = True
        if self.make_default:
            result["make_default"] = True
        return result

    def to_dict(self) -> dict[str, Any]:
        """All choices as plain types, for the ledger."""
        return self.to_plan() | {"transfer": self.transfer, "strict": self.strict}


def texts(span: Span) -> list[str]:
    """Begin and end as exact TAI texts, ``""`` for unbounded."""
    begin, end = span.clipped()
    return [format_tai(begin, ""), format_tai(end, "")]


def _short(values: tuple[str, ...]) -> str | int | list[str | int]:
    plain: list[str | int] = [int(v) if v.isdecimal() and v == str(int(v)) else v for v in values]
    return plain[0] if len(plain) == 1 else plain
