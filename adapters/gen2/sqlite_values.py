"""How SQLite compares values, emulated where that is simple, and asked of SQLite itself where it is not."""

from __future__ import annotations

import re
import sqlite3
from functools import cache, lru_cache
from typing import Any

_NUMBER = re.compile(r"[ \t\n\v\f\r]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[ \t\n\v\f\r]*", re.A)


def _written(number: float) -> str:
    """Write a number as SQLite does when it becomes text."""
    if isinstance(number, int):
        return str(int(number))  # int() because True is bound as 1
    mantissa, e, exponent = f"{number:.15g}".partition("e")
    return (mantissa if "." in mantissa else mantissa + ".0") + e + exponent


def _read(text: str) -> float | None:
    """Read a text as a number if SQLite would, `None` if it stays text."""
    if not _NUMBER.fullmatch(text):
        return None
    try:
        number = int(text)
    except ValueError:
        return float(text)
    return number if -(2**63) <= number < 2**63 else float(number)


def storage_class(value: object) -> int:
    """Place of a value's storage class in SQLite's order."""
    return 1 if isinstance(value, int | float) else 2 if isinstance(value, str) else 3


def stored_forms(bound: Any, kinds: set[int]) -> list[Any]:
    """Give every stored value that ``column = bound`` is true for."""
    if bound is None:
        return []
    kind = storage_class(bound)
    forms = [bound] if kind in kinds else []
    if kind == 1 and 2 in kinds:
        forms.append(_written(bound))
    elif kind == 2 and 1 in kinds and (number := _read(bound)) is not None:
        forms.append(number)
    return forms


def compare(bound: Any, stored: Any) -> int:
    """Give -1, 0 or 1 as a bound value sorts before, with or after a stored one."""
    if isinstance(stored, str) and storage_class(bound) == 1:
        bound = _written(bound)
    elif storage_class(stored) == 1 and isinstance(bound, str) and (number := _read(bound)) is not None:
        bound = number
    left, right = (storage_class(bound), bound), (storage_class(stored), stored)
    return (left > right) - (left < right)


@cache
def _memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", check_same_thread=False)


@lru_cache(maxsize=1 << 16, typed=True)
def datetime_of(value: Any) -> str | None:
    """``DATETIME(value)``: UTC date and time to the second, `None` for what SQLite takes for no time."""
    # Its grammar has Julian days, offsets, "now" and more; so it is SQLite that reads it.
    try:
        (answer,) = _memory().execute("SELECT DATETIME(?)", (value,)).fetchone()
    except (sqlite3.Error, UnicodeEncodeError, OverflowError):
        return None  # bytes of an old header that are no text
    return None if answer is None else str(answer)
