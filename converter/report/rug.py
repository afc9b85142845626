"""The exposures of a repository, as a rug below a timeline."""

from __future__ import annotations

from collections.abc import Sequence

from bokeh.models import ColumnDataSource, CustomJSHover, FixedTicker, Range1d
from bokeh.plotting import figure

from .axes import INK, TIME, Names, Scale, date_axis, floats, hover, integers
from .model import Exposure


def build_rug(exposures: Sequence[Exposure], x_range: Range1d, scale: Scale, border: int) -> figure:
    """Draw exposures below a timeline.

    Parameters
    ----------
    exposures
        In order of begin.
    x_range, scale
        The timeline's axis.
    border
        Width of what is left of the timeline's frame, pixels.
    """
    plot = figure(
        x_range=x_range,
        y_range=Range1d(0, 1),
        height=96,
        x_axis_type="datetime",
        min_border_left=border,
        tools="xpan",
        toolbar_location=None,
        sizing_mode="stretch_width",
        name="rug",
    )
    plot.yaxis.ticker = FixedTicker(ticks=[0.5])
    plot.yaxis.major_label_overrides = {0.5: "exposures"}
    plot.yaxis.major_label_text_font_size = "11px"
    plot.yaxis.major_tick_line_color = None
    plot.ygrid.grid_line_color = None
    date_axis(plot)
    filters = Names()
    source = ColumnDataSource(
        {
            "left": floats(scale.left(x.span) for x in exposures),
            "right": floats(scale.right(x.span) for x in exposures),
            # As floats: numbers of some cameras do not fit into 32 bits.
            "number": floats(x.number for x in exposures),
            "filter": integers(filters.number(x.physical_filter) for x in exposures),
        },
        name="exposures",
    )
    drawn = plot.quad(
        left="left",
        right="right",
        bottom=0.1,
        top=0.9,
        source=source,
        fill_color=INK,
        line_color=INK,
        alpha=0.6,
    )
    time = CustomJSHover(code=TIME)
    lines = {
        "@number{0}": "number",
        "@filter{custom}": "filter",
        "@left{custom}": "from (TAI)",
        "@right{custom}": "to (TAI)",
    }
    plot.add_tools(hover(drawn, "Exposure", lines, {"left": time, "right": time, "filter": filters.hover()}))
    return plot
