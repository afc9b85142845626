"""The plan of ``curate``: a data package, and files that the user has."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from lsst.daf.butler import Butler, DatasetRef

from adapters.camera import GENERIC, Camera
from adapters.curated.handed import ingestible
from adapters.curated.layout import Place
from adapters.curated.package import CuratedPackage, Reading, read_package
from adapters.curated.types import STANDARD_TYPES, Curated
from adapters.gen2.files import printable

from .. import names
from ..curate_recipe import CurateRecipe
from ..curated import validity_spans
from ..datastore import stored_files
from ..ledger import Item, Ledger
from ..nouns import CuratedFile, DataId, Skip, UsageError
from ..operations import Certify, Ingest, IngestFile, RegisterDatasetType
from ..progress import Progress, no_progress
from ..target import TargetState, local_path, read_target
from ..timespans import Span, stamp
from ..writers.curated_files import Job, Made, destination, do_jobs
from .beginning import begin_plan
from .collections import plan_collections
from .curated_difference import CuratedDifference, Key, Wanted, compare_curated
from .datasets import check_dataset_type
from .hand_offs import plan_curated_hand_offs
from .handed_files import digest, plan_given
from .items import dataset_name
from .plan import Plan
from .which_camera import camera_of


class PackageReader:
    """Reads texts and makes their files; each once.

    Parameters
    ----------
    run
        Name of the RUN of a begin of validity.
    known
        Digests of the texts of datasets that are there, by dataset.
    directory
        Where files are made, `None` to look at them only.
    workers
        Processes.
    progress
        Shows what takes long.
    """

    def __init__(
        self,
        run: RunNamer,
        known: Mapping[Key, str],
        directory: Path | None,
        workers: int,
        progress: Progress,
    ) -> None:
        self.made: dict[str, Made] = {}
        self._run, self._known, self._directory = run, known, directory
        self._workers, self._progress = workers, progress

    def __call__(self, places: Sequence[Place], curated: Curated) -> Iterator[Reading]:
        """Read files, in the order of their places."""
        jobs = [
            Job(
                place,
                curated,
                self._known.get((place.dataset_type.name, self._run(place.valid_from), place.data_id), ""),
                destination(self._directory, number),
            )
            for number, place in enumerate(places)
        ]
        for job, done in zip(
            jobs, self._progress(do_jobs(jobs, self._workers), "texts", len(jobs)), strict=True
        ):
            if done.made is not None:
                self.made[str(job.place.path)] = done.made
            yield done.reading


class RunNamer:
    """The RUNs of one label, by the begin of validity (which is ``CALIBDATE``)."""

    def __init__(self, instrument: str, label: str) -> None:
        self.prefix = names.curated_run(instrument, label, "")
        self._instrument, self._label = instrument, label

    def __call__(self, date: str) -> str:
        """Name of the RUN of a date."""
        return names.curated_run(self._instrument, self._label, stamp(date))


def make_curate_plan(
    recipe: CurateRecipe,
    target: str,
    butler: Butler | None,
    ledger: Ledger | None = None,
    directory: Path | None = None,
    progress: Progress = no_progress,
) -> Plan:
    """Do everything but write.

    Parameters
    ----------
    recipe
        All choices.
    target
        Butler repository, which need not exist yet.
    butler
        The same, opened; `None` if it does not exist.
    ledger
        What is known of the texts of datasets that are there.
    directory
        Where the files of the package's datasets are made, from which
        `converter.apply.apply` moves them into the target; `None` if nothing
        is going to be written.
    progress
        Shows what takes long.

    Raises
    ------
    UsageError
        The package is none, the camera cannot be told, or a choice makes no
        sense.
    """
    camera = camera_of(recipe.camera, target, butler, "the calibrations")
    instrument = camera.instrument.name
    require_outside(target, recipe)
    _check(recipe, camera)
    collection = names.calibration_collection(instrument, recipe.label)
    rules = (*camera.hand_offs, *camera.also_curated)
    types = {*STANDARD_TYPES, *ingestible(camera), *(r.dataset_type for r in rules)}
    state = read_target(butler, instrument, types)
    source = recipe.package or "files"
    plan = begin_plan("curate", source, camera, recipe, state)
    plan.is_by_type = True
    given, plan.rejects = plan_given(camera, recipe.label, recipe.given())
    runs = RunNamer(instrument, recipe.label)
    recorded = ledger.digests() if ledger is not None else {}
    known = {
        (t, run, d): recorded[name]
        for (t, run), data_ids in state.datasets.items()
        for d in data_ids
        if (name := dataset_name(t, run, d)) in recorded
    }
    reader = PackageReader(runs, known, directory, recipe.workers, progress)
    package = CuratedPackage((), (), (), (), ())
    if recipe.package:
        package = read_package(camera, recipe.package, recipe.wants, reader)
    plan.rejects += package.rejects
    plan.skips += package.skips
    plan.skips += [
        Skip(printable(f.path), f"handed off as {f.dataset_type}: the stack has to write it", f.path)
        for f in package.handed_off
    ]
    wanted, texts = _of_package(package, runs, reader.made)
    wanted += given
    written = {t.name for t in STANDARD_TYPES.values() if t.written and recipe.wants(t.name)}
    differing = _differing(wanted, state, reader.made, butler, instrument)
    difference = compare_curated(
        wanted,
        state,
        collection,
        runs.prefix,
        written if recipe.package else (),
        differing,
        ledger.rejected() if ledger is not None else (),
    )
    plan.conflicts += difference.conflicts
    plan.folded |= difference.folded
    if ledger is not None and ledger.exists:
        plan.folded |= _fold_strangers(difference.conflicts, differing, known, collection, runs.prefix)
    _add_operations(plan, camera, collection, difference, state)
    plan.collections, plan.chains, conflicts = plan_collections(
        instrument,
        recipe.label,
        (i.run for i in plan.ingests),
        bool(wanted),
        False,
        state,
        recipe.make_default,
    )
    plan.conflicts += conflicts
    plan.items = {item.dataset: item for item in _items(wanted, texts)}
    plan.present = [dataset_name(*w.key) for w in difference.existing]
    plan.hand_offs = plan_curated_hand_offs(camera, recipe.label, target, state, wanted, package.handed_off)
    return plan


def require_outside(target: str, recipe: CurateRecipe) -> None:
    """Nothing is ever written into a package.

    Raises
    ------
    UsageError
        The target is in it.
    """
    root = local_path(target)
    if root is not None and recipe.package and root.resolve().is_relative_to(Path(recipe.package).resolve()):
        raise UsageError(f"{target} is inside the package {recipe.package}; give a directory outside of it")


def _check(recipe: CurateRecipe, camera: Camera) -> None:
    """Refuse choices that would act in silence."""
    for pattern in recipe.types:
        if not any(fnmatchcase(name, pattern) for name in STANDARD_TYPES):
            raise UsageError(
                f"types: {pattern!r} matches no type of curated calibrations: {', '.join(STANDARD_TYPES)}"
            )
    if camera.curated is None and recipe.package:
        raise UsageError(
            f"there is no package of curated calibrations for {camera.instrument.name}; "
            "leave the package out, and give files with --camera-file or --ingest"
        )


def _of_package(
    package: CuratedPackage, runs: RunNamer, made: Mapping[str, Made]
) -> tuple[list[Wanted], dict[str, CuratedFile]]:
    """Datasets of a package, and its files by path."""
    wanted = []
    for file, span in validity_spans(package.files, package.starts):
        path = made[file.path].path if file.path in made else ""
        wanted.append(
            Wanted(
                file.dataset_type,
                runs(file.calib_date),
                file.data_id,
                span,
                IngestFile(path, GENERIC, ((file.dataset_type, file.data_id),), is_made=True),
                file.path,
                file.valid_from,
            )
        )
    return wanted, {f.path: f for f in package.files}


def _differing(
    wanted: Iterable[Wanted],
    state: TargetState,
    made: Mapping[str, Made],
    butler: Butler | None,
    instrument: str,
) -> dict[Key, str]:
    """Which of the datasets that are there have another content, and how it differs.

    Those whose text is known from the ledger were not made again.
    """
    there = {
        w.key: w
        for w in wanted
        if w.data_id in state.datasets.get((w.dataset_type, w.run), ())
        and (not w.file.is_made or w.source in made)
    }
    if butler is None or not there:
        return {}
    paths = stored_paths(butler, instrument, there)
    result: dict[Key, str] = {}
    for key, one in there.items():
        stored = paths.get(key, "")
        if not os.path.isfile(stored):
            result[key] = f"its file is not in the repository ({stored or 'nothing is recorded'})"
            continue
        new = made[one.source].sha256 if one.file.is_made else ""
        if not one.file.is_made and os.path.samefile(stored, one.source):
            continue
        if digest(stored) != (new or digest(one.source)):
            result[key] = f"{one.run} has another content than {_called(one)} gives"
    return result


def _fold_strangers(
    conflicts: Sequence[str], differing: Iterable[Key], known: Collection[Key], collection: str, prefix: str
) -> dict[str, str]:
    """One line for all conflicts with a package's datasets that no conversion wrote."""
    strangers = [key for key in differing if key[1].startswith(prefix)]
    if not strangers or any(run.startswith(prefix) for _, run, _ in known):
        return {}
    number = f"{len(strangers)} dataset{' has' if len(strangers) == 1 else 's have'}"
    line = (
        f"{collection}: {number} the names that curate gives, another content, and no conversion wrote them, as "
        "after the stack's butler write-curated-calibrations with the same label; keep what is there, or write "
        "to a new collection with --label NEW"
    )
    return dict.fromkeys(conflicts, line)


