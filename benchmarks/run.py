"""``python -m benchmarks.run``: gen2to3 against bare daf_butler and the stock commands.

Makes a large Gen2 repository, converts it, verifies it, converts it once
more, and writes the same content with bare daf_butler and (a sample of it)
with the ``butler`` commands. Prints a table and writes JSON. Fails if what
was written is not right, never because of a time.

There are two sizes, and both are measured unless ``--size`` names one; the
large one without the commands. ``--masters`` and ``--raws`` make another.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .measure import CHECKOUT, StepError, run_step
from .report import Measured, compare, problems, report, show

# Not from the recipe or `benchmarks.commands`: this process is to stay small (see `benchmarks.measure`).
TRANSFERS = ("direct", "symlink", "relsymlink", "hardlink", "copy")
COMMAND_TRANSFERS = ("direct",)
MARKER = ".gen2to3-bench"
RESULTS = CHECKOUT / "benchmarks" / "results"


@dataclass(frozen=True)
class Size:
    """One of the sizes that are measured.

    Parameters
    ----------
    masters, raws
        Numbers of files.
    sample
        Masters, and raws, that the stock commands write; 0 for none.
    output
        The JSON file.
    """

    masters: int
    raws: int
    sample: int
    output: Path


SIZES = {
    "small": Size(30_000, 20_000, 1_500, RESULTS / "latest.json"),
    "large": Size(300_000, 200_000, 0, RESULTS / "large.json"),
}


@dataclass(frozen=True)
class Options:
    """What is measured.

    Parameters
    ----------
    masters, raws, detectors
        Size of the Gen2 repository.
    sample
        Masters, and raws, that the stock commands write; 0 for none.
    transfer
        Transfer mode.
    repeat
        How often conversion and bare writing take turns; the least time counts.
    directory
        Where everything is made, wiped before.
    output
        The JSON file.
    """

    masters: int
    raws: int
    detectors: int
    sample: int
    transfer: str
    repeat: int
    directory: Path
    output: Path


def parse(arguments: list[str]) -> list[Options]:
    """Read the command line: what is measured, one after the other."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run", description="Measure gen2to3 against bare daf_butler."
    )
    add = parser.add_argument
    add("--size", choices=SIZES, help="one of the two sizes (default both, the small one first)")
    add("--masters", type=int, help="master calibration files, for a size of your own")
    add("--raws", type=int, help="raw files, for a size of your own")
    add("--detectors", type=int, default=104, help="detectors of an exposure (default %(default)s)")
    add("--sample", type=int, help="masters and raws for the stock commands, 0 for none")
    add("--transfer", choices=TRANSFERS, default="direct", help="default %(default)s")
    add(
        "--repeat",
        type=int,
        default=1,
        help="measure conversion and bare writing so often in turns and take the least (default %(default)s)",
    )
    add("--dir", type=Path, default=CHECKOUT / "build" / "bench", help="working directory, wiped at each run")
    add("--output", type=Path, help="JSON file, if only one size is measured")
    given = parser.parse_args(arguments)
    if given.repeat < 1:
        parser.error("--repeat must be at least 1")
    names = [given.size] if given.size else list(SIZES)
    if given.masters is not None or given.raws is not None:
        names = [given.size or "small"]
    if given.output and len(names) > 1:
        parser.error("--output needs --size, or --masters and --raws")
    return [
        Options(
            size.masters if given.masters is None else given.masters,
            size.raws if given.raws is None else given.raws,
            given.detectors,
            size.sample if given.sample is None else given.sample,
            given.transfer,
            given.repeat,
            given.dir.absolute(),
            (given.output or size.output).absolute(),
        )
        for size in (SIZES[name] for name in names)
    ]


def prepare(directory: Path) -> None:
    """Make the working directory anew.

    Raises
    ------
    FileExistsError
        It holds something that no run of the benchmark made.
    """
    if directory.exists():
        if any(directory.iterdir()) and not (directory / MARKER).is_file():
            raise FileExistsError(f"{directory} was not made by this benchmark; name another with --dir")
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    # The marker comes first, so that a run that was interrupted can be wiped as well.
    (directory / MARKER).write_text("Made by benchmarks.run, which may delete this directory.\n")


def measure(options: Options, say: Callable[[str], None]) -> Measured:
    """Run all steps.

    Parameters
    ----------
    options
        What is measured.
    say
        Told what comes next.
    """
    gen2, ours, bare = (str(options.directory / name) for name in ("gen2", "gen3", "bare"))
    say(f"making {options.masters} masters and {options.raws} raws")
    made = run_step(
        "make", root=gen2, masters=options.masters, raws=options.raws, detectors=options.detectors
    )
    result = Measured(made, [], [], [], [])
    for turn in range(1, options.repeat + 1):
        say(f"turn {turn} of {options.repeat}: convert")
        shutil.rmtree(ours, ignore_errors=True)
        result.convert.append(run_step("convert", gen2=gen2, target=ours, transfer=options.transfer))
        say("verify")
        result.verify.append(run_step("verify", gen2=gen2, target=ours))
        say("convert again")
        result.second.append(run_step("convert", gen2=gen2, target=ours, transfer=options.transfer))
        say("bare daf_butler")
        result.bare.append(run_step("bare", converted=ours, target=bare, transfer=options.transfer))
    if options.sample > 0 and options.transfer in COMMAND_TRANSFERS:
        say("stock commands")
        result.commands = run_step(
            "commands",
            converted=ours,
            target=str(options.directory / "commands"),
            sample=options.sample,
            transfer=options.transfer,
            tables=str(options.directory / "tables"),
        )
    return result


def run(options: Options, small: dict[str, Any] | None) -> tuple[dict[str, Any], list[str]]:
    """Measure one size, write its JSON file and print it.

    Parameters
    ----------
    options
        What is measured.
    small
        Result of a smaller size, to compare with.

    Returns
    -------
    result
        As it was written to the file.
    wrong
        What is not as it must be.
    """
    prepare(options.directory)
    measured = measure(options, lambda text: print(f"... {text}", file=sys.stderr, flush=True))
    result = report(measured, options.detectors, options.sample, options.transfer, options.repeat)
    compare(result, small)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(show(result), flush=True)
    wrong = problems(measured)
    for line in wrong:
        print(f"WRONG: {line}")
    return result, wrong


def main(arguments: list[str]) -> int:
    """Run the benchmark.

    Parameters
    ----------
    arguments
        Command line arguments.

    Returns
    -------
    status
        0 if everything that was written is right, 1 if not, 2 if it could not be run.
    """
    small = _recorded(SIZES["small"].output)
    failed = False
    try:
        for options in parse(arguments):
            result, wrong = run(options, small)
            small, failed = result, failed or bool(wrong)
    except (FileExistsError, StepError) as exc:
        print(exc, file=sys.stderr)
        return 2
    return 1 if failed else 0


def _recorded(path: Path) -> dict[str, Any] | None:
    """The result of an earlier run, `None` if there is none."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
