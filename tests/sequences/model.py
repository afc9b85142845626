"""What a conversion has to do with a source, said of the repository before and after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .snapshot import Range, Snapshot
from .source import DETECTOR, Facts, Item

RAW_RUN = "HSC/raw/all"


@dataclass(frozen=True)
class Call:
    """A conversion.

    Parameters
    ----------
    types
        Dataset types, none for all.
    visits
        First and last visit, none for all.
    label
        Of the calibration collection.
    supersede, checksum
        The options.
    """

    types: tuple[str, ...] = ()
    visits: tuple[int, int] | None = None
    label: str = "gen2"
    supersede: bool = False
    checksum: bool = False

    @property
    def options(self) -> list[str]:
        """The command line's."""
        words = ["--label", self.label, "--no-verify"]
        if self.types:
            words += ["--types", ",".join(self.types)]
        if self.visits:
            words += ["--visits", f"{self.visits[0]}..{self.visits[1]}"]
        return words + ["--supersede"] * self.supersede + ["--checksum"] * self.checksum

    @property
    def collection(self) -> str:
        """The CALIBRATION collection."""
        return f"HSC/calib/{self.label}"

    def includes(self, item: Item) -> bool:
        """Whether something is to be converted."""
        kind, name = item
        if self.types and kind not in self.types:
            return False
        return kind != "raw" or self.visits is None or self.visits[0] <= int(name) <= self.visits[1]

    def first_run(self, item: Item) -> str:
        """RUN of the first version."""
        kind, name = item
        return RAW_RUN if kind == "raw" else f"{self.collection}/{name.replace('-', '')}T000000Z"

    def versions(self, item: Item, there: Snapshot) -> dict[int, str]:
        """Ids of the datasets of an item by the number of their version."""
        first, found = self.first_run(item), {}
        for id_, (kind, run, data_id) in there.datasets.items():
            if kind != item[0] or not (run == first or run.startswith(f"{first}.")):
                continue
            if kind != "raw" or data_id == f"detector={DETECTOR} exposure={item[1]}":
                found[int(run[len(first) + 1 :] or 0)] = id_
        return found

    def family(self, item: Item, there: Snapshot) -> set[Range]:
        """Ranges of all versions of a master."""
        first = self.first_run(item)
        return {
            r
            for r in there.ranges
            if r[0] == self.collection and r[1] == item[0] and (r[2] == first or r[2].startswith(f"{first}."))
        }

    def run(self, item: Item, number: int) -> str:
        """RUN of a version."""
        return self.first_run(item) + (f".{number}" if number else "")


@dataclass
class Expected:
    """Whether a conversion has to stop, and may; and what has changed by what is known."""

    must_stop: list[str]
    may_stop: list[str]
    changed: dict[Item, bool | None]


def changed(known: Facts | None, now: Facts, checksum: bool) -> bool | None:
    """Whether a file is to be seen as changed; `None` if that depends."""
    if known is None:
        return None
    same = (known.size, known.mtime_ns) == (now.size, now.mtime_ns)
    if not checksum:
        return not same
    if known.sha256 != now.sha256:
        # What is linked, and was not read before, is as its size and time say.
        return None if same else True
    return False if same else None


