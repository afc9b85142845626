"""Options that commands share, and how they become a recipe."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from adapters.geometry import GROUPINGS

from ..nouns import UsageError
from ..overlaps import Policy, RangeRule
from ..readings import Reading
from ..subset import TRANSFERS
from .completing import cameras, dataset_types, directories, pairs, paths
from .params import NumbersType, PairType, TemplateType, ZoneType
from .settings import Settings

if TYPE_CHECKING:
    from ..recipe import Recipe

Command = TypeVar("Command", bound=Callable[..., Any])


def _set(name: str) -> Callable[[click.Context, click.Parameter, bool], None]:
    def callback(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        if value:
            setattr(ctx.ensure_object(Settings), name, True)

    return callback


def _all(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def decorate(function: Command) -> Command:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _flag(name: str, text: str, *short: str) -> Callable[[Command], Command]:
    # Eager: an error in another option is to be reported as these ask for.
    return click.option(
        f"--{name}", *short, is_flag=True, is_eager=True, expose_value=False, callback=_set(name), help=text
    )


speaking = _all(
    _flag("json", "Print one JSON object and nothing else."),
    _flag("quiet", "Print rejects, conflicts and disagreements only.", "-q"),
    _flag("verbose", "Print every decision and every skipped item.", "-v"),
    _flag("debug", "Show a traceback with an error."),
)

types_option = click.option(
    "--types",
    multiple=True,
    metavar="GLOB,...",
    shell_complete=dataset_types,
    help="Only these dataset types.",
)

master_options = _all(
    click.option("--label", help="Last part of the calibration collection; '' for the historical layout."),
    click.option(
        "--transfer", type=click.Choice(TRANSFERS), help="How files come into the repository (default: auto)."
    ),
    click.option(
        "--detectors",
        type=NumbersType("detector"),
        multiple=True,
        metavar="A,B..C",
        help="Only these detectors, for raws and masters.",
    ),
    types_option,
    click.option(
        "--exclude", multiple=True, metavar="GLOB", help="Leave out paths (relative to their root)."
    ),
    click.option(
        "--allow-outside",
        multiple=True,
        metavar="DIR",
        shell_complete=directories,
        help="Directory to which links may lead.",
    ),
    click.option(
        "--overlaps",
        type=PairType("policy", Policy),
        multiple=True,
        metavar="[TYPE=]POLICY",
        shell_complete=pairs(Policy),
        help=f"Which master wins where several are valid: {', '.join(Policy)} (default: fail).",
    ),
    click.option("--workers", type=click.IntRange(min=1), help="Processes that read headers (default: 1)."),
    click.option("--strict/--no-strict", default=None, help="Write nothing if there is any reject."),
    click.option(
        "--split-masters/--no-split-masters",
        default=None,
        help="Write masters that are one file for many detectors as one file for each.",
    ),
)
"""Options of all commands that read masters from somewhere."""

again_options = _all(
    click.option(
        "--supersede/--no-supersede",
        default=None,
        help="Write what has changed since as a new version, and certify it instead of the old one.",
    ),
    click.option(
        "--checksum/--no-checksum", default=None, help="Tell by contents (SHA-256) what has changed."
    ),
)
"""Options of the commands that write the same source again."""

source_options = _all(
    click.option(
        "--camera",
        shell_complete=cameras,
        help="Camera: short name, instrument or Gen2 mapper (default: by the mapper).",
    ),
    click.option(
        "--calib",
        multiple=True,
        metavar="DIR",
        shell_complete=directories,
        help="Calibration root; may be repeated (default: where the Gen2 mapper looked).",
    ),
    master_options,
    click.option(
        "--visits", type=NumbersType("visit"), multiple=True, metavar="A,B..C", help="Only these exposures."
    ),
    click.option(
        "--related-only/--no-related-only",
        default=None,
        help="Leave out masters that none of the chosen exposures needs.",
    ),
    click.option(
        "--reading",
        "readings",
        type=PairType("reading", Reading),
        multiple=True,
        metavar="[TYPE=]READING",
        shell_complete=pairs(Reading),
        help=f"What validity ranges mean: {', '.join(Reading)} (default: detected).",
    ),
    click.option(
        "--ranges",
        type=PairType("rule", RangeRule),
        multiple=True,
        metavar="[TYPE=]RULE",
        shell_complete=pairs(RangeRule),
        help=f"Make ranges from the masters' dates: {', '.join(RangeRule)} (default: the registry's).",
    ),
    click.option(
        "--template",
        "templates",
        type=TemplateType(),
        multiple=True,
        metavar="TYPE=TEMPLATE",
        help="Path template of a dataset type ('raw' too), if the repository has another than the camera.",
    ),
    click.option(
        "--zone",
        "zones",
        type=ZoneType(),
        multiple=True,
        metavar="[TYPE=]ZONE",
        help="Time zone of the calibration registry's times, such as Asia/Tokyo; TYPE= for none "
        "(default: the camera's).",
    ),
    click.option(
        "--update-instrument/--no-update-instrument",
        default=None,
        help="Change instrument, detector and filter records that differ.",
    ),
    click.option(
        "--max-rows",
        type=click.IntRange(min=1),
        metavar="N",
        help="Most rows of one table of a registry; a table with more is refused (default: 5000000).",
    ),
    click.option("--visit-grouping", type=click.Choice(GROUPINGS), help="How exposures become visits."),
    click.option(
        "--define-visits/--no-visits",
        "define_visits",
        default=None,
        help="Define the visits of the exposures (default), or leave that to the stack.",
    ),
)
"""Options of the commands that read a Gen2 repository."""

recipe_option = click.option(
    "--recipe",
    "recipe_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take all choices from a recipe; an option replaces the recipe's key as a whole.",
)

repo_argument = click.argument("repo", shell_complete=directories)

root_argument = click.argument("root", shell_complete=directories)

camera_option = click.option(
    "--camera",
    shell_complete=cameras,
    help="Camera: short name, instrument or Gen2 mapper (default: that of the repository's one instrument).",
)
"""Option of the commands that add to a repository."""

ledger_option = click.option(
    "--ledger",
    metavar="PATH",
    shell_complete=paths,
    help="Ledger file (default: gen2to3.sqlite3 in the repository).",
)

wait_option = click.option(
    "--wait",
    type=click.FloatRange(min=0),
    is_flag=False,
    flag_value=math.inf,
    default=0,
    metavar="[SECONDS]",
    help="Wait while another process writes to the repository, for ever if no time is given (default: stop).",
)
"""Option of all commands that write; what follows it must not be taken for its number."""


def given_recipe(ctx: click.Context, root: str, recipe_file: Path | None = None) -> Recipe:
    """The recipe that the command line is a short form of.

    Parameters
    ----------
    ctx
        The command's context, whose options replace the recipe's keys.
    root
        Gen2 root; it replaces the recipe's.
    recipe_file
        Recipe to begin with, `None` for the defaults.

    Raises
    ------
    UsageError
        The recipe cannot be read, or makes no sense.
    """
    from ..recipe import Recipe, load_recipe

    return _replace(ctx, Recipe(root) if recipe_file is None else load_recipe(recipe_file, root), root)


def recipe_for(
    ctx: click.Context, repo: str, root: str | None, recipe_file: Path | None, ledger: Path | None
) -> Recipe:
    """The recipe by which a repository is verified.

    Parameters
    ----------
    ctx
        The command's context.
    repo
        Butler repository, for messages.
    root
        Gen2 root, `None` for that of the recipe or of the last conversion.
    recipe_file
        Recipe, `None` for that of the last conversion, or the defaults if
        ``root`` is given.
    ledger
        Where conversions are recorded, if anywhere.

    Raises
    ------
    UsageError
        There is nothing that says where the Gen2 repository is.
    """
    from ..ledger import Ledger
    from ..recipe import load_recipe, recipe_from_dict

    if root is not None:
        return given_recipe(ctx, root, recipe_file)
    if recipe_file is not None:
        recipe = load_recipe(recipe_file)
    else:
        last = Ledger(ledger).last_recipe() if ledger is not None else None
        if last is None:
            raise UsageError(
                f"{repo}: no conversion is recorded ({ledger or 'there is no ledger'}); "
                f"give the Gen2 root: {ctx.command_path} {repo} {_as_given(ctx, 'root')}"
            )
        recipe = recipe_from_dict(last, f"recipe in {ledger}")
    return _replace(ctx, recipe, recipe.root)


def _as_given(ctx: click.Context, name: str) -> str:
    """How a parameter is written: an argument here may be an option there."""
    parameter = next(p for p in ctx.command.params if p.name == name)
    word = name.upper()
    return word if isinstance(parameter, click.Argument) else f"{parameter.opts[0]} {word}"


def given_choices(ctx: click.Context, recipe: type) -> dict[str, Any]:
    """What was given of the fields of a recipe, on the command line or in an options file.

    Parameters
    ----------
    ctx
        The command's context.
    recipe
        A dataclass whose fields have the names of options.
    """
    fields = {field.name for field in dataclasses.fields(recipe)}
    # The source, not the value, tells what was given: --label '' is a choice. The map is an options file.
    given = (ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP)
    return {
        name: _plain(name, value)
        for name, value in ctx.params.items()
        if name in fields and ctx.get_parameter_source(name) in given
    }


def _replace(ctx: click.Context, recipe: Recipe, root: str) -> Recipe:
    recipe = dataclasses.replace(recipe, **given_choices(ctx, type(recipe)) | {"root": root})
    return dataclasses.replace(
        recipe,
        root=str(Path(recipe.root).absolute()),
        calib=absolute(recipe.calib),
        allow_outside=absolute(recipe.allow_outside),
    )


def _plain(name: str, value: Any) -> Any:
    if name in ("visits", "detectors"):
        return tuple(dict.fromkeys(number for group in value for number in group))
    if name == "types":
        return tuple(filter(None, (t.strip() for group in value for t in group.split(","))))
    if name in ("overlaps", "ranges", "readings", "templates", "zones"):
        return dict(value)
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def absolute(paths: Iterable[str]) -> tuple[str, ...]:
    """Absolute paths, because the ledger keeps choices and knows no current directory."""
    return tuple(str(Path(path).absolute()) for path in paths)
