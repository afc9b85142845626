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


def run_limited(*args: str | Path, address_space_mib: int = 4096, seconds: int = 600) -> Limited:
    """Run the command line; beyond the limit the process gets no memory, and ``mib`` is its peak."""

    def limit() -> None:
        size = address_space_mib << 20
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))

    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "converter.cli", *map(str, args)],
            stdout=out,
            stderr=err,
            cwd=REPOSITORY,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            preexec_fn=limit,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode())
    return Limited(process.returncode, *texts, usage.ru_maxrss // 1024)
