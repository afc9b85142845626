"""What single options may hold: numbers and ranges of them, and choices per dataset type."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

import click

LONGEST_RANGE = 1_000_000
"""A range of visits is stored id by id, so a slip of the finger must not fill the memory."""

_RANGE = re.compile(r"(\d+)(?:\.\.(\d+))?")


class NumbersType(click.ParamType):
    """``1228``, ``1228,1230`` or ``1228..1240`` (both ends included)."""

    def __init__(self, name: str) -> None:
        self.name = name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """Parse one use of the option."""
        numbers: list[int] = []
        for part in map(str.strip, str(value).split(",")):
            match = _RANGE.fullmatch(part)
            if match is None:
                self.fail(f"{part!r} is neither a {self.name} nor a range such as 1228..1240", param, ctx)
            first = int(match[1])
            last = first if match[2] is None else int(match[2])
            if last < first:
                self.fail(f"range {part!r} runs backwards", param, ctx)
            if last - first >= LONGEST_RANGE:
                self.fail(f"range {part!r} has more than {LONGEST_RANGE} {self.name}s", param, ctx)
            numbers += range(first, last + 1)
        return numbers


class PairType(click.ParamType):
    """``TYPE=CHOICE``, or ``CHOICE`` alone for all types (``*``)."""

    def __init__(self, name: str, choices: type[StrEnum]) -> None:
        self.name = name
        self.choices = choices

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, StrEnum]:
        """Parse one use of the option."""
        if isinstance(value, tuple):
            return value
        dataset_type, equals, choice = str(value).rpartition("=")
        if equals and not dataset_type.strip():
            self.fail(f"{value!r} names no dataset type before the '='", param, ctx)
        try:
            return dataset_type.strip() or "*", self.choices(choice.strip())
        except ValueError:
            known = ", ".join(self.choices)
            self.fail(f"{choice!r} is no {self.name}; choose one of {known}", param, ctx)


class TemplateType(click.ParamType):
    """``TYPE=TEMPLATE``."""

    name = "template"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Parse one use of the option."""
        if isinstance(value, tuple):
            return value
        dataset_type, equals, template = map(str.strip, str(value).partition("="))
        if not (dataset_type and equals and template):
            self.fail(f"{value!r} is not of the form TYPE=TEMPLATE", param, ctx)
        return dataset_type, template


class ZoneType(click.ParamType):
    """``TYPE=ZONE``, or ``ZONE`` alone for all types (``*``); nothing after the ``=`` means no zone."""

    name = "zone"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Parse one use of the option."""
        if isinstance(value, tuple):
            return value
        from ..recipe import zone_name

        dataset_type, equals, zone = map(str.strip, str(value).rpartition("="))
        if equals and not dataset_type:
            self.fail(f"{value!r} names no dataset type before the '='", param, ctx)
        try:
            return dataset_type or "*", zone_name(zone)
        except ValueError as exc:
            self.fail(str(exc), param, ctx)
