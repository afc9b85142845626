"""Cameras of other packages that cannot be loaded, or take a name that is taken."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import pytest

from adapters import registry
from adapters.hsc import HSC

from .place import Place


class NoInstrument(HSC):
    name = "noinst"
    instrument_file = "gone.yaml"
    mappers = ("my.own.NoInstrument",)


class Incomplete(HSC):
    name = "incomplete"
    mappers = None  # type: ignore[assignment]


def install(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    """Pretend that other packages register cameras."""
    more = [EntryPoint(name.replace("_", "-"), value, registry.GROUP) for name, value in values.items()]
    real = list(entry_points(group=registry.GROUP))
    monkeypatch.setattr(registry, "entry_points", lambda group: [*real, *more])


BROKEN = {
    "not there": ("my.own.package:Camera", "ModuleNotFoundError: No module named 'my'"),
    "no such class": ("adapters.hsc:Camera2", "AttributeError: .*Camera2.*"),
    "no camera": ("pathlib:Path", "TypeError: pathlib:Path is not a subclass of adapters.camera.Camera"),
    "no instrument file": (f"{__name__}:NoInstrument", "FileNotFoundError: .*gone.yaml.*"),
    "no mappers": (f"{__name__}:Incomplete", "TypeError: .*mappers.*"),
}


@pytest.mark.parametrize(("value", "reason"), BROKEN.values(), ids=BROKEN)
def test_broken_camera_is_reported_and_harms_no_other(
    value: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, broken=value)
    place = Place(tmp_path)
    listed = place.run("cameras")
    assert (listed.status, listed.err) == (0, "")
    (line,) = [line for line in listed.out.splitlines() if line.startswith("broken")]
    assert "cannot be loaded: " in line
    assert re.search(f"cannot be loaded: {reason}", line)
    entries: dict[str, Any] = {c["name"]: c for c in place.run("cameras", "--json").json["cameras"]}
    assert re.match(reason, entries["broken"]["error"])
    assert entries["hsc"]["error"] == ""

    assert place.run("plan", place.root, place.target).status == 0
    asked = place.run("plan", place.root, place.target, "--camera", "broken")
    assert asked.status == 2
    assert re.search(f"camera 'broken' cannot be loaded: {reason}", asked.err)


def test_name_clash_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, HSC="adapters.lsst:ImSim")
    place = Place(tmp_path)
    for run in (place.run("cameras"), place.convert()):
        assert (run.status, run.out) == (2, "")
        (line,) = run.err.splitlines()
        assert "registered twice, as " in line
        assert "adapters.hsc:HSC" in line and "adapters.lsst:ImSim" in line
        assert line.endswith("uninstall one of the packages")
    assert not place.target.exists()


def test_two_packages_with_the_same_camera_are_no_clash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, hsc="adapters.hsc:HSC")
    assert Place(tmp_path).run("cameras").status == 0
