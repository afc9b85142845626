"""Where the detectors of a camera look: from pixels to the sky.

The outer corners of a detector's pixels, padded, go to the focal plane (mm),
to field angles (radians), and by a TAN projection about the boresight to the
sky. That is the guess from which the stack defines visits; no pixel and no
WCS of a header is read. All of it is arithmetic on arrays, for many visits
and all detectors at once.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Grouping = Literal["one-to-one", "one-to-one-and-by-counter"]

ONE_TO_ONE: Grouping = "one-to-one"
BY_COUNTER: Grouping = "one-to-one-and-by-counter"
GROUPINGS: tuple[Grouping, ...] = (ONE_TO_ONE, BY_COUNTER)
"""How exposures become visits: the names are the stack's."""

ARCSEC = math.pi / 648_000
"""Radians."""

NEWTON_STEPS = 50
"""Far more than it takes: each step doubles the number of good digits."""


@dataclass(frozen=True, slots=True)
class DetectorPlace:
    """Where a detector is in the focal plane.

    Parameters
    ----------
    id
        Gen3 detector id.
    bbox
        First and last pixel: x0, y0, x1, y1, all of them part of the box.
    refpos
        The pixel that is at ``offset_mm``.
    offset_mm
        Place in the focal plane.
    yaw_deg
        Rotation, counter-clockwise.
    pixel_size_mm
        Size of a pixel.
    """

    id: int
    bbox: tuple[float, float, float, float]
    refpos: tuple[float, float]
    offset_mm: tuple[float, float]
    yaw_deg: float
    pixel_size_mm: tuple[float, float]

    def corners(self, padding: float) -> Array:
        """The four outer corners in the focal plane, mm, as an array of (4, 2).

        Parameters
        ----------
        padding
            Pixels by which the box is grown on all sides.
        """
        x0, y0, x1, y1 = self.bbox
        # Pixel 0 reaches from -0.5 to 0.5.
        grow = padding + 0.5
        x0, y0, x1, y1 = x0 - grow, y0 - grow, x1 + grow, y1 + grow
        pixels = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
        mm = (pixels - self.refpos) * self.pixel_size_mm
        yaw = math.radians(self.yaw_deg)
        rotation = np.array([(math.cos(yaw), -math.sin(yaw)), (math.sin(yaw), math.cos(yaw))])
        return np.asarray(mm @ rotation.T + self.offset_mm, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Radial:
    """Field angle (radians) as a polynomial of the distance from the centre (mm)."""

    coefficients: tuple[float, ...]

    def __call__(self, mm: Array) -> Array:
        """Field angles of places in the focal plane; the last axis is x, y."""
        radius = np.hypot(mm[..., 0], mm[..., 1])
        return _scaled(mm, radius, _polynomial(self.coefficients, radius))


@dataclass(frozen=True, slots=True)
class InverseRadial:
    """Distance from the centre (mm) as a polynomial of the field angle (radians)."""

    coefficients: tuple[float, ...]

    def __call__(self, mm: Array) -> Array:
        """Field angles of places in the focal plane, by Newton's method; the last axis is x, y."""
        radius = np.hypot(mm[..., 0], mm[..., 1])
        slope = tuple(i * c for i, c in enumerate(self.coefficients))[1:]
        angle = radius / self.coefficients[1]
        for _ in range(NEWTON_STEPS):
            step = (_polynomial(self.coefficients, angle) - radius) / _polynomial(slope, angle)
            angle = angle - step
            if not np.any(np.abs(step) > 1e-15):
                break
        return _scaled(mm, radius, angle)

    def mm(self, angles: Array) -> Array:
        """Places in the focal plane (mm) of field angles (radians); the last axis is x, y."""
        angle = np.hypot(angles[..., 0], angles[..., 1])
        return _scaled(angles, angle, _polynomial(self.coefficients, angle))


@dataclass(frozen=True, slots=True)
class Polynomial:
    """Field angle as two polynomials of x and y.

    Parameters
    ----------
    order
        Highest sum of both powers.
    unit_mm
        Of x and y.
    unit_arcsec
        Of the values.
    x_coefficients, y_coefficients
        For each power of x from 0 to ``order``, those of all powers of y.
    """

    order: int
    unit_mm: float
    unit_arcsec: float
    x_coefficients: tuple[float, ...]
    y_coefficients: tuple[float, ...]

    def __call__(self, mm: Array) -> Array:
        """Field angles of places in the focal plane; the last axis is x, y."""
        scaled = mm / self.unit_mm
        powers = [(i, j) for i in range(self.order + 1) for j in range(self.order + 1 - i)]
        terms = np.stack([scaled[..., 0] ** i * scaled[..., 1] ** j for i, j in powers], axis=-1)
        values = terms @ np.array([self.x_coefficients, self.y_coefficients]).T
        return np.asarray(values * (self.unit_arcsec * ARCSEC), dtype=np.float64)


FieldAngle = Radial | InverseRadial | Polynomial


@dataclass(frozen=True)
class CameraGeometry:
    """What visits are defined from.

    Parameters
    ----------
    detectors
        Where each detector is.
    field_angle
        From the focal plane (mm) to field angles (radians).
    flip_x
        Whether the focal plane is seen from behind.
    padding_pix
        Pixels by which each detector is grown, because the pointing is not exact.
    groupings
        How exposures may become visits; the first is what the stack does if
        nothing else is said.
    """

    detectors: tuple[DetectorPlace, ...]
    field_angle: FieldAngle
    flip_x: bool
    padding_pix: float
    groupings: tuple[Grouping, ...]

    @cached_property
    def corners(self) -> Array:
        """Field angles (radians) of the padded corners of all detectors: (detectors, 4, 2)."""
        angles = self.field_angle(np.stack([d.corners(self.padding_pix) for d in self.detectors]))
        return angles * (-1.0, 1.0) if self.flip_x else angles


def sky_corners(geometry: CameraGeometry, ra: Array, dec: Array, sky_angle: Array) -> Array:
    """Unit vectors of the padded corners of all detectors.

    Parameters
    ----------
    geometry
        The camera's.
    ra, dec
        Boresight of each visit (ICRS), degrees.
    sky_angle
        Position angle of the focal plane's y axis, from north through east, degrees.

    Returns
    -------
    vectors
        Array of (visits, detectors, 4, 3).
    """
    alpha, delta, angle = (np.radians(np.asarray(a, dtype=np.float64)) for a in (ra, dec, sky_angle))
    cos_a, sin_a, cos_d, sin_d = np.cos(alpha), np.sin(alpha), np.cos(delta), np.sin(delta)
    centre = np.stack([cos_d * cos_a, cos_d * sin_a, sin_d], axis=-1)
    east = np.stack([-sin_a, cos_a, np.zeros_like(alpha)], axis=-1)
    north = np.stack([-sin_d * cos_a, -sin_d * sin_a, cos_d], axis=-1)
    # At angle 0 the y axis points north, the x axis west.
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    along_x = -cos * east + sin * north
    along_y = sin * east + cos * north
    x, y = geometry.corners[None, ..., 0, None], geometry.corners[None, ..., 1, None]
    vectors = centre[:, None, None] + x * along_x[:, None, None] + y * along_y[:, None, None]
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), dtype=np.float64)


