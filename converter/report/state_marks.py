"""How states look in figures: colour, letter and hatching, so that none of them is needed alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .lookups import State


class Look(NamedTuple):
    """How a state looks: its fill, letter, hatching, and the colour of both."""

    fill: str
    letter: str
    hatch: str
    ink: str


# Okabe and Ito's colours, which readers with any kind of colour vision can tell
# apart: blues where there is an answer, warm ones where there is not exactly one.
LOOKS: Mapping[State, Look] = {
    State.NOT_ASKED: Look("#F2F2F2", "", " ", "#666666"),
    State.OK: Look("#56B4E9", "O", " ", "#000000"),
    State.UNBOUNDED: Look("#0072B2", "U", "dot", "#FFFFFF"),
    State.AMBIGUOUS: Look("#E69F00", "A", "right_diagonal_line", "#000000"),
    State.MISSING: Look("#D55E00", "M", "cross", "#FFFFFF"),
}
