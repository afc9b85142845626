"""Carry out one batch of operations: all of it or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import TypeVar

from lsst.daf.butler import Butler, CollectionType

from ..operations import (
    Certify,
    Chain,
    Decertify,
    DefineVisits,
    Ingest,
    InsertExposures,
    Operation,
    RegisterCollection,
    RegisterDatasetType,
    RegisterInstrument,
)
from ..target import datastore_root
from .certify import certify, decertify
from .collections import define_chain, register_chains
from .common import database_errors, require_space
from .datasets import check_formatters, ingest, register, register_collections, register_dataset_type
from .exposures import insert_exposures
from .instrument import register_instrument
from .references import References
from .split import divide, split
from .staging import copy_files, elsewhere, staging
from .visits import define_visits

T = TypeVar("T")

TYPE_BYTES = 256 * 1024
"""What the tables of a new dataset type take at most, empty."""

CHECKED = 200
"""Number of datasets of a batch whose stored formatter and path are read back."""


def prepare(butler: Butler, operations: Sequence[Operation]) -> None:
    """Register what cannot be registered inside a transaction.

    These are dataset types (they may need new tables) and the CALIBRATION
    and CHAINED collections. All of it is harmless without the rest, and
    doing it again changes nothing. RUNs can be registered inside a
    transaction (`lsst.daf.butler.Butler.ingest` does), six times faster.
    """
    types = _only(operations, RegisterDatasetType)
    if types:
        require_space(butler, len(types) * TYPE_BYTES)
    for operation in types:
        register_dataset_type(butler, operation)
    register_collections(
        butler, [o for o in _only(operations, RegisterCollection) if o.type == "CALIBRATION"]
    )
    register_chains(butler, _only(operations, Chain))


def execute(
    butler: Butler, batch: Sequence[Operation], transfer: str, references: References | None = None
) -> References:
    """Carry out a batch inside one transaction.

    Parameters
    ----------
    butler
        The target.
    batch
        Operations in any order; kinds are carried out in the order in which
        they need each other. A `HandOff` is nothing to be done here.
    transfer
        How files get into the target, one of `TRANSFER_MODES`; ``move``
        copies here, and `converter.moving` deletes. Files that were made for
        it, and pieces of files that are split, are moved there in any case.
    references
        Refs of the batches before, which need not be asked for again.

    Returns
    -------
    references
        Refs of all datasets of the batch, and of those given.

    Raises
    ------
    Gen2to3Error
        Something cannot be written. Then nothing of the batch is, except
        for the empty shells that `prepare` made.
    """
    references = References(butler) if references is None else references
    ingests, to_split, made = divide(_only(batch, Ingest))
    # Whoever moves files deletes them after all is committed; the Butler would do it before.
    of_source = "copy" if transfer == "move" else transfer
    to_copy: list[Ingest] = []
    if (root := datastore_root(butler)) is not None:
        # The Butler copies to names of its own beside the datasets, where nobody would find them after a kill.
        made, to_copy = elsewhere(made, root)
        if of_source == "copy":
            ingests, to_copy = [], [*ingests, *to_copy]
    with database_errors(butler), ExitStack() as stack:
        prepare(butler, batch)
        if to_split or to_copy:
            # Before the transaction, which would keep the database locked all the while.
            directory = stack.enter_context(staging(butler))
            made = [*made, *split(to_split, directory), *copy_files(to_copy, directory)]
        _write(butler, batch, ingests, made, of_source, references)
    return references


def _write(
    butler: Butler,
    batch: Sequence[Operation],
    ingests: Sequence[Ingest],
    made: Sequence[Ingest],
    transfer: str,
    references: References,
) -> None:
    try:
        with butler.transaction():
            for instrument in _only(batch, RegisterInstrument):
                register_instrument(butler, instrument)
            runs = [o.name for o in _only(batch, RegisterCollection) if o.type == "RUN"]
            runs += [o.run for o in _only(batch, Ingest)]
            register(butler, dict.fromkeys(runs, CollectionType.RUN))
            for exposures in _only(batch, InsertExposures):
                insert_exposures(butler, exposures)
            for files, mode in ((ingests, transfer), (made, "move")):
                if files:
                    ingest(butler, files, mode, references)
                    check_formatters(butler, files, CHECKED, references)
            for visits in _only(batch, DefineVisits):
                define_visits(butler, visits)
            decertify(butler, _only(batch, Decertify), references)
            certify(butler, _only(batch, Certify), references)
            for chain in _only(batch, Chain):
                define_chain(butler, chain)
    except BaseException:
        # The registry's caches do not take part in the rollback.
        with suppress(Exception):
            butler.registry.refresh()
        raise


def _only(operations: Sequence[Operation], kind: type[T]) -> list[T]:
    return [operation for operation in operations if isinstance(operation, kind)]
