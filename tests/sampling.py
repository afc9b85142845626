"""What `make test` leaves out, and `make test-full` runs: cases of one kind that take long."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

FULL = bool(os.environ.get("GEN2TO3_FULL"))
"""Everything, and not a sample."""

T = TypeVar("T")


def some(values: Sequence[T], number: int) -> Sequence[T]:
    """Evenly spread values, the first one among them; all of them with ``GEN2TO3_FULL``."""
    if FULL or number >= len(values):
        return values
    return [values[i * len(values) // number] for i in range(number)]
