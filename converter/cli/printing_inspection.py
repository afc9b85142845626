"""What was found in a Gen2 repository, as text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .printing import one_line, plural, print_conflicts, print_rejects, print_skips, print_table, say
from .settings import Settings

if TYPE_CHECKING:
    from ..inspection import Inspection, TypeValidity


def print_inspection(inspection: Inspection, settings: Settings, recipe_file: Path | None) -> None:
    """Print what was found in a Gen2 repository.

    Parameters
    ----------
    inspection
        What was found.
    settings
        How much to print.
    recipe_file
        The recipe that was written, if one was.
    """
    found = inspection
    if not settings.quiet:
        _print_repository(found)
        _print_tables(found)
        print_skips([(s.item, s.reason) for s in found.skips], settings.verbose)
        for h in found.hand_offs:
            example = f": {plural(h.files, 'file')}, such as {one_line(h.example)}" if h.files else ""
            say(f"hand-off  {h.dataset_type}{example}")
        if found.hand_offs:
            say()
    folded = {} if settings.verbose else found.folded
    print_rejects(found.rejects, folded)
    print_conflicts(found.overlaps, folded)
    if not settings.quiet:
        say(
            f"{plural(len(found.rejects), 'reject')} ({plural(found.missing_files, 'missing file')}, "
            f"{plural(found.lfs_pointers, 'Git LFS pointer')}), {plural(found.unlisted_files, 'file')} without a row, "
            f"{plural(len(found.overlaps), 'overlap')}."
        )
        if recipe_file is not None:
            say(f"Recipe written: {recipe_file}; `gen2to3 plan --recipe {recipe_file} ROOT REPO` comes next.")
        else:
            say("Next: `gen2to3 plan ROOT REPO`.")


def _print_repository(found: Inspection) -> None:
    print_table(
        ("root", found.root),
        [
            ("mapper", found.mapper),
            ("camera", f"{found.camera} ({found.instrument})"),
            *(("parent", parent) for parent in found.parents),
            *(("parent", f"{parent} (not on this machine)") for parent in found.missing_parents),
            *(("calibrations", root) for root in found.calib_roots or ("none found",)),
        ],
    )
    say()


def _print_tables(found: Inspection) -> None:
    raw = found.raw
    print_table(
        ("raw rows", "exposures", "detectors", "files", "observed", "filters"),
        [
            (
                raw.rows,
                raw.exposures,
                raw.detectors,
                raw.files,
                raw.observed,
                ", ".join(f"{name} ({rows})" for name, rows in raw.filters.items()),
            )
        ],
    )
    say()
    several = len(found.calib_roots) > 1
    print_table(
        ("table", "rows", "detectors", "calibDate", "validity", "filters", *(["root"] if several else [])),
        [
            (t.table, t.rows, t.detectors, t.calib_dates, t.validity, ", ".join(t.filters))
            + ((t.root,) if several else ())
            for t in found.tables
        ],
    )
    say()
    print_table(
        ("dataset type", "masters", "dialect", "agree", "differ", "undecided", "read as"),
        [
            (t.dataset_type, t.masters, t.dialect, t.agree, t.differ, t.undecided, _readings(t))
            for t in found.types
        ],
    )
    for t in found.types:
        say(f"  {t.dataset_type}: {t.evidence}")
    for what, texts in (("detector", found.unknown_detectors), ("filter", found.unknown_filters)):
        for text, rows in texts.items():
            say(f"unknown {what}  {one_line(text)} ({plural(rows, 'row')})")
    say()


def _readings(validity: TypeValidity) -> str:
    if len(validity.readings) == 1:
        return next(iter(validity.readings))
    return ", ".join(f"{reading} ({n} groups)" for reading, n in validity.readings.items())
