"""``gen2to3 verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..nouns import UsageError
from .command import Command
from .completing import directories
from .options import (
    Settings,
    ledger_option,
    recipe_for,
    recipe_option,
    repo_argument,
    source_options,
    speaking,
)
from .printing import print_json, print_verification, say
from .printing_files import print_files
from .progress import progress_for

if TYPE_CHECKING:
    from ..files_check import FilesCheck

DISAGREE = 4


@click.command(cls=Command)
@repo_argument
@click.argument("root", required=False, shell_complete=directories)
@source_options
@recipe_option
@ledger_option
@click.option("--files", is_flag=True, help="Check that every file is there and has the recorded size.")
@click.option("--checksum", is_flag=True, help="With --files: read the files and check their content.")
@click.option("--repair", is_flag=True, help="With --files: put back what the source still has.")
@speaking
@click.pass_context
def verify(
    ctx: click.Context,
    repo: str,
    root: str | None,
    recipe_file: Path | None,
    ledger: str | None,
    files: bool,
    checksum: bool,
    repair: bool,
    **options: Any,
) -> int:
    """Compare Gen2's answer with Gen3's for every exposure, detector and calibration.

    REPO is the Butler repository, ROOT the Gen2 repository (default: that of
    the last conversion, with its recipe). With --files and neither ROOT nor
    --recipe only the files of the Butler repository are looked at.
    """
    from ..apply import ledger_path
    from ..files_check import WORKERS, check_files
    from ..files_repair import check_and_repair
    from ..verify import verify as run_verify

    settings: Settings = ctx.obj
    if (checksum or repair) and not files:
        raise UsageError(f"--{'checksum' if checksum else 'repair'} needs --files")
    book = ledger_path(repo, ledger)
    compare = not files or root is not None or recipe_file is not None
    verification = None
    if compare:
        recipe = recipe_for(ctx, repo, root, recipe_file, book)
        verification = run_verify(repo, recipe, book, progress_for(settings))
    checked: FilesCheck | None = None
    if files:
        run_files = check_and_repair if repair else check_files
        checked = run_files(repo, book, checksum, options["workers"] or WORKERS, progress_for(settings))
    if settings.json:
        print_json(
            ({} if verification is None else verification.as_dict())
            | ({} if checked is None else {"files": checked.as_dict()})
        )
    else:
        if verification is not None:
            print_verification(verification, settings)
        if checked is not None:
            if verification is not None and not settings.quiet:
                say()
            print_files(checked, settings, checksum)
    disagree = verification is not None and verification.disagree
    return DISAGREE if disagree or (checked is not None and checked.wrong) else 0
