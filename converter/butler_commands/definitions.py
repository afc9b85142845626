"""The commands of ``butler``: those of ``gen2to3``, and what differs."""

from __future__ import annotations

import os
from typing import Any

import click

from ..cli.bless import bless
from ..cli.convert import convert
from ..cli.explain import explain
from ..cli.import_calibs import import_calibs
from ..cli.verify import verify
from ..nouns import UsageError
from .building import also_called, butler_command, parameter_of
from .decertify import decertify_calibrations
from .retired import retired_options

LINK = "link"
"""The Butler's name of what `auto` does with a file outside of the repository: a hard link, or else a symbolic one."""


class TransferType(click.Choice[str]):
    """Transfer modes with the Butler's names, in upper or lower case."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The mode as the library has it."""
        mode = super().convert(value, param, ctx)
        return "auto" if mode == LINK else mode


def _as_in_butler(command: click.Command) -> dict[str, click.Parameter]:
    """Options that the stock commands have by other names, too."""
    found: dict[str, click.Parameter] = {}
    names = [p.name for p in command.params]
    if "transfer" in names:
        option = parameter_of(command, "transfer")
        assert isinstance(option.type, click.Choice)
        choices = TransferType([*option.type.choices, LINK], case_sensitive=False)
        found["transfer"] = also_called(option, "-t", "--transfer", type=choices)
    if "workers" in names:
        option = parameter_of(command, "workers")
        found["workers"] = also_called(option, "-j", "--processes", "--workers")
    return found


def _gen2root(required: bool, text: str) -> click.Option:
    return click.Option(["--gen2root", "root"], required=required, metavar="DIR", help=text)


def _find_calibs(ctx: click.Context) -> None:
    """Calibration roots are relative to the Gen2 root, as they always were here, if that has them."""
    root = ctx.params["root"]
    if root is not None:
        both = [(os.path.join(root, path), path) for path in ctx.params["calib"]]
        ctx.params["calib"] = tuple(
            here if os.path.exists(here) and not os.path.exists(inside) else inside for inside, here in both
        )


def _need_plan(ctx: click.Context) -> None:
    if (ctx.params["plan_file"] is None) == (ctx.params["expressed"] is None):
        raise UsageError(
            "give either PLAN.yaml or --express; `butler decertify-calibrations` takes ranges off without a plan"
        )
    if ctx.params["instrument"] and ctx.params["plan_file"] is not None:
        raise UsageError("--instrument goes with --express only; a plan has the key 'instrument'")


_CALIBS = "Calibration root, absolute or relative to the Gen2 root; may be repeated (default: where the Gen2 mapper looked)."

_COMMANDS = (
    butler_command(
        "bless-calibrations",
        bless,
        """Certify masters that are in a repository, by a plan.

        REPO is the Butler repository. PLAN.yaml says what a CALIBRATION
        collection is to hold; the difference to what it holds is shown and
        written, all of it or nothing. The same plan again changes nothing.
        """,
        instead=_as_in_butler(bless)
        | {
            "instrument": also_called(
                parameter_of(bless, "instrument"), "--instrument", help="With --express: Gen3 instrument."
            )
        },
        left_out={
            "decertify": False,
            "collection": None,
            "types": (),
            "detectors": (),
            "filters": (),
            "where": "",
            "begin": "",
            "end": "",
            "scale": "utc",
        },
        prepare=_need_plan,
    ),
    butler_command(
        "convert",
        convert,
        """Convert a Gen2 repository: plan, write, verify.

        REPO is the Butler repository; it is created (on SQLite) if it is not
        there. The same command run again converts what has been added
        meanwhile, and goes on after an interruption.
        """,
        instead=_as_in_butler(convert)
        | {
            "root": _gen2root(True, "Gen2 repository."),
            "calib": also_called(parameter_of(convert, "calib"), "--calibs", "--calib", help=_CALIBS),
            "dry_run": also_called(
                parameter_of(convert, "dry_run"), "--dry-run", help="Plan only; nothing is written."
            ),
            "verbose": also_called(parameter_of(convert, "verbose"), "--verbose"),
        },
        more=retired_options(),
        prepare=_find_calibs,
    ),
    butler_command(
        "decertify-calibrations",
        decertify_calibrations,
        """Take validity ranges of calibrations off.

        REPO is the Butler repository, COLLECTION a CALIBRATION collection,
        DATASET_TYPE a dataset type or a glob. Ranges that reach beyond
        --begin-date and --end-date are cut; other ranges stay. No dataset is
        removed. `gen2to3 undo` puts the ranges back.
        """,
    ),
    butler_command(
        "explain-calibration",
        explain,
        """Say which calibration an observation gets, and why.

        REPO is the Butler repository, TYPE a calibration dataset type. Nothing is
        written. That there is no calibration is an answer, too.
        """,
        instead={"root": also_called(parameter_of(explain, "root"), "--gen2root", "--root")},
    ),
    butler_command(
        "import-calibs", import_calibs, str(import_calibs.help), instead=_as_in_butler(import_calibs)
    ),
    butler_command(
        "verify-conversion",
        verify,
        """Compare Gen2's answer with Gen3's for every exposure, detector and calibration.

        REPO is the Butler repository. With --files and neither --gen2root nor
        --recipe only the files of the Butler repository are looked at.
        """,
        instead=_as_in_butler(verify)
        | {
            "root": _gen2root(
                False, "Gen2 repository (default: that of the last conversion, with its recipe)."
            ),
            "calib": also_called(parameter_of(verify, "calib"), "--calibs", "--calib", help=_CALIBS),
        },
        prepare=_find_calibs,
    ),
)

DEFINITIONS = {str(command.name): command for command in _COMMANDS}
"""The commands, by name."""
