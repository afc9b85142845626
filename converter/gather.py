"""Read a Gen2 repository into nouns, check its files, account for every one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from adapters.camera import HandOffRule
from adapters.gen2.calibrations import Calibrations
from adapters.gen2.directory import DirectoryIndex
from adapters.gen2.files import describe, printable, sniff_many
from adapters.gen2.leftovers import account_for
from adapters.gen2.masters import read_calibrations
from adapters.gen2.overrides import with_zones
from adapters.gen2.raws import Raws, read_raws
from adapters.gen2.source import Gen2Source, open_source, why_not

from .chosen import check_choices
from .nouns import DataId, Master, MasterKey, Reject, Skip, ValidityClaim
from .readings import Boundaries, count_boundaries
from .recipe import Recipe


@dataclass
class Gathered:
    """All that a Gen2 repository holds.

    Parameters
    ----------
    source
        The opened repository.
    raws
        Raw files and observations.
    masters, claims, boundaries
        Masters of all calibration roots, what is said of their validity, and
        how the ranges meet.
    rejects, skips
        What is not converted, and why.
    hand_offs
        Files that only the stack can convert, by rule.
    missing
        Masters that a row names and whose file is not there.
    """

    source: Gen2Source
    raws: Raws
    masters: dict[MasterKey, Master] = field(default_factory=dict)
    claims: list[ValidityClaim] = field(default_factory=list)
    boundaries: dict[str, dict[DataId, Boundaries]] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    hand_offs: dict[HandOffRule, list[str]] = field(default_factory=dict)
    missing: set[MasterKey] = field(default_factory=set)


def gather(recipe: Recipe) -> Gathered:
    """Open and read everything that the recipe asks for.

    Raises
    ------
    UsageError
        The root is no Gen2 root, its camera is not supported, or the recipe
        names dataset types or detectors that the camera does not have.
    """
    source = open_source(
        recipe.root, recipe.camera, recipe.calib, recipe.allow_outside, recipe.templates, recipe.max_rows
    )
    source = replace(source, camera=with_zones(source.camera, recipe.zones))
    check_choices(recipe, source.camera)
    if recipe.wants(source.camera.raw.dataset_type):
        raws = read_raws(source, recipe.wanted_visits, recipe.excludes, recipe.wants_detector)
    else:
        raws = Raws(skips=[Skip(f"{source.raw_registry}: raws", "left out by --types")])
    result = Gathered(source, raws, rejects=[*source.rejects], skips=[*source.skips])
    # The policy's calibRoot is the one key that was followed.
    ignored = [str(key) for key in source.root.policy if key != "calibRoot"]
    if ignored:
        result.rejects.append(
            Reject(
                f"{source.root.root}/repositoryCfg.yaml",
                f"its _policy changes {', '.join(ignored)} of the mapper, which is not applied; "
                "paths that follow it are not found",
            )
        )
    for calib in source.calibs:
        calibrations = read_calibrations(
            source.camera, calib, recipe.wants, recipe.excludes, recipe.wants_detector
        )
        _merge(result, calibrations)
        _account(result, str(calib.root), calibrations.seen, calib.index)
        result.rejects += calibrations.rejects
        result.skips += calibrations.skips
    result.rejects += raws.rejects
    result.skips += raws.skips
    shared = {str(c.root) for c in source.calibs}
    if str(source.raw_root) not in shared:
        _account(result, str(source.raw_root), raws.seen, source.raw_index)
    # Nouns have all that is asked for from here on.
    for index in (source.raw_index, *(calib.index for calib in source.calibs)):
        index.release()
    raws.seen.clear()
    return result


def _merge(result: Gathered, calibrations: Calibrations) -> None:
    """Add one calibration root; what an earlier root has already is a reject."""
    twice = {key for key in calibrations.masters if key in result.masters}
    for key in sorted(twice, key=str):
        master, other = calibrations.masters[key], result.masters[key]
        result.rejects.append(
            Reject(
                str(master.provenance),
                f"{master.path} has the same dataset type, data ID and date as {other.path} of another "
                "calibration root; leave one out with --exclude, or convert the roots under different labels",
                master.path,
            )
        )
    result.missing |= calibrations.missing
    result.masters |= {k: m for k, m in calibrations.masters.items() if k not in twice}
    result.claims += [c for c in calibrations.claims if c.master not in twice]
    for dataset_type, groups in count_all(calibrations.ranges).items():
        table = result.boundaries.setdefault(dataset_type, {})
        for data_id, counts in groups.items():
            table[data_id] = table.get(data_id, Boundaries()) + counts


def count_all(
    ranges: Mapping[str, Mapping[DataId, Sequence[tuple[str, str]]]],
) -> dict[str, dict[DataId, Boundaries]]:
    """How the ranges of every dataset type and data ID meet."""
    return {
        dataset_type: {data_id: count_boundaries(texts) for data_id, texts in groups.items()}
        for dataset_type, groups in ranges.items()
    }


def _account(result: Gathered, root: str, seen: set[str], index: DirectoryIndex) -> None:
    """Say what everything is that no row and no template accounts for."""
    files = []
    for name in sorted(set(index.files) - seen):
        problem = why_not(index.files[name])
        if problem:
            result.rejects.append(Reject(f"{root}/{printable(name)}", problem))
        else:
            files.append(name)
    for name, real in sorted(index.outside.items()):
        result.rejects.append(
            Reject(
                f"{root}/{printable(name)}",
                f"leads out of the source, to {printable(real)}; allow it with --allow-outside DIR",
            )
        )
    for name, why in sorted(index.unreadable.items()):
        result.rejects.append(Reject(f"{root}/{printable(name)}", f"cannot be read: {why}"))
    calibs = {calib.root.resolve() for calib in result.source.calibs}
    files += [f"{name}/" for name in index.pruned if (index.root / name).resolve() not in calibs]
    skips, hand_offs = account_for(result.source.camera, root, files)
    result.skips += skips
    for rule, paths in hand_offs.items():
        result.hand_offs.setdefault(rule, []).extend(paths)


def check_files(paths: Iterable[str], workers: int) -> dict[str, str]:
    """Why each bad file cannot be ingested, by path; good files are not listed."""
    states = sniff_many(sorted(set(paths)), workers)
    return {path: describe(state, path) for path, state in states.items() if not state.is_fits}
