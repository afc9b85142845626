"""What a command that writes and then reads back came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .nouns import StoppedError
from .planning.plan import Plan
from .readback import Readback


@dataclass(frozen=True)
class Written:
    """The outcome of ``import-calibs`` and of ``curate``.

    Parameters
    ----------
    plan
        What was (or would be) done.
    conversion
        Number in the ledger, `None` if nothing was written.
    readback
        What the Butler says of the ranges that were written, `None` if none
        were.
    stopped
        Why nothing was written although there was something to write.
    """

    plan: Plan
    conversion: int | None = None
    readback: Readback | None = None
    stopped: str = ""

    @property
    def exit_status(self) -> int:
        """Exit status of the command line's contract."""
        if self.stopped:
            return StoppedError.exit_status
        if self.readback is not None and self.readback.missing:
            return 4
        return 1 if self.plan.rejects else 0

    def as_dict(self) -> Mapping[str, Any]:
        """The command line's JSON contract."""
        found = None if self.readback is None else self.readback.as_dict()
        return self.plan.as_dict(self.conversion) | {"read_back": found}
