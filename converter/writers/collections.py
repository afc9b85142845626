"""CHAINED collections."""

from __future__ import annotations

from collections.abc import Sequence

from lsst.daf.butler import Butler, CollectionType

from ..operations import Chain
from .common import butler_errors
from .datasets import register


def register_chains(butler: Butler, operations: Sequence[Chain]) -> None:
    """Register the CHAINED collections themselves, still empty."""
    register(butler, {operation.name: CollectionType.CHAINED for operation in operations})


def define_chain(butler: Butler, operation: Chain) -> None:
    """Give a registered CHAINED collection its children.

    Raises
    ------
    Gen2to3Error
        A child does not exist, or the chain would contain itself.
    """
    with butler_errors(f"chain {operation.name}"):
        butler.collections.redefine_chain(operation.name, operation.children)
