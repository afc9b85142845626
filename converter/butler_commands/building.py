"""How a command of ``gen2to3`` becomes one of ``butler``."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import click
from lsst.daf.butler.cli.opt import options_file_option
from lsst.daf.butler.cli.utils import ButlerCommand, yaml_presets

from .. import collector
from ..cli.options import Settings
from ..cli.running import status_of


@dataclass
class ButlerSettings(Settings):
    """How to speak below ``butler``.

    Parameters
    ----------
    args
        Words of the command line, which the Butler's commands keep in the context.
    """

    again: str = "the same command without --dry-run"
    args: list[Any] = dataclasses.field(default_factory=list)


class Gen2to3Command(ButlerCommand):
    """A command of ``butler`` that fails with one line, and with the exit status of ``gen2to3``."""

    def __init__(self, *args: Any, callback: Callable[..., Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Not through the base class: it would print tracebacks, and lose the status.
        self.callback = callback

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse arguments."""
        settings = ButlerSettings()
        made: list[click.Context] = []

        def make() -> None:
            made.append(super(Gen2to3Command, self).make_context(info_name, args, parent, **extra))

        extra["obj"] = settings
        status = status_of(make, settings)
        if not made:
            raise click.exceptions.Exit(status)
        return made[0]

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and end with the status."""
        collector.settle()
        ctx.exit(status_of(lambda: super(Gen2to3Command, self).invoke(ctx), ctx.obj))


def butler_command(
    name: str,
    original: click.Command,
    text: str,
    *,
    instead: Mapping[str, click.Parameter] | None = None,
    left_out: Mapping[str, Any] | None = None,
    more: Iterable[click.Parameter] = (),
    prepare: Callable[[click.Context], None] | None = None,
) -> click.Command:
    """Make a command of the parameters and the function of another.

    Parameters
    ----------
    name
        Name of the command.
    original
        Command whose parameters are taken, and whose function is called.
    text
        What ``--help`` says.
    instead
        Parameters by name of the one that they replace; they have that name, too.
    left_out
        Parameters that are not to be had here, and the value with which the
        function is called.
    more
        Parameters that the function does not know: options that are not exposed.
    prepare
        Called with the context before the function is; may change ``params``.
    """
    replaced, fixed = dict(instead or {}), dict(left_out or {})
    callback = original.callback
    assert callback is not None

    @click.pass_context
    def call(ctx: click.Context, /, **values: Any) -> Any:
        if prepare is not None:
            prepare(ctx)
        return callback(**fixed, **ctx.params)

    params = [replaced.get(str(p.name), p) for p in original.params if p.name not in fixed]
    params += [*more, _options_file()]
    return Gen2to3Command(name, callback=call, params=params, help=text)


def also_called(parameter: click.Parameter, *names: str, **changes: Any) -> click.Parameter:
    """An option with other names than it has, and else the same."""
    other = copy.copy(parameter)
    other.opts = list(names)
    for key, value in changes.items():
        setattr(other, key, value)
    return other


def parameter_of(command: click.Command, name: str) -> click.Parameter:
    """A parameter of a command, by its name."""
    return next(p for p in command.params if p.name == name)


def _options_file() -> click.Parameter:
    # Eager: --json and the like are eager, and may be in the file.
    def holder() -> None: ...

    options_file_option(is_eager=True, callback=_presets)(holder)
    (option,) = holder.__click_params__  # type: ignore[attr-defined]
    return option


def _presets(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    yaml_presets(ctx, str(param.name), value)
    presets = ctx.default_map
    for parameter in ctx.command.params if presets else ():
        name = str(parameter.name)
        # A single text for an option that may be repeated is one use of it, not its letters.
        if getattr(parameter, "multiple", False) and isinstance(presets.get(name), str | int):  # type: ignore[union-attr]
            presets[name] = [str(presets[name])]  # type: ignore[index]
