"""Raw registry rows to raw files and observations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from converter.nouns import Gen2to3Error, Observation, Provenance, RawFile, Reject, Skip

from ..camera import Camera
from .directory import FileEntry
from .source import LINK_TO_NOTHING, Gen2Source, why_not
from .templates import Template


@dataclass
class Raws:
    """What the raw registry holds, as nouns.

    Parameters
    ----------
    files
        Raw files that are there.
    observations
        One per row, also where the file is not there: Gen2 could look up
        calibrations for it all the same.
    rejects, skips
        Rows and files that are not converted, and why.
    seen
        Relative paths that a row or the raw template names.
    """

    files: list[RawFile] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)


def time_columns(camera: Camera) -> tuple[str, ...]:
    """All columns by which the camera's calibrations were looked up."""
    return tuple(dict.fromkeys(camera.time_column(c).name for c in camera.calibrations))


def read_raws(
    source: Gen2Source,
    visits: Collection[int] = (),
    excludes: Callable[[str], bool] = lambda path: False,
    wants_detector: Callable[[int], bool] = lambda detector: True,
) -> Raws:
    """Read raw files and observations.

    Parameters
    ----------
    source
        The opened repository.
    visits
        Exposure ids to keep, empty for all.
    excludes
        Whether a relative path is to be left out.
    wants_detector
        Whether a detector is to be converted.
    """
    camera, raw = source.camera, source.camera.raw
    result = Raws()
    table = source.raw_tables.get(raw.table)
    template = Template(raw.template)
    detectors = {d.id for d in camera.instrument.detectors}
    times = [t for t in time_columns(camera) if table is not None and t in table.columns]
    by_path: dict[str, tuple[int, list[int], Provenance]] = {}
    by_data_id: dict[tuple[int, int], str] = {}
    entries: dict[str, FileEntry] = {}
    left_out: Counter[str] = Counter()
    strangers = 0
    # All detectors of an exposure have the same.
    known_times: dict[tuple[str, ...], dict[str, str]] = {}
    for values in table.rows if table is not None else ():
        assert table is not None
        row = dict(zip(table.columns, values, strict=True))
        row_id = row.get("id")
        where = Provenance(source.raw_registry, raw.table, row_id)
        exposure, detector = row[raw.exposure], row[raw.detector]
        if not isinstance(exposure, int) or not isinstance(detector, int):
            result.rejects.append(
                Reject(
                    str(where),
                    f"{raw.exposure}={exposure!r}, {raw.detector}={detector!r}: expected two numbers; "
                    "correct the registry",
                )
            )
            continue
        try:
            relative = template.format(row)
        except Gen2to3Error as exc:
            result.rejects.append(Reject(str(where), f"{exc}; correct the registry"))
            continue
        entry = source.raw_index.entry(relative)
        found = None if entry is None else entry[0]
        if found is not None:
            result.seen.add(found)
        option = "--visits" if visits and exposure not in visits else ""
        option = option or ("" if wants_detector(detector) else "--detectors")
        if option:
            left_out[option] += 1
            if found is None and (broken := source.raw_index.dangling(relative)):
                result.seen.add(broken)
            continue
        if excludes(relative):
            result.skips.append(Skip(str(where), f"{relative} left out by --exclude"))
            continue
        if raw.extensions is not None and detector > (raw.extensions.highest or detector):
            strangers += 1
            continue
        physical_filter = camera.physical_filter(row[raw.filter])
        texts = tuple(str(row[t]) for t in times)
        if texts not in known_times:
            known_times[texts] = dict(zip(times, texts, strict=True))
        result.observations.append(
            Observation(exposure, detector, known_times[texts], physical_filter, row_id or 0)
        )
        if detector not in detectors:
            path = "" if found is None else f"{source.raw_root}/{found}"
            result.rejects.append(
                Reject(
                    str(where),
                    f"{relative}: unknown detector {detector}: {camera.instrument.name} has no such detector; "
                    "correct the registry, or leave it out with --exclude",
                    path,
                )
            )
            continue
        if broken := source.raw_index.dangling(relative) if found is None else None:
            result.seen.add(broken)
            result.rejects.append(Reject(str(where), f"{broken} {LINK_TO_NOTHING}", "", detector))
            continue
        if entry is None or found is None:
            result.rejects.append(
                Reject(
                    str(where),
                    f"file not found: expected {relative} below {source.raw_root}; "
                    "restore the file, or leave it out with --exclude",
                    detector=detector,
                )
            )
            continue
        if problem := why_not(entry[1]):
            result.rejects.append(
                Reject(str(where), f"{found} {problem}", f"{source.raw_root}/{found}", detector)
            )
            continue
        if by_data_id.setdefault((exposure, detector), found) != found:
            result.rejects.append(
                Reject(
                    str(where),
                    f"{found} has the same exposure and detector as {by_data_id[exposure, detector]}; "
                    "one of the two has to be left out with --exclude",
                    f"{source.raw_root}/{found}",
                    detector,
                )
            )
            continue
        entries[found] = entry[1]
        known = by_path.setdefault(found, (exposure, [], where))
        if known[0] != exposure:
            result.rejects.append(
                Reject(
                    str(where), f"{found} belongs to exposure {known[0]} by {known[2]}, here to {exposure}"
                )
            )
            continue
        known[1].append(detector)
    for found, (exposure, ids, where) in by_path.items():
        path = f"{source.raw_root}/{found}"
        status = entries[found]
        result.files.append(
            RawFile(path, exposure, tuple(sorted(set(ids))), status.size, status.mtime_ns, where)
        )
    for option, rows in left_out.items():
        where_all = f"{source.raw_registry} table {raw.table}"
        result.skips.append(Skip(where_all, f"{rows} row{'' if rows == 1 else 's'} left out by {option}"))
    if strangers:
        why = f"{strangers} rows of chips that are no detectors of {camera.instrument.name}"
        result.skips.append(Skip(f"{source.raw_registry} table {raw.table}", why))
    _report_unlisted(source, template, result)
    return result


def _report_unlisted(source: Gen2Source, template: Template, result: Raws) -> None:
    """Raw files without a row: Gen2 could not see them, so they are named."""
    table = source.camera.raw.table
    why = f"no row in table {table}: Gen2 never saw it"
    if table not in source.raw_tables:
        why = f"table {table} could not be read: without it no raw is converted"
    for relative in sorted(set(source.raw_index.files) - result.seen):
        if source.raw_index.files[relative].kind == "file" and template.parse(relative) is not None:
            result.seen.add(relative)
            path = f"{source.raw_root}/{relative}"
            result.skips.append(Skip(path, why, path))
