"""A report as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from bokeh.document import Document
from bokeh.embed.bundle import bundle_for_objs_and_resources
from bokeh.models import Model
from bokeh.resources import Resources
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from adapters.gen2.files import printable

from .model import MARK, Cell, Report, Table
from .sections import sections_of
from .timeline_figure import PAGE as ROWS_SHOWN
from .timeline_figure import build

FIRST_ROWS = 50
"""Rows of a table on a page; only the first ones are in the page as HTML."""

LONG = 24
"""Characters of a cell that may be broken anywhere; the page's script has the same number."""

LONGEST = 4000
"""Characters of a cell."""


def render(report: Report) -> str:
    """The page.

    Parameters
    ----------
    report
        What it shows.
    """
    sections = tuple(sections_of(report))
    figures: dict[str, Model] = {}
    if report.timeline.rows:
        figures["timeline"] = build(report.timeline)
    figures |= {section.name: section.figure for section in sections if section.figure is not None}
    environment = Environment(
        loader=PackageLoader("converter.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": _shown, "data": _data, "kind": _kind}
    environment.globals |= {"FIRST_ROWS": FIRST_ROWS, "ROWS_SHOWN": ROWS_SHOWN}
    scripts, items = _embed(figures)
    return environment.get_template("report.html").render(
        mark=MARK,
        report=report,
        sections=sections,
        figures=figures,
        bokeh=scripts,
        items=items,
        css=Markup(_asset(environment, "report.css")),
        js=Markup(_asset(environment, "report.js")),
    )


def _asset(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _shown(cell: Cell) -> str:
    """A cell as text that can be shown anywhere."""
    if cell is None:
        return ""
    text = printable(cell)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"


def _kind(cell: Cell) -> str:
    """Class of a cell, for the style."""
    if isinstance(cell, int):
        return "number"
    return "long" if cell is not None and len(cell) > LONG else ""


def _data(value: Table | Mapping[str, Any]) -> Markup:
    """Data for the page's script: compressed, so that long lists of paths stay small."""
    if isinstance(value, Table):
        value = {"rows": [[_shown(cell) for cell in row] for row in value.rows]}
    packed = zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 9)
    return Markup(base64.b64encode(packed).decode("ascii"))


def _embed(figures: Mapping[str, Model]) -> tuple[list[Markup], dict[str, Any]]:
    """Bokeh's own scripts, and the figures as plain data."""
    if not figures:
        return [], {}
    document = Document()
    for model in figures.values():
        document.add_root(model)
    resources = Resources(mode="inline", minified=True, log_level="error")
    bundle = bundle_for_objs_and_resources(list(figures.values()), resources)
    names = _stable_names(document)
    plain = _renamed(document.to_json(deferred=False), names)
    roots = {names[model.id]: f"figure-{name}" for name, model in figures.items()}
    items = {
        "docs": {"report": plain},
        "items": [{"docid": "report", "roots": roots, "root_ids": list(roots)}],
    }
    return [Markup(text.replace("</script", "<\\/script")) for text in bundle.js_raw], items


def _stable_names(document: Document) -> dict[str, str]:
    """Names of models that are the same for the same report: Bokeh counts on through a process."""
    order = dict.fromkeys(_ids(document.to_json(deferred=False)))
    return {name: f"r{number}" for number, name in enumerate(order)}


def _ids(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("id"), str):
            yield value["id"]
        for part in value.values():
            yield from _ids(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _ids(part)


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    again = partial(_renamed, names=names)
    if isinstance(value, dict):
        return {
            key: names.get(part, part) if key == "id" and isinstance(part, str) else again(part)
            for key, part in value.items()
        }
    return [again(part) for part in value] if isinstance(value, (list, tuple)) else value