def load_geometry(data: Mapping[str, Any]) -> CameraGeometry | None:
    """Read the geometry from a camera's YAML.

    Parameters
    ----------
    data
        Content of the file. The keys are ``camera_geometry``, ``define_visits``
        and the ``geometry`` of each of the ``detectors``.

    Returns
    -------
    geometry
        `None` if the camera does not declare one. Detectors without a
        geometry are left out (`geometry_problems` names them).

    Raises
    ------
    ValueError
        The transform or a grouping is of no kind that is known.
    KeyError
        Something is missing in it.
    """
    if "camera_geometry" not in data:
        return None
    camera = data["camera_geometry"]
    visits = data.get("define_visits") or {}
    groupings = tuple(visits.get("groupings", (ONE_TO_ONE,)))
    for grouping in groupings:
        if grouping not in GROUPINGS:
            raise ValueError(f"define_visits: grouping {grouping!r} is none of {', '.join(GROUPINGS)}")
    return CameraGeometry(
        tuple(_place(d["id"], d["geometry"]) for d in data["detectors"] if d.get("geometry")),
        _field_angle(camera["field_angle_transform"], float(camera["plate_scale_arcsec_per_mm"])),
        bool(camera["focal_plane_parity"]),
        float(visits.get("region_padding_pix", 250)),
        groupings,
    )


