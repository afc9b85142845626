"""The command line: parse, call the library, print.

No decisions are made here. Every error that the user can cause is one line
on stderr and an exit status (`exit_status`). Commands are imported when they
are used, and import the library when they run: help, completion and mistakes
on the command line do not wait for it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Any, NoReturn

import click

from .. import collector
from ..lazy_command import LazyCommand
from .exit_status import EXIT_STATUS
from .printing import print_json, say
from .running import status_of
from .settings import Settings


class Main(click.Group):
    """The group of all commands, with one place that handles errors."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> NoReturn:
        """Run a command and exit with its status."""
        settings = Settings()
        collector.settle()
        if not rest:
            extra.setdefault("prog_name", "gen2to3")  # also as `python -m converter.cli`
        extra |= {"standalone_mode": False, "obj": settings}
        status = status_of(lambda: super(Main, self).main(args, *rest, **extra), settings)
        sys.exit(status)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of their use."""
        return list(self.commands)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the exit statuses."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Exit status"):
            formatter.write_dl(list(EXIT_STATUS.items()))
        formatter.write_paragraph()
        formatter.write_text("`gen2to3 COMMAND --help` has examples.")


@click.group(
    cls=Main,
    no_args_is_help=False,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--version", is_flag=True, help="Show the versions of gen2to3 and of what it uses, and exit.")
@click.option("--json", is_flag=True, help="With --version: as one JSON object.")
@click.pass_context
def main(ctx: click.Context, version: bool, json: bool) -> None:
    """Convert LSST Gen2 data repositories to Gen3 Butler repositories, and prove the result.

    The usual order: inspect, plan, convert. Nothing in the Gen2 repository
    is ever changed (unless you have files moved, and say so twice).
    """
    if version:
        _print_versions(json)
        ctx.exit(0)
    if json:
        ctx.fail("--json goes with --version here; a command has its own, behind its name.")
    if ctx.invoked_subcommand is None:
        ctx.fail("Missing command.")


def _print_versions(json: bool) -> None:
    from ..versions import all_versions

    found = all_versions()
    if json:
        print_json(found)
        return
    own, *others = found.items()
    say(" ".join(own))
    for name, version in others:
        say(f"  {name} {version}")


def _load(module: str, name: str) -> click.Command:
    command: click.Command = getattr(import_module(f".{module}", __package__), name.replace("-", "_"))
    return command


COMMANDS = {
    "cameras": ("cameras", "List the cameras that can be converted."),
    "inspect": ("inspect", "Say what is in a Gen2 repository and what is wrong with it."),
    "plan": ("convert", "Show all that `convert` would do, and write nothing."),
    "convert": ("convert", "Convert a Gen2 repository: plan, write, verify."),
    "import-calibs": (
        "import_calibs",
        "Import masters made elsewhere, with validity ranges from elsewhere.",
    ),
    "curate": ("curate", "Write curated calibrations of a data package."),
    "register": (
        "register",
        "Register an instrument with its detectors and filters, or bring them up to date.",
    ),
    "bless": ("bless", "Certify masters that are in a repository, by a plan."),
    "undo": ("undo", "Take a conversion back: what it made, and nothing else."),
    "verify": (
        "verify",
        "Compare Gen2's answer with Gen3's for every exposure, detector and calibration.",
    ),
    "explain": ("explain", "Say which calibration an observation gets, and why."),
    "status": (
        "status",
        "Show what a repository holds, how it came there, and what is still to be done.",
    ),
    "report": ("report", "Write a report of a repository: one HTML file that needs nothing else."),
    "completion": ("completion", "Print the script that completes words in a shell."),
}
"""Module, and the first sentence of the command's help."""

for _name, (_module, _text) in COMMANDS.items():
    main.add_command(LazyCommand(_name, _text, partial(_load, _module, _name)))
