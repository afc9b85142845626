"""Results as text: short aligned tables, one line per thing that is wrong."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from adapters.gen2.files import printable

from .settings import Settings

if TYPE_CHECKING:
    from adapters.registry import CameraEntry

    from ..decisions import Decision
    from ..nouns import Reject
    from ..planning.plan import Plan
    from ..verify import Verification
    from ..written import Written

LONGEST = 20_000
"""Characters of a line that are shown."""

FIRST = 3
"""Lines of each kind of decision that `plan` shows without ``--verbose``."""


def one_line(text: object) -> str:
    """Text on one line, with nothing in it that a terminal would act upon."""
    line = " ".join(str(text).splitlines())
    if len(line) > LONGEST:
        line = f"{line[:LONGEST]}... ({len(line)} characters)"
    return printable(line)


def error(text: object) -> None:
    """Say on stderr what went wrong."""
    click.echo(f"gen2to3: error: {one_line(text)}", err=True)


def say(text: str = "") -> None:
    """Print one line of the result."""
    click.echo(printable(text))


def print_json(data: Mapping[str, Any]) -> None:
    """Print the one JSON object."""
    click.echo(json.dumps(data, indent=2))


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]], indent: str = "") -> None:
    """Print a table; numbers to the right, texts to the left."""
    table = [tuple(rows_) for rows_ in rows]
    if not table:
        return
    texts = [tuple(header), *(tuple(_cell(value) for value in row) for row in table)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    right = [all(isinstance(v, int) or v is None for v in column) for column in zip(*table, strict=True)]
    for line in texts:
        cells = (
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        )
        say((indent + "  ".join(cells)).rstrip())


def _cell(value: object) -> str:
    return "-" if value is None or str(value) == "" else one_line(value)


def plural(number: int, thing: str) -> str:
    """``1 reject``, ``2 rejects``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def print_cameras(entries: Iterable[CameraEntry]) -> None:
    """Print the list of cameras."""
    print_table(
        ("camera", "instrument", "from", "Gen2 mappers"),
        [
            (e.name, e.camera.instrument.name, e.provider, ", ".join(e.camera.mappers))
            if e.camera is not None
            else (e.name, None, e.provider, f"cannot be loaded: {e.error}")
            for e in entries
        ],
    )


def print_plan(plan: Plan, settings: Settings, written: bool = False, conversion: int | None = None) -> None:
    """Print a plan, or what became of it.

    Parameters
    ----------
    plan
        The plan.
    settings
        How much to print.
    written
        Whether it was carried out.
    conversion
        Its number in the ledger.
    """
    if not settings.quiet:
        _print_counts(plan, written)
        print_decisions(plan.decisions, FIRST if not written else 0, settings.verbose)
        print_skips([(s.item, s.reason) for s in plan.skips], settings.verbose)
        _print_hand_offs(plan)
    folded = {} if settings.verbose else plan.folded
    print_rejects(plan.rejects, folded)
    print_conflicts(plan.conflicts, folded)
    if not settings.quiet:
        say(_conclusion(plan, written, conversion, settings.again))


def print_written(outcome: Written, settings: Settings, dry_run: bool) -> int:
    """Print what became of a plan and what was read back, and give the exit status.

    Parameters
    ----------
    outcome
        The outcome.
    settings
        How much to print, or JSON.
    dry_run
        Whether nothing was to be written.
    """
    if settings.json:
        print_json(outcome.as_dict())
    else:
        written = not dry_run and not outcome.stopped
        print_plan(outcome.plan, settings, written=written, conversion=outcome.conversion)
        readback = outcome.readback
        for line in readback.missing if readback is not None else ():
            say(f"missing  {one_line(line)}")
        if readback is not None and not settings.quiet:
            found = plural(readback.found.total(), "range")
            say(f"Read back: {found} as written, {len(readback.missing)} missing.")
    if outcome.stopped:
        error(outcome.stopped)
    return outcome.exit_status


def _print_counts(plan: Plan, written: bool) -> None:
    say(plan.title)
    say()
    types = sorted({*plan.written, *plan.existing, *plan.certified})
    header = (
        "dataset type",
        "written" if written else "to write",
        "existing",
        "certified" if written else "to certify",
    )
    print_table(header, [(t, plan.written[t], plan.existing[t], plan.certified[t]) for t in types])
    if types:
        say()
    if plan.visit_counts is not None and any(plan.visit_counts.values()):
        counts = plan.visit_counts
        say(
            f"visits  {counts['written']} {'written' if written else 'to write'}, {counts['existing']} existing, "
            f"{plural(counts['skipped'], 'exposure')} skipped"
        )
        say()


def print_decisions(decisions: Sequence[Decision], first: int, verbose: bool) -> None:
    """Print what was chosen, by rule.

    Parameters
    ----------
    decisions
        What was chosen.
    first
        Number of each rule that is shown.
    verbose
        Show all.
    """
    by_rule: dict[str, list[Decision]] = defaultdict(list)
    for decision in decisions:
        by_rule[decision.rule].append(decision)
    for rule, group in by_rule.items():
        say(f"decision  {rule}: {len(group)}")
        shown = group if verbose else group[:first]
        for decision in shown:
            say(f"  {one_line(_change(decision))}")
        if 0 < len(shown) < len(group):
            say(f"  ... and {len(group) - len(shown)} more (--verbose shows all)")
    if by_rule:
        say()


