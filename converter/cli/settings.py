"""How a command speaks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Settings:
    """How to speak: set by the options of any command.

    Parameters
    ----------
    json
        One JSON object on stdout, and nothing else there.
    quiet
        Print what is wrong only.
    verbose
        Print everything that is otherwise summarised.
    debug
        Show tracebacks.
    again
        What writes that which a dry run showed; ``{command}`` is the command.
    """

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    again: str = "`gen2to3 {command}` with the same options"
