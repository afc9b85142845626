"""``gen2to3 explain``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..timespans import format_tai
from .command import Command
from .completing import dataset_types, directories, instruments
from .options import Settings, ledger_option, repo_argument, speaking
from .printing import one_line, print_json, print_table, say

if TYPE_CHECKING:
    from ..explain import Explanation


@click.command(cls=Command)
@repo_argument
@click.argument("dataset_type", metavar="TYPE", shell_complete=dataset_types)
@click.option("--detector", type=int, metavar="N", help="Detector id.")
@click.option("--exposure", type=int, metavar="ID", help="Exposure id.")
@click.option("--time", default="", metavar="TIME", help="An instant, instead of an exposure.")
@click.option("--scale", type=click.Choice(["utc", "tai"]), default="utc", help="Of --time (default: utc).")
@click.option("--physical-filter", default="", metavar="NAME", help="With --time: filter.")
@click.option(
    "--collection", default="", metavar="NAME", help="What is searched (default: <instrument>/calib)."
)
@click.option(
    "--root",
    metavar="DIR",
    shell_complete=directories,
    help="Gen2 repository (default: that of the last conversion).",
)
@click.option(
    "--instrument",
    default="",
    metavar="NAME",
    shell_complete=instruments,
    help="Gen3 instrument (default: the only one).",
)
@ledger_option
@speaking
@click.pass_context
def explain(
    ctx: click.Context,
    repo: str,
    root: str | None,
    ledger: str | None,
    **question: Any,
) -> int:
    """Say which calibration an observation gets, and why.

    REPO is the Butler repository, TYPE a calibration dataset type. Nothing is
    written. That there is no calibration is an answer, too.
    """
    from ..apply import ledger_path
    from ..explain import explain as run_explanation
    from ..question import Question

    settings: Settings = ctx.obj
    found = run_explanation(repo, Question(**question), ledger_path(repo, ledger), root)
    if settings.json:
        print_json(found.as_dict())
    else:
        _print(found, settings)
    return 0


def _print(found: Explanation, settings: Settings) -> None:
    if not settings.quiet:
        _print_question(found)
        _print_candidates(found)
    choice = found.choice
    if choice is None:
        say(f"Gen3: none; {one_line(found.problem)}.")
        from ..candidates import nearest

        for what, candidate in zip(("before", "after"), nearest(found.candidates), strict=True):
            text = (
                "none" if candidate is None else f"{candidate.run} {candidate.span} in {candidate.collection}"
            )
            say(f"  nearest {what}: {text}")
    else:
        say(f"Gen3: {found.files.get(choice.dataset_id, 'no file')}")
        say(f"  {choice.run}, dataset {choice.dataset_id}")
    _print_gen2(found)
    if settings.quiet:
        return
    _print_serials(found)
    _print_recorded(found)


def _print_question(found: Explanation) -> None:
    asked = found.question
    what = (
        f"exposure {asked.exposure}" if asked.exposure is not None else f"{asked.time} {asked.scale.upper()}"
    )
    say(f"{asked.dataset_type} {found.data_id} of {found.instrument} for {what}: {found.asked} TAI")
    say(f"searched: {found.collection}: {', '.join(found.searched) or 'nothing'}")
    say()


def _print_candidates(found: Explanation) -> None:
    print_table(
        ("collection", "run", "from (TAI)", "to (TAI)", ""),
        [
            (
                c.collection,
                c.run,
                format_tai(c.span.begin),
                format_tai(c.span.end),
                c.verdict,
            )
            for c in found.candidates
        ],
    )
    if found.candidates:
        say()


def _print_gen2(found: Explanation) -> None:
    side = found.gen2
    if side is None:
        say("Gen2: not known; no conversion is recorded, give the Gen2 repository with --root.")
        return
    if side.answer is None:
        say(f"Gen2: not known; {one_line(side.unknown)} ({side.root}).")
        return
    answer = side.answer
    say(
        f"Gen2: {answer.path}"
        if answer.status == "one"
        else f"Gen2: {answer.status}; {one_line(answer.why)}."
    )
    for c in answer.candidates:
        values = ", ".join(f"{key} {value}" for key, value in c.values)
        say(f"  row {c.row}: {c.valid_start} .. {c.valid_end}{f' ({values})' if values else ''}")
    say(f"Compared: {_OUTCOMES[found.outcome]}{f': {one_line(found.why)}' if found.why else ''}.")


_OUTCOMES = {
    "agree": "they agree",
    "explained": "they differ, explained",
    "disagree": "they disagree, and nothing that is recorded says why",
    "gen2_none.gen3_none": "neither has an answer",
    "gen2_none.gen3_one": "Gen2 had no answer, Gen3 has one",
    "gen2_ambiguous.gen3_none": "Gen2 had several answers, Gen3 has none",
    "gen2_ambiguous.gen3_one": "Gen2 had several answers, Gen3 has one",
}


def _print_serials(found: Explanation) -> None:
    if not found.periods:
        return
    now = found.serial
    text = "not known" if now is None else now.serial
    swaps = len(found.periods) - 1
    say(f"Chip at detector {found.question.detector}: {text}" + ("." if swaps else ", always the same."))
    for p in found.periods if swaps else ():
        say(f"  {p.serial}: from {p.begin_utc or 'the beginning'} until {p.end_utc or 'now'} (UTC)")


def _print_recorded(found: Explanation) -> None:
    if not found.has_ledger:
        say("There is no ledger: decisions, rejects and skips are not known.")
        return
    for d in found.decisions:
        item = f"{d.stamp}: " if d.stamp else ""
        say(f"decision  {d.rule}: {item}{one_line(d.before)} -> {one_line(d.after)} ({one_line(d.why)})")
    for x in found.left_out:
        say(f"{x.state}  {one_line(x.item)}: {one_line(x.reason)}")
