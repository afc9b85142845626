"""``gen2to3 inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .command import Command
from .options import Settings, given_recipe, root_argument, source_options, speaking
from .printing import print_json
from .printing_inspection import print_inspection

WRONG = 1


@click.command(cls=Command)
@root_argument
@source_options
@click.option(
    "--recipe",
    "recipe_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a recipe with all choices spelled out, for `plan` and `convert`.",
)
@click.option("--force", is_flag=True, help="Overwrite the recipe file.")
@speaking
@click.pass_context
def inspect(ctx: click.Context, root: str, recipe_file: Path | None, force: bool, **options: Any) -> int:
    """Say what is in a Gen2 repository and what is wrong with it.

    ROOT is the Gen2 repository. Nothing is written but the recipe, if one is
    asked for. The exit status is 1 if anything is wrong.
    """
    from ..inspection import inspect_source
    from ..recipe_text import write_recipe

    settings: Settings = ctx.obj
    inspection = inspect_source(given_recipe(ctx, root))
    if recipe_file is not None:
        write_recipe(inspection, recipe_file, force)
    if settings.json:
        print_json(inspection.as_dict())
    else:
        print_inspection(inspection, settings, recipe_file)
    return 0 if inspection.is_good else WRONG
