"""One writer at a time: a lock file in the target, held by a living process.

Readers take no lock. A file and not an open handle, because it has to be seen
from other hosts, and by people.
"""

from __future__ import annotations

import fcntl
import functools
import json
import math
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from adapters.gen2.files import read_head

from .nouns import StoppedError, UsageError
from .target import LOCK_NAME, is_vacant, local_path

MAX_BYTES = 65536
"""What a lock says is far less."""

POLL_S = 0.2
"""How often somebody who waits looks again."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock.

    Parameters
    ----------
    pid, host
        The process.
    started
        When it started, as the system says it; with it a number that was
        given to another process meanwhile is no living holder.
    command
        What it does.
    since_utc
        Since when it has the lock.
    """

    pid: int
    host: str
    started: str
    command: str
    since_utc: str

    @property
    def is_gone(self) -> bool:
        """Whether the process certainly runs no more: of another host nobody can tell."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, OverflowError):
            return True
        except PermissionError:  # it is another user's
            pass
        found = process_start(self.pid)
        return bool(found and self.started and found != self.started)


class Locked(StoppedError):
    """Another process writes to the target."""


_held: dict[Path, int] = {}
"""Locks of this process, each with the thread that has it."""


def lock_path(target: str, ledger: str | Path | None) -> Path | None:
    """Where the lock of a target is: in its directory, or beside the ledger if it is not local."""
    root = local_path(target)
    if root is not None:
        return (root.parent if root.is_file() else root) / LOCK_NAME
    return None if ledger is None else Path(f"{Path(ledger).absolute()}.lock")


@contextmanager
def exclusive(
    target: str, ledger: str | Path | None, command: str, wait: float = 0, insist: bool = True
) -> Iterator[None]:
    """Be the only one who writes to a target, until the end of the block.

    Whoever holds the lock already (in the same thread) goes on with it.

    Parameters
    ----------
    target
        Butler repository, which need not exist yet.
    ledger
        Ledger file, for a target that is not local.
    command
        What is going to be done, for those who have to wait.
    wait
        Seconds to wait for another writer, `math.inf` for as long as it takes.
    insist
        Whether it is an error if the directory cannot be written. Planning
        does without: there may be nothing to write.

    Raises
    ------
    Locked
        Another process has the lock.
    UsageError
        The lock cannot be made.
    """
    path = lock_path(target, ledger)
    if path is None or not _may_lock(target, path) or _held.get(path) == threading.get_ident():
        yield
        return
    missing = [p for p in (path.parent, *path.parent.parents) if not p.exists()]
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _acquire(path, command, wait)
            _remove_drafts(path)
        except OSError as exc:
            if insist:
                raise UsageError(f"{path}: the lock cannot be made: {exc.strerror or exc}") from exc
            _remove_directories(missing)
            yield
            return
        _held[path] = threading.get_ident()
        yield
    finally:
        # Also if a signal came while the lock was being made; another thread may have it.
        if _held.get(path, threading.get_ident()) == threading.get_ident():
            _held.pop(path, None)
            release(path)
        with suppress(OSError):
            _draft_name(path).unlink()
        _remove_directories(missing)


def _may_lock(target: str, path: Path) -> bool:
    """Whether the directory is a repository, or can become one: nothing is written to others."""
    directory = path.parent
    if local_path(target) is None or not os.path.lexists(directory):
        return True
    if not directory.is_dir():
        return False
    return local_path(target) != directory or (directory / "butler.yaml").exists() or is_vacant(directory)


def _remove_drafts(path: Path) -> None:
    """Remove what processes left that were killed while they tried to get the lock."""
    for draft in path.parent.glob(f"{path.name}.*"):
        holder, problem = read(draft)
        if holder is None and problem is not None:
            holder = _named(draft.name.removeprefix(f"{path.name}."))
        if holder is not None and holder.is_gone:
            draft.unlink(missing_ok=True)


def _named(name: str) -> Holder | None:
    """Who made a draft, as its name says: it was killed before it had written anything."""
    host, *numbers = name.rsplit("-", 2)
    if len(numbers) != 2 or not all(n.isdecimal() for n in numbers):
        return None
    return Holder(int(numbers[0]), host, "", "", "")


def _remove_directories(directories: list[Path]) -> None:
    """Remove what was made for the lock only."""
    for directory in directories:
        with suppress(OSError):
            directory.rmdir()


def _acquire(path: Path, command: str, wait: float) -> None:
    until = time.monotonic() + wait
    while not _try(path, command):
        holder, problem = read(path)
        if problem is None and holder is None:
            continue  # it has just gone
        if holder is not None and holder.is_gone:
            if _take_over(path, command):
                return
            continue
        if time.monotonic() >= until:
            raise Locked(_sentence(path, holder))
        time.sleep(min(POLL_S, max(0.0, until - time.monotonic())) if math.isfinite(until) else POLL_S)


def _sentence(path: Path, holder: Holder | None) -> str:
    if holder is None:
        return f"{path.parent} is locked by {path}, which says not by whom; remove that file if nobody writes"
    who = f"{holder.command} (process {holder.pid} on {holder.host}, since {holder.since_utc})"
    advice = "wait for it with --wait"
    if holder.host != socket.gethostname():
        advice += f", or remove {path} if that process no longer runs on {holder.host}"
    return f"{path.parent} is being written by {who}; {advice}"


def _try(path: Path, command: str) -> bool:
    """Make the lock file with its content in one step, if there is none."""
    draft = _draft(path, command)
    try:
        os.link(draft, path)
        return True
    except FileExistsError:
        return False
    except OSError:
        return _create(path, command)  # a file system without hard links
    finally:
        draft.unlink(missing_ok=True)


def _create(path: Path, command: str) -> bool:
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(_content(command))
    return True


def _take_over(path: Path, command: str) -> bool:
    """Replace the lock of a process that is gone; of several that try, one succeeds.

    All of them wait for the same flock, on the file that was left behind. The
    first puts its own file in its place; the others find another file there.
    Holder and contenders are on one host, so that the flock works on NFS, too.
    """
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            is_same = os.path.samestat(os.fstat(handle), os.stat(path))
        except FileNotFoundError:
            return False
        holder, _ = read(path)
        if not is_same or holder is None or not holder.is_gone:
            return False
        os.replace(_draft(path, command), path)
        return True
    finally:
        os.close(handle)


def release(path: Path) -> None:
    """Remove the lock, if it is that of this process."""
    holder, _ = read(path)
    if holder is not None and (holder.pid, holder.host) == (os.getpid(), socket.gethostname()):
        path.unlink(missing_ok=True)


def read(path: Path) -> tuple[Holder | None, str | None]:
    """Who holds a lock, and why that cannot be told; both `None` if there is no lock."""
    try:
        return Holder(**json.loads(read_head(path, MAX_BYTES))), None
    except FileNotFoundError:
        return None, None
    except (OSError, ValueError, TypeError) as exc:
        return None, str(exc)


def _draft_name(path: Path) -> Path:
    return path.with_name(f"{path.name}.{socket.gethostname()}-{os.getpid()}-{threading.get_ident()}")


def _draft(path: Path, command: str) -> Path:
    draft = _draft_name(path)
    draft.write_text(_content(command), encoding="utf-8")
    return draft


def _content(command: str) -> str:
    pid = os.getpid()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps(asdict(Holder(pid, socket.gethostname(), process_start(pid), command, now))) + "\n"


def process_start(pid: int) -> str:
    """When a process of this host started, ``""`` if that cannot be told."""
    if sys.platform == "linux":
        try:
            # The name of the program is in brackets and may hold anything.
            ticks = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
        except (OSError, IndexError):
            return ""
        return f"{_boot()} {ticks}"
    with suppress(OSError, subprocess.SubprocessError):
        words = ["ps", "-o", "lstart=", "-p", str(pid)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=10, check=False)
        return " ".join(done.stdout.split())
    return ""


@functools.cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
