"""What multi-extension files hold against what the registry says of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from adapters.camera import Camera, Extensions
from adapters.extensions import Contents, out_of_place, read_contents
from adapters.fits_header import HeaderError

from .nouns import Master, MasterKey, Provenance, RawFile, Reject, Skip
from .numbers import join_numbers


@dataclass
class Matched:
    """Files and masters that are really there.

    Parameters
    ----------
    files
        Raw files, each with the detectors that it holds and the registry names.
    masters
        Masters whose extension exists, and those that no row names.
    rejects, skips
        Detectors that a row names and the file lacks, and the other way round.
    folded
        For some rejects (as text) the line that stands for them in a short
        list.
    """

    files: list[RawFile] = field(default_factory=list)
    masters: dict[MasterKey, Master] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    folded: dict[str, str] = field(default_factory=dict)


def match_raws(camera: Camera, files: Iterable[RawFile], chosen: Collection[int] = ()) -> Matched:
    """Compare raw files with the rows that name their detectors.

    Files of cameras with one detector in a file pass as they are; of
    detectors that are not chosen (empty: all) nothing is said.
    """
    rule = camera.raw.extensions
    result = Matched()
    known = {d.id for d in camera.instrument.detectors}
    for file in files:
        contents = None if rule is None else _contents(file.path, rule, result)
        if rule is None:
            result.files.append(file)
        if contents is None:
            continue
        there = tuple(d for d in file.detectors if d in contents.hdus)
        absent = sorted(set(file.detectors) - set(there))
        if absent:
            result.rejects.append(
                Reject(
                    str(file.provenance),
                    f"{file.path} has no extension for detectors {join_numbers(absent)}, which the registry names; "
                    "restore the file, or correct the registry",
                    file.path,
                )
            )
        unnamed = sorted((set(contents.hdus) & (set(chosen) or known)) - set(there))
        if unnamed:
            result.skips.append(
                Skip(
                    f"{file.path} detectors {join_numbers(unnamed)}",
                    "no row in the raw table: Gen2 never saw them",
                )
            )
        strangers = contents.others + len(set(contents.hdus) - known)
        if strangers:
            number = "1 extension" if strangers == 1 else f"{strangers} extensions"
            result.skips.append(Skip(file.path, f"{number} of no detector of {camera.instrument.name}"))
        if there:
            result.files.append(replace(file, detectors=there))
    return result


def match_masters(
    camera: Camera, masters: Mapping[MasterKey, Master], chosen: Collection[int] = (), split: bool = False
) -> Matched:
    """Compare master files with the rows that name their extensions.

    Extensions without a row become masters without a claim: they are
    ingested, not certified, and named; those of detectors that are not
    chosen (empty: all) are left alone. Detectors in an HDU where the stack's
    formatter does not look for them are rejects, unless each becomes a file
    of its own (``split``).
    """
    rules = {c.dataset_type: c.extensions for c in camera.calibrations}
    result = Matched()
    by_file: dict[tuple[str, str], list[Master]] = defaultdict(list)
    for key, master in masters.items():
        if rules[key.dataset_type] is None:
            result.masters[key] = master
        else:
            by_file[key.dataset_type, master.path].append(master)
    known = set(chosen) or {d.id for d in camera.instrument.detectors}
    for (dataset_type, path), group in sorted(by_file.items()):
        rule = rules[dataset_type]
        assert rule is not None
        contents = _contents(path, rule, result)
        if contents is None:
            continue
        absent: list[tuple[Reject, Master]] = []
        misplaced = _misplaced(contents, known) if rule.by_number and not split else {}
        result.rejects += [
            # What Gen2 opened, too, is the HDU of the detector's number.
            Reject(path, out_of_place({detector: hdu}, path), f"{path}[{detector}]")
            for detector, hdu in misplaced.items()
        ]
        for master in group:
            detector = master.key.data_id.detector
            if detector in misplaced:
                continue
            if detector is not None and detector in contents.hdus:
                # What the header says counts, also where the row counts HDUs in another order.
                result.masters[master.key] = replace(master, hdu=contents.hdus[detector])
                continue
            reject = Reject(
                str(master.provenance),
                f"{path} has no extension for detector {detector}: it has {len(contents.hdus)} detectors; "
                "correct the registry, or leave the file out with --exclude",
                # The other extensions of the file are no rejects.
                f"{path}[{master.hdu}]",
            )
            absent.append((reject, master))
        result.rejects += [reject for reject, _ in absent]
        result.folded |= _fold(absent, path, len(contents.hdus))
        _add_unnamed(group, contents, known - set(misplaced), result)
    return result


def _fold(absent: Sequence[tuple[Reject, Master]], path: str, there: int) -> dict[str, str]:
    """One line for all rows of a table that name extensions which a file does not have.

    Parameters
    ----------
    absent
        Rejects and their masters.
    path
        The file.
    there
        Detectors that the file has.
    """
    by_table: dict[tuple[str, str], list[tuple[str, int, int]]] = defaultdict(list)
    for reject, master in absent:
        where, detector = master.provenance, master.key.data_id.detector
        if where.row is not None and detector is not None:
            by_table[where.source, where.table].append((str(reject), where.row, detector))
    folded: dict[str, str] = {}
    for (source, table), rows in by_table.items():
        if len(rows) > 1:
            line = (
                f"{source} table {table} rows {join_numbers(sorted(row for _, row, _ in rows))}: "
                f"{path} has no extension for detectors {join_numbers(sorted(d for _, _, d in rows))}: "
                f"it has {there} detectors; correct the registry, or leave the file out with --exclude "
                f"({len(rows)} rejects, --verbose shows each)"
            )
            folded |= dict.fromkeys((text for text, _, _ in rows), line)
    return folded


def _misplaced(contents: Contents, known: Collection[int]) -> dict[int, int]:
    """Detectors that are not in the HDU of their number, each with its HDU."""
    return {d: hdu for d, hdu in sorted(contents.hdus.items()) if d in known and d != hdu}


def _add_unnamed(group: list[Master], contents: Contents, known: set[int], result: Matched) -> None:
    """Masters of extensions that no row names."""
    first = group[0]
    named = {master.key.data_id.detector for master in group}
    unnamed = sorted((set(contents.hdus) & known) - {d for d in named if d is not None})
    for detector in unnamed:
        key = first.key._replace(data_id=first.key.data_id._replace(detector=detector))
        result.masters[key] = replace(
            first, key=key, hdu=contents.hdus[detector], provenance=Provenance(first.path)
        )
    if unnamed:
        result.skips.append(
            Skip(
                f"{first.path} detectors {join_numbers(unnamed)}",
                f"no good row for these extensions: ingested as {first.key.dataset_type} without a validity range",
                "",
            )
        )


def _contents(path: str, rule: Extensions, result: Matched) -> Contents | None:
    try:
        return read_contents(path, rule)
    except HeaderError as exc:
        result.rejects.append(Reject(path, f"{exc}; restore the file", path))
        return None
