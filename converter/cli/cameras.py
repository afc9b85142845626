"""``gen2to3 cameras``."""

from __future__ import annotations

import click

from .command import Command
from .options import Settings, speaking
from .printing import print_cameras, print_json


@click.command(cls=Command)
@speaking
@click.pass_obj
def cameras(settings: Settings) -> int:
    """List the cameras that can be converted."""
    from adapters.registry import list_cameras

    entries = list_cameras()
    if settings.json:
        print_json(
            {
                "cameras": [
                    {
                        "name": entry.name,
                        "provider": entry.provider,
                        "instrument": entry.camera.instrument.name if entry.camera else None,
                        "mappers": list(entry.camera.mappers) if entry.camera else [],
                        "error": entry.error,
                    }
                    for entry in entries
                ]
            }
        )
    else:
        print_cameras(entries)
    return 0
