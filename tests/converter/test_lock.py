"""One writer at a time, with real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lsst.daf.butler import Butler

from converter.lock import Locked, exclusive, process_start, read
from converter.nouns import UsageError
from converter.target import LOCK_NAME
from fixtures.hsc import make_hsc
from tests.sampling import some
from tests.undoing.conftest import run, start
from tests.undoing.dump import files

HOLD = """
import sys, time
from converter.lock import exclusive
with exclusive(sys.argv[1], None, "convert"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""
TAKE = """
import sys, time
from converter.lock import Locked, exclusive
print("ready", flush=True)
sys.stdin.readline()
try:
    with exclusive(sys.argv[1], None, "convert"):
        print("got", flush=True)
        time.sleep(1.5)
except Locked:
    print("locked", flush=True)
"""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    Butler.makeRepo(str(tmp_path / "repo"))
    return tmp_path / "repo"


@pytest.fixture(scope="module")
def gen2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_hsc(tmp_path_factory.mktemp("lock") / "gen2").root


def hold(repo: Path, seconds: float) -> subprocess.Popen[str]:
    process = start(HOLD, repo, seconds)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def write(repo: Path, **changes: object) -> Path:
    """A lock that somebody left."""
    holder = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started": process_start(os.getpid()),
        "command": "bless",
        "since_utc": "2026-01-01T00:00:00+00:00",
    }
    (repo / LOCK_NAME).write_text(json.dumps(holder | changes))
    return repo / LOCK_NAME


def gone() -> int:
    """The pid of a process that runs no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_second_writer_stops_and_names_the_first(repo: Path, gen2: Path) -> None:
    process = hold(repo, 60)
    try:
        holder, _ = read(repo / LOCK_NAME)
        assert holder is not None
        assert (holder.pid, holder.host, holder.command) == (process.pid, socket.gethostname(), "convert")
        result = run("convert", gen2, repo, status=3)
        assert result.stderr.splitlines() == [
            f"gen2to3: error: {repo} is being written by convert (process {process.pid} on {holder.host}, since "
            f"{holder.since_utc}); wait for it with --wait"
        ]
        assert result.stdout == ""
        started = time.monotonic()
        run("convert", gen2, repo, "--wait", 1, status=3)
        assert time.monotonic() - started >= 1
        # Readers do not mind.
        run("convert", gen2, repo, "--dry-run")
        run("plan", gen2, repo)
        assert files(repo) == {LOCK_NAME: files(repo)[LOCK_NAME]}
    finally:
        process.kill()
        process.wait()


def test_waiting(repo: Path, gen2: Path) -> None:
    process = hold(repo, 2)
    run("convert", gen2, repo, "--wait")
    assert process.wait() == 0
    assert not (repo / LOCK_NAME).exists()
    assert not (repo / "gen2to3.sqlite3.lock").exists()


def test_a_killed_holder_is_no_holder(repo: Path, gen2: Path) -> None:
    process = hold(repo, 60)
    process.kill()
    process.wait()
    assert (repo / LOCK_NAME).exists()
    run("convert", gen2, repo, "--no-verify")
    assert not list(repo.glob(f"{LOCK_NAME}*"))


def test_a_number_given_to_another_process_is_no_holder(repo: Path) -> None:
    write(repo, started="another boot 1")
    with exclusive(str(repo), None, "convert"):
        holder, _ = read(repo / LOCK_NAME)
        assert holder is not None
        assert (holder.command, holder.started) == ("convert", process_start(os.getpid()))
    assert not (repo / LOCK_NAME).exists()


@pytest.mark.parametrize("pid", [1, 4_000_000])
def test_of_another_host_nothing_is_assumed(repo: Path, pid: int) -> None:
    path = write(repo, host="elsewhere", pid=pid, started="")
    message = (
        f"process {pid} on elsewhere, since 2026-01-01T.* or remove {path} if that process no longer runs"
    )
    with pytest.raises(Locked, match=message), exclusive(str(repo), None, "convert"):
        pass
    assert path.exists()


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"pid": 1}'])
def test_a_lock_that_says_nothing_is_left_alone(repo: Path, text: str) -> None:
    (repo / LOCK_NAME).write_text(text)
    with pytest.raises(Locked, match="says not by whom; remove that file"), exclusive(str(repo), None, "x"):
        pass
    assert (repo / LOCK_NAME).read_text() == text


@pytest.mark.parametrize("attempt", some(range(3), 1))
def test_of_several_that_find_a_stale_lock_one_gets_it(repo: Path, attempt: int) -> None:
    write(repo, pid=gone())
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TAKE, str(repo)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = sorted(process.communicate(timeout=60)[0].strip() for process in processes)
    assert said == ["got", "locked", "locked", "locked"]
    assert not list(repo.glob(f"{LOCK_NAME}*"))


def test_it_goes_with_an_error(repo: Path) -> None:
    with pytest.raises(KeyError), exclusive(str(repo), None, "convert"):
        raise KeyError
    assert not (repo / LOCK_NAME).exists()


def test_whoever_has_it_goes_on(repo: Path) -> None:
    with exclusive(str(repo), None, "convert"):
        with exclusive(str(repo), None, "convert"):
            pass
        assert (repo / LOCK_NAME).exists()


def test_directories_made_for_it_go_with_it(tmp_path: Path) -> None:
    with exclusive(str(tmp_path / "a/b"), None, "convert"):
        assert (tmp_path / "a/b" / LOCK_NAME).exists()
    assert not (tmp_path / "a").exists()


def test_nothing_is_written_to_what_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with exclusive(str(tmp_path), None, "convert"):
        assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_target_that_is_not_local_is_locked_beside_the_ledger(tmp_path: Path) -> None:
    book = tmp_path / "book.sqlite3"
    with exclusive("mem://repo", book, "convert"):
        assert (tmp_path / "book.sqlite3.lock").exists()
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    book = tmp_path / "file" / "book"
    with pytest.raises(UsageError, match="cannot be made"), exclusive("mem://repo", book, "convert"):
        pass


SLOW = """
import sys, time
from converter.writers import batch
def slow(*args, **rest):
    print("writing", flush=True)
    time.sleep(60)
batch.certify = slow
from converter.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")],
)
def test_a_signal_cleans_up(tmp_path: Path, gen2: Path, number: int, status: int, word: str) -> None:
    repo = tmp_path / "repo"
    process = start(SLOW, "convert", gen2, repo, "--transfer", "copy")
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    assert (repo / LOCK_NAME).exists()
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == status
    assert said.lstrip() == f"gen2to3: error: {word}; the same command goes on from there\n"
    assert not list(repo.glob(f"{LOCK_NAME}*"))
    with Butler.from_config(str(repo)) as butler:
        assert not list(butler.registry.queryDatasetAssociations("bias", ["HSC/calib/gen2"]))
    run("convert", gen2, repo, "--transfer", "copy")
