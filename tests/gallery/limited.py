"""Run a command in a process of its own whose memory is limited and measured."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Limited:
    """What became of a command."""

    status: int
    out: str
    err: str
    mib: int


MEASURED = """
import atexit, runpy, sys

def write(path):
    # Of this program alone: ru_maxrss counts the process that it was forked from.
    with open("/proc/self/status") as status, open(path, "w") as stream:
        stream.write(next(line for line in status if line.startswith("VmHWM")))

atexit.register(write, sys.argv.pop(1))
runpy.run_module("converter.cli", run_name="__main__", alter_sys=True)
"""


def run_limited(*args: str | Path, address_space_mib: int = 4096, seconds: int = 600) -> Limited:
    """Run the command line; beyond the limit the process gets no memory, and ``mib`` is its peak."""

    def limit() -> None:
        size = address_space_mib << 20
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))

    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        tempfile.NamedTemporaryFile("r") as peak,
    ):
        process = subprocess.Popen(
            [sys.executable, "-c", MEASURED, peak.name, *map(str, args)],
            stdout=out,
            stderr=err,
            cwd=REPOSITORY,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            preexec_fn=limit,
        )
        process.wait()
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode())
        said = peak.read().split()
    # A process that was killed says nothing; that is its exit status to tell.
    return Limited(process.returncode, *texts, int(said[1]) // 1024 if said else 0)
