"""The command line: parse, call the library, print.

No decisions are made here. Every error that the user can cause is one line
on stderr and an exit status:

====  =======================================================
0     all good
1     finished, with rejects; or it broke off
2     the call cannot be carried out as it is
3     stopped before anything was written, also because another process writes
4     ``verify`` found a disagreement, or ``bless`` another content than it wrote
130   interrupted
143   terminated
====  =======================================================
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, NoReturn

import click

from .. import collector
from .bless import bless
from .cameras import cameras
from .convert import convert, plan
from .curate import curate
from .explain import explain
from .import_calibs import import_calibs
from .inspect import inspect
from .options import Settings
from .register import register
from .report import report
from .running import status_of
from .status import status
from .undo import undo
from .verify import verify


class Main(click.Group):
    """The group of all commands, with one place that handles errors."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> NoReturn:
        """Run a command and exit with its status."""
        settings = Settings()
        collector.settle()
        extra |= {"standalone_mode": False, "obj": settings}
        status = status_of(lambda: super(Main, self).main(args, *rest, **extra), settings)
        sys.exit(status)


@click.group(cls=Main, no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("gen2to3"), prog_name="gen2to3")
def main() -> None:
    """Convert LSST Gen2 data repositories to Gen3 Butler repositories, and prove the result.

    The usual order: inspect, plan, convert. Nothing in the Gen2 repository
    is ever changed (unless you have files moved, and say so twice).
    """


COMMANDS = (
    cameras,
    inspect,
    plan,
    convert,
    import_calibs,
    curate,
    register,
    bless,
    undo,
    verify,
    explain,
    status,
    report,
)
for command in COMMANDS:
    main.add_command(command)