def _called(one: Wanted) -> str:
    # Without its directory, so that those of all detectors are told together.
    return "the package's text" if one.file.is_made else printable(one.source)


def stored_paths(butler: Butler, instrument: str, keys: Collection[Key]) -> dict[Key, str]:
    """Where the files of datasets are, by a fixed number of queries for each dataset type."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for dataset_type, run, _ in keys:
        wanted[dataset_type].add(run)
    refs: dict[Key, DatasetRef] = {}
    for dataset_type, runs in wanted.items():
        with butler.query() as query:
            found = query.datasets(dataset_type, sorted(runs), find_first=False).where(instrument=instrument)
            for ref in found:
                values = {k: v for k, v in ref.dataId.required.items() if k != "instrument"}
                refs[dataset_type, ref.run, DataId(**values)] = ref
    refs = {key: ref for key, ref in refs.items() if key in keys}
    paths = stored_files(butler, refs.values())
    return {key: paths[str(ref.id)] for key, ref in refs.items() if str(ref.id) in paths}


def _add_operations(
    plan: Plan, camera: Camera, collection: str, difference: CuratedDifference, state: TargetState
) -> None:
    instrument = camera.instrument.name
    known = {t.name: (t.dimensions, t.storage_class) for t in STANDARD_TYPES.values()} | {
        name: (how.dimensions, how.storage_class) for name, how in ingestible(camera).items()
    }
    used = {w.dataset_type for w in (*difference.new, *difference.existing)}
    for name in sorted(used):
        dimensions, storage_class = known[name]
        wanted = RegisterDatasetType(name, ("instrument", *dimensions), storage_class, is_calibration=True)
        if problem := check_dataset_type(wanted, state):
            plan.conflicts.append(problem)
        elif name not in state.dataset_types:
            plan.types.append(wanted)
    files: dict[tuple[str, str], list[IngestFile]] = defaultdict(list)
    ranges: dict[tuple[str, Span], list[tuple[str, DataId]]] = defaultdict(list)
    for one in difference.new:
        files[one.dataset_type, one.run].append(one.file)
        ranges[one.dataset_type, one.span].append((one.run, one.data_id))
    plan.ingests = [Ingest(instrument, run, tuple(found)) for (_, run), found in sorted(files.items())]
    plan.certifies = [
        Certify(instrument, collection, dataset_type, span, tuple(datasets))
        for (dataset_type, span), datasets in ranges.items()
    ]
    plan.written = Counter(w.dataset_type for w in difference.new)
    plan.existing = Counter(w.dataset_type for w in difference.existing)
    plan.certified = Counter(plan.written)


def _items(wanted: Iterable[Wanted], texts: Mapping[str, CuratedFile]) -> Iterator[Item]:
    """What the ledger says of each dataset, as if it was written."""
    for one in wanted:
        text = texts.get(one.source)
        if text is None:
            status = os.stat(one.source)
            size, mtime_ns, sha256 = status.st_size, status.st_mtime_ns, digest(one.source)
        else:
            size, mtime_ns, sha256 = text.size, text.mtime_ns, text.sha256
        yield Item(
            source=one.source,
            key="",
            file=one.source,
            size=size,
            mtime_ns=mtime_ns,
            sha256=sha256,
            dataset_id=None,
            dataset=dataset_name(*one.key),
            validity=f"{one.when} -> {one.span}",
            state="done",
            reason="",
        )
