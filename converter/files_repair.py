"""Check files, and put right what can be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from .files_check import WORKERS, FilesCheck, Wrong, check_files, look_at, own_checksums
from .progress import Progress, no_progress
from .writers.files import repair


def check_and_repair(
    target: str,
    ledger: Path | None,
    checksum: bool = False,
    workers: int = WORKERS,
    progress: Progress = no_progress,
) -> FilesCheck:
    """As `converter.files_check.check_files`, and put back what the source still has.

    A file counts as repaired when it was looked at again and nothing was wrong.
    """
    result = check_files(target, ledger, checksum, workers, progress)
    left: list[Wrong] = []
    for wrong in progress(result.wrong, "repairs", len(result.wrong)):
        why_not = repair(wrong.file, wrong.recorded)
        if not why_not:
            found = look_at(wrong.file, wrong.recorded, checksum)
            if found == "generated":
                found = own_checksums(wrong.file.path) or ""
            if isinstance(found, Wrong):
                why_not = found.reason
            elif found not in ("", "unknown"):
                why_not = found
        if why_not:
            left.append(replace(wrong, repair=why_not))
        else:
            result.repaired.append(wrong)
    result.wrong = left
    return result
