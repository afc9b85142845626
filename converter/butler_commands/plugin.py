"""What ``butler`` is told: names and one line of each. Imports nothing that takes time."""

from __future__ import annotations

import logging
from importlib import import_module
from importlib.metadata import entry_points

import click
import yaml

from ..lazy_command import LazyCommand

GROUP = "butler.cli"
ENTRY_POINT = "converter.butler_commands:commands"
"""As pyproject.toml has it."""

_log = logging.getLogger(__name__)


class Named(LazyCommand):
    """A command of ``butler``.

    Parameters
    ----------
    name
        Name of the command.
    short_help
        What ``butler --help`` says of it.
    same_as
        Command that does the same without ``butler``.
    """

    def __init__(self, name: str, short_help: str, same_as: str) -> None:
        super().__init__(name, short_help, self._definition)
        self.same_as = same_as

    def _definition(self) -> click.Command:
        command: click.Command = import_module(".definitions", __package__).DEFINITIONS[self.name]
        return command


COMMANDS = {
    name: Named(name, short_help, same_as)
    for name, short_help, same_as in (
        (
            "bless-calibrations",
            "Certify masters that are in a repository, by a plan.",
            "gen2to3 bless REPO PLAN.yaml",
        ),
        (
            "convert",
            "Convert a Gen2 repository: plan, write, verify.",
            "gen2to3 convert ROOT REPO",
        ),
        (
            "decertify-calibrations",
            "Take validity ranges of calibrations off.",
            "gen2to3 bless REPO --decertify",
        ),
        (
            "explain-calibration",
            "Say which calibration an observation gets, and why.",
            "gen2to3 explain REPO TYPE",
        ),
        (
            "import-calibs",
            "Import masters made elsewhere, with validity ranges from elsewhere.",
            "gen2to3 import-calibs REPO SOURCES",
        ),
        (
            "verify-conversion",
            "Compare Gen2's answer with Gen3's for every exposure, detector and calibration.",
            "gen2to3 verify REPO",
        ),
    )
}


def commands() -> list[click.Command]:
    """The commands for ``butler``'s entry point.

    ``butler`` refuses to do anything at all while two packages have a command
    of one name. Where another has the name, ours is left out and said so.
    """
    taken = _others()
    for name in sorted(taken.keys() & COMMANDS.keys()):
        if taken[name] != __package__:
            _log.warning(
                "butler %s is that of %s; for that of gen2to3 use `%s`",
                name,
                taken[name],
                COMMANDS[name].same_as,
            )
    return [command for name, command in COMMANDS.items() if name not in taken]


def _others() -> dict[str, str]:
    """Names of all commands but those of our entry point, and the package that each is of."""
    from lsst.daf.butler.cli import cmd
    from lsst.daf.butler.cli.butler import ButlerCLI

    found: dict[str, str] = {getattr(cmd, name).name: cmd.__name__ for name in cmd.__all__}
    # What cannot be read or loaded, `butler` says itself, and has no commands of it.
    for resource in ButlerCLI.getPluginList():
        try:
            plugin = yaml.safe_load(resource.read())["cmd"]
            found |= dict.fromkeys(plugin["commands"], plugin["import"])
        except Exception as exc:
            _log.debug("%s: %s", resource, exc)
    for point in entry_points(group=GROUP):
        if point.value == ENTRY_POINT:
            continue
        try:
            found |= {command.name: point.value for command in point.load()()}
        except Exception as exc:
            _log.debug("%s: %s", point, exc)
    return found
