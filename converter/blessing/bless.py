"""Blessing from beginning to end: plan, apply, read back."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..apply import apply, why_not
from ..lock import exclusive
from ..nouns import Gen2to3Error, StoppedError, UsageError
from ..progress import Progress, no_progress
from ..target import open_reading
from .again import stored
from .content import content_of
from .planning import BlessPlan, plan_blessing, refused
from .repository import Dataset, Demand, Repository
from .request import Request


class ReadBackError(Gen2to3Error):
    """The repository does not hold what was to be written."""

    exit_status = 4


@dataclass(frozen=True)
class Blessing:
    """What blessing came to.

    Parameters
    ----------
    plan
        What was (or would be) done.
    conversion
        Number in the ledger, `None` if nothing was written.
    stopped
        Why nothing was written although there was something to write.
    """

    plan: BlessPlan
    conversion: int | None = None
    stopped: str = ""

    @property
    def exit_status(self) -> int:
        """Exit status of the command line's contract."""
        if self.stopped:
            return StoppedError.exit_status
        return 1 if self.plan.rejects else 0

    def as_dict(self) -> dict[str, Any]:
        """The command line's JSON contract."""
        return self.plan.as_dict(self.conversion)


def open_repository(root: str, instrument: str) -> Repository:
    """Open a repository that has to be there.

    Raises
    ------
    UsageError
        There is none, or not this instrument in it.
    """
    butler = open_reading(root)
    if butler is None:
        raise UsageError(f"{root}: there is no Butler repository; convert or create one first")
    try:
        return Repository(butler, instrument)
    except BaseException:
        butler.close()
        raise


def bless(
    request: Request,
    root: str,
    ledger: str | None = None,
    dry_run: bool = False,
    problems: Iterable[str] = (),
    progress: Progress = no_progress,
    wait: float = 0,
) -> Blessing:
    """Make a calibration collection hold what a request says.

    Parameters
    ----------
    request
        What it is to hold.
    root
        Butler repository.
    ledger
        Ledger file, `None` for the one in the repository's root.
    dry_run
        Plan only.
    problems
        Mistakes in the plan's file; while there is one, they are all that comes of it.
    progress
        Shows what takes long.
    wait
        Seconds to wait for another writer, `math.inf` for as long as it takes.

    Raises
    ------
    UsageError
        There is no repository, or a ``where`` makes no sense.
    Locked
        Another process writes to the repository.
    Gen2to3Error
        The target refused it; then all is as it was, except for dataset types
        and empty collections.
    ReadBackError
        The target does not hold what was written.
    """
    if mistakes := list(problems):
        plan = refused(request, mistakes)
        return Blessing(plan, stopped=why_not(plan))
    if dry_run:
        plan = _plan(request, root)
        return Blessing(plan, stopped=why_not(plan))
    with exclusive(root, ledger, "bless", wait, insist=False):
        plan = _plan(request, root)
        if stopped := why_not(plan):
            return Blessing(plan, stopped=stopped)
        conversion = apply(plan, root, ledger, progress)
        if not plan.is_empty:
            check_written(plan, root, plan.instrument_name)
    return Blessing(plan, conversion)


def _plan(request: Request, root: str) -> BlessPlan:
    repository = open_repository(root, request.instrument)
    try:
        return plan_blessing(request, repository)
    finally:
        repository.close()


def check_written(plan: BlessPlan, root: str, instrument: str) -> None:
    """Read the collection back and compare it with what it was to hold.

    Raises
    ------
    ReadBackError
        It holds something else, or a file is not the one that was taken.
    """
    repository = open_repository(root, instrument)
    try:
        types = sorted({d.dataset_type for d in plan.wanted} | repository.types_in(plan.collection))
        usable = [t for t in types if t in repository.types and repository.is_usable(t)]
        demands = [Demand(t, plan.collection, "") for t in usable if plan.collection in repository.kinds]
        repository.read(demands)
        held = content_of(row for demand in demands for row in repository.rows(demand))
        if held != plan.wanted:
            wrong = sorted(d for d in {*held, *plan.wanted} if held.get(d) != plan.wanted.get(d))
            first = wrong[0]
            is_, should = (", ".join(map(str, c.get(first, ()))) or "nothing" for c in (held, plan.wanted))
            raise ReadBackError(
                f"{plan.collection} does not hold what was written: {len(wrong)} datasets differ, such as "
                f"{first.dataset_type} {first.data_id} of {first.run}: {is_}, expected {should}"
            )
        _check_files(plan, repository)
        for chain in plan.chains:
            if repository.chains.get(chain.name) != chain.children:
                raise ReadBackError(f"chain {chain.name} does not hold what was written")
    finally:
        repository.close()


def _check_files(plan: BlessPlan, repository: Repository) -> None:
    made = {
        Dataset(dataset_type, ingest.run, data_id)
        for ingest in plan.ingests
        for file in ingest.files
        for dataset_type, data_id in file.datasets
    }
    if not made:
        return
    demands = sorted({Demand(d.dataset_type, d.run, "") for d in made})
    repository.read(demands)
    ids = {row.dataset: row.dataset_id for demand in demands for row in repository.rows(demand)}
    refs = []
    for dataset_type in sorted({d.dataset_type for d in made}):
        runs = sorted({d.run for d in made if d.dataset_type == dataset_type})
        with repository.butler.query() as query:
            refs += list(query.datasets(dataset_type, runs, find_first=False))
    artifacts = stored(repository.butler, refs)
    same: dict[tuple[str, str], bool] = {}
    for dataset in made:
        source, copy = plan.files[dataset], artifacts[ids[dataset]].path
        if (source, copy) not in same:
            same[source, copy] = os.path.samefile(source, copy) or _digest(source) == _digest(copy)
        if not same[source, copy]:
            raise ReadBackError(f"{copy} is not the same as {source}, which it was made of")


def _digest(path: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
