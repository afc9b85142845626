"""The plan of a conversion: from a Gen2 root and the state of the target to operations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from adapters.camera import Camera
from adapters.gen2.overrides import changed_templates
from adapters.headers import HeaderJob, read_exposures

from .. import names
from ..apply import ledger_path
from ..chosen import chosen_rows, known_observations
from ..contents import match_masters, match_raws
from ..decisions import Decision
from ..file_records import Records
from ..gather import Gathered, check_files, gather
from ..ledger import Ledger
from ..movable import why_not_movable
from ..nouns import DataId, ExposureRecord, MasterKey, RawFile, Reject, UsageError
from ..operations import InsertExposures
from ..progress import Progress, no_progress
from ..recipe import Recipe
from ..target import TargetState, open_reading, read_target, require_splitting
from .beginning import begin_plan
from .collections import plan_collections
from .current import add_datasets, add_told, plan_current_masters
from .datasets import DatasetPlan, chunks, plan_raws
from .folding import fold_modified, fold_rows
from .hand_offs import plan_hand_offs
from .items import SourceItems, dataset_name
from .plan import Plan
from .raw_versions import RawVersions, compare_headers, settle_raws, tell_changed
from .related import KnownExposure, known_exposures, related_masters, report_unrelated
from .superseding import Settled
from .validity import exposure_times, plan_validity
from .vanished import report_vanished
from .visits import converted_exposures, plan_visits


def make_plan(
    recipe: Recipe, target: str, progress: Progress = no_progress, ledger: str | None = None
) -> Plan:
    """Do everything but write.

    Parameters
    ----------
    recipe
        All choices.
    target
        Butler repository, which need not exist yet.
    progress
        Shows what takes long.
    ledger
        Ledger file, `None` for the one in the repository's root.

    Returns
    -------
    plan
        With all conflicts that the Butler would raise.

    Raises
    ------
    UsageError
        The root is no Gen2 root, its camera is not supported, or the target
        is inside of it, or exists and is no Butler repository, or masters
        cannot be split there.
    """
    require_outside(target, recipe)
    butler = open_reading(target)
    if recipe.split_masters and butler is not None:
        require_splitting(butler)  # now, and not after an hour of headers
    gathered = gather(recipe)
    camera = gathered.source.camera
    instrument = camera.instrument.name
    dataset_types = {camera.raw.dataset_type, *(c.dataset_type for c in camera.calibrations)}
    dataset_types |= {rule.dataset_type for rule in camera.hand_offs}
    state = read_target(butler, instrument, dataset_types)
    plan = begin_plan("convert", recipe.root, camera, recipe, state, recipe.update_instrument)
    plan.once += plan.decisions
    plan.rejects += gathered.rejects
    plan.skips += gathered.skips
    plan.decisions += _template_decisions(camera)
    plan.files_digest = gathered.source.digest

    book = ledger_path(target, ledger)
    known = Records(book, butler, instrument, recipe.checksum)
    versions = settle_raws(camera, recipe, state, gathered.raws.files, known)
    rejected = Ledger(book).rejected() if book is not None and butler is not None else set()
    raws, records = _plan_raws(gathered, recipe, state, plan, versions, rejected, progress)
    masters, settled = _plan_masters(gathered, recipe, state, plan, known_exposures(state, records), known)
    for part in (masters, raws):
        add_datasets(plan, part)
        plan.present += [dataset_name(*what) for what in part.present]
    plan.once += raws.decisions
    # These are read again, or are changes of what was there: what comes of them then is not known now.
    plan.may_differ |= bool(raws.rejects or masters.decertifies or masters.decisions or masters.rejects)
    plan.may_differ |= bool(versions.changed or versions.bad or settled.decisions or settled.rejects)
    # Of a file that has become bad, the ledger keeps what it says.
    bad = {master.path for key, master in settled.masters.items() if key in settled.bad} | versions.bad.keys()
    plan.exposures = [InsertExposures(instrument, tuple(batch)) for batch in chunks(records)]
    plan.ingests = [*raws.ingests, *masters.ingests]
    if recipe.define_visits:
        visits = plan_visits(camera, butler, converted_exposures(raws), records, recipe.visit_grouping)
        plan.visits, plan.visit_counts = visits.operations, visits.counts
        plan.skips += visits.skips
        plan.conflicts += visits.conflicts
    plan.collections, plan.chains, conflicts = plan_collections(
        instrument,
        recipe.label,
        [*raws.runs, *masters.runs],
        with_calibs=bool(masters.written or masters.existing),
        with_raws=bool(raws.written or raws.existing),
        target=state,
    )
    plan.conflicts += conflicts
    wanted = {rule: files for rule, files in gathered.hand_offs.items() if recipe.wants(rule.dataset_type)}
    calib = gathered.source.calibs[0].root if gathered.source.calibs else gathered.source.root.root
    with_calibs = bool(masters.written or masters.existing)
    plan.hand_offs = plan_hand_offs(camera, recipe.label, target, state, with_calibs, wanted, calib)
    plan.fingerprint = _fingerprint(gathered, state, plan)
    digest = known.digest if recipe.checksum else None
    plan.items = SourceItems(
        instrument,
        recipe.label,
        settled.masters,
        settled.spans,
        gathered.raws.files,
        versions.numbers,
        digest,
    )
    if bad:
        plan.present = [name for name in plan.present if plan.items[name].file not in bad]
    plan.renewed = known.renewed
    plan.folded |= fold_rows(plan.rejects) | fold_modified([*versions.modified, *settled.modified], known)
    # What the ledger knows of a repository that is gone is told of the next one.
    plan.may_differ |= book is not None and butler is None and Ledger(book).exists
    if book is not None and butler is not None and not recipe.is_part:
        plan.skips += report_vanished(
            camera,
            recipe.label,
            Ledger(book).files_of(plan.command),
            [str(gathered.source.raw_root), *(str(c.root) for c in gathered.source.calibs)],
            plan.items,
            lambda: chain(gathered.masters, gathered.missing, settled.keys),
            gathered.raws.observations,
            plan.rejects,
            settled.versions,
        )
    return plan


def _template_decisions(camera: Camera) -> list[Decision]:
    return [
        Decision(
            "template-override",
            dataset_type,
            before,
            after,
            "the recipe says that the repository has other paths than the camera",
            dataset_type,
        )
        for dataset_type, before, after in changed_templates(camera)
    ]


def require_outside(target: str, recipe: Recipe) -> None:
    """Nothing is ever written into a Gen2 repository."""
    if "://" in target:
        return
    real = Path(target).resolve()
    for root in (recipe.root, *recipe.calib):
        # The root itself is no Butler repository, and is refused as such.
        if real != Path(root).resolve() and real.is_relative_to(Path(root).resolve()):
            raise UsageError(
                f"{target} is inside the Gen2 repository {root}, where nothing is written; "
                "give a directory outside of it"
            )


def _not_movable(paths: Iterable[str], recipe: Recipe) -> dict[str, str]:
    """Files that may not be deleted are not converted where files are to be moved."""
    if recipe.transfer != "move":
        return {}
    roots = (recipe.root, *recipe.calib)
    return {path: why for path in set(paths) if (why := why_not_movable(path, roots))}


def _plan_raws(
    gathered: Gathered,
    recipe: Recipe,
    state: TargetState,
    plan: Plan,
    versions: RawVersions,
    rejected: Collection[str],
    progress: Progress,
) -> tuple[DatasetPlan, list[ExposureRecord]]:
    """Check new raw files, read one header for each exposure that has any, plan the rest."""
    camera = gathered.source.camera
    raw_type = camera.raw.dataset_type

    def is_new(file: RawFile) -> bool:
        run = names.raw_run(camera.instrument.name, versions.numbers.get(file.path, 0))
        there = state.datasets.get((raw_type, run), ())
        return any(DataId(detector=d, exposure=file.exposure) not in there for d in file.detectors)

    files = gathered.raws.files
    new = [f for f in files if is_new(f)]
    bad = check_files((f.path for f in new), recipe.workers)
    bad |= _not_movable((f.path for f in new), recipe)
    matched = match_raws(camera, [f for f in new if f.path not in bad], recipe.detectors)
    plan.rejects += matched.rejects
    plan.skips += matched.skips
    plan.once += matched.skips
    unreadable = len(bad)
    named = {f.path for f in new}
    files = [*(f for f in files if f.path not in named), *matched.files]
    new = matched.files
    by_exposure: dict[int, list[str]] = {}
    for file in new:
        by_exposure.setdefault(file.exposure, []).append(file.path)
    jobs = _header_jobs(by_exposure, rejected)
    records: dict[int, ExposureRecord] = {}
    while jobs:
        foreign: list[HeaderJob] = []
        for result in progress(read_exposures(jobs, camera, recipe.workers), "headers", len(jobs)):
            plan.header_reads += result.reads
            for reject in result.rejects:
                bad.setdefault(
                    reject.item, f"{reject.reason}; restore the file, or leave it out with --exclude"
                )
            if result.record is None or result.path is None:
                continue
            said = result.record.exposure["id"]
            if said == result.exposure:
                records[result.exposure] = result.record
                continue
            bad[result.path] = (
                f"the header says exposure {said}, the registry {result.exposure}; "
                "correct the registry or restore the file"
            )
            # The other files of the exposure may be its own.
            paths = tuple(p for p in sorted(by_exposure[result.exposure]) if p not in bad)
            if paths:
                foreign.append(HeaderJob(result.exposure, paths))
        jobs = foreign
    plan.may_differ |= bool(matched.rejects) or len(bad) > unreadable
    plan.rejects += [Reject(path, why, path) for path, why in sorted((bad | versions.bad).items())]
    good = [f for f in files if f.path not in bad]
    plan.decisions += compare_headers(
        records, state, {c.file.exposure for c in versions.changed.values()}, raw_type
    )
    conflicts, folded, decisions = tell_changed(camera, versions, plan.rejects, recipe)
    plan.conflicts += conflicts
    plan.folded |= folded
    plan.decisions += decisions
    return plan_raws(camera, good, gathered.raws.observations, records, state, versions.numbers)


def _header_jobs(by_exposure: Mapping[int, Sequence[str]], rejected: Collection[str]) -> list[HeaderJob]:
    """One header of the new files of each exposure, and that of each file that was rejected before.

    Those are read again whatever the others say: the exposure is in the repository by now, but what was wrong with
    the file may still be.
    """
    jobs = []
    for exposure, paths in sorted(by_exposure.items()):
        again = sorted(path for path in paths if path in rejected)
        jobs += [HeaderJob(exposure, (path,)) for path in again]
        if others := tuple(sorted(path for path in paths if path not in rejected)):
            jobs.append(HeaderJob(exposure, others))
    return jobs


def _plan_masters(
    gathered: Gathered,
    recipe: Recipe,
    state: TargetState,
    plan: Plan,
    known: Mapping[int, KnownExposure],
    records: Records,
) -> tuple[DatasetPlan, Settled]:
    """Decide validity, check new master files, plan the rest."""
    camera = gathered.source.camera
    timespans = {number: (exposure.begin_ns, exposure.end_ns) for number, exposure in known.items()}
    # Also those that a subset leaves out: a boundary that was moved for them stays moved.
    others = known_observations(gathered.source, known) if recipe.is_part else ()
    times = exposure_times(camera, chain(gathered.raws.observations, others), timespans)

    def exists(key: MasterKey) -> bool:
        run = names.calibration_run(camera.instrument.name, recipe.label, key.stamp)
        return key.data_id in state.datasets.get((key.dataset_type, run), ())

    bad = check_files((m.path for key, m in gathered.masters.items() if not exists(key)), recipe.workers)
    bad |= _not_movable((m.path for key, m in gathered.masters.items() if not exists(key)), recipe)
    plan.rejects += [Reject(path, reason, path) for path, reason in sorted(bad.items())]
    plan.skips = [skip for skip in plan.skips if skip.path not in bad]
    good = {key: m for key, m in gathered.masters.items() if m.path not in bad}
    matched = match_masters(camera, good, recipe.detectors, split=recipe.split_masters)
    plan.rejects += matched.rejects
    plan.folded |= matched.folded
    plan.skips += matched.skips
    masters = matched.masters
    claims = [c for c in gathered.claims if c.master in masters]
    validity = plan_validity(camera, recipe, masters, claims, gathered.boundaries, times)
    add_told(plan, validity)
    if not recipe.split_masters:
        plan.decisions += _unreadable(camera, masters)
    kept = {key: m for key, m in masters.items() if key not in validity.refused}
    if recipe.related_only:
        rows = list(chosen_rows(gathered.source, recipe))
        related = related_masters(camera, rows, known, validity.spans)
        unrelated = {key: m for key, m in kept.items() if key not in related}
        kept = {key: m for key, m in kept.items() if key in related}
        # That a file without a row is ingested all the same is no longer so.
        unlisted = {m.path for m in unrelated.values() if not m.provenance.table}
        plan.skips = [skip for skip in plan.skips if skip.path not in unlisted]
        plan.skips += report_unrelated(camera.instrument.name, recipe.label, unrelated)
    return plan_current_masters(camera, recipe, state, kept, validity.spans, records, plan)


def _unreadable(camera: Camera, masters: Iterable[MasterKey]) -> list[Decision]:
    """Types whose files are recorded as they are although the stack's formatter does not read them."""
    there = {key.dataset_type for key in masters}
    return [
        Decision(
            "not-readable", f"{c.dataset_type} through {c.formatter}", "", "", c.unreadable, c.dataset_type
        )
        for c in camera.calibrations
        if c.unreadable and c.dataset_type in there
    ]


def _fingerprint(gathered: Gathered, state: TargetState, plan: Plan) -> str:
    """What the source's registries look like, and the target's calibrations once the plan is carried out."""
    instrument = gathered.source.camera.instrument.name
    searched = names.calibration_chain(instrument)
    children = {c.name: c.children for c in plan.chains}.get(searched, state.chains.get(searched, ()))
    ranges = Counter({key: len(rows) for key, rows in state.associations.items()})
    for certify in plan.certifies:
        ranges[certify.collection, certify.dataset_type] += len(certify.datasets)
    for decertify in plan.decertifies:
        ranges[decertify.collection, decertify.dataset_type] -= len(decertify.data_ids)
    source = gathered.source.fingerprint()
    if not source:
        return ""
    lines = [source, " ".join(children)]
    return "\n".join(lines + [f"{' '.join(key)} {number}" for key, number in sorted(ranges.items())])
