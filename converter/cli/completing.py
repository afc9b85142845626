"""What a shell may complete a word to. Cheap things only: somebody is waiting for it at every key."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from importlib.metadata import entry_points

import click
from click.shell_completion import CompletionItem

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def directories(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Directories, which the shell knows best."""
    return [CompletionItem(incomplete, type="dir")]


def paths(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files and directories."""
    return [CompletionItem(incomplete, type="file")]


def cameras(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Short names of the cameras; none of them is loaded."""
    from adapters.registry import GROUP

    return _beginning({point.name for point in entry_points(group=GROUP)}, incomplete)


def instruments(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Instruments of the cameras that can be loaded."""
    from adapters.registry import list_cameras

    return _beginning({e.camera.instrument.name for e in list_cameras() if e.camera}, incomplete)


def dataset_types(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Dataset types that the cameras declare, those of one if the command has named it."""
    from adapters.registry import list_cameras

    wanted = str(ctx.params.get("camera") or "").lower()
    found = {"raw"}
    for entry in list_cameras():
        if entry.camera is not None and wanted in ("", entry.name.lower()):
            found |= {c.dataset_type for c in entry.camera.calibrations}
    # Several may stand in one word; the last one is being written.
    before, comma, last = incomplete.rpartition(",")
    return [CompletionItem(f"{before}{comma}{item.value}") for item in _beginning(found, last)]


def pairs(choices: type[StrEnum]) -> Completer:
    """Choices, alone or behind ``TYPE=``."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, equals, last = incomplete.rpartition("=")
        return [CompletionItem(f"{before}{equals}{item.value}") for item in _beginning(choices, last)]

    return complete


def _beginning(values: object, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(v) for v in sorted(map(str, values)) if v.startswith(incomplete)]  # type: ignore[call-overload]