def _change(decision: Decision) -> str:
    if not decision.before and not decision.after:
        return f"{decision.item}: {decision.why}"
    return f"{decision.item}: {decision.before} -> {decision.after} ({decision.why})"


def print_skips(skips: Sequence[tuple[str, str]], verbose: bool) -> None:
    """Print what is left out: counted by reason, or in full."""
    for reason, number in Counter(reason for _, reason in skips).most_common():
        say(f"skip  {number} x {one_line(reason)}")
        if verbose:
            for item in (item for item, why in skips if why == reason):
                say(f"  {one_line(item)}")
    if skips:
        say()


def print_rejects(rejects: Iterable[Reject], folded: Mapping[str, str]) -> None:
    """Print all that cannot be converted: none may be lost in a summary.

    Parameters
    ----------
    rejects
        All of them.
    folded
        For some of them (as text) the line that stands for several; it names
        the items of all.
    """
    said: set[str] = set()
    for text in map(str, rejects):
        line = folded.get(text)
        if line not in said:
            say(f"reject  {one_line(line or text)}")
        if line is not None:
            said.add(line)


def print_conflicts(conflicts: Iterable[str], folded: Mapping[str, str]) -> None:
    """Print what stops a conversion, many of a kind in one line.

    Parameters
    ----------
    conflicts
        One line each.
    folded
        For some of them the line that stands for it.
    """
    for conflict in dict.fromkeys(folded.get(c, c) for c in conflicts):
        say(f"conflict  {one_line(conflict)}")


def _print_hand_offs(plan: Plan) -> None:
    for hand_off in plan.hand_offs:
        say(f"hand-off  {hand_off.dataset_type}: {one_line(hand_off.reason)}; with the LSST stack run")
        say(f"  {hand_off.command}")
    if plan.hand_offs:
        say()


def _conclusion(plan: Plan, written: bool, conversion: int | None, how: str) -> str:
    existing = plural(plan.existing.total(), "dataset")
    wrong = plural(len(plan.rejects), "reject")
    if plan.conflicts:
        return f"{plural(len(plan.conflicts), 'conflict')}, {wrong}; resolve the conflicts, then run the same command again."
    again = " Correct the rejects and run the same command again." if plan.rejects else ""
    if plan.is_empty:
        return f"Nothing to write: {existing} there already, {wrong}.{again}"
    counts = (
        f"{plural(plan.written.total(), 'dataset')} {'written' if written else 'to write'}, "
        f"{plan.existing.total()} there already, {plan.certified.total()} "
        f"{'certified' if written else 'to certify'}, {wrong}."
    )
    if written:
        stack = (
            f" For the LSST stack: {plural(len(plan.hand_offs), 'hand-off')} (above)."
            if plan.hand_offs
            else ""
        )
        return f"Conversion {conversion}: {counts}{again}{stack}"
    if plan.recipe.strict and plan.rejects:
        return f"{counts} Nothing was written; correct the rejects, or leave --strict out."
    return f"{counts} Nothing was written; {how.format(command=plan.command)} writes it."


def print_verification(verification: Verification, settings: Settings) -> None:
    """Print the outcome of a verification."""
    result = verification
    if not settings.quiet:
        names = ("agree", "explained", "disagree")
        undefined = [(g2, g3) for g2 in ("none", "ambiguous") for g3 in ("gen3_none", "gen3_one")]
        print_table(
            ("dataset type", *names, *(f"Gen2 {g2}/Gen3 {g3[5:]}" for g2, g3 in undefined)),
            [
                (name, *(counts[n] for n in names), *(counts[f"gen2_{g2}.{g3}"] for g2, g3 in undefined))
                for name, counts in sorted(result.by_type.items())
            ],
        )
        for what, counts in (
            ("not the nearest in time", result.not_nearest),
            ("taken after the exposure", result.taken_after),
        ):
            if any(counts.values()):
                say(f"timing  {what}: " + ", ".join(f"{t} {n}" for t, n in sorted(counts.items()) if n))
        for why, number in result.explanations.most_common():
            say(f"explained  {number} x {one_line(why)}")
    for d in result.disagree:
        say(
            f"disagree  exposure {d['exposure']} detector {d['detector']} {d['type']}: "
            f"Gen2 {one_line(d['gen2'])}; Gen3 {one_line(d['gen3'])}"
        )
    if not settings.quiet:
        when = f" at {result.recorded_utc}, unchanged since" if result.recorded_utc else ""
        say(
            f"Verified{when}: {plural(result.observations, 'observation')}, {plural(result.lookups, 'lookup')}, "
            f"{result.agree} agree, {result.explained} explained, {plural(len(result.disagree), 'disagreement')}."
        )
        if result.ready is not None:
            say(f"{result.ready}.")
