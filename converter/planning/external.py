"""Validity of masters made elsewhere: from a table, header cards, a rule, or another repository."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from adapters.camera import Camera
from adapters.gen2.elsewhere import read_elsewhere

from ..decisions import Decision
from ..gather import count_all
from ..matching import ForeignIndex
from ..nouns import DataId, Master, MasterKey, Skip
from ..overlaps import Claimed, ExposureTimes, Policy
from ..recipe import Recipe
from ..target import TargetExposure
from ..timespans import format_tai, parse_time, to_tai
from ..validity_sources import FromCards, FromGen3, FromRegistry, FromRule, FromTable, Source
from .said import Said, say_cards, say_gen3, say_rule, say_table
from .settling import Settler, Validity
from .validity import plan_claims
from .wording import describe

Exposures = Mapping[str | None, ExposureTimes]
"""Known exposures by filter; those of all filters together under `None`."""


def exposures_by_filter(exposures: Iterable[TargetExposure]) -> Exposures:
    """The known exposures of a target, each dated by its middle.

    Parameters
    ----------
    exposures
        As `converter.target.read_target` gives them.
    """
    rows: dict[str | None, list[tuple[int, int, int]]] = defaultdict(list)
    for begin, end, physical_filter in exposures:
        if begin is not None and end is not None:
            row = (begin + (end - begin) // 2, begin, end)
            rows[None].append(row)
            rows[physical_filter].append(row)
    return {key: ExposureTimes.from_rows(table) for key, table in rows.items()}


def plan_external(
    camera: Camera,
    masters: Mapping[MasterKey, Master],
    source: Source,
    policies: Mapping[str, Policy] | None = None,
    exposures: Exposures | None = None,
) -> Validity:
    """Decide the validity of masters by what another source says of them.

    Parameters
    ----------
    camera
        The camera's declaration.
    masters
        The masters.
    source
        Who says how long they are valid.
    policies
        Per dataset type (or ``"*"``): which master wins where several are
        valid; ``fail`` if not given.
    exposures
        Known exposures of the target. Boundaries that follow from a rule or a
        Gen2 registry are moved off them. Those of the other sources are
        explicit: they stay, and a decision names those that cut an exposure.

    Returns
    -------
    validity
        Spans of one data ID are disjoint unless there are conflicts. Masters
        that are not in ``spans`` have no range: a skip or a reject says why.

    Raises
    ------
    Gen2to3Error
        The source as a whole cannot be read.
    """
    policies = policies or {}
    exposures = exposures or {}
    result = Validity()
    if isinstance(source, FromRegistry):
        said = _plan_registry(camera, masters, source, policies, exposures, result)
    else:
        said = _say(camera, masters, source)
        _plan_explicit(masters, said, policies, exposures, isinstance(source, FromRule), result)
    result.rejects[:0] = said.rejects
    result.skips += said.skips
    result.decisions[:0] = said.decisions
    result.refused |= said.refused - result.spans.keys()
    _report_unmatched(masters, result)
    return result


def _say(camera: Camera, masters: Mapping[MasterKey, Master], source: Source) -> Said:
    match source:
        case FromTable():
            return say_table(camera, masters, source)
        case FromCards():
            return say_cards(camera, masters, source)
        case FromRule():
            return say_rule(camera, masters, source)
        case FromGen3():
            return say_gen3(camera, masters, source)
    raise TypeError(f"{type(source).__name__} is no source of validity")


def _plan_registry(
    camera: Camera,
    masters: Mapping[MasterKey, Master],
    source: FromRegistry,
    policies: Mapping[str, Policy],
    exposures: Exposures,
    result: Validity,
) -> Said:
    """Read a Gen2 registry elsewhere just as one that is converted."""
    types = {key.dataset_type for key in masters}
    found = read_elsewhere(camera, source.path, types, ForeignIndex(masters, camera.physical_filter).find)
    columns = {camera.time_column(c).name for c in camera.calibrations}
    times = {(name, key): value for name in columns for key, value in exposures.items()}
    recipe = Recipe(source.path, overlaps=policies)
    plan_claims(camera, recipe, masters, found.claims, count_all(found.ranges), times, result, elsewhere=True)
    refused = {claim.master for claim in found.claims} - result.spans.keys()
    return Said(refused=refused, rejects=found.rejects, skips=found.skips)


def _plan_explicit(
    masters: Mapping[MasterKey, Master],
    said: Said,
    policies: Mapping[str, Policy],
    exposures: Exposures,
    movable: bool,
    result: Validity,
) -> None:
    """Make the ranges that a source gives disjoint, by the policies."""
    groups: dict[str, dict[DataId, list[Claimed]]] = defaultdict(lambda: defaultdict(list))
    for key, span in said.claims:
        # What has a claim without length is known to be meant, and has no range.
        result.spans.setdefault(key, [])
        if not span.is_empty:
            calib_ns = to_tai(parse_time(masters[key].calib_date.strip()), "utc")
            groups[key.dataset_type][key.data_id].append(Claimed(key, span, calib_ns))
    for dataset_type, by_data_id in sorted(groups.items()):
        policy = policies.get(dataset_type, policies.get("*", Policy.FAIL))
        remedy = "leave one of them out" if movable else "correct what is said of them"
        settler = Settler(dataset_type, policy, remedy)
        on_boundary = _OnBoundary(dataset_type)
        for data_id, claimed in sorted(by_data_id.items(), key=_by_data_id):
            spans = settler.resolve(settler.unite(claimed))
            known = exposures.get(data_id.physical_filter)
            if known is not None and movable:
                spans = settler.clear(spans, known.by_middle(), data_id.physical_filter)
            elif known is not None:
                on_boundary.look(data_id, spans, known)
            for claim in spans:
                result.spans[claim.master].append(claim.span)
        settler.report(
            result, {"whole-exposure": "the boundary would cut an exposure, which Gen3 matches as a whole"}
        )
        result.decisions += on_boundary.decisions()


def _by_data_id(item: tuple[DataId, object]) -> tuple[str, int]:
    data_id = item[0]
    return data_id.physical_filter or "", -1 if data_id.detector is None else data_id.detector


class _OnBoundary:
    """Boundaries between two masters that cut a known exposure, of one dataset type."""

    def __init__(self, dataset_type: str) -> None:
        self._type = dataset_type
        # Detectors mostly have equal boundaries.
        self._counts: dict[tuple[str | None, int, int], int] = {}
        self._found: dict[tuple[str | None, str, str, int, int], list[DataId]] = defaultdict(list)

    def look(self, data_id: DataId, claims: Sequence[Claimed], exposures: ExposureTimes) -> None:
        """Look at the boundaries of one data ID, whose spans are sorted."""
        for left, right in pairwise(claims):
            end, begin = left.span.end, right.span.begin
            if end is None or begin is None or end > begin or left.master == right.master:
                continue
            key = data_id.physical_filter, end, begin
            if key not in self._counts:
                near = exposures.near(end, begin)
                self._counts[key] = int(((near.begin < end) & (near.end > begin)).sum())
            if self._counts[key]:
                stamps = left.master.stamp, right.master.stamp
                self._found[data_id.physical_filter, *stamps, end, begin].append(data_id)

    def decisions(self) -> list[Decision]:
        """One decision per boundary and pair of masters."""
        found = []
        for (physical_filter, left, right, end, begin), data_ids in sorted(self._found.items(), key=str):
            count = self._counts[physical_filter, end, begin]
            exposures = f"{count} exposure{'' if count == 1 else 's'}"
            boundary = format_tai(end) if end == begin else f"{format_tai(end)} to {format_tai(begin)}"
            found.append(
                Decision(
                    "exposure-on-boundary",
                    f"{self._type}{describe(physical_filter, data_ids)}",
                    f"{left} and {right} meet at {boundary}",
                    f"as stated; Gen3 finds both for {exposures}",
                    "the source gives this boundary, so it is not moved",
                    self._type,
                )
            )
        return found


def _report_unmatched(masters: Mapping[MasterKey, Master], result: Validity) -> None:
    """Say of which masters nothing is said."""
    unmatched: dict[tuple[str, str, str | None], list[DataId]] = defaultdict(list)
    for key in masters:
        if key not in result.spans and key not in result.refused:
            unmatched[key.dataset_type, key.stamp, key.data_id.physical_filter].append(key.data_id)
    for (dataset_type, stamp, physical_filter), data_ids in sorted(unmatched.items(), key=str):
        result.skips.append(
            Skip(
                f"{dataset_type} {stamp}{describe(physical_filter, data_ids)}",
                "nothing is said of its validity: written without a range",
            )
        )
