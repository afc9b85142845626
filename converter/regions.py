"""Regions on the sky, from the corners of detectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from lsst.sphgeom import ConvexPolygon, Region, UnitVector3d

from adapters.geometry import ARCSEC, Array, CameraGeometry, sky_corners

from .operations import Visit

TOLERANCE_ARCSEC = 0.01
"""How far two regions may be apart and still be the same."""

AT_ONCE = 200
"""Visits whose corners are computed in one go; more would only take memory."""


class Regions(NamedTuple):
    """Regions of a visit and, by detector id, of its detectors."""

    visit: ConvexPolygon
    detectors: dict[int, ConvexPolygon]


def visit_corners(geometry: CameraGeometry, visits: Sequence[Visit]) -> Iterator[Array]:
    """Unit vectors of the corners of all detectors, for each visit an array of (detectors, 4, 3)."""
    for first in range(0, len(visits), AT_ONCE):
        some = visits[first : first + AT_ONCE]
        pointing = np.array([(v.ra, v.dec, v.sky_angle) for v in some], dtype=np.float64)
        yield from sky_corners(geometry, *pointing.T)


def visit_regions(geometry: CameraGeometry, visits: Sequence[Visit]) -> Iterator[Regions]:
    """The regions of each visit: hulls of the corners of each detector, and of all of them."""
    ids = [place.id for place in geometry.detectors]
    for corners in visit_corners(geometry, visits):
        vectors = [[UnitVector3d(x, y, z) for x, y, z in detector] for detector in corners.tolist()]
        hulls = map(ConvexPolygon.convexHull, vectors)
        every = [vector for detector in vectors for vector in detector]
        yield Regions(ConvexPolygon.convexHull(every), dict(zip(ids, hulls, strict=True)))


def is_hull(region: Region | None, corners: Array, tolerance_arcsec: float = TOLERANCE_ARCSEC) -> bool:
    """Whether a region is the hull of corners.

    Which of the corners on a nearly straight edge are vertices is up to
    rounding, so vertices are not compared one by one.

    Parameters
    ----------
    region
        The region, `None` if there is none.
    corners
        Unit vectors, the last axis is x, y, z.
    tolerance_arcsec
        How far the two may be apart.
    """
    if not isinstance(region, ConvexPolygon):
        return False
    points = corners.reshape(-1, 3)
    vertices = np.array([(v.x(), v.y(), v.z()) for v in region.getVertices()])
    tolerance = tolerance_arcsec * ARCSEC
    # Every vertex is a corner ...
    nearest = np.linalg.norm(vertices[:, None] - points[None], axis=-1).min(axis=1)
    if not np.all(nearest <= tolerance):
        return False
    # ... and no corner is outside, that is to the right of an edge.
    normals = np.cross(vertices, np.roll(vertices, -1, axis=0))
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    return bool(np.all(normals @ points.T >= -tolerance))
