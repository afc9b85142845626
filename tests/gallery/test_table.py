"""The page of bad inputs is what its list says."""

from __future__ import annotations

import re

from .cases import CASES, SECTIONS
from .table import PAGE, page, readable


def test_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run python -m tests.gallery.table"


def test_there_are_enough_of_them() -> None:
    distinct = {(case.line, case.options, case.status) for case in CASES if case.line}
    assert len(distinct) >= 60
    assert len(SECTIONS["Hostile repositories"]) >= 25


def test_nothing_of_a_pattern_is_left() -> None:
    for case in CASES:
        text = readable(case.line)
        assert not re.search(r"\.\+|\.\*|\\[.()\[\]d]|\(\?", text), (case.name, text)
    assert (
        readable(r"table bias row \d: (a|b)\.fits .* \(0 bytes\); N{3}")
        == "table bias row N: a.fits ... (0 bytes); N..."
    )
