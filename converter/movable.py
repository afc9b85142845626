"""Which files of a source may be deleted once they are in the repository. Looks, and changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable

from .nouns import UsageError

CONSENT = "--i-know-that-files-are-moved"


def require_consent(transfer: str, given: bool) -> None:
    """Refuse to move files unless that was said twice.

    Raises
    ------
    UsageError
        Files were to be moved, and it was said once.
    """
    if transfer == "move" and not given:
        raise UsageError(
            f"--transfer move deletes files of the Gen2 repository; say {CONSENT} too, "
            "or choose another --transfer"
        )


def why_not_movable(path: str, roots: Iterable[str]) -> str:
    """Why a file may not be deleted, ``""`` if it may.

    Parameters
    ----------
    path
        File of the source.
    roots
        Directories that were named by the user, and nothing outside of which
        is deleted.
    """
    real = os.path.realpath(path)
    outside = True
    for root in roots:
        below = os.path.relpath(path, root)
        if below.startswith(".."):
            continue
        outside = False
        if real == os.path.join(os.path.realpath(root), below):
            return ""
    if outside:
        return "lies outside of the roots, where nothing is deleted; choose another --transfer"
    return f"is a link, or behind one, to {real}, which is not moved; choose another --transfer"
