"""``gen2to3 verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..apply import ledger_path
from ..verify import verify as run_verify
from .options import Settings, ledger_option, recipe_for, recipe_option, source_options, speaking
from .printing import print_json, print_verification
from .progress import progress_for

DISAGREE = 4


@click.command()
@click.argument("repo")
@click.argument("root", required=False)
@source_options
@recipe_option
@ledger_option
@speaking
@click.pass_context
def verify(
    ctx: click.Context,
    repo: str,
    root: str | None,
    recipe_file: Path | None,
    ledger: str | None,
    **options: Any,
) -> int:
    """Compare Gen2's answer with Gen3's for every exposure, detector and calibration.

    REPO is the Butler repository, ROOT the Gen2 repository (default: that of
    the last conversion, with its recipe).
    """
    settings: Settings = ctx.obj
    book = ledger_path(repo, ledger)
    recipe = recipe_for(ctx, repo, root, recipe_file, book)
    verification = run_verify(repo, recipe, book, progress_for(settings))
    if settings.json:
        print_json(verification.as_dict())
    else:
        print_verification(verification, settings)
    return DISAGREE if verification.disagree else 0
