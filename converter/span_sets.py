"""Sets of instants as tuples of spans: sorted, disjoint, and none that touch. TAI throughout."""

from __future__ import annotations

from collections.abc import Iterable

from .timespans import MAX_NS, MIN_NS, Span

Spans = tuple[Span, ...]


def begin_of(span: Span) -> int:
    """Begin as a number, also of an open range."""
    return MIN_NS if span.begin is None else max(MIN_NS, span.begin)


def end_of(span: Span) -> int:
    """End as a number, also of an open range."""
    return MAX_NS if span.end is None else min(MAX_NS, span.end)


def unite(spans: Iterable[Span]) -> Spans:
    """The instants of all spans; empty ones vanish, touching ones become one."""
    result: list[tuple[int, int]] = []
    for begin, end in sorted((begin_of(s), end_of(s)) for s in spans):
        if begin >= end:
            continue
        if result and begin <= result[-1][1]:
            result[-1] = result[-1][0], max(end, result[-1][1])
        else:
            result.append((begin, end))
    return tuple(Span(begin, end).clipped() for begin, end in result)


def intersect(spans: Iterable[Span], others: Iterable[Span]) -> Spans:
    """The instants that are in both."""
    rest = tuple(others)
    return unite(Span(max(begin_of(s), begin_of(o)), min(end_of(s), end_of(o))) for s in spans for o in rest)


def subtract(spans: Iterable[Span], others: Iterable[Span]) -> Spans:
    """The instants of the first that are not in the second."""
    left = unite(spans)
    for other in others:
        before, after = Span(None, begin_of(other)), Span(end_of(other), None)
        left = intersect(left, (before, after))
    return left


def is_one(span: Span) -> bool:
    """Whether there is an instant in it that the Butler can store."""
    return begin_of(span) < end_of(span)
