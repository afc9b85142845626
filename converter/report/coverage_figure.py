"""Coverage as a Bokeh figure: a column of cells for each night, a row for each calibration type."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from bokeh.layouts import column
from bokeh.models import (
    BasicTicker,
    ColumnDataSource,
    CustomJS,
    CustomJSHover,
    CustomJSTickFormatter,
    FixedTicker,
    HoverTool,
    Legend,
    LegendItem,
    Model,
    Range1d,
    Select,
    WheelZoomTool,
)
from bokeh.plotting import figure

from .coverage import Coverage, name_detectors
from .lookups import MEANINGS, STATES, State
from .state_marks import LOOKS

ROW_HEIGHT = 30
PAGE = 60
"""Nights that the choice of nights shows at a time."""

LABEL = 18
"""Characters of a type beside its row; on a narrow window more would leave no room."""

LETTER = 13
"""Width in pixels that a cell needs for its letter."""

_NIGHT = "return nights[tick] === undefined ? '' : String(nights[tick])"

_LETTERS = """
const width = plot.inner_width / Math.max(1e-6, range.end - range.start)
for (const letter of letters) letter.visible = width >= WIDTH
"""

_NIGHTS = """
const [first, last] = this.value.split(' ').map(Number)
range.setv({start: first - 0.5, end: last + 0.5})
"""

_TOOLTIP = """
<div style="max-width: min(360px, 42vw); overflow-wrap: anywhere">
<b>@row{custom}</b> <span>@x{custom}</span>
<div>OK: @ok, unbounded: @unbounded, ambiguous: @ambiguous, missing: @missing</div>
<div>@text{custom}</div>
</div>
"""


def build(coverage: Coverage) -> Model:
    """Draw coverage.

    Parameters
    ----------
    coverage
        Nights by types; there is at least one of each.

    Returns
    -------
    model
        A choice of nights above a figure. The range of nights is called
        ``coverage-x``; a source for each state ``coverage-ok``,
        ``coverage-missing`` and so on, with numbers of nights and types.
    """
    nights, types = len(coverage.nights), len(coverage.types)
    x_range = Range1d(-0.5, nights - 0.5, bounds=(-0.5, nights - 0.5), min_interval=3, name="coverage-x")
    plot = figure(
        x_range=x_range,
        y_range=Range1d(types - 0.5, -0.5),
        height=types * ROW_HEIGHT + 130,
        sizing_mode="stretch_width",
        tools="xpan,reset",
        toolbar_location="above",
        output_backend="canvas",
        name="coverage",
    )
    plot.toolbar.logo = None
    plot.add_tools(WheelZoomTool(dimensions="width", modifiers={"ctrl": True}))
    _axes(plot, coverage)
    texts = _texts(coverage)
    cells = _cells(coverage, texts)
    formatters = _hover_texts(coverage, texts)
    letters, items = [], []
    for state in STATES:
        look, name = LOOKS[state], MEANINGS[state]
        source = ColumnDataSource(cells[state], name=f"coverage-{name.lower()}")
        drawn = plot.rect(
            x="x",
            y="row",
            # Cells of one row touch where there is no room for lines between them.
            width=1,
            height=0.86,
            source=source,
            fill_color=look.fill,
            line_color="#FFFFFF",
            line_width=0.5,
            hatch_pattern=look.hatch,
            hatch_color=look.ink,
            hatch_alpha=0.55,
            hatch_scale=8,
        )
        letter = plot.text(
            x="x",
            y="row",
            text={"value": look.letter},
            source=source,
            text_align="center",
            text_baseline="middle",
            text_font_size="12px",
            text_font_style="bold",
            text_color="#000000",
            background_fill_color="#FFFFFF",
            background_fill_alpha=0.75,
            padding=1,
        )
        letters.append(letter)
        # The key needs a cell of its own, outside of what can be seen: there may be none of the state.
        key = ColumnDataSource({"x": [-9], "row": [-9]})
        items.append(
            LegendItem(label=f"{look.letter} {name}", renderers=[plot.add_glyph(key, drawn.glyph.clone())])
        )
        # Bokeh puts values in as text, never as HTML.
        hover = HoverTool(
            renderers=[drawn],
            tooltips=_TOOLTIP,
            formatters=formatters,
            visible=False,
            point_policy="follow_mouse",
        )
        plot.add_tools(hover)
    legend = Legend(
        items=items, ncols=2, location="left", border_line_color=None, padding=0, margin=0, spacing=2
    )
    plot.add_layout(legend, "above")
    fit = CustomJS(
        args={"plot": plot, "range": x_range, "letters": letters}, code=_LETTERS.replace("WIDTH", str(LETTER))
    )
    for name in ("start", "end"):
        x_range.js_on_change(name, fit)
    plot.js_on_change("inner_width", fit)
    parts: list[Model] = [_choice(coverage, x_range)] if nights > PAGE else []
    return column(*parts, plot, sizing_mode="stretch_width", name="coverage-all")


def _axes(plot: figure, coverage: Coverage) -> None:
    plot.grid.grid_line_color = None
    plot.xaxis.axis_label = "night (day_obs)"
    plot.xaxis.ticker = BasicTicker(min_interval=1, desired_num_ticks=8, num_minor_ticks=0)
    plot.xaxis.formatter = CustomJSTickFormatter(args={"nights": list(coverage.nights)}, code=_NIGHT)
    plot.xaxis.major_label_orientation = 0.7
    plot.xaxis.axis_label_text_font_style = "normal"
    plot.yaxis.ticker = FixedTicker(ticks=list(range(len(coverage.types))))
    plot.yaxis.major_label_overrides = {
        number: name if len(name) <= LABEL else f"{name[: LABEL - 1]}…"
        for number, name in enumerate(coverage.types)
    }
    plot.yaxis.major_tick_line_color = None


def _texts(coverage: Coverage) -> dict[tuple[int, str], str]:
    """What a cell lacks, by night and type."""
    texts: dict[tuple[int, str], str] = {}
    for row in coverage.unanswered:
        words = [MEANINGS[row.state], *([row.physical_filter] if row.physical_filter else [])]
        words += [name_detectors(row.detectors)] if row.detectors else []
        before = texts.get((row.night, row.dataset_type))
        texts[row.night, row.dataset_type] = (f"{before}; " if before else "") + " ".join(words)
    return texts


def _cells(coverage: Coverage, texts: Mapping[tuple[int, str], str]) -> dict[State, dict[str, np.ndarray]]:
    """Cells of each state, as columns of numbers."""
    x = {night: number for number, night in enumerate(coverage.nights)}
    y = {name: number for number, name in enumerate(coverage.types)}
    numbers = {text: number for number, text in enumerate(dict.fromkeys(("", *texts.values())))}
    result = {}
    for state in STATES:
        rows = [
            (
                x[c.night],
                y[c.dataset_type],
                *c.counts,
                numbers[texts.get((c.night, c.dataset_type), "")],
            )
            for c in coverage.cells
            if c.worst is state
        ]
        table = np.array(rows, dtype=np.int32).reshape(-1, 7)
        names = ("x", "row", "ok", "unbounded", "ambiguous", "missing", "text")
        result[state] = {name: table[:, place].copy() for place, name in enumerate(names)}
    return result


def _hover_texts(coverage: Coverage, texts: Mapping[tuple[int, str], str]) -> dict[str, CustomJSHover]:
    """What makes texts of numbers: type, night and what is missing."""
    lists = {
        "@x": [str(night) for night in coverage.nights],
        "@row": list(coverage.types),
        "@text": list(dict.fromkeys(("", *texts.values()))),
    }
    return {
        name: CustomJSHover(args={"texts": values}, code="return texts[value]")
        for name, values in lists.items()
    }


def _choice(coverage: Coverage, x_range: Range1d) -> Select:
    """What moves the figure to some of many nights, by mouse or keyboard."""
    last = len(coverage.nights) - 1
    options = [(f"0 {last}", f"all {last + 1}")]
    for first in range(0, last + 1, PAGE):
        end = min(first + PAGE - 1, last)
        options.append((f"{first} {end}", f"{coverage.nights[first]} to {coverage.nights[end]}"))
    select = Select(title="Nights", value=options[0][0], options=options, width=220, name="coverage-nights")
    select.js_on_change("value", CustomJS(args={"range": x_range}, code=_NIGHTS))
    return select
