"""Options of the old converters that say what replaced them."""

from __future__ import annotations

from typing import Any

import click

_NO_SKY_MAPS = "sky maps are not converted; register one with the stack's `butler register-skymap`"


def retired_options() -> list[click.Option]:
    """Options that end the command with one line, on the command line and in an options file."""
    return [
        _retired(_NO_SKY_MAPS, "--skymap-name"),
        _retired(_NO_SKY_MAPS, "--skymap-config"),
        _retired(
            "processed data (reruns) is not converted; process the converted raws again, or ingest single "
            "products with `butler ingest-files`",
            "--reruns",
        ),
        _retired(
            "settings are in a recipe now; write one with `gen2to3 inspect ROOT --recipe FILE`, edit it, and "
            "give it with --recipe FILE",
            "-C",
            "--config-file",
        ),
        _retired(
            "masters find their filter by the camera's table of filters now; leave it out",
            "--calibFilterType",
        ),
        _retired(
            "this was the log level of convert_gen2_repo_to_gen3.py; --verbose prints every decision, "
            "`butler --log-level DEBUG convert ...` what the Butler logs",
            "-v",
            is_flag=True,
        ),
    ]


def _retired(why: str, *names: str, is_flag: bool = False) -> click.Option:
    def refuse(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        if value:
            raise click.UsageError(f"{'/'.join(names)}: {why}", ctx)

    return click.Option(
        [*names, f"retired_{names[-1].strip('-').replace('-', '_').lower()}"],
        expose_value=False,
        hidden=True,
        is_eager=True,  # before what is missing or wrong elsewhere
        is_flag=is_flag,
        callback=refuse,
    )
