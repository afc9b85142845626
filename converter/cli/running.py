"""How a command ends: every error is one line on stderr and an exit status."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import click

from ..interruption import Terminated, terminable
from ..nouns import Gen2to3Error
from .printing import error
from .settings import Settings

INTERRUPTED = 130


def status_of(call: Callable[[], Any], settings: Settings) -> Any:
    """Call something, and say what went wrong.

    Parameters
    ----------
    call
        What is called; what it returns is the status.
    settings
        How to speak, as they are when it fails.
    """
    try:
        with terminable():
            return call()
    except (click.exceptions.Exit, BrokenPipeError):
        raise  # click's own affair
    except (click.Abort, KeyboardInterrupt):
        error("interrupted; the same command goes on from there")
        return INTERRUPTED
    except Terminated:
        error("terminated; the same command goes on from there")
        return Terminated.exit_status
    except click.ClickException as exc:
        context = exc.ctx if isinstance(exc, click.UsageError) else None
        hint = f" (see `{context.command_path} --help`)" if context is not None else ""
        error(exc.format_message() + hint)
        return exc.exit_code
    except Gen2to3Error as exc:
        if settings.debug:
            traceback.print_exc()
        error(str(exc))
        return exc.exit_status
    except Exception as exc:
        if settings.debug:
            traceback.print_exc()
        error(f"internal error: {type(exc).__name__}: {exc}; run again with --debug")
        return 1
