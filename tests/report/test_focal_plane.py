"""Detectors at their places, and what each night says of them."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import yaml
from bokeh.document import Document
from bokeh.models import Div
from lsst.daf.butler import Butler

from adapters.registry import get_camera
from converter.report.coverage import as_ranges
from converter.report.focal_plane import FocalPlane, Mark, age, make_focal_plane, night_day, read_focal_plane
from converter.report.focal_plane_figure import build
from converter.report.lookups import UNKNOWN, Lookups, Observed, State, TypeLookups

from .covered import Answer, butler_answers, shared

FACTS = Path("/work/shared/facts/cameras")
FILES = {
    "hsc": "hsc",
    "decam": "decam",
    "latiss": "latiss",
    "comcam": "lsstcomcam",
    "imsim": "lsstcam-imsim",
    "megaprime": "megaprime",
}


@pytest.fixture(scope="module", params=["HSC", "LATISS"])
def repository(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[FocalPlane, list[Answer]]:
    butler: Butler = shared(request.param, tmp_path_factory)
    return read_focal_plane(butler, request.param), list(butler_answers(butler, request.param))


def made(nights: int, types: int = 1, camera: str = "hsc", seed: int = 0) -> Lookups:
    """Lookups of all detectors with random answers: the worst case, in which no two nights are equal."""
    random = np.random.default_rng(seed)
    detectors = tuple(d.id for d in get_camera(camera).instrument.detectors)
    exposures = tuple(
        Observed(
            n, 20140101 + n % 28 + 100 * (n // 28 % 12) + 10_000 * (n // 336), n, n + 1, "HSC-R", "science"
        )
        for n in range(nights)
    )
    shape = nights, len(detectors)
    answers = tuple(
        TypeLookups(
            f"type{number}",
            True,
            False,
            random.integers(1, 5, shape).astype(np.uint8),
            random.integers(15_000, 17_000, shape).astype(np.int32),
            frozenset(),
        )
        for number in range(types)
    )
    return Lookups("HSC", ("HSC/calib",), exposures, detectors, np.ones(shape, np.bool_), answers)


def size(plane: FocalPlane) -> int:
    """Characters of the figure in a page."""
    document = Document()
    document.add_root(build(plane))
    return len(json.dumps(document.to_json(deferred=False)))


@pytest.mark.parametrize("name", FILES)
def test_corners_are_those_of_the_facts(name: str) -> None:
    path = FACTS / f"{FILES[name]}.yaml"
    if not path.is_file():
        pytest.skip("the facts about cameras are not there")
    facts = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
    lookups = Lookups(name, (), (), (), np.zeros((0, 0), np.bool_), ())
    plane = make_focal_plane(lookups, get_camera(name))
    assert [p.detector for p in plane.places] == [d["id"] for d in facts["detectors"]]
    for place, detector in zip(plane.places, facts["detectors"], strict=True):
        g = detector["geometry"]
        assert place.name == detector["full_name"]
        x0, y0, x1, y1 = g["bbox"]
        yaw = math.radians(g["yaw_deg"])
        expected = []
        for x, y in ((x0 - 0.5, y0 - 0.5), (x1 + 0.5, y0 - 0.5), (x1 + 0.5, y1 + 0.5), (x0 - 0.5, y1 + 0.5)):
            u = (x - g["refpos"][0]) * g["pixel_size_mm"][0]
            v = (y - g["refpos"][1]) * g["pixel_size_mm"][1]
            expected.append(
                (
                    g["offset_mm"][0] + u * math.cos(yaw) - v * math.sin(yaw),
                    g["offset_mm"][1] + u * math.sin(yaw) + v * math.cos(yaw),
                )
            )
        assert np.allclose(place.corners, expected, atol=1e-9)


def test_marks_are_those_of_single_lookups(repository: tuple[FocalPlane, list[Answer]]) -> None:
    plane, answers = repository
    by_cell: dict[tuple[int, str, int], list[Answer]] = defaultdict(list)
    pairs = {(a.exposure.id, a.detector) for a in answers if a.detector is not None}
    for a in answers:
        # What goes by no detector is said of each that the exposure has.
        for detector in [d for x, d in pairs if x == a.exposure.id] if a.detector is None else [a.detector]:
            by_cell[a.exposure.day_obs, a.dataset_type, detector].append(a)
    seen = 0
    for night in plane.nights:
        for name in plane.types:
            for detector, mark in plane.marks(night, name).items():
                found = by_cell.get((night, name, detector), [])
                days = {a.day for a in found if a.day is not None}
                assert mark.state is max((a.state for a in found), default=State.NOT_ASKED)
                if days:
                    farthest = max(abs(night_day(night) - day) for day in days)
                    assert mark.day in days and abs(night_day(night) - mark.day) == farthest
                else:
                    assert mark.day == UNKNOWN
                seen += bool(found)
    assert seen == len(by_cell) > 0


def test_gaps_have_a_mark_and_a_text(tmp_path_factory: pytest.TempPathFactory) -> None:
    plane = read_focal_plane(shared("HSC", tmp_path_factory), "HSC")
    assert len(plane.places) == 112
    marks = plane.marks(20141002, "bias")
    assert marks[50].state is State.MISSING
    assert marks[49] == Mark(State.OK, night_day(20141002))
    assert marks[48].state is State.NOT_ASKED
    assert plane.note(20141002, "bias") == "missing: detector 50"
    assert plane.note(20141001, "flat") == "missing HSC-R: detector 50"
    assert plane.note(20141001, "bias") == ""
    assert "bias: of 3 nights, by their worst detector, 1 missing, 1 ambiguous." in plane.summary()


def test_equal_nights_share_a_pattern(repository: tuple[FocalPlane, list[Answer]]) -> None:
    plane, _ = repository
    told = {(plane.states[i].tobytes(), plane.days[i].tobytes()) for i in range(len(plane.states))}
    assert len(told) == len(plane.states)
    said = {tuple(plane.marks(n, t).items()) for n in plane.nights for t in plane.types}
    assert len(said) == len(plane.states) < len(plane.nights) * len(plane.types)


def test_112_detectors_10_types_and_200_nights_are_small() -> None:
    """Random answers, of which nothing can be folded, take four characters each."""
    plane = make_focal_plane(made(200, 10), get_camera("hsc"))
    assert plane.states.shape == (2000, 112)
    # Texts on what is missing are as many as these answers are random.
    texts = sum(map(len, plane.notes))
    assert size(plane) - texts < 700_000
    one = make_focal_plane(made(1, 10), get_camera("hsc"))
    assert size(one) < 60_000


def test_detectors_without_a_place_are_named() -> None:
    camera = get_camera("latiss")
    lookups = made(2, camera="hsc")
    plane = make_focal_plane(lookups, camera)
    assert [p.detector for p in plane.places] == [0]
    assert plane.unplaced == lookups.detectors[1:]
    assert as_ranges(plane.unplaced) in plane.summary()[0]


def test_a_camera_without_geometry_gets_a_reason() -> None:
    hsc = get_camera("hsc")
    instrument = type(hsc.instrument)(hsc.instrument.record, hsc.instrument.detectors, hsc.instrument.filters)
    for camera, why in (
        (None, "The focal plane of HSC cannot be drawn: no camera declares it."),
        (
            hsc.redeclared(instrument=instrument),
            "The focal plane of HSC cannot be drawn: its camera declares no geometry.",
        ),
    ):
        plane = make_focal_plane(made(1), camera)
        assert (plane.reason, plane.places, plane.summary()) == (why, (), (why,))
        figure = build(plane)
        assert isinstance(figure, Div) and figure.text == why and figure.render_as_text


def test_age_counts_days_to_the_night() -> None:
    assert age(20141003, night_day(20141001)) == 2
    assert age(20141001, night_day(20141003)) == -2
    assert age(20141001, UNKNOWN) is None
    assert age(99, night_day(20141003)) is None
