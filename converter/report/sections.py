"""Parts of the page with a figure of their own, between the timeline and the lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bokeh.models import Model

from . import coverage_figure, focal_plane_figure
from .model import Report, Table


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page.

    Parameters
    ----------
    name, title
        Id in the page, and heading.
    figure
        What is drawn, `None` if there is nothing to draw.
    summary
        The same in words, a sentence each.
    table
        The same as a table, `None` for none.
    """

    name: str
    title: str
    figure: Model | None
    summary: tuple[str, ...] = ()
    table: Table | None = None


def sections_of(report: Report) -> Iterator[Section]:
    """All sections of a report, in order."""
    coverage, plane = report.coverage, report.focal_plane
    yield Section(
        "coverage",
        "Coverage of nights",
        coverage_figure.build(coverage) if coverage.cells else None,
        coverage.summary(),
        Table("unanswered", "Missing and ambiguous", coverage.columns(), coverage.rows()),
    )
    yield Section(
        "focal-plane",
        "Focal plane",
        focal_plane_figure.build(plane) if plane.places and plane.index.size else None,
        plane.summary(),
    )
