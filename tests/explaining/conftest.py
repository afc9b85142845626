"""Converted repositories that are only read, and the camera that each test may change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from adapters import registry
from adapters.camera import Camera
from adapters.instrument import Instrument
from converter.cli import main
from converter.convert import convert
from converter.recipe import Recipe
from fixtures.hsc import HscRepository, HscSpec, make_hsc
from fixtures.hsc_oddities import HscOddities

ODD = HscSpec(
    detectors=(41, 49, 50),
    bias=("2014-10-01", "2014-10-02", "2014-10-03"),
    flat=("2014-09-28", "2014-10-02"),
    sky=("2014-01-31",),
    calibration_frames=True,
    straddling=True,
    oddities=HscOddities.all(sky_outside_validity=False, overlapping_masters=False),
)

Run = Callable[..., Result]
RunJson = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def run() -> Run:
    """Run a command in this process."""

    def invoke(*args: object) -> Result:
        return CliRunner().invoke(main, [str(a) for a in args], prog_name="gen2to3")

    return invoke


@pytest.fixture
def run_json(run: Run) -> RunJson:
    """Run with --json: exit status and the object."""

    def invoke(*args: object) -> tuple[int, dict[str, Any]]:
        result = run(*args, "--json")
        return result.exit_code, json.loads(result.stdout)

    return invoke


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory) -> tuple[HscRepository, Path]:
    """HSC with everything that makes a reject or a skip, and its conversion."""
    place = tmp_path_factory.mktemp("explained")
    made = make_hsc(place / "gen2", ODD)
    outcome = convert(Recipe(str(made.root)), str(place / "gen3"))
    assert not outcome.stopped and outcome.failure is None
    return made, place / "gen3"


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Camera]:
    """Have one installed camera only, whose instrument is another than it was."""

    def change(camera: type[Camera], **instrument: Any) -> Camera:
        right: Instrument = camera().instrument
        changed = camera().redeclared(instrument=replace(right, **instrument))
        entry = registry.CameraEntry(camera.name, "test", changed)
        monkeypatch.setattr(registry, "_load", lambda point: entry)
        return changed

    return change


def of_kind(changes: Iterable[dict[str, Any]], change: str) -> list[tuple[Any, ...]]:
    """The differences of one kind, by what a reader sees."""
    return [
        (c["element"], c["key"], c["field"], c["before"], c["after"])
        for c in changes
        if c["change"] == change
    ]
