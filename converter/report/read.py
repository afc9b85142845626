"""Reads a repository, its ledger and the Gen2 repository into a report. Nothing is written."""

from __future__ import annotations

import datetime
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from lsst.daf.butler import Butler, CollectionType

from adapters.gen2.source import Gen2Source, open_source

from .. import history, names
from ..answers import search_order
from ..apply import versions
from ..ledger import Ledger
from ..nouns import UsageError
from ..progress import Progress, no_progress
from ..question import find_instrument
from ..readiness import camera_of
from ..recipe import Recipe
from ..status import InstrumentStatus, status
from ..target import is_readable, open_reading, read_associations
from ..timespans import Span
from ..verify import Verification, verify
from .before import Before, Key, ranges_of_ledger, ranges_of_source
from .coverage import make_coverage
from .focal_plane import make_focal_plane
from .lists import Agreement, agreement_tables, read_counts, read_lists, type_table
from .lookups import read_lookups
from .model import Exposure, Provenance, Report, Table, Timeline
from .recorded import RecordedRanges, read_ranges_recorded
from .timeline import After, make_rows


@dataclass(frozen=True)
class _Place:
    """What a report is made of."""

    target: str
    butler: Butler
    instrument: str
    ledger: Ledger | None
    recipe: Recipe | None
    source: Gen2Source | None


def read_report(
    target: str,
    recipe: Recipe | None = None,
    ledger: Path | None = None,
    *,
    needs_root: bool = False,
    instrument: str = "",
    verification: Verification | None = None,
    progress: Progress = no_progress,
) -> Report:
    """Read all that a report shows.

    Parameters
    ----------
    target
        Butler repository.
    recipe
        Where the Gen2 repository is and how it was read, `None` if that is
        not known.
    ledger
        Where conversions are recorded, which need not be there.
    needs_root
        Whether it is an error if the Gen2 repository is not there any more;
        otherwise the report says so.
    instrument
        Gen3 instrument name, ``""`` for that of the Gen2 repository, or the
        only one.
    verification
        A comparison with Gen2 that was just made; otherwise it is made now,
        or taken from the ledger if the Gen2 repository is gone.
    progress
        Shows what takes long.

    Raises
    ------
    UsageError
        There is no repository, no instrument of that name or several of them,
        or the Gen2 repository is needed and not there.
    """
    butler = open_reading(target)
    if butler is None:
        raise UsageError(f"{target}: there is no Butler repository")
    book = Ledger(ledger) if ledger is not None and ledger.is_file() else None
    unknown: list[str] = []
    if book is None:
        unknown.append("There is no ledger: decisions, rejects, skips and conversions are not known.")
    source = _open(recipe, needs_root, unknown)
    of_root = "" if source is None else source.camera.instrument.name
    found = find_instrument(butler, target, instrument or of_root)
    if source is not None and of_root != found:
        unknown.append(f"The Gen2 repository is of {of_root}, so nothing is said of it here.")
        source = None
    place = _Place(target, butler, found, book, recipe, source)
    state = next(i for i in status(target, ledger).instruments if i.name == found)
    agreement = _agreement(place, verification, unknown, progress)
    lists = read_lists(book, state)
    lookups = read_lookups(butler, found)
    report = Report(
        found,
        f"{found}: from Gen2 to Gen3",
        _now(),
        read_counts(book, state, lists, agreement),
        tuple(unknown),
        (type_table(state), *agreement_tables(agreement)),
        _timeline(place, state),
        make_coverage(lookups),
        make_focal_plane(lookups, camera_of(found)),
        lists,
        _provenance(place, state),
    )
    butler.close()
    return report


def _open(recipe: Recipe | None, needs_root: bool, unknown: list[str]) -> Gen2Source | None:
    if recipe is None:
        unknown.append("No conversion from a Gen2 repository is recorded; name one as ROOT.")
        return None
    try:
        return open_source(
            recipe.root, recipe.camera, recipe.calib, recipe.allow_outside, recipe.templates, recipe.max_rows
        )
    except UsageError as exc:
        if needs_root:
            raise
        unknown.append(
            f"The Gen2 repository cannot be read any more ({exc}); its ranges are those of the ledger."
        )
        return None


def _agreement(
    place: _Place, given: Verification | None, unknown: list[str], progress: Progress
) -> Agreement | None:
    if given is not None:
        return Agreement(
            given, f"recorded at {given.recorded_utc}" if given.recorded_utc else "compared just now"
        )
    if place.source is not None and place.recipe is not None:
        path = None if place.ledger is None else place.ledger.path
        found = verify(place.target, place.recipe, path, progress, place.source)
        return Agreement(found, "compared for this report")
    rows = (
        place.ledger.rows("select result, recorded_utc from verifications order by rowid desc limit 1")
        if place.ledger is not None
        else []
    )
    for row in rows:
        recorded = Verification.from_dict(json.loads(row["result"]), row["recorded_utc"])
        unknown.append("The comparison with Gen2 is the recorded one; it cannot be made again without Gen2.")
        return Agreement(recorded, f"recorded at {row['recorded_utc']}")
    unknown.append("How the answers compare with those of Gen2 is not known.")
    return None


