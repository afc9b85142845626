"""Commands that are known by name, and imported when one is used. Imports nothing that takes time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


class LazyCommand(click.Command):
    """A command that is known by name, and is imported when it is used.

    Parameters
    ----------
    name
        Name of the command.
    short_help
        What the list of commands says of it.
    load
        Imports the command itself.
    """

    def __init__(self, name: str, short_help: str, load: Callable[[], click.Command]) -> None:
        super().__init__(name, short_help=short_help)
        self._load = load

    @property
    def command(self) -> click.Command:
        """The command itself."""
        return self._load()

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse arguments, as the command itself does it; from here on it is that one that runs."""
        return self.command.make_context(info_name, args, parent, **extra)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Parameters of the command itself, for programs that make its documentation."""
        return self.command.get_params(ctx)
