from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .scenarios import Place

FULL = bool(os.environ.get("GEN2TO3_FULL"))
"""All points, and not a sample of them: `make test-faults`."""

MakePlace = Callable[[str], Place]


@pytest.fixture(scope="session")
def faults_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """In memory where that can be, because every COMMIT waits for a disk."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK | os.X_OK):
        yield tmp_path_factory.mktemp("faults")
        return
    root = Path(tempfile.mkdtemp(prefix="gen2to3-faults-", dir=memory))
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def make_place(faults_root: Path) -> MakePlace:
    """Scenarios, each with an uninterrupted run to compare with."""
    places: dict[str, Place] = {}

    def make(name: str) -> Place:
        if name not in places:
            places[name] = Place(name, faults_root / name)
        return places[name]

    return make
