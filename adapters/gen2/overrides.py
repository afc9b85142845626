"""What a recipe says instead of a camera's declaration: path templates and time zones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from converter.nouns import Gen2to3Error, UsageError

from ..camera import Camera
from .directory import unsafe
from .templates import Template


def templates_of(camera: Camera) -> dict[str, str]:
    """The path templates that a camera declares, by dataset type."""
    return {camera.raw.dataset_type: camera.raw.template} | {
        c.dataset_type: c.template for c in camera.calibrations
    }


def with_templates(camera: Camera, templates: Mapping[str, str]) -> Camera:
    """The camera with other path templates.

    Parameters
    ----------
    camera
        The camera as declared; it is not changed.
    templates
        Gen2 path templates by dataset type.

    Raises
    ------
    UsageError
        The camera has no such dataset type, or a template cannot be used.
    """
    known = templates_of(camera)
    for dataset_type, text in templates.items():
        if dataset_type not in known:
            raise UsageError(
                f"templates: {dataset_type!r} is no dataset type of {camera.instrument.name} "
                f"with a template: {', '.join(known)}"
            )
        if problem := _problem(text):
            raise UsageError(f"templates: {dataset_type}: {problem}")
    raw = camera.raw
    return camera.redeclared(
        raw=dataclasses.replace(raw, template=templates.get(raw.dataset_type, raw.template)),
        calibrations=tuple(
            dataclasses.replace(c, template=templates.get(c.dataset_type, c.template))
            for c in camera.calibrations
        ),
    )


def with_zones(camera: Camera, zones: Mapping[str, str]) -> Camera:
    """The camera with other time zones of its calibration registry.

    Parameters
    ----------
    camera
        The camera as declared; it is not changed.
    zones
        IANA time zone per dataset type (or ``"*"``, which are all types of the
        calibRegistry), ``""`` for the scale of the time column.
    """
    if not zones:
        return camera
    return camera.redeclared(
        calibrations=tuple(
            # What one machine did to the calibRegistry says nothing of another registry.
            dataclasses.replace(
                c,
                zone=zones.get(c.dataset_type, zones.get("*", c.zone) if c.registry is None else c.zone),
            )
            for c in camera.calibrations
        )
    )


def changed_templates(camera: Camera) -> list[tuple[str, str, str]]:
    """Dataset types whose template is not the declared one: ``(type, declared, used)``."""
    declared = templates_of(type(camera)())
    return [(k, declared[k], used) for k, used in templates_of(camera).items() if used != declared[k]]


def _problem(text: str) -> str:
    """Why a text cannot be a template, ``""`` if it can."""
    try:
        template = Template(text)
    except Gen2to3Error as exc:
        return str(exc)
    if why := unsafe(template.path):
        return f"template {text!r} {why}; give a path below the root"
    if not template.keys and not isinstance(template.hdu, str):
        return f"template {text!r} names no key such as %(calibDate)s: all data IDs would be one file"
    return ""
