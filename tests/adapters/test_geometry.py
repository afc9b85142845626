"""From pixels to the sky: properties that hold for every camera, and a real WCS."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.geometry import ARCSEC, GROUPINGS, InverseRadial, geometry_problems, load_geometry, sky_corners
from adapters.registry import get_camera
from converter.operations import Visit
from converter.regions import visit_regions

CAMERAS = ("hsc", "imsim", "latiss", "comcam", "decam", "megaprime")
angles = st.floats(0, 360)
declinations = st.floats(-89, 89)


def geometry(name):
    return get_camera(name).instrument.geometry


@pytest.mark.parametrize("name", CAMERAS)
def test_every_camera_has_a_complete_geometry(name):
    instrument = get_camera(name).instrument
    assert list(geometry_problems(instrument.geometry, [d.id for d in instrument.detectors])) == []
    assert len(instrument.geometry.detectors) == len(instrument.detectors)
    assert instrument.geometry.padding_pix == (4000 if name == "latiss" else 250)
    has_counters = name in ("imsim", "latiss", "comcam")
    assert instrument.geometry.groupings == (GROUPINGS if has_counters else GROUPINGS[:1])


@pytest.mark.parametrize("name", CAMERAS)
@given(ra=angles, dec=declinations, angle=angles)
@settings(max_examples=5, deadline=None)
def test_detectors_are_inside_the_visit(name, ra, dec, angle):
    (regions,) = visit_regions(geometry(name), [Visit({}, 0, 1, (1,), (0,), ra, dec, angle)])
    corners = np.array([(v.x(), v.y(), v.z()) for v in regions.visit.getVertices()])
    normals = np.cross(corners, np.roll(corners, -1, axis=0))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    for region in regions.detectors.values():
        points = np.array([(v.x(), v.y(), v.z()) for v in region.getVertices()])
        assert len(points) == 4
        assert (normals @ points.T).min() > -1e-12


@pytest.mark.parametrize("name", CAMERAS)
@given(ra=angles, dec=declinations, angle=angles, turn=angles)
@settings(max_examples=5, deadline=None)
def test_sky_angle_turns_about_the_boresight(name, ra, dec, angle, turn):
    before, after = (sky_corners(geometry(name), [ra], [dec], [a])[0] for a in (angle, angle + turn))
    a, d, t = np.radians([ra, dec, turn])
    axis = np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    assert np.abs(rotated(before, axis, -t) - after).max() < 1e-12


def rotated(points, axis, t):
    """Rodrigues' rotation."""
    return (
        points * np.cos(t)
        + np.cross(axis, points) * np.sin(t)
        + axis * (points @ axis)[..., None] * (1 - np.cos(t))
    )


def test_parity_is_a_mirror():
    right = geometry("hsc")
    flipped = replace(right, flip_x=True)
    one, other = (sky_corners(g, [0.0], [0.0], [0.0]) for g in (right, flipped))
    # At the origin with y to the north, east is the second component.
    assert np.abs(one * (1, -1, 1) - other).max() < 1e-15
    assert one[..., 1].std() > 0.001


def test_orientation():
    """At angle 0 the y axis points north and the x axis west; at 90 the y axis points east."""
    g = geometry("comcam")
    ids = [place.id for place in g.detectors]
    north, east = (sky_corners(g, [0.0], [0.0], [angle])[0].mean(axis=1) for angle in (0.0, 90.0))
    top, right = ids.index(7), ids.index(5)  # S21 is above the centre, S12 right of it
    assert north[top, 2] > 0.003
    assert abs(north[top, 1]) < 1e-4
    assert north[right, 1] < -0.003
    assert east[top, 1] > 0.003


@given(st.floats(-0.012, 0.012), st.floats(-0.012, 0.012))
def test_inverse_radial_round_trip(x, y):
    transform = geometry("megaprime").field_angle
    assert isinstance(transform, InverseRadial)
    there = np.array([[x, y]])
    assert np.abs(transform(transform.mm(there)) - there).max() < 1e-15


def test_centre_of_the_focal_plane():
    for name in ("megaprime", "decam"):
        assert geometry(name).field_angle(np.zeros((1, 2))).tolist() == [[0.0, 0.0]]


def test_decam_is_where_its_own_wcs_says():
    """Raw 229388, CCD 25: 0.9 degrees from the boresight, so a wrong parity would be far off."""
    # From the header: tracking position, angle, and the linear part of the WCS at the chip's centre.
    ra, dec, angle = 42.81995197238151, -0.0015811524500888654, 90.0
    (corners,) = sky_corners(geometry("decam"), [ra], [dec], [angle])
    centre = corners[[d.id for d in geometry("decam").detectors].index(25)].mean(axis=0)
    assert np.linalg.norm(centre - WCS_CENTRE) / ARCSEC < 15


WCS_CENTRE = np.array([0.7444352114417228, 0.6676931368668086, 0.001446010608061103])


def declared(**changes):
    detector = {
        "bbox": [0, 0, 9, 9],
        "refpos": [4.5, 4.5],
        "offset_mm": [0, 0],
        "yaw_deg": 0,
        "pixel_size_mm": [0.01, 0.01],
    }
    camera = {
        "plate_scale_arcsec_per_mm": 20.0,
        "focal_plane_parity": False,
        "field_angle_transform": {"type": "radial", "coeffs": [0, 1]},
    }
    for key, value in changes.items():
        (detector if key in detector else camera)[key] = value
    return {"detectors": [{"id": 3, "geometry": detector}], "camera_geometry": camera}


def test_scale_and_padding():
    """A box of 10 pixels of 0.2 arcsec, grown by 250 on all sides."""
    corners = load_geometry(declared()).corners
    assert corners[0] / ARCSEC == pytest.approx(51 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"bbox": [0, 5, 9, 4]}, "detector 3: the bbox [0.0, 5.0, 9.0, 4.0] is empty"),
        ({"offset_mm": [0, float("nan")]}, "detector 3: a number of its geometry is not finite"),
        ({"pixel_size_mm": [0, 1]}, "detector 3: pixel_size_mm [0.0, 1.0] is not positive"),
        ({"offset_mm": [0, 1e5]}, "detector 3: the field angle of a corner is not below 1 radian"),
    ],
)
def test_problems(changes, problem):
    assert list(geometry_problems(load_geometry(declared(**changes)), [3])) == [problem]


def test_missing_detector():
    assert list(geometry_problems(load_geometry(declared()), [3, 4])) == ["detector 4 has no geometry"]


def test_unknown_transform():
    with pytest.raises(ValueError, match="type 'spline' is none of"):
        load_geometry(declared(field_angle_transform={"type": "spline"}))
