"""The garbage collector of a process that converts and then ends."""

from __future__ import annotations

import gc


def settle() -> None:
    """Look for reference cycles less often.

    For programs, not for the library: the setting is the process's. What is
    imported stays, and what is read are tens of thousands of small things
    without cycles; looking for cycles among them takes a third of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
