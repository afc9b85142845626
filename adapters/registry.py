"""Camera names to camera classes, through the entry point group ``gen2to3.cameras``.

Any installed package may add a camera; it is imported only when it is asked
for, and a broken one is reported instead of breaking the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from itertools import pairwise

from converter.nouns import UsageError

from .camera import Camera

GROUP = "gen2to3.cameras"


@dataclass(frozen=True)
class CameraEntry:
    """One registered camera: its class, or why it cannot be loaded."""

    name: str
    provider: str
    camera: Camera | None
    error: str = ""


def _load(point: EntryPoint) -> CameraEntry:
    provider = point.dist.name if point.dist is not None else "?"
    try:
        loaded = point.load()
        if not (isinstance(loaded, type) and issubclass(loaded, Camera)):
            raise TypeError(f"{point.value} is not a subclass of adapters.camera.Camera")
        camera = loaded()
        if not (isinstance(camera.mappers, tuple) and all(isinstance(m, str) for m in camera.mappers)):
            raise TypeError(
                f"{point.value}: mappers is expected to be a tuple of texts, found {camera.mappers!r}"
            )
        _ = camera.instrument.name  # the instrument file may be broken too
        return CameraEntry(point.name, provider, camera)
    except Exception as exc:  # a plugin may fail in any way at all
        return CameraEntry(point.name, provider, None, f"{type(exc).__name__}: {exc}")


def _points() -> list[EntryPoint]:
    """The entry points, sorted by name, each once."""
    points = sorted(entry_points(group=GROUP), key=lambda p: p.name.lower())
    for first, second in pairwise(points):
        if first.name.lower() == second.name.lower() and first.value != second.value:
            raise UsageError(
                f"camera name {second.name!r} is registered twice, as {first.value} and {second.value}; "
                "uninstall one of the packages"
            )
    return list({p.name.lower(): p for p in points}.values())


def list_cameras() -> list[CameraEntry]:
    """All registered cameras, sorted by name, broken ones included.

    Raises
    ------
    UsageError
        Two entries have the same name (without regard to case).
    """
    return [_load(point) for point in _points()]


def get_camera(name: str) -> Camera:
    """The camera of a name: short name, instrument name or Gen2 mapper.

    Raises
    ------
    UsageError
        No camera answers to the name, or the one that does cannot be loaded.
    """
    wanted = name.lower()
    # By short name first: loading all takes long.
    for point in _points():
        if point.name.lower() == wanted and (camera := _load(point).camera) is not None:
            return camera
    entries = list_cameras()
    for entry in entries:
        if entry.name.lower() == wanted and entry.camera is None:
            raise UsageError(f"camera {entry.name!r} cannot be loaded: {entry.error}")
        if entry.camera is None:
            continue
        names = {entry.name, entry.camera.name, entry.camera.instrument.name, *entry.camera.mappers}
        if wanted in {n.lower() for n in names}:
            return entry.camera
    known = ", ".join(e.name for e in entries if e.camera is not None)
    raise UsageError(f"no camera is called {name!r}; known cameras: {known} (see `gen2to3 cameras`)")


def detect_camera(mapper: str) -> Camera:
    """The camera that a Gen2 mapper class belongs to.

    Raises
    ------
    UsageError
        No registered camera declares the mapper.
    """
    for entry in list_cameras():
        if entry.camera is not None and mapper in entry.camera.mappers:
            return entry.camera
    if mapper.startswith("lsst.obs."):
        raise UsageError(
            f"the Gen2 mapper {mapper} belongs to a camera that no installed adapter supports; "
            "see `gen2to3 cameras`, or name one with --camera"
        )
    raise UsageError(
        f"unknown Gen2 mapper {mapper[:200]!r}; name the camera with --camera (see `gen2to3 cameras`)"
    )
