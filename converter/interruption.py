"""SIGTERM as an interruption: what is open is closed, what is begun is undone, as with Ctrl-C."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(BaseException):
    """SIGTERM came. Like `KeyboardInterrupt` no error that anybody handles."""

    exit_status = 128 + signal.SIGTERM


@contextmanager
def terminable() -> Iterator[None]:
    """Raise `Terminated` at SIGTERM, for the length of the block.

    For programs: outside of the main thread, and where somebody has a handler
    already, nothing is changed.
    """
    owner = os.getpid()

    def handle(number: int, frame: FrameType | None) -> None:
        if os.getpid() != owner:  # a worker process has nothing to clean up
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        raise Terminated

    try:
        before = signal.getsignal(signal.SIGTERM)
        if before is not signal.SIG_DFL:
            yield
            return
        signal.signal(signal.SIGTERM, handle)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
