"""What the figures of a report share: the time axis, texts by number, hover texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from bokeh.models import CustomJSHover, DatetimeTickFormatter, HoverTool
from bokeh.plotting import figure

from ..timespans import DAY, Span
from .model import Timeline

MILLISECOND = 1_000_000
INK = "#000000"

TIME = "const s = new Date(value).toISOString(); return s.endsWith('.000Z') ? s.slice(0, 19) : s.slice(0, -1)"
"""What a hover makes of milliseconds since 1970 TAI."""


@dataclass
class Names:
    """Texts, each once, by number."""

    texts: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    def number(self, text: str) -> int:
        """The number of a text."""
        found = self.numbers.setdefault(text, len(self.texts))
        if found == len(self.texts):
            self.texts.append(text)
        return found

    def hover(self) -> CustomJSHover:
        """What gives the text of a number."""
        return CustomJSHover(args={"texts": self.texts}, code="return texts[value]")


@dataclass(frozen=True, slots=True)
class Scale:
    """What the axis can show, and what it shows first; milliseconds, TAI."""

    low: float
    high: float
    begin: float
    end: float

    def left(self, span: Span) -> float:
        """Where a span begins on the axis."""
        return self.low if span.begin is None else span.begin / MILLISECOND

    def right(self, span: Span) -> float:
        """Where it ends."""
        return self.high if span.end is None else span.end / MILLISECOND


def read_scale(timeline: Timeline) -> Scale:
    """The axis of a timeline: all of it, and around the exposures at first."""
    edges = [
        edge / MILLISECOND
        for row in timeline.rows
        for bar in (*row.before, *row.after)
        for edge in bar.span
        if edge is not None
    ]
    times = [e / MILLISECOND for x in timeline.exposures for e in x.span if e is not None]
    day = DAY / MILLISECOND
    known = edges + times or [0.0, day]
    pad = max(day, 0.04 * (max(known) - min(known)))
    low, high = min(known) - pad, max(known) + pad
    begin, end = low, high
    if times:
        # Ranges that reach decades away would leave nothing to see of the nights.
        around = max(120 * day, max(times) - min(times))
        begin, end = max(low, min(times) - around), min(high, max(times) + around)
    return Scale(low, high, begin, end)


def date_axis(plot: figure) -> None:
    """Dates in the order in which the rest of the page has them."""
    plot.xaxis.axis_label = "TAI"
    plot.xaxis.formatter = DatetimeTickFormatter(
        days="%Y-%m-%d",
        months="%Y-%m",
        years="%Y",
        hours="%m-%d %H:%M",
        hourmin="%m-%d %H:%M",
        minutes="%H:%M",
    )


def hover(
    renderer: object,
    title: str,
    lines: Mapping[str, str] | None = None,
    formatters: Mapping[str, CustomJSHover] | None = None,
) -> HoverTool:
    """A hover of one renderer, without a button.

    Parameters
    ----------
    renderer
        What is hovered over.
    title
        First line, of our own words only: it is HTML.
    lines
        What is said of the bar: a name for each placeholder such as ``@row{custom}``.
    formatters
        What makes texts of the columns that need it.

    Notes
    -----
    Bokeh puts values in as text, never as HTML.
    """
    # Never wider than half of a window, or the side that Bokeh chooses would not have room for it.
    text = f'<div style="max-width: min(360px, 42vw); overflow-wrap: anywhere"><b>{title}</b>'
    text += "".join(f"<div>{name}: {value}</div>" for value, name in (lines or {}).items())
    return HoverTool(
        renderers=[renderer],
        tooltips=f"{text}</div>",
        formatters={f"@{column}": tool for column, tool in (formatters or {}).items()},
        visible=False,
        point_policy="follow_mouse",
    )


def floats(values: Iterable[float]) -> np.ndarray:
    """A column of numbers."""
    return np.fromiter(values, dtype=np.float64)


def integers(values: Iterable[int]) -> np.ndarray:
    """A column of small numbers."""
    return np.fromiter(values, dtype=np.int32)
