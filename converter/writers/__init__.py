"""The only code that writes to a Butler."""

from .batch import execute, prepare
from .certify import certify, decertify
from .collections import define_chain, register_chains
from .datasets import TRANSFER_MODES, check_formatters, ingest, register_collections, register_dataset_type
from .exposures import insert_exposures
from .instrument import register_instrument
from .references import References
from .repository import open_target

__all__ = [
    "TRANSFER_MODES",
    "References",
    "certify",
    "check_formatters",
    "decertify",
    "define_chain",
    "execute",
    "ingest",
    "insert_exposures",
    "open_target",
    "prepare",
    "register_chains",
    "register_collections",
    "register_dataset_type",
    "register_instrument",
]