def expect(
    call: Call,
    facts: Mapping[Item, Facts],
    spans: Mapping[Item, tuple[int, int]],
    before: Snapshot,
    known: Mapping[str, Facts],
) -> Expected:
    """What a conversion will find.

    Parameters
    ----------
    call
        Its options.
    facts, spans
        The source.
    before
        The repository.
    known
        What was to be seen of each dataset's file when it was converted.
    """
    result = Expected([], [], {})
    scope = [item for item in facts if call.includes(item)]
    for item in scope:
        versions = call.versions(item, before)
        if not versions:
            continue
        is_changed = changed(known.get(versions[max(versions)]), facts[item], call.checksum)
        result.changed[item] = is_changed
        if is_changed is not False and not call.supersede:
            result.may_stop.append(f"{item} may have changed")
            if is_changed:
                result.must_stop.append(f"{item} has changed")
        if item in spans and not call.supersede:
            wanted = (
                call.collection,
                item[0],
                call.run(item, max(versions)),
                f"detector={DETECTOR}",
                *spans[item],
            )
            if call.family(item, before) - {wanted}:
                result.must_stop.append(f"{item} has another range")
    masters = [item for item in scope if item in spans]
    for item in masters:
        begin, end = spans[item]
        others = [o for o in masters if o[0] == item[0] and o != item]
        if any(spans[o][0] < end and begin < spans[o][1] for o in others):
            result.must_stop.append(f"{item} overlaps another")
        ours = set().union(*(call.family(o, before) for o in masters if o[0] == item[0]))
        kept = [r for r in before.ranges if r[:2] == (call.collection, item[0]) and r not in ours]
        if any(r[4] < end and begin < r[5] for r in kept):
            result.must_stop.append(f"{item} overlaps one that is kept")
    result.may_stop += result.must_stop
    return result


def check_converted(
    call: Call,
    facts: Mapping[Item, Facts],
    spans: Mapping[Item, tuple[int, int]],
    before: Snapshot,
    after: Snapshot,
    expected: Expected,
    unseen: Mapping[str, str],
) -> None:
    """Find everything in the repository that the source has, and nothing changed that it does not speak of.

    Parameters
    ----------
    call, facts, spans, before
        As for `expect`.
    after
        The repository after a conversion that came to its end.
    expected
        From `expect`.
    unseen
        Content by dataset id that could not be seen as another: the ledger was lost.
    """
    scope = [item for item in facts if call.includes(item)]
    new = after.datasets.keys() - before.datasets.keys()
    assert not before.datasets.keys() - after.datasets.keys()
    for id_, path in before.paths.items():
        assert after.paths[id_] == path and after.files[path] == before.files[path], path
    accounted: set[str] = set()
    ours: set[Range] = set()
    wanted: set[Range] = set()
    for item in scope:
        was, versions = call.versions(item, before), call.versions(item, after)
        assert versions, f"{item} is not there"
        latest = max(versions)
        id_ = versions[latest]
        is_changed = expected.changed.get(item)
        if was and (is_changed is False or not call.supersede):
            assert latest == max(was), f"{item} has a new version"
        elif was and is_changed:
            assert latest == max(was) + 1, f"{item} has no new version"
        if after.digest(id_) != facts[item].sha256:
            assert unseen.get(id_) == facts[item].sha256, f"{item} has another content"
        accounted.add(id_)
        if item in spans:
            ours |= call.family(item, before) | call.family(item, after)
            wanted.add(
                (call.collection, item[0], call.run(item, latest), f"detector={DETECTOR}", *spans[item])
            )
    assert new <= accounted, "datasets that nobody wanted"
    assert after.ranges & ours == wanted
    assert after.ranges - ours == before.ranges - ours, "ranges of others changed"
    _check_chains(call, scope, before, after)


def _check_chains(call: Call, scope: Sequence[Item], before: Snapshot, after: Snapshot) -> None:
    for name, (kind, children) in before.collections.items():
        found = after.collections[name]
        assert found[0] == kind
        # Children are added, and the others keep their order.
        assert [c for c in found[1] if c in children] == list(children), name
    defaults = after.collections.get("HSC/defaults", ("", ()))[1]
    raws = [i for i in scope if i[0] == "raw"]
    for item in raws:
        assert call.run(item, max(call.versions(item, after))) in defaults
    runs = [c for c in defaults if c.startswith(RAW_RUN)]
    numbers = [int(c[len(RAW_RUN) + 1 :] or 0) for c in runs]
    assert numbers == sorted(numbers, reverse=True), "an old version is found first"
    if any(i[0] != "raw" for i in scope):
        assert call.collection in after.collections["HSC/calib"][1]
