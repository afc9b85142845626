"""Makes the file: reads, draws, and puts it where it is wanted."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ..nouns import Gen2to3Error, UsageError
from ..progress import Progress, no_progress
from ..recipe import Recipe
from ..verify import Verification
from .model import MARK, Report
from .read import read_report


def make_report(
    target: str,
    output: Path,
    recipe: Recipe | None = None,
    ledger: Path | None = None,
    *,
    needs_root: bool = False,
    instrument: str = "",
    verification: Verification | None = None,
    progress: Progress = no_progress,
) -> Report:
    """Write a report.

    Parameters
    ----------
    target, recipe, ledger, needs_root, instrument, verification, progress
        As for `converter.report.read.read_report`.
    output
        HTML file; an earlier report is replaced.

    Raises
    ------
    UsageError
        What `read_report` raises, or the file is something else than a
        report, or in the Gen2 repository.
    Gen2to3Error
        The file cannot be written.
    """
    check_output(output, recipe)
    report = read_report(
        target,
        recipe,
        ledger,
        needs_root=needs_root,
        instrument=instrument,
        verification=verification,
        progress=progress,
    )
    # Bokeh and Jinja2 take a second to import, which no other command needs.
    from .render import render

    _write(output, render(report))
    return report


def check_output(output: Path, recipe: Recipe | None = None) -> None:
    """Refuse what may not become a report, before anything is done.

    Raises
    ------
    UsageError
        It is something else than a report, in a Gen2 repository, or in no
        directory.
    """
    if not output.parent.is_dir():
        raise UsageError(f"{output}: there is no directory {output.parent}; make it, or name another file")
    for root in () if recipe is None else (recipe.root, *recipe.calib):
        if output.resolve().is_relative_to(Path(root).resolve()):
            raise UsageError(f"{output} is inside of the Gen2 repository {root}, which is never changed")
    if not output.exists():
        return
    if not output.is_file():
        raise UsageError(f"{output} is no file; name another one for the report")
    with output.open("rb") as file:
        begin = file.read(1000)
    if begin and MARK.encode() not in begin:
        raise UsageError(f"{output} is there and is no report of gen2to3; name another file")


def _write(output: Path, text: str) -> None:
    """All of it or nothing: an earlier report stays until this one is complete."""
    try:
        handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
        try:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(name, 0o666 & ~umask)
            os.replace(name, output)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as exc:
        raise Gen2to3Error(
            f"{output}: the report cannot be written: {exc.strerror}; name another file"
        ) from exc
