"""The timeline as a Bokeh figure: Gen2's ranges above Gen3's, exposures below on the same axis.

What a bar is called is written once and referred to by number, so that tens
of thousands of bars stay small.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.layouts import column
from bokeh.models import (
    ColumnDataSource,
    CustomJS,
    CustomJSHover,
    FixedTicker,
    Model,
    Range1d,
    WheelZoomTool,
)
from bokeh.plotting import figure

from .axes import INK, MILLISECOND, TIME, Names, Scale, date_axis, floats, hover, integers, read_scale
from .model import Bar, Row, Timeline
from .rug import build_rug

# Okabe and Ito's colours, which readers with any kind of colour vision can tell apart.
GEN2, GEN3, OVERLAP, TRACK = "#E69F00", "#0072B2", "#D55E00", "#EDEDED"

PAGE = 20
"""Rows that are shown at a time."""

ROW_HEIGHT = 40
LABEL = 16
"""Characters of a line beside a row; on a narrow window more would leave no room."""

LANES = {"gen2": (0.12, 0.48), "gen3": (0.52, 0.88)}

_ARROWS = """
const d = source.data, n = d.x.length, inside = INSIDE * (range.end - range.start)
for (let i = 0; i < n; i++) {
  const begins = d.side[i] < 0
  const edge = begins ? range.start : range.end
  const there = begins ? d.reach[i] > edge : d.reach[i] < edge
  d.x[i] = there ? edge + (begins ? inside : -inside) : NaN
}
source.change.emit()
"""
INSIDE = 0.012
"""How far arrows are from the edge, of the width that is shown."""


def build(timeline: Timeline) -> Model:
    """Draw a timeline.

    Parameters
    ----------
    timeline
        Rows, of which there is at least one, and exposures.

    Returns
    -------
    model
        A column of two figures. The range of the time axis is called
        ``timeline-x``, that of the rows ``timeline-y``; sources of the bars
        ``gen2``, ``gen2-odd``, ``gen3``, ``gen3-odd``, with the texts in their
        tags.
    """
    scale = read_scale(timeline)
    x_range = Range1d(scale.begin, scale.end, bounds=(scale.low, scale.high), name="timeline-x")
    shown = min(PAGE, len(timeline.rows))
    y_range = Range1d(shown, 0, name="timeline-y")
    labels = [_label(row) for row in timeline.rows]
    border = 12 + round(6.3 * max(len(line) for label in labels for line in label.split("\n")))
    plot = figure(
        x_range=x_range,
        y_range=y_range,
        height=shown * ROW_HEIGHT + 70,
        min_border_left=border,
        x_axis_location="above",
        x_axis_type="datetime",
        tools="xpan,xbox_zoom,save,reset",
        active_drag="xpan",
        toolbar_location="above",
        sizing_mode="stretch_width",
        name="timeline",
    )
    plot.add_tools(WheelZoomTool(dimensions="width", modifiers={"ctrl": True}))
    _frame(plot, timeline.rows, labels, scale)
    names = {what: Names() for what in ("row", "master", "original", "decisions", "collection")}
    for name, odd, style in (
        ("gen2", False, {"fill_color": GEN2, "line_color": "#7A5200"}),
        (
            "gen2-odd",
            True,
            _dotted(GEN2),
        ),
        ("gen3", False, {"fill_color": GEN3, "line_color": "#00314D"}),
        (
            "gen3-odd",
            True,
            _dotted(GEN3),
        ),
    ):
        _bars(plot, timeline.rows, name, odd, style, names, scale)
    _overlaps(plot, timeline.rows, scale)
    _moved(plot, timeline.rows)
    _open_ends(plot, timeline.rows, x_range)
    rug = build_rug(timeline.exposures, x_range, scale, border)
    return column(plot, rug, sizing_mode="stretch_width", name="timeline-figures")


def _label(row: Row) -> str:
    what = f"{row.dataset_type} {row.physical_filter}".strip()
    detectors = row.detectors_text
    if len(detectors) > LABEL:
        detectors = f"{row.detectors[0]}..{row.detectors[-1]} (×{len(row.detectors)})"
    return "\n".join(_short(line) for line in (what, detectors) if line)


def _short(text: str) -> str:
    return text if len(text) <= LABEL else f"{text[: LABEL - 1]}…"


def _frame(plot: figure, rows: Sequence[Row], labels: Sequence[str], scale: Scale) -> None:
    """Axes, the tracks on which bars lie (gaps show them), and lines between dataset types."""
    plot.yaxis.ticker = FixedTicker(ticks=[n + 0.5 for n in range(len(rows))])
    plot.yaxis.major_label_overrides = {n + 0.5: label for n, label in enumerate(labels)}
    plot.yaxis.major_label_text_font_size = "11px"
    plot.yaxis.major_tick_line_color = None
    plot.ygrid.grid_line_color = None
    date_axis(plot)
    bottoms = [n + lane[0] for n in range(len(rows)) for lane in LANES.values()]
    tops = [n + lane[1] for n in range(len(rows)) for lane in LANES.values()]
    plot.quad(left=scale.low, right=scale.high, bottom=bottoms, top=tops, color=TRACK, level="underlay")
    between = [n for n in range(1, len(rows)) if rows[n].dataset_type != rows[n - 1].dataset_type]
    plot.segment(scale.low, between, scale.high, between, color="#767676", line_width=1)


def _dotted(colour: str) -> dict[str, Any]:
    return {
        "fill_color": "white",
        "line_color": colour,
        "hatch_pattern": "dot",
        "hatch_color": colour,
        "hatch_scale": 5,
    }


def _bars(
    plot: figure,
    rows: Sequence[Row],
    name: str,
    odd: bool,
    style: dict[str, Any],
    names: dict[str, Names],
    scale: Scale,
) -> None:
    lane, _, _ = name.partition("-")
    found = [
        (n, row, bar)
        for n, row in enumerate(rows)
        for bar in (row.before if lane == "gen2" else row.after)
        if bar.is_odd is odd
    ]
    low, high = LANES[lane]
    source = ColumnDataSource(
        {
            "left": floats(scale.left(bar.span) for _, _, bar in found),
            "right": floats(scale.right(bar.span) for _, _, bar in found),
            "bottom": floats(n + low for n, _, _ in found),
            "top": floats(n + high for n, _, _ in found),
            **{
                what: integers(names[what].number(_said(what, row, bar)) for _, row, bar in found)
                for what in names
            },
        },
        name=name,
        tags=[lane, odd, scale.low, scale.high],
    )
    drawn = plot.quad(
        left="left",
        right="right",
        bottom="bottom",
        top="top",
        source=source,
        **style,
    )
    plot.add_tools(hover(drawn, *_hover(lane, odd, names, scale)))


def _hover(
    lane: str, odd: bool, names: dict[str, Names], scale: Scale
) -> tuple[str, dict[str, str], dict[str, CustomJSHover]]:
    """What a hover says of a bar, and how it finds the words."""
    title = "Gen2" if lane == "gen2" else "Gen3"
    note = {"gen2": "nothing of it is certified", "gen3": "another collection comes first"}[lane]
    is_open = "if (value {} edge) return 'unbounded'; " + TIME
    formatters = {
        "left": CustomJSHover(args={"edge": scale.low}, code=is_open.format("<=")),
        "right": CustomJSHover(args={"edge": scale.high}, code=is_open.format(">=")),
        **{what: known.hover() for what, known in names.items()},
    }
    titles = {
        "row": "dataset",
        "master": "RUN stamp" if lane == "gen2" else "RUN",
        "left": "from (TAI)",
        "right": "to (TAI)",
        "original": "original text",
        "decisions": "decision",
    }
    if lane == "gen3":
        titles["collection"] = "collection"
    lines = {f"@{what}{{custom}}": name for what, name in titles.items()}
    return f"{title}: {note}" if odd else title, lines, formatters


def _said(what: str, row: Row, bar: Bar) -> str:
    if what == "row":
        return " ".join(filter(None, (row.dataset_type, row.physical_filter, _detectors(row))))
    if what == "decisions":
        return "; ".join(bar.decisions) or "none"
    return {"master": bar.master, "original": bar.original or "none", "collection": bar.collection}[what]


def _detectors(row: Row) -> str:
    if not row.detectors:
        return ""
    return f"detector{'s' if len(row.detectors) > 1 else ''} {row.detectors_text}"


def _overlaps(plot: figure, rows: Sequence[Row], scale: Scale) -> None:
    found = [(n, span) for n, row in enumerate(rows) for span in row.overlaps]
    low, high = LANES["gen2"]
    drawn = plot.quad(
        left=floats(scale.left(span) for _, span in found),
        right=floats(scale.right(span) for _, span in found),
        bottom=floats(n + low for n, _ in found),
        top=floats(n + high for n, _ in found),
        fill_color="white",
        fill_alpha=0.6,
        line_color=OVERLAP,
        line_width=2,
        hatch_pattern="right_diagonal_line",
        hatch_color=OVERLAP,
        hatch_scale=8,
        name="overlaps",
    )
    plot.add_tools(hover(drawn, "Gen2: several masters were valid here"))


def _moved(plot: figure, rows: Sequence[Row]) -> None:
    """Marks at ends that are others than the source's."""
    found = [
        (n, edge)
        for n, row in enumerate(rows)
        for bar in row.after
        for edge, moved in zip(bar.span, (bar.moved_begin, bar.moved_end), strict=True)
        if moved and edge is not None
    ]
    plot.scatter(
        floats(edge / MILLISECOND for _, edge in found),
        floats(n + 0.5 for n, _ in found),
        marker="diamond",
        size=9,
        fill_color="white",
        line_color=INK,
        line_width=1.5,
        name="moved-ends",
    )


