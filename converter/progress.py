"""Showing progress is up to the caller; this is what it has to look like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Wraps an iterable to show how far it is."""

    def __call__(self, iterable: Iterable[T], what: str, total: int) -> Iterable[T]:
        """Pass all items through."""


def no_progress(iterable: Iterable[T], what: str, total: int) -> Iterable[T]:
    """Show nothing."""
    return iterable
