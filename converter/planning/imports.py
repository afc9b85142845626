"""The plan of an import: masters made elsewhere, and what another source says of their validity."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from adapters.camera import Camera
from adapters.sources.declaration import Declaration
from adapters.sources.delivery import Delivery, read_delivery
from adapters.sources.loading import load_declaration

from ..apply import ledger_path
from ..file_records import Records
from ..import_recipe import ImportRecipe
from ..nouns import Gen2to3Error, Skip, UsageError
from ..progress import Progress, no_progress
from ..target import TargetState, local_path, open_reading, read_target
from ..validity_sources import FromCards, FromTable, Source, parse_validity
from .beginning import begin_plan
from .collections import plan_collections
from .current import add_datasets, add_told, plan_current_masters
from .external import exposures_by_filter, plan_external
from .folding import fold_modified, fold_rows
from .hand_offs import plan_hand_offs
from .items import SourceItems, dataset_name
from .plan import Plan
from .settling import Validity
from .which_camera import camera_of

NO_VALIDITY = "ingested without a validity range: none was asked for with --validity"


def make_import_plan(
    recipe: ImportRecipe, target: str, progress: Progress = no_progress, ledger: str | None = None
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
        A source is missing, the camera cannot be told, or the target is
        something else than a Butler repository.
    """
    check_places(recipe, target)
    butler = open_reading(target)
    camera = camera_of(recipe.camera, target, butler, "the masters")
    with _named_in_the_call():
        source = combine([parse_validity(text) for text in recipe.validity])
        declarations = _declarations(recipe, camera)
    for _ in progress([recipe.sources], "headers", 1):
        delivery = read_delivery(
            camera,
            declarations,
            recipe.sources,
            recipe.wants,
            recipe.excludes,
            recipe.wants_detector,
            recipe.allow_outside,
            _cards(source),
            recipe.workers,
            recipe.split_masters,
        )
    camera = camera.redeclared(calibrations=(*camera.calibrations, *delivery.types))
    _check_types(recipe, camera)
    instrument = camera.instrument.name
    types = {*(c.dataset_type for c in camera.calibrations), *(r.dataset_type for r in camera.hand_offs)}
    state = read_target(butler, instrument, types)
    plan = begin_plan("import-calibs", ", ".join(recipe.sources), camera, recipe, state)
    plan.rejects += delivery.rejects
    plan.skips += delivery.skips
    records = Records(ledger_path(target, ledger), butler, instrument, recipe.checksum)
    _plan_masters(camera, recipe, delivery, source, state, records, plan)
    plan.folded |= fold_rows(plan.rejects)
    plan.hand_offs = plan_hand_offs(camera, recipe.label, target, state, bool(plan.written))
    return plan


@contextmanager
def _named_in_the_call() -> Iterator[None]:
    """What cannot be read as a whole was named in the call, so it is the call that cannot be carried out."""
    try:
        yield
    except UsageError:
        raise
    except Gen2to3Error as exc:
        raise UsageError(str(exc)) from exc


def check_places(recipe: ImportRecipe, target: str) -> None:
    """What is read is there, and nothing is written into it."""
    root = local_path(target)
    for source in map(Path, recipe.sources):
        if not source.exists():
            raise UsageError(
                f"{source}: there is no such file or directory; name files or directories with masters"
            )
        if root is not None and source.is_dir() and root.resolve().is_relative_to(source.resolve()):
            raise UsageError(f"{target} is inside the source {source}; give a directory outside of it")


def _declarations(recipe: ImportRecipe, camera: Camera) -> list[Declaration]:
    files = [*map(Path, recipe.declarations), *camera.delivery_files]
    if not files:
        raise UsageError(
            f"no delivery of {camera.instrument.name} is known; "
            "declare in YAML what the files are, and give it with --declaration"
        )
    return [load_declaration(path) for path in files]


def combine(sources: Sequence[Source]) -> Source | None:
    """One source of validity: tables add up, others stand alone.

    Raises
    ------
    UsageError
        Sources of several kinds were given.
    """
    tables = [path for source in sources if isinstance(source, FromTable) for path in source.paths]
    if tables and len(sources) == sum(isinstance(s, FromTable) for s in sources):
        return FromTable(tuple(tables))
    if len(sources) > 1:
        raise UsageError(
            "--validity: several tables add up, but other sources stand alone; "
            "import the dataset types one after the other with --types"
        )
    return sources[0] if sources else None


def _cards(source: Source | None) -> list[str]:
    return [card for card in (source.begin, source.end) if card] if isinstance(source, FromCards) else []


def _check_types(recipe: ImportRecipe, camera: Camera) -> None:
    """Refuse choices for dataset types and detectors that there are not: slips that would act in silence."""
    types = [c.dataset_type for c in camera.calibrations]
    for pattern in recipe.types:
        if not any(fnmatchcase(name, pattern) for name in types):
            raise UsageError(
                f"types: {pattern!r} matches no calibration type of {camera.instrument.name}: {', '.join(types)}"
            )
    for name in sorted(recipe.overlaps.keys() - {*types, "*"}):
        raise UsageError(
            f"overlaps: {name!r} is no calibration type of {camera.instrument.name}: {', '.join(types)}"
        )
    detectors = {d.id for d in camera.instrument.detectors}
    if unknown := [d for d in recipe.detectors if d not in detectors]:
        raise UsageError(
            f"detectors: {unknown[0]} is no detector of {camera.instrument.name}, "
            f"which has {min(detectors)}..{max(detectors)}"
        )


def _plan_masters(
    camera: Camera,
    recipe: ImportRecipe,
    delivery: Delivery,
    source: Source | None,
    state: TargetState,
    records: Records,
    plan: Plan,
) -> None:
    """Decide validity, and plan what the target lacks."""
    instrument = camera.instrument.name
    masters = delivery.masters
    if isinstance(source, FromCards):
        source = dataclasses.replace(source, cards=delivery.cards)
    if source is None:
        validity = Validity(
            skips=[Skip(path, NO_VALIDITY) for path in sorted({m.path for m in masters.values()})]
        )
    else:
        exposures = exposures_by_filter(state.exposures.values())
        with _named_in_the_call():
            validity = plan_external(camera, masters, source, recipe.overlaps, exposures)
    add_told(plan, validity)
    plan.skips += validity.skips
    kept = {key: m for key, m in masters.items() if key not in validity.refused}
    part, settled = plan_current_masters(camera, recipe, state, kept, validity.spans, records, plan)
    add_datasets(plan, part)
    plan.ingests = part.ingests
    plan.collections, plan.chains, conflicts = plan_collections(
        instrument, recipe.label, part.runs, bool(part.written or part.existing), False, state
    )
    plan.conflicts += conflicts
    digest = records.digest if recipe.checksum else None
    items = SourceItems(instrument, recipe.label, settled.masters, settled.spans, digest=digest)
    plan.items = items
    # Of a file that has become bad, the ledger keeps what it says.
    bad = {master.path for key, master in settled.masters.items() if key in settled.bad}
    present = (dataset_name(*what) for what in part.present)
    plan.present = [name for name in present if items[name].file not in bad]
    plan.renewed = records.renewed
    plan.folded |= fold_modified(settled.modified, records)
