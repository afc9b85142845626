"""What is wrong with the files of a repository, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .printing import one_line, plural, say
from .settings import Settings

if TYPE_CHECKING:
    from ..files_check import FilesCheck, Wrong
    from ..moving import Moved


def print_files(result: FilesCheck, settings: Settings, checksum: bool) -> None:
    """Print the outcome of a check of files.

    Parameters
    ----------
    result
        The outcome.
    settings
        How much to print.
    checksum
        Whether the content was looked at.
    """
    ours = [wrong for wrong in result.wrong if wrong.recorded is not None]
    others = [wrong for wrong in result.wrong if wrong.recorded is None]
    _print_wrong(ours)
    if ours and others and not settings.quiet:
        say()
    _print_wrong(others)
    if settings.quiet:
        return
    for wrong in result.repaired:
        say(f"repaired  {one_line(wrong)}")
    counts = [
        f"{len(result.of('missing'))} missing",
        f"{len(result.of('size'))} of another size",
        f"{len(result.of('content'))} of other content",
        f"{len(result.repaired)} repaired",
    ]
    say(f"Files: {plural(result.checked, 'file')}, {', '.join(counts)}.")
    if checksum and result.unknown:
        say(f"{plural(result.unknown, 'file')} could be read, and nothing says what the content has to be.")
    if result.others:
        say(f"{plural(result.others, 'file')} of these no conversion in the ledger wrote.")
    if result.unstored:
        say(f"{plural(result.unstored, 'dataset')} that others wrote have no file (any more).")


def _print_wrong(wrongs: list[Wrong]) -> None:
    for wrong in wrongs:
        say(f"{wrong.kind}  {one_line(wrong)}")


def print_moved(moved: Moved, settings: Settings) -> None:
    """Print what became of the files of the source."""
    for kept in moved.kept:
        say(f"kept  {one_line(kept)}")
    if not settings.quiet:
        say(f"Moved: {plural(moved.deleted, 'file')} deleted from the source, {len(moved.kept)} kept.")
