"""A camera's declaration with what the recipe says instead. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from adapters.camera import Calibration, Camera


def with_zones(camera: Camera, zones: Mapping[str, str]) -> Camera:
    """The camera with other time zones of its calibration registry.

    Parameters
    ----------
    camera
        The camera as declared.
    zones
        IANA time zone per dataset type (or ``"*"``), ``""`` for the scale of
        the time column.
    """
    if not zones:
        return camera
    return _with_calibrations(
        camera,
        tuple(
            replace(c, zone=zones.get(c.dataset_type, zones.get("*", c.zone))) for c in camera.calibrations
        ),
    )


def _with_calibrations(camera: Camera, calibrations: tuple[Calibration, ...]) -> Camera:
    # Declarations are class attributes; the module is where the instrument's file is looked for.
    base = type(camera)
    changed = type(base.__name__, (base,), {"__module__": base.__module__, "calibrations": calibrations})
    made: Camera = changed()
    return made
