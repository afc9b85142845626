"""The focal plane as a Bokeh figure, for a night and a type that the reader chooses.

What a detector is coloured by is found in the page by `focal_plane.js`: the
patterns of `converter.report.focal_plane` go there as columns of small
numbers.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np
from bokeh.layouts import column, row
from bokeh.models import (
    AllLabels,
    ColorBar,
    ColumnDataSource,
    CustomJS,
    Div,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    Model,
    RadioGroup,
    Select,
)
from bokeh.plotting import figure

from .focal_plane import FocalPlane, night_day
from .lookups import MEANINGS, UNKNOWN, State
from .state_marks import LOOKS

AGES = (0, 2, 8, 31, 91, 366)
"""First day of each class of ages but the first one, in which masters are later than the night."""

AGE_LABELS = ("later", "0-1", "2-7", "8-30", "31-90", "91-365", "> 365")

# Reddish purple (Okabe and Ito) for masters of after the night, then viridis, light to dark: fresh to old.
AGE_COLOURS = ("#CC79A7", "#FDE725", "#7AD151", "#22A884", "#2A788E", "#414487", "#440154")

NO_DAY = 65_535
"""Instead of a day that is not known, in 16 bits."""

_TOOLTIP = """
<div style="max-width: min(300px, 42vw); overflow-wrap: anywhere">
<b>detector @detector</b> <span>@name</span>
<div>@said</div>
</div>
"""


def build(plane: FocalPlane) -> Model:
    """Draw a focal plane.

    Parameters
    ----------
    plane
        Detectors, nights and types.

    Returns
    -------
    model
        Two choices (``focal-plane-night``, ``focal-plane-type``) and a switch
        (``focal-plane-mode``) above the figure; a text below it
        (``focal-plane-said``). The detectors are the source
        ``focal-plane-detectors``. Without places, nights or types, a text
        that says why there is no figure.
    """
    if not plane.places or not plane.index.size:
        text = " ".join(plane.summary()) or "There is nothing to show."
        return Div(text=text, render_as_text=True, sizing_mode="stretch_width", name="focal-plane-all")
    detectors = _detectors(plane)
    plot = _plot(plane, detectors)
    bars = {name: _bar(*values) for name, values in _BARS.items()}
    for bar in bars.values():
        plot.add_layout(bar, "below")
    bars["age"].visible = False
    type_number, night_number = _first(plane)
    night = Select(
        title="Night (day_obs)",
        options=[(str(i), str(n)) for i, n in enumerate(plane.nights)],
        value=str(night_number),
        width=150,
        name="focal-plane-night",
    )
    dataset_type = Select(
        title="Calibration type",
        options=[(str(i), name) for i, name in enumerate(plane.types)],
        value=str(type_number),
        width=170,
        name="focal-plane-type",
    )
    mode = RadioGroup(labels=["coverage", "age of master"], active=0, inline=True, name="focal-plane-mode")
    said = Div(text="", render_as_text=True, sizing_mode="stretch_width", name="focal-plane-said")
    update = CustomJS(
        args={
            "night": night,
            "type": dataset_type,
            "mode": mode,
            "said": said,
            "plot": plot,
            "detectors": detectors,
            "bars": bars,
            **_data(plane),
        },
        code=files(__package__).joinpath("focal_plane.js").read_text(encoding="utf-8"),
    )
    night.js_on_change("value", update)
    dataset_type.js_on_change("value", update)
    mode.js_on_change("active", update)
    plot.js_on_change("inner_width", update)
    choices = row(night, dataset_type, mode, sizing_mode="stretch_width", styles={"flex-wrap": "wrap"})
    return column(choices, plot, said, sizing_mode="stretch_width", name="focal-plane-all")


def _detectors(plane: FocalPlane) -> ColumnDataSource:
    corners = np.array([place.corners for place in plane.places])
    number = len(plane.places)
    ids = [place.detector for place in plane.places]
    return ColumnDataSource(
        {
            "xs": corners[..., 0].tolist(),
            "ys": corners[..., 1].tolist(),
            "x": corners[..., 0].mean(axis=1),
            "y": corners[..., 1].mean(axis=1),
            "detector": ids,
            "name": [place.name for place in plane.places],
            # What focal_plane.js fills in.
            "fill": [LOOKS[State.NOT_ASKED].fill] * number,
            "hatch": [" "] * number,
            "ink": [LOOKS[State.NOT_ASKED].ink] * number,
            "label": [str(detector) for detector in ids],
            "said": [""] * number,
        },
        name="focal-plane-detectors",
    )


def _plot(plane: FocalPlane, detectors: ColumnDataSource) -> figure:
    plot = figure(
        match_aspect=True,
        # The height follows the width, so that the plane fills its frame.
        aspect_ratio=0.92,
        sizing_mode="scale_width",
        max_width=760,
        min_width=240,
        tools="pan,box_zoom,reset",
        toolbar_location="above",
        name="focal-plane",
    )
    plot.toolbar.logo = None
    plot.grid.grid_line_alpha = 0.4
    plot.xaxis.axis_label, plot.yaxis.axis_label = "x (mm)", "y (mm)"
    plot.axis.axis_label_text_font_style = "normal"
    drawn = plot.patches(
        xs="xs",
        ys="ys",
        source=detectors,
        fill_color="fill",
        hatch_pattern="hatch",
        hatch_color="ink",
        hatch_alpha=0.5,
        hatch_scale=9,
        line_color="#333333",
        line_width=0.8,
    )
    plot.text(
        x="x",
        y="y",
        text="label",
        source=detectors,
        text_align="center",
        text_baseline="middle",
        text_font_size="9px" if len(plane.places) > 12 else "13px",
        text_color="#000000",
        background_fill_color="#FFFFFF",
        background_fill_alpha=0.7,
        padding=1,
    )
    # Bokeh puts values in as text, never as HTML.
    hover = HoverTool(renderers=[drawn], tooltips=_TOOLTIP, visible=False, point_policy="follow_mouse")
    plot.add_tools(hover)
    return plot


_BARS = {
    "coverage": (
        tuple(LOOKS[state].fill for state in State),
        tuple(f"{LOOKS[state].letter} {MEANINGS[state]}".strip() for state in State),
        "worst state of the night",
    ),
    "age": (AGE_COLOURS, AGE_LABELS, "days from the master's date to the night"),
}


def _bar(colours: tuple[str, ...], labels: tuple[str, ...], title: str) -> ColorBar:
    """A colour bar of classes with names."""
    return ColorBar(
        color_mapper=LinearColorMapper(palette=list(colours), low=-0.5, high=len(colours) - 0.5),
        ticker=FixedTicker(ticks=list(range(len(colours)))),
        major_label_overrides=dict(enumerate(labels)),
        # Left alone, some would be left out on a narrow window.
        major_label_policy=AllLabels(),
        major_label_text_font_size="9px",
        major_tick_line_color=None,
        title=title,
        title_text_font_style="normal",
        title_text_font_size="12px",
        height=12,
        padding=4,
        bar_line_color="#333333",
    )


def _data(plane: FocalPlane) -> dict[str, object]:
    """What the page's script reads: patterns as columns, one detector after the other."""
    days = np.where(plane.days == UNKNOWN, NO_DAY, plane.days).astype(np.uint16)
    return {
        "patterns": ColumnDataSource(
            {"state": plane.states.ravel(), "day": days.ravel()}, name="focal-plane-patterns"
        ),
        "index": ColumnDataSource(
            {"pattern": plane.index.ravel(), "note": plane.note_index.ravel()}, name="focal-plane-index"
        ),
        "nights": [night_day(night) for night in plane.nights],
        "notes": list(plane.notes),
        "looks": [list(LOOKS[state]) for state in State],
        "meanings": [MEANINGS[state] for state in State],
        "ages": list(AGES),
        "age_colours": list(AGE_COLOURS),
        "no_day": NO_DAY,
        "unknown": UNKNOWN,
    }


def _first(plane: FocalPlane) -> tuple[int, int]:
    """Numbers of the type and night that are shown first: where most detectors lack something."""
    lacking = (plane.states == State.MISSING).sum(axis=1)[plane.index]
    type_number, night_number = np.unravel_index(int(lacking.argmax()), lacking.shape)
    return int(type_number), int(night_number)
