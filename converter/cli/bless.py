"""``gen2to3 bless``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..nouns import UsageError
from ..subset import TRANSFERS
from .command import Command
from .completing import dataset_types, instruments
from .options import Settings, ledger_option, repo_argument, speaking, wait_option
from .params import NumbersType
from .printing import error, print_json, print_rejects
from .printing_bless import print_blessing
from .progress import progress_for

if TYPE_CHECKING:
    from ..blessing import Blessing


@click.command(cls=Command)
@repo_argument
@click.argument("plan_file", metavar="[PLAN.yaml]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--extend", is_flag=True, help="The collection may exist, and keeps what the plan does not change."
)
@click.option("--make-default", is_flag=True, help="Let <instrument>/calib search the collection first.")
@click.option(
    "--decertify", is_flag=True, help="Take ranges off, as the options below say, instead of a plan."
)
@click.option("--collection", metavar="NAME", help="With --decertify: the CALIBRATION collection.")
@click.option(
    "--type",
    "types",
    multiple=True,
    metavar="GLOB",
    shell_complete=dataset_types,
    help="With --decertify: dataset type.",
)
@click.option(
    "--detectors",
    type=NumbersType("detector"),
    multiple=True,
    metavar="A,B..C",
    help="With --decertify: only these detectors.",
)
@click.option("--physical-filter", "filters", multiple=True, metavar="GLOB", help="With --decertify: filter.")
@click.option(
    "--where", default="", metavar="EXPRESSION", help="With --decertify: the Butler's query language."
)
@click.option("--begin", default="", metavar="TIME", help="With --decertify: from this time on.")
@click.option("--end", default="", metavar="TIME", help="With --decertify: up to this time.")
@click.option(
    "--scale", type=click.Choice(["utc", "tai"]), default="utc", help="Of --begin and --end (default: utc)."
)
@click.option(
    "--express", "expressed", metavar="COLLECTION", help="Print the plan that would make a collection again."
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="With --express: write it to a new file.",
)
@click.option(
    "--instrument",
    default="",
    metavar="NAME",
    shell_complete=instruments,
    help="With --decertify and --express: Gen3 instrument.",
)
@click.option(
    "--transfer",
    type=click.Choice([t for t in TRANSFERS if t != "move"]),
    default="auto",
    help="How files come in again under another type (default: auto, which makes hard links or copies).",
)
@click.option("--strict", is_flag=True, help="Write nothing if there is any reject.")
@click.option("--dry-run", is_flag=True, help="Show the difference, and write nothing.")
@ledger_option
@wait_option
@speaking
@click.pass_context
def bless(
    ctx: click.Context,
    repo: str,
    plan_file: Path | None,
    extend: bool,
    make_default: bool,
    decertify: bool,
    expressed: str | None,
    output: Path | None,
    instrument: str,
    transfer: str,
    strict: bool,
    dry_run: bool,
    ledger: str | None,
    wait: float,
    **selection: Any,
) -> int:
    """Certify masters that are in a repository, by a plan.

    REPO is the Butler repository. PLAN.yaml says what a CALIBRATION
    collection is to hold; the difference to what it holds is shown and
    written, all of it or nothing. The same plan again changes nothing.
    """
    from ..blessing import bless as run_blessing
    from ..blessing import decertification, load_request

    settings: Settings = ctx.obj
    if sum((plan_file is not None, decertify, expressed is not None)) != 1:
        raise UsageError("give a plan, or one of --decertify and --express")
    given = [name for name, value in selection.items() if value and name != "scale"]
    if given and not decertify:
        raise UsageError(f"--{given[0].replace('filters', 'physical-filter')} goes with --decertify only")
    if output is not None and expressed is None:
        raise UsageError("--output goes with --express only")
    if instrument and plan_file is not None:
        raise UsageError("--instrument goes with --decertify and --express; a plan has the key 'instrument'")
    if expressed is not None:
        return _express(settings, repo, expressed, instrument, output)
    if plan_file is not None:
        request, problems = load_request(plan_file)
    else:
        numbers = tuple(n for group in selection.pop("detectors") for n in group)
        request, problems = decertification(instrument=instrument, detectors=numbers, **selection), []
    request = dataclasses.replace(
        request,
        extend=request.extend or extend,
        make_default=request.make_default or make_default,
        transfer=transfer,
        strict=strict,
    )
    outcome = run_blessing(request, repo, ledger, dry_run, problems, progress_for(settings), wait)
    return show(outcome, settings, dry_run)


def show(outcome: Blessing, settings: Settings, dry_run: bool) -> int:
    """Print what blessing came to; the exit status."""
    if settings.json:
        print_json(outcome.as_dict())
    else:
        print_blessing(outcome, settings, written=not dry_run and not outcome.stopped)
    if outcome.stopped:
        error(outcome.stopped)
    return outcome.exit_status


def _express(settings: Settings, repo: str, collection: str, instrument: str, output: Path | None) -> int:
    from ..blessing import express, request_text, write_request

    request, rejects = express(repo, collection, instrument)
    if output is not None:
        write_request(request, output)
    if settings.json:
        print_json(request.to_plan() | {"rejected": [{"item": r.item, "reason": r.reason} for r in rejects]})
    elif output is None:
        click.echo(request_text(request), nl=False)
    for reject in rejects if output is None and not settings.json else ():
        error(f"{reject.item} {reject.reason}")
    if output is not None and not settings.json:
        print_rejects(rejects, {})
    return 1 if rejects else 0
