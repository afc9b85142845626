"""``butler decertify-calibrations``, which has the Butler's arguments and `bless --decertify`'s function."""

from __future__ import annotations

import click

from ..blessing import bless as run_blessing
from ..blessing import decertification
from ..cli.bless import show
from ..cli.options import Settings, ledger_option, speaking, wait_option
from ..cli.params import NumbersType
from ..cli.progress import progress_for


@click.command()
@click.argument("repo")
@click.argument("collection")
@click.argument("dataset_type", metavar="DATASET_TYPE")
@click.option("--begin-date", default="", metavar="TIME", help="From this time (ISO-8601, TAI) on.")
@click.option("--end-date", default="", metavar="TIME", help="Up to this time (ISO-8601, TAI), exclusive.")
@click.option(
    "--detectors",
    "--detector",
    "detectors",
    type=NumbersType("detector"),
    multiple=True,
    metavar="A,B..C",
    help="Only these detectors.",
)
@click.option("--physical-filter", "filters", multiple=True, metavar="GLOB", help="Only these filters.")
@click.option(
    "--where", default="", metavar="EXPRESSION", help="Only these datasets (the Butler's query language)."
)
@click.option("--instrument", default="", metavar="NAME", help="Gen3 instrument (default: the only one).")
@click.option("--dry-run", is_flag=True, help="Show the difference, and write nothing.")
@ledger_option
@wait_option
@speaking
@click.pass_context
def decertify_calibrations(
    ctx: click.Context,
    repo: str,
    collection: str,
    dataset_type: str,
    begin_date: str,
    end_date: str,
    detectors: tuple[list[int], ...],
    filters: tuple[str, ...],
    where: str,
    instrument: str,
    dry_run: bool,
    ledger: str | None,
    wait: float,
) -> int:
    """Take validity ranges of calibrations off."""
    settings: Settings = ctx.obj
    request = decertification(
        collection,
        (dataset_type,),
        [number for group in detectors for number in group],
        filters,
        begin_date,
        end_date,
        "tai",
        instrument,
        where,
        asked_by="decertify-calibrations",
    )
    outcome = run_blessing(request, repo, ledger, dry_run, (), progress_for(settings), wait)
    return show(outcome, settings, dry_run)
