"""What was certified, asked of the Butler again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from .nouns import UsageError
from .operations import Certify
from .target import Association, open_reading, read_associations


@dataclass
class Readback:
    """Ranges that were to be written against those that the repository has now.

    Parameters
    ----------
    found
        Number of ranges that are there as planned, per dataset type.
    missing
        Those that are not, one line each.
    """

    found: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        """For the command line's JSON."""
        return {"found": dict(sorted(self.found.items())), "missing": self.missing}


def read_back(target: str, certifies: Iterable[Certify]) -> Readback:
    """Look for every certified range.

    Parameters
    ----------
    target
        Butler repository.
    certifies
        What was written to it.

    Raises
    ------
    UsageError
        There is no repository.
    """
    result = Readback()
    wanted: dict[str, list[Certify]] = defaultdict(list)
    for certify in certifies:
        wanted[certify.instrument].append(certify)
    butler = open_reading(target)
    if butler is None:
        raise UsageError(f"{target}: there is no Butler repository")
    for instrument, group in wanted.items():
        types, collections = {c.dataset_type for c in group}, {c.collection for c in group}
        found = read_associations(butler, instrument, types, collections)
        there = {key: set(rows) for key, rows in found.items()}
        for certify in group:
            rows = there.get((certify.collection, certify.dataset_type), set())
            span = certify.span.clipped()
            for run, data_id in certify.datasets:
                if Association(run, data_id, span) in rows:
                    result.found[certify.dataset_type] += 1
                    continue
                result.missing.append(
                    f"{certify.dataset_type} {data_id} of {run} is not certified in {certify.collection} for {span}"
                )
    return result
