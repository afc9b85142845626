"""What a Gen2 repository looks like from outside, so that it is known again without being read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from converter.nouns import Gen2to3Error

from ..camera import Camera
from ..registry import detect_camera, get_camera
from .directory import DirectoryIndex
from .repository import (
    CALIB_REGISTRY,
    Gen2Root,
    RegistryLocation,
    find_calib_roots,
    find_registry,
    read_root,
    registry_in,
)
from .source import declared_directories, index_raws
from .sqlite_files import sqlite_state


@dataclass(frozen=True)
class Looks:
    """A Gen2 repository, looked at and not read.

    Parameters
    ----------
    root
        The root and its parents.
    camera
        The camera it belongs to.
    raw_root
        The directory with the raw registry.
    calibs
        Calibration roots.
    registries
        One text for each place in which a registry is or may be: its state.
    """

    root: Gen2Root
    camera: Camera
    raw_root: Path
    calibs: tuple[Path, ...]
    registries: tuple[str, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """What tells it from others, but for its files."""
        # Without any calibration root this tells what is said of that.
        is_calib = (self.root.root / "CALIB").is_dir()
        return (repr(self.root), repr(self.calibs), str(is_calib), *self.registries)

    def files(self, allowed: Sequence[str]) -> str:
        """Walk all files: what `adapters.gen2.source.Gen2Source.digest` is if they are as they were.

        Parameters
        ----------
        allowed
            Directories outside to which links may lead.

        Raises
        ------
        Gen2to3Error
            A root cannot be read.
        """
        declared = declared_directories(self.root, self.calibs, allowed)
        raws = index_raws(self.raw_root, self.calibs, declared)
        return " ".join([raws.digest, *(DirectoryIndex(d, declared).digest for d in self.calibs)])


def look_at(root: str, camera: str, calib: Sequence[str]) -> Looks | None:
    """Look at a Gen2 repository.

    Parameters
    ----------
    root, camera, calib
        As for `adapters.gen2.source.open_source`.

    Returns
    -------
    looks
        `None` if looking does not tell whether it is unchanged: a registry is
        missing, is being written or is a database, or something is wrong with
        the repository.
    """
    try:
        gen2_root = read_root(root)
        chosen = get_camera(camera) if camera else detect_camera(gen2_root.mapper)
        raws = find_registry(gen2_root)
        calibs = find_calib_roots(gen2_root, [Path(c) for c in calib], chosen.searches_for_calib)
    except Gen2to3Error:
        return None
    registries = []
    for place, location in _registries(raws, calibs, chosen):
        if location is None:
            registries.append(f"{place} absent")
            continue
        state = sqlite_state(location.path) if location.kind == "sqlite" else ""
        if not state:
            return None
        registries.append(f"{location.path} {state}")
    return Looks(gen2_root, chosen, raws.path.parent, calibs, tuple(registries))


def _registries(
    raws: RegistryLocation, calibs: Sequence[Path], camera: Camera
) -> Iterator[tuple[str, RegistryLocation | None]]:
    """All places in which `open_source` looks for a registry, and what is there."""
    yield str(raws.path), raws
    beside = dict.fromkeys(c.registry for c in camera.calibrations if c.registry is not None)
    for directory in calibs:
        yield f"{directory}/{CALIB_REGISTRY}", registry_in(directory, CALIB_REGISTRY)
        for declared in beside:
            for base in declared.directories:
                place = directory / base
                yield f"{place}/{declared.name}", registry_in(place, declared.name)