def _timeline(place: _Place, state: InstrumentStatus) -> Timeline:
    recorded = (
        RecordedRanges() if place.ledger is None else read_ranges_recorded(place.ledger, place.instrument)
    )
    before, source = _before(place, recorded)
    collection = state.chain if state.order is not None else ", ".join(state.collections)
    originals = {(w.dataset_type, w.run, w.data_id): w.original for w in recorded.written.values()}
    rows = make_rows(before, _after(place, state), originals, recorded.decisions)
    return Timeline(rows, _exposures(place), collection, source)


def _before(place: _Place, recorded: RecordedRanges) -> tuple[Mapping[Key, list[Before]], str]:
    if place.source is not None and place.recipe is not None:
        found = ranges_of_source(place.source, place.recipe)
        text = (
            "Gen2 ranges are those of the registries, as a conversion reads them, before anything is decided."
        )
        # Files that were moved, or deleted since: their rows mean nothing any more.
        gone = ranges_of_ledger(recorded.written, recorded.first, found)
        if gone:
            number = sum(map(len, gone.values()))
            text += f" {number} of masters that are not there any more are those that the ledger kept."
        merged = {key: [*found.get(key, ()), *gone.get(key, ())] for key in found.keys() | gone.keys()}
        return merged, text
    kept = ranges_of_ledger(recorded.written, recorded.first)
    if not kept:
        return kept, "Gen2 ranges are not known: there is neither the Gen2 repository nor a record of them."
    return kept, "Gen2 ranges are those that the ledger kept; masters that were rejected are not among them."


def _after(place: _Place, state: InstrumentStatus) -> Mapping[Key, list[After]]:
    """What is certified, in the collections that a search of calibrations looks in."""
    chain = names.calibration_chain(place.instrument)
    order = [
        name for name, kind in search_order(place.butler, chain) if kind is CollectionType.CALIBRATION
    ] or state.collections
    types = {
        t.name for t in place.butler.registry.queryDatasetTypes() if t.isCalibration() and is_readable(t)
    }
    rank = {name: number for number, name in enumerate(order)}
    result: dict[Key, list[After]] = defaultdict(list)
    for (collection, dataset_type), rows in read_associations(
        place.butler, place.instrument, types, order
    ).items():
        for row in rows:
            result[dataset_type, row.data_id].append(After(row.run, row.span, collection, rank[collection]))
    return result


def _exposures(place: _Place) -> tuple[Exposure, ...]:
    records = place.butler.query_dimension_records(
        "exposure", instrument=place.instrument, explain=False, limit=None
    )
    found = [
        Exposure(r.id, Span(*r.timespan.nsec), r.physical_filter) for r in records if r.timespan is not None
    ]
    return tuple(sorted(found, key=lambda e: (e.span.begin or 0, e.number)))


def _provenance(place: _Place, state: InstrumentStatus) -> Provenance:
    used = ", ".join(f"{name} {number}" for name, number in versions().items())
    facts = [
        ("repository", str(Path(place.target).absolute()) if "://" not in place.target else place.target),
        ("instrument", place.instrument),
        ("camera", state.camera or "none declares it"),
        ("calibrations are searched in", state.chain if state.order is not None else "nothing"),
        ("CALIBRATION collections", ", ".join(state.order or state.collections) or "none"),
        ("Gen2 root", place.recipe.root if place.recipe is not None else "not known"),
        ("Gen2 root is there", "yes" if place.source is not None else "no"),
        ("ledger", str(place.ledger.path.absolute()) if place.ledger is not None else "none"),
        ("ready for ISR", str(state.ready)),
        ("this report is of", f"{used}, bokeh {version('bokeh')}"),
    ]
    return Provenance(
        tuple(facts),
        place.recipe.to_yaml() if place.recipe is not None else "",
        place.source.fingerprint() if place.source is not None else "",
        _conversions(place.ledger),
    )


def _conversions(ledger: Ledger | None) -> Table:
    columns = (
        *("conversion", "command", "begun (UTC)", "finished (UTC)", "written", "certified", "rejects"),
        *("skips", "decisions", "undone by", "versions"),
    )
    if ledger is None:
        return Table("conversions", "Conversions", columns, (), "Not known: there is no ledger.")
    more = {row["id"]: row for row in ledger.rows("select id, versions, undone_by from conversions")}
    rows = tuple(
        (
            c.number,
            c.command,
            c.started_utc,
            c.finished_utc or "not finished",
            c.written,
            c.certified,
            c.rejected,
            c.skipped,
            c.decisions,
            more[c.number]["undone_by"],
            ", ".join(f"{k} {v}" for k, v in json.loads(more[c.number]["versions"] or "{}").items()),
        )
        for c in history.conversions(ledger)
    )
    return Table("conversions", "Conversions", columns, rows)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
