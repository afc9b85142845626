"""Steps to draw from."""

from __future__ import annotations

from hypothesis import strategies as st

from .killing import Point
from .model import Call
from .source import ITEMS
from .world import Step

POINTS = st.one_of(
    st.none(),
    st.none(),
    st.builds(
        Point,
        st.sampled_from(("commit", "after")),
        st.integers(1, 25),
        st.sampled_from(("kill", "kill", "term")),
    ),
    st.builds(Point, st.just("file"), st.integers(1, 40), st.sampled_from(("kill", "full"))),
    st.builds(Point, st.just("sql"), st.integers(1, 120), st.just("kill")),
)

CALLS = st.builds(
    Call,
    types=st.sampled_from(((), (), (), ("bias",), ("raw", "dark"))),
    visits=st.sampled_from((None, None, (9040, 9040), (9040, 9042))),
    label=st.sampled_from(("gen2", "gen2", "gen2", "other")),
    supersede=st.booleans(),
    checksum=st.sampled_from((False, False, True)),
)

INDEX = st.integers(0, len(ITEMS) - 1)
SOURCE = st.tuples(
    st.just("source"), st.sampled_from(("add", "remove", "longer", "other", "touch", "0", "1", "2")), INDEX
)
CONVERT = st.tuples(
    st.just("convert"), CALLS, st.sampled_from(("copy", "copy", "hardlink")), POINTS, st.booleans()
)
UNDO = st.tuples(st.just("undo"), st.sampled_from((None, None, 0, 1, 2)), POINTS, st.booleans())
OTHERS = st.one_of(
    st.just(("lose",)),
    st.tuples(st.just("elsewhere"), CALLS),
    st.tuples(st.just("bless"), st.integers(0, 1), POINTS, st.booleans()),
    st.tuples(st.just("register"), POINTS, st.booleans()),
)
STEPS: st.SearchStrategy[Step] = st.one_of(SOURCE, SOURCE, CONVERT, CONVERT, UNDO, OTHERS)
