"""Commands of gen2to3 and of the stock butler in a process forked from this one: what is imported need not be imported for each of them."""

from __future__ import annotations

import gc
import os
import re
import shlex
import signal
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess

from lsst.daf.butler.cli.butler import cli

from converter.cli import main

PROGRAMS = {"gen2to3": main, "butler": cli}

TIMEOUT_S = 300

_SHELL = re.compile(r"[|&;<>$`*?\n]")


def words_of(text: str) -> list[str] | None:
    """Program and arguments of a line that only calls one of `PROGRAMS`, `None` if it needs a shell."""
    if _SHELL.search(text):
        return None
    words = shlex.split(text, comments=True)
    return words if words and words[0] in PROGRAMS else None


def run(words: Sequence[str], directory: Path, env: Mapping[str, str]) -> CompletedProcess[str]:
    """Run a command in this directory and with this environment."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        gc.freeze()
        pid = os.fork()
        if not pid:
            _child(words, directory, env, out.fileno(), err.fileno())
        _, code = os.waitpid(pid, 0)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    return CompletedProcess(list(words), os.waitstatus_to_exitcode(code), *texts)


def _child(words: Sequence[str], directory: Path, env: Mapping[str, str], out: int, err: int) -> None:
    status = 70
    try:
        signal.alarm(TIMEOUT_S)  # what hangs is ended, and seen
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.chdir(directory)
        os.environ.clear()
        os.environ.update(env)
        sys.stdout = os.fdopen(os.dup(out), "w", buffering=1)
        sys.stderr = os.fdopen(os.dup(err), "w", buffering=1)
        try:
            PROGRAMS[words[0]](list(words[1:]), prog_name=words[0])
        except SystemExit as exc:
            status = int(exc.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)
