"""``gen2to3 completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .command import Command

VARIABLE = "_GEN2TO3_COMPLETE"
"""By this variable the script asks the program, as click expects it."""


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> int:
    """Print the script that completes words in a shell.

    Commands and options are completed, and cameras, dataset types,
    instruments, policies, readings, files and directories. SHELL is bash (4.4
    or later), zsh or fish.
    """
    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(ctx.find_root().command, {}, "gen2to3", VARIABLE).source())
    return 0
