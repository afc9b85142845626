"""Clocks, and steps that run in a process of their own.

The process that starts the steps imports neither the Butler nor astropy:
on Linux the peak memory of a process is never less than what its parent had
when it was started, and a parent smaller than any child does not show.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass
class Clock:
    """Wall and processor time, in seconds.

    Parameters
    ----------
    wall_s
        What a clock on the wall says.
    cpu_s
        User and system time of this process and of those that it waited for.
        Other work on the machine changes it less than the wall time.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0

    def as_dict(self) -> dict[str, float]:
        """Plain types, to hand it to the parent process."""
        return {"wall_s": self.wall_s, "cpu_s": self.cpu_s}


def _cpu() -> float:
    return sum(os.times()[:4])


@contextmanager
def clock() -> Iterator[Clock]:
    """Time what happens inside."""
    result = Clock()
    wall, cpu = time.perf_counter(), _cpu()
    try:
        yield result
    finally:
        result.wall_s, result.cpu_s = time.perf_counter() - wall, _cpu() - cpu


def peak_rss_mb() -> float:
    """Most memory that this process ever had, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts KiB, macOS bytes.
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


class StepError(Exception):
    """A step of the benchmark failed; its own output says why."""


def run_step(name: str, **arguments: Any) -> dict[str, Any]:
    """Run one of `benchmarks.steps` in a fresh interpreter.

    Parameters
    ----------
    name
        Name of the step.
    **arguments
        Its arguments, plain types.

    Returns
    -------
    result
        What the step returned.

    Raises
    ------
    StepError
        The step did not finish.
    """
    # A file and not the standard output, on which libraries may print.
    with tempfile.NamedTemporaryFile(suffix=".json") as result:
        command = [sys.executable, "-m", "benchmarks.steps", name, json.dumps(arguments), result.name]
        status = subprocess.run(command, cwd=CHECKOUT, stdout=sys.stderr, check=False).returncode
        if status:
            raise StepError(f"step {name!r} ended with status {status}")
        return dict(json.load(result))
