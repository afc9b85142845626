"""Do the path templates of a camera give back what they were formatted from?"""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from converter.nouns import Gen2to3Error

from ..camera import Camera
from ..gen2.templates import SUFFIXES, Template
from .repository import Row

_LETTERS = string.ascii_letters
_DATES = st.dates().map(str) | st.datetimes().map(lambda t: t.isoformat(timespec="seconds"))


def round_trip(template: Template, data_id: Mapping[str, Any]) -> str:
    """Format a data ID and parse the path, with all suffixes; say what is wrong with it.

    Parameters
    ----------
    template
        The template.
    data_id
        Values by key, the HDU's included.

    Returns
    -------
    problem
        ``""`` if the same values come back. Of a path that is one key as a
        whole, a suffix may come back as part of that key.
    """
    keys: dict[str, Any] = {k: t(data_id[k]) for k, t in template.keys.items()}
    path = template.format(data_id)
    hdu = template.format_hdu(data_id)
    ends: dict[str, dict[str, Any]] = {"": {}}
    if hdu is not None:
        ends[f"[{hdu}]"] = {template.hdu: hdu} if isinstance(template.hdu, str) else {}
    for suffix, (end, more) in itertools.product(SUFFIXES, ends.items()):
        expected = keys | more
        written = path + suffix + end
        allowed = [expected]
        if template.is_bare:
            # A path that is one key may end with a suffix itself. Both readings name the same file.
            allowed.append(expected | dict.fromkeys(keys, path + suffix))
        if (found := template.parse(written)) not in allowed:
            return f"template {template.text!r} makes {written!r} of {expected}, but reads it as {found}"
    return ""


def check_generated(
    camera: Camera,
    text: str,
    detector: tuple[str, int],
    dates: Iterable[str],
    samples: Sequence[Mapping[str, Any]],
) -> None:
    """Let hypothesis look for a data ID that does not survive.

    Parameters
    ----------
    camera
        Gives detectors and filter texts.
    text
        The template.
    detector
        The column that identifies the detector, and its offset.
    dates
        Columns that hold times.
    samples
        Rows of the registry, for keys of which nothing else is known.
    """
    template = Template(text)
    keys = dict(template.keys)
    if isinstance(template.hdu, str):
        keys.setdefault(template.hdu, int)
    pools = {k: {str(v): v for row in samples if (v := row.get(k)) not in (None, "")} for k in keys}
    values = {}
    for key, kind in keys.items():
        if key == detector[0]:
            values[key] = st.sampled_from([d.id - detector[1] for d in camera.instrument.detectors])
        elif key == camera.raw.filter and kind is str:
            values[key] = st.sampled_from(filter_texts(camera))
        else:
            values[key] = _values(template, key, kind, key in dates)
        if pools[key]:
            values[key] |= st.sampled_from(list(pools[key].values()))

    @settings(max_examples=60, deadline=None, database=None, derandomize=True)
    @given(st.fixed_dictionaries(values))
    def check(data_id: dict[str, Any]) -> None:
        problem = round_trip(template, data_id)
        assert not problem, problem

    check()


def check_rows(template: Template, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Give the problems of a registry's own rows."""
    problems = []
    for row in rows:
        try:
            problems.append(round_trip(template, row))
        except Gen2to3Error as exc:
            problems.append(str(exc))
    return [p for p in problems if p]


def shared(rows: Iterable[tuple[Row, str]], camera: Camera) -> Iterator[str]:
    """Find files that stand for several data IDs without telling them apart.

    Parameters
    ----------
    rows
        Rows of the registry, and what each means.
    camera
        Says which types have files with several detectors.
    """
    first: dict[tuple[Any, ...], str] = {}
    said = set()
    for row, meaning in rows:
        path, hdu = row.template.format(row.values), row.template.format_hdu(row.values)
        declared = camera.raw if row.calibration is None else row.calibration
        for place in ((row.template, path, hdu), (row.template, path)):
            other = first.setdefault(place, meaning)
            if other == meaning or row.template in said:
                continue
            if len(place) == 3:
                said.add(row.template)
                where = path if hdu is None else f"{path}[{hdu}]"
                yield f"template {row.template.text!r} makes {where!r} of {other} and of {meaning}"
            elif declared.extensions is None:
                said.add(row.template)
                yield f"{path} holds {other} and {meaning}: say in extensions how it tells which is which"


def filter_texts(camera: Camera) -> list[str]:
    """Give the texts that Gen2 may have used for filters and that can be part of a path."""
    filters = camera.instrument.filters
    return [t for f in filters for t in (f.name, *f.gen2) if t and "/" not in t]


def _values(template: Template, key: str, kind: type, is_date: bool) -> st.SearchStrategy[Any]:
    found = re.search(rf"%\({re.escape(key)}\)[0-]?(\d*)(?:\.\d+)?(\w)", template.text)
    width = int(found[1] or 0) if found else 0
    if kind is int:
        # Widths are minimal, but a policy chose them for the numbers that there were.
        return st.integers(0, 10**width - 1 if width > 1 else 10**6)
    if kind is float:
        return st.integers(0, 1000).map(float)
    if is_date:
        return _DATES
    if template.is_bare and key == "path":
        names = st.lists(st.text(_LETTERS, min_size=1, max_size=8), min_size=1, max_size=3)
        ends = st.sampled_from((*SUFFIXES, ".fits", ".fits.fz"))
        return st.builds(lambda parts, end: "/".join(parts) + end, names, ends)
    return st.text(_LETTERS, min_size=1, max_size=1 if found and found[2] == "c" else 8)
