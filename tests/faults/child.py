"""A command in a process of its own, forked from this one, so that a point costs no imports."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from converter.cli import main

from .seam import Point, Seam, Write

TIMEOUT_S = 120


@dataclass(frozen=True)
class Done:
    """What became of a command.

    ``status`` is the exit status, or the negative number of the signal that
    ended it; ``writes`` is empty if it was killed.
    """

    status: int
    output: str
    writes: list[Write] = field(default_factory=list)


def run(
    base: Path,
    args: Sequence[object],
    point: Point | None = None,
    number: int = signal.SIGKILL,
    spill: bool = False,
    with_states: bool = False,
    first: Callable[[], None] | None = None,
) -> Done:
    """Run a command, and send it a signal at a point.

    Parameters
    ----------
    base
        Directory below which writes count; the output is kept beside it.
    args
        The command line.
    point, spill, with_states
        See `Seam`.
    number
        The signal.
    first
        What the process does before, such as setting limits.
    """
    output, result = base.parent / f"{base.name}.out", base.parent / f"{base.name}.json"
    result.unlink(missing_ok=True)
    gc.freeze()  # or the child would look at, and copy, all that pytest has in memory
    pid = os.fork()
    if not pid:
        seam = Seam(base, point, lambda: os.kill(os.getpid(), number), spill, with_states)
        _child([str(a) for a in args], seam, first, output, result)
    _, code = os.waitpid(pid, 0)
    writes = [Write(*w) for w in json.loads(result.read_text())] if result.exists() else []
    return Done(os.waitstatus_to_exitcode(code), output.read_text(errors="replace"), writes)


def _child(args: list[str], seam: Seam, first: Callable[[], None] | None, output: Path, result: Path) -> None:
    status = 70
    try:
        signal.alarm(TIMEOUT_S)  # what hangs is ended, and seen
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        sys.stdout = sys.stderr = os.fdopen(descriptor, "w", buffering=1, errors="backslashreplace")
        if first is not None:
            first()
        seam.install()
        try:
            main(args, prog_name="gen2to3")
        except SystemExit as exc:
            status = int(exc.code or 0)
        finally:
            seam.is_on = False
        result.write_text(json.dumps(seam.writes))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)
