"""Work in several processes: bounded, in order, and ended with their parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from typing import TypeVar

from converter.nouns import Gen2to3Error

Job = TypeVar("Job")
Result = TypeVar("Result")

PENDING_PER_WORKER = 3
"""Tasks handed out ahead, so that memory is bounded whatever the number of jobs."""


def _start_worker(module: str | None) -> None:
    """Prepare a worker process."""
    # Ctrl-C reaches the whole process group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A parent that was killed cannot stop its workers, and they would wait for work for ever.
    threading.Thread(target=_die_with_parent, daemon=True).start()
    if module is not None:
        import_module(module)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def in_processes(
    function: Callable[[list[Job]], list[Result]],
    chunks: Iterable[list[Job]],
    workers: int,
    what: str,
    module: str | None = None,
) -> Iterator[Result]:
    """Do jobs in several processes.

    Parameters
    ----------
    function
        Does one chunk of jobs; it and the jobs can be pickled.
    chunks
        Jobs; consumed as results are asked for.
    workers
        Processes.
    what
        What the processes do, for messages.
    module
        Module that each process imports first.

    Returns
    -------
    results
        In the order of the jobs.

    Raises
    ------
    Gen2to3Error
        A process died (while iterating).
    """
    pool = ProcessPoolExecutor(
        workers,
        # Never fork: the caller may hold database connections and threads.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(module,),
    )
    pending: deque[Future[list[Result]]] = deque()
    try:
        for chunk in chunks:
            pending.append(pool.submit(function, chunk))
            if len(pending) >= PENDING_PER_WORKER * workers:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    except BrokenProcessPool as exc:
        raise Gen2to3Error(
            f"one of {workers} {what} processes died (killed, or out of memory?); "
            "run again with --workers 1 to find the file"
        ) from exc
    finally:
        # Also on Ctrl-C and when the caller stops asking: only chunks already handed out are awaited.
        pool.shutdown(wait=True, cancel_futures=True)
