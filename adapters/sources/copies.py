"""Files that claim to be the same master: copies of one another, or not."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from converter.nouns import Gen2to3Error, Master, MasterKey, Reject, Skip

from ..gen2.files import printable


@dataclass
class Settled:
    """Masters of which no two have the same key.

    Parameters
    ----------
    masters
        Those that are left, in their order.
    rejects, skips
        Files that contradict each other, and copies.
    """

    masters: list[Master] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)


def settle_clashes(masters: Sequence[Master]) -> Settled:
    """Settle which file is meant where several have the same key.

    Of files with the same content the first by path is taken; files that
    differ are rejects, as far as they clash.
    """
    paths: dict[MasterKey, set[str]] = defaultdict(set)
    for master in masters:
        paths[master.key].add(master.path)
    clashing = {key: tuple(sorted(found)) for key, found in paths.items() if len(found) > 1}
    result = Settled()
    digests: dict[str, str] = {}
    for path in sorted({path for found in clashing.values() for path in found}):
        try:
            digests[path] = _sha256(path)
        except Gen2to3Error as exc:
            result.rejects.append(Reject(printable(path), str(exc), path))
            digests[path] = ""  # equal to nothing, and out of the question
    out: set[tuple[MasterKey, str]] = set()
    copies: dict[str, str] = {}
    clashes: dict[tuple[str, ...], list[MasterKey]] = defaultdict(list)
    for key, found in clashing.items():
        first: dict[str, str] = {}
        for path in found:
            if not digests[path]:
                out.add((key, path))
            elif (original := first.setdefault(digests[path], path)) != path:
                out.add((key, path))
                copies[path] = original
        if len(first) > 1:
            clashes[tuple(first.values())].append(key)
            out.update((key, path) for path in first.values())
    for path, original in sorted(copies.items()):
        result.skips.append(Skip(printable(path), f"the same as {printable(original)} (same checksum)"))
    for found, keys in clashes.items():
        for path in found:
            others = " and ".join(printable(other) for other in found if other != path)
            result.rejects.append(
                Reject(
                    printable(path),
                    f"has the same dataset type, data ID and date as {others}, but another content "
                    f"({_said(keys)}); leave one out with --exclude",
                    path,
                )
            )
    result.masters = [m for m in masters if (m.key, m.path) not in out]
    return result


def _said(keys: Iterable[MasterKey]) -> str:
    first, *more = sorted(keys, key=str)
    return f"{first.dataset_type} {first.stamp} {first.data_id}" + (f" and {len(more)} more" if more else "")


def _sha256(path: str) -> str:
    try:
        with open(path, "rb", opener=lambda p, flags: os.open(p, flags | os.O_NONBLOCK)) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise Gen2to3Error("cannot be compared with another file: is no regular file any more")
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as exc:
        raise Gen2to3Error(
            f"cannot be compared with another file: {exc.strerror or exc}; check its permissions"
        ) from exc
