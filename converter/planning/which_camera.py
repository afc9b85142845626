"""The camera of a command that is not told by a Gen2 mapper."""

from __future__ import annotations

from lsst.daf.butler import Butler

from adapters.camera import Camera
from adapters.registry import get_camera

from ..nouns import UsageError


def camera_of(name: str, target: str, butler: Butler | None, what: str) -> Camera:
    """The camera asked for, or that of the repository's one instrument.

    Parameters
    ----------
    name
        What the user asked for, ``""`` for nothing.
    target
        Butler repository, for messages.
    butler
        The target, `None` if it does not exist yet.
    what
        Whose camera it is, for messages.

    Raises
    ------
    UsageError
        There is no such camera, or it cannot be told which.
    """
    if name:
        return get_camera(name)
    found = (
        []
        if butler is None
        else [r.name for r in butler.query_dimension_records("instrument", explain=False)]
    )
    if len(found) == 1:
        return get_camera(found[0])
    there = f"has {len(found)} instruments" if butler is not None else "does not exist yet"
    raise UsageError(f"{target} {there}; name the camera of {what} with --camera")
