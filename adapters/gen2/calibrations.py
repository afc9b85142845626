"""What one calibration root holds, as nouns."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from converter.nouns import DataId, Master, MasterKey, Provenance, Reject, Skip, ValidityClaim

from .keys import Row


@dataclass
class Calibrations:
    """What one calibration root holds, as nouns.

    Parameters
    ----------
    masters
        Masters by key; those without a claim have no registry row.
    claims
        What the registry says of their validity.
    ranges
        Per dataset type and data ID: the texts of all rows' ranges (also
        those whose file is missing), the evidence for the dialect.
    rejects, skips
        Rows and files that are not converted, and why.
    seen
        Relative paths of all files that a row or a template names.
    missing
        Masters that a row names and whose file is not there (a reject each).
    """

    masters: dict[MasterKey, Master] = field(default_factory=dict)
    claims: list[ValidityClaim] = field(default_factory=list)
    ranges: dict[str, dict[DataId, list[tuple[str, str]]]] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    missing: set[MasterKey] = field(default_factory=set)


def row_texts(row: Row) -> tuple[tuple[str, str], ...]:
    """The original texts of a row that are kept for ever."""
    return _texts(*((k, str(row[k])) for k in ("calibDate", "validStart", "validEnd", "filter") if k in row))


@lru_cache(maxsize=4096)
def _texts(*texts: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    # The rows of all detectors have the same: kept once, not a hundred times.
    return texts


def claim_of(key: MasterKey, row: Row, provenance: Provenance) -> ValidityClaim:
    """What a row says of the validity of a master."""
    # SQL's NULL becomes the text "None", which like it never matched: a reject, not an open end.
    # Nor did an empty end; an empty start is before every text, and so is an open one.
    return ValidityClaim(
        key,
        str(row["validStart"]),
        str(row["validEnd"]) or "(empty)",
        str(row.get("registered") or ""),
        provenance,
    )
