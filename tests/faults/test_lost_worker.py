"""A worker process that is killed while it works: the command stops with one line, and never hangs."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .child import run
from .conftest import FULL, MakePlace

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="there is no /proc to find workers in"),
    # `tests/adapters/test_headers_pool.py` has one death at any time.
    pytest.mark.skipif(not FULL, reason="takes long; make test-faults"),
]


def workers() -> list[int]:
    """Processes that this one has spawned for work."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if b"spawn_main" in words:
                found.append(int(pid))
    return found


def killing(which: int, delay_s: float) -> Callable[[], None]:
    """Begin to look for workers, and kill one of them when it has been there for a while."""

    def watch() -> None:
        while len(found := workers()) <= which:
            time.sleep(0.002)
        time.sleep(delay_s)
        os.kill(sorted(found)[which], signal.SIGKILL)

    return lambda: threading.Thread(target=watch, daemon=True).start()


# At once, while it imports, and (if it is still there) while it reads.
@pytest.mark.parametrize("delay_s", [0.0, 0.3, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("which", [0, 1])
def test_header_reader(make_place: MakePlace, which: int, delay_s: float) -> None:
    place = make_place("many")
    place.restore()
    words = [*place.words, "--workers", "2"]
    done = run(place.base, words, first=killing(which, delay_s))
    # Later, it may have done its work before.
    if not delay_s or done.status != place.scenario.status:
        assert (done.status, done.output) == (
            1,
            "gen2to3: error: one of 2 header reading processes died (killed, or out of memory?); "
            "run again with --workers 1 to find the file\n",
        )
        assert not place.repo.exists()
    assert place.finish() == ""
    assert place.source() == place.sources
