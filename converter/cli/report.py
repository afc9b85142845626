"""``gen2to3 report``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .command import Command
from .options import (
    Settings,
    ledger_option,
    recipe_for,
    recipe_option,
    repo_argument,
    source_options,
    speaking,
)
from .printing import plural, print_json, say
from .progress import progress_for


@click.command(cls=Command)
@repo_argument
@click.argument("root", required=False)
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="HTML file to write; an earlier report is replaced.",
)
@click.option("--instrument", default="", metavar="NAME", help="Gen3 instrument (default: the only one).")
@source_options
@recipe_option
@ledger_option
@speaking
@click.pass_context
def report(
    ctx: click.Context,
    repo: str,
    root: str | None,
    output: Path,
    instrument: str,
    recipe_file: Path | None,
    ledger: str | None,
    **options: Any,
) -> int:
    """Write a report of a repository: one HTML file that needs nothing else.

    REPO is the Butler repository, ROOT the Gen2 repository (default: that of
    the last conversion, with its recipe). Where that is not there any more,
    the report says what ledger and repository tell.
    """
    from ..apply import ledger_path
    from ..ledger import Ledger
    from ..report.make import make_report

    settings: Settings = ctx.obj
    book = ledger_path(repo, ledger)
    is_named = root is not None or recipe_file is not None
    recipe = None
    if is_named or (book is not None and book.is_file() and Ledger(book).last_recipe() is not None):
        recipe = recipe_for(ctx, repo, root, recipe_file, book)
    made = make_report(
        repo,
        output,
        recipe,
        book,
        needs_root=is_named,
        instrument=instrument,
        progress=progress_for(settings),
    )
    if settings.json:
        print_json(made.as_dict() | {"report": str(output), "bytes": output.stat().st_size})
    elif not settings.quiet:
        for sentence in made.unknown:
            say(sentence)
        say(
            f"Report: {output}, {output.stat().st_size / 1e6:.1f} MB, "
            f"{plural(len(made.timeline.rows), 'row')} in the timeline."
        )
    return 0
