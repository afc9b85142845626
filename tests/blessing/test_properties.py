"""Properties of plans: of their content alone, and through a Butler repository made once."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from converter.blessing import Inherit, Request, Selection, Take, bless, express, parse_request, request_text
from converter.blessing.content import Content, content_of, make_content
from converter.blessing.difference import compare
from converter.blessing.repository import Dataset, Row
from converter.blessing.selection import Chosen, Found
from converter.nouns import DataId
from converter.numbers import number_ranges, numbers_of
from converter.span_sets import intersect, subtract, unite
from converter.timespans import DAY, MAX_NS, MIN_NS, Span

from .conftest import DETECTORS, Place

STABLE = settings(derandomize=True, deadline=None, database=None, max_examples=300)
# With a Butler an example takes seconds.
FEW = settings(
    derandomize=True, deadline=None, database=None, max_examples=4,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip

T0 = 18_000 * DAY
OWN, ELSE = "C", "B"
number = itertools.count()


@st.composite
def spans(draw: st.DrawFn) -> Span:
    begin = draw(st.integers(0, 12))
    length = draw(st.integers(1, 6))
    return Span(
        None if draw(st.integers(0, 6)) == 0 else T0 + begin * DAY,
        None if draw(st.integers(0, 6)) == 0 else T0 + (begin + length) * DAY + draw(st.sampled_from((0, 1))),
    )


def instants(found: object) -> set[int]:
    """Days (and the nanoseconds after them) that are in some spans, and both ends of time."""
    axis = [MIN_NS, MAX_NS - 1, *(T0 + d * DAY + n for d in range(20) for n in (0, 1))]
    return {
        t
        for t in axis
        for s in found  # type: ignore[attr-defined]
        if (s.begin is None or s.begin <= t) and (s.end is None or t < s.end)
    }


@STABLE
@given(st.lists(spans(), max_size=5), st.lists(spans(), max_size=5))
def test_sets_of_instants(one: list[Span], other: list[Span]) -> None:
    assert instants(unite(one)) == instants(one)
    assert instants(intersect(one, other)) == instants(one) & instants(other)
    assert instants(subtract(one, other)) == instants(one) - instants(other)
    for result in (unite(one), intersect(one, other), subtract(one, other)):
        assert unite(result) == result
        assert all(a.end < b.begin for a, b in itertools.pairwise(result))  # type: ignore[operator]


@STABLE
@given(st.sets(st.integers(0, 30)))
def test_numbers_in_short(numbers: set[int]) -> None:
    texts = number_ranges(numbers)
    assert [n for text in texts for n in numbers_of(text) or ()] == sorted(numbers)
    assert len(texts) == sum(n - 1 not in numbers for n in numbers)


# --- content alone


def dataset(run: str, detector: int) -> Dataset:
    return Dataset("bias", run, DataId(detector))


def rows(content: Content, collection: str) -> list[Row]:
    return [Row(collection, d, str(d), s) for d, found in content.items() for s in found]


@st.composite
def contents(draw: st.DrawFn) -> Content:
    """What a collection may hold: one dataset of a data ID at a time."""
    result: Content = {}
    for detector in range(2):
        free: tuple[Span, ...] = (Span(None, None),)
        for run in "xy":
            found = intersect(draw(st.lists(spans(), max_size=2)), free)
            free = subtract(free, found)
            if found:
                result[dataset(run, detector)] = found
    return result


@st.composite
def entries(draw: st.DrawFn) -> tuple[Inherit, str]:
    action = draw(st.sampled_from(("keep", "clip", "cut", "span", "drop")))
    collection = draw(st.sampled_from((OWN, ELSE)))
    value = True if action == "drop" else draw(spans())
    selection = Selection(detectors=tuple(draw(st.sampled_from(((), ("0",), ("1",))))))
    given_ = {} if action == "keep" else {action: value}
    return Inherit((collection,), selection, **given_), collection  # type: ignore[arg-type]


def wanted(request: Request, taken: list[list[Row]], held: dict[str, Content]) -> Content:
    found = Found(current=rows(held[OWN], OWN))
    for entry in request.inherit:
        (name,) = entry.collections
        meant = [r for r in rows(held[name], name) if entry.selection.has(r.dataset.data_id, {})]
        found.inherited.append(Chosen([[meant]]))
    found.taken = [Chosen([[some]]) for some in taken]
    return make_content(request, found).content


@STABLE
@given(
    contents(),
    contents(),
    st.lists(entries(), max_size=4),
    st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 1), spans()), max_size=3),
    st.booleans(),
)
def test_the_same_plan_again_changes_nothing(own, other, inherit, certify, extend) -> None:
    """Whatever it says of the collection itself, also where it certifies what it inherits."""
    request = Request(
        OWN, inherit=tuple(e for e, _ in inherit), certify=tuple(Take((r,), spans=(s,)) for r, _, s in certify),
        extend=extend,
    )  # fmt: skip
    taken = [[Row(run, dataset(run, detector), "", None)] for run, detector, _ in certify]
    once = wanted(request, taken, {OWN: own, ELSE: other})
    again = wanted(request, taken, {OWN: once, ELSE: other})
    assert again == once
    difference = compare(rows(own, OWN), once)
    assert not compare(rows(once, OWN), again).off
    # What is said to change is what changes.
    after = {(r.dataset, r.span) for r in rows(own, OWN)} - set(difference.off) | set(difference.on)
    assert content_of(Row(OWN, d, "", s) for d, s in after) == once
    if extend and not inherit:
        assert all(instants(once[d]) >= instants(found) for d, found in own.items())


# --- through the Butler


@st.composite
def suites(draw: st.DrawFn) -> list[Take]:
    """Entries that never give one data ID two datasets at a time."""
    result = []
    for dataset_type, runs in {"bias": ("u/me/biasA", "u/me/biasB"), "flat": ("u/me/flat",)}.items():
        free = {d: (Span(None, None),) for d in DETECTORS}
        for run in runs:
            for span in draw(st.lists(spans(), min_size=1, max_size=2)):
                chosen = draw(st.sets(st.sampled_from(DETECTORS), min_size=1))
                filters = draw(st.sampled_from(((), ("Cam-g",)))) if dataset_type == "flat" else ()
                for detector in chosen:
                    some = intersect((span,), free[detector])
                    free[detector] = subtract(free[detector], some)
                    if some:
                        selection = Selection((dataset_type,), (str(detector),), filters)
                        result.append(Take((run,), selection, spans=some))
    return result


@FEW
@given(suites(), st.randoms(use_true_random=False))
def test_any_plan_expressed_and_shuffled_gives_the_same(
    shared: Place, suite: list[Take], shuffle: random.Random
) -> None:
    first, second, third = (f"Cam/calib/suite{next(number)}" for _ in range(3))
    request = Request(first, certify=tuple(suite), cover=None)
    parsed, problems = parse_request(request_text(request))
    assert (problems, replace(parsed, instrument="")) == ([], request)
    root = str(shared.root)
    assert bless(parsed, root).exit_status == 0
    expressed, rejects = express(root, first)
    assert not rejects
    assert bless(expressed, root).conversion is None
    parsed, problems = parse_request(request_text(replace(expressed, collection=second)))
    assert not problems
    assert bless(parsed, root).exit_status == 0
    shuffled = list(suite)
    shuffle.shuffle(shuffled)
    assert bless(replace(request, collection=third, certify=tuple(shuffled)), root).exit_status == 0
    content = shared.content(first)
    assert shared.content(second) == content
    assert shared.content(third) == content
    # Read in another way: every dataset's instants are those of its entries.
    expected: dict[tuple[str, str, int | None], set[int]] = {}
    for take in suite:
        key = (take.selection.types[0], take.collections[0], int(take.selection.detectors[0]))
        expected.setdefault(key, set()).update(instants(take.spans))
    found: dict[tuple[str, str, int | None], set[int]] = {}
    for (dataset_type, run, data_id), valid in content.items():
        found.setdefault((dataset_type, run, data_id.detector), set()).update(instants(valid))
    assert found == expected