def geometry_problems(geometry: CameraGeometry, detectors: Collection[int]) -> Iterator[str]:
    """What is wrong with a geometry, one line each.

    Parameters
    ----------
    geometry
        The geometry.
    detectors
        Ids of all detectors of the instrument.
    """
    if not geometry.groupings:
        yield "define_visits: there is no grouping"
    if not geometry.padding_pix >= 0:
        yield f"define_visits: region_padding_pix {geometry.padding_pix} is negative"
    for missing in sorted(set(detectors) - {d.id for d in geometry.detectors}):
        yield f"detector {missing} has no geometry"
    good = []
    for place in geometry.detectors:
        x0, y0, x1, y1 = place.bbox
        if not (x0 <= x1 and y0 <= y1):
            yield f"detector {place.id}: the bbox {list(place.bbox)} is empty"
        elif not all(size > 0 for size in place.pixel_size_mm):
            yield f"detector {place.id}: pixel_size_mm {list(place.pixel_size_mm)} is not positive"
        elif not np.all(np.isfinite(place.corners(geometry.padding_pix))):
            yield f"detector {place.id}: a number of its geometry is not finite"
        else:
            good.append(place)
    for place in good:
        angles = geometry.field_angle(place.corners(geometry.padding_pix))
        # A TAN projection has no more than half of the sky; no camera sees near as much.
        if not np.all(np.hypot(angles[..., 0], angles[..., 1]) < 1.0):
            yield f"detector {place.id}: the field angle of a corner is not below 1 radian"


def _place(number: int, data: Mapping[str, Any]) -> DetectorPlace:
    x0, y0, x1, y1 = map(float, data["bbox"])
    return DetectorPlace(
        number,
        (x0, y0, x1, y1),
        _pair(data["refpos"]),
        _pair(data["offset_mm"]),
        float(data["yaw_deg"]),
        _pair(data["pixel_size_mm"]),
    )


def _pair(values: Any) -> tuple[float, float]:
    x, y = map(float, values)
    return x, y


def _field_angle(data: Mapping[str, Any], plate_scale: float) -> FieldAngle:
    # Words in brackets after the kind are for people.
    kind = str(data["type"]).partition(" (")[0]
    if kind == "radial" and "coeffs_rad_from_mm" in data:
        return Radial(tuple(map(float, data["coeffs_rad_from_mm"])))
    if kind == "radial":
        return Radial(tuple(float(c) * plate_scale * ARCSEC for c in data["coeffs"]))
    if kind == "inverted radial":
        return InverseRadial(tuple(map(float, data["coeffs_mm_from_rad"])))
    if kind == "polynomial":
        order = int(data["order"])
        x, y = (tuple(map(float, data[key])) for key in ("x_coeffs", "y_coeffs"))
        number = (order + 1) * (order + 2) // 2
        if (len(x), len(y)) != (number, number):
            raise ValueError(
                f"polynomial of order {order}: {number} coefficients expected, not {len(x)} and {len(y)}"
            )
        return Polynomial(order, float(data["unit_mm"]), float(data["unit_arcsec"]), x, y)
    raise ValueError(f"field_angle_transform: type {kind!r} is none of radial, inverted radial, polynomial")


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    return np.asarray(np.polynomial.polynomial.polyval(x, coefficients), dtype=np.float64)


def _scaled(points: Array, before: Array, after: Array) -> Array:
    """Points moved along their radius, from one distance to another; the centre stays."""
    factor = np.divide(after, before, out=np.zeros_like(before), where=before > 0)
    return np.asarray(points * factor[..., None], dtype=np.float64)