def _open_ends(plot: figure, rows: Sequence[Row], x_range: Range1d) -> None:
    """Arrows at the edge of what is shown, for ranges without an end there."""
    found = [
        (n + sum(LANES[lane]) / 2, side, reach)
        for n, row in enumerate(rows)
        for lane, bars in (("gen2", row.before), ("gen3", row.after))
        for bar in bars
        for side, edge, reach in ((-1, bar.span.begin, bar.span.end), (1, bar.span.end, bar.span.begin))
        if edge is None
    ]
    inside = INSIDE * (x_range.end - x_range.start)
    source = ColumnDataSource(
        {
            "x": floats(x_range.start + inside if side < 0 else x_range.end - inside for _, side, _ in found),
            "y": floats(y for y, _, _ in found),
            "side": integers(side for _, side, _ in found),
            "angle": floats(side * -np.pi / 2 for _, side, _ in found),
            "reach": floats(side * -1e15 if r is None else r / MILLISECOND for _, side, r in found),
        },
        name="open-ends",
    )
    plot.scatter(
        "x", "y", angle="angle", source=source, marker="triangle", size=13, color=INK, line_color="white"
    )
    if found:
        follow = CustomJS(
            args={"source": source, "range": x_range}, code=_ARROWS.replace("INSIDE", str(INSIDE))
        )
        x_range.js_on_change("start", follow)
        x_range.js_on_change("end", follow)
