"""``python -m benchmarks.run``: gen2to3 against bare daf_butler and the stock commands.

Makes a large Gen2 repository, converts it, verifies it, converts it once
more, and writes the same content with bare daf_butler and (a sample of it)
with the ``butler`` commands. Prints a table and writes JSON. Fails if what
was written is not right, never because of a time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .measure import CHECKOUT, StepError, run_step

# Not from the recipe or `benchmarks.commands`: this process is to stay small (see `benchmarks.measure`).
TRANSFERS = ("direct", "symlink", "relsymlink", "hardlink", "copy")
COMMAND_TRANSFERS = ("direct",)
MARKER = ".gen2to3-bench"
COLUMNS = (
    "case",
    "ours_s",
    "cpu_s",
    "bare_s",
    "bare_cpu_s",
    "ratio",
    "cpu_ratio",
    "commands_s",
    "commands_cpu_s",
    "speedup",
    "header_reads",
    "exposures",
    "peak_rss_mb",
)


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


@dataclass
class Measured:
    """Results of all steps; where a step was repeated, one per repetition."""

    made: dict[str, Any]
    convert: list[dict[str, Any]]
    verify: list[dict[str, Any]]
    second: list[dict[str, Any]]
    bare: list[dict[str, Any]]
    commands: dict[str, Any] | None = None


def parse(arguments: list[str]) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run", description="Measure gen2to3 against bare daf_butler."
    )
    add = parser.add_argument
    add("--masters", type=int, default=30_000, help="master calibration files (default %(default)s)")
    add("--raws", type=int, default=20_000, help="raw files (default %(default)s)")
    add("--detectors", type=int, default=104, help="detectors of an exposure (default %(default)s)")
    add(
        "--sample",
        type=int,
        default=1_500,
        help="masters and raws for the stock commands, 0 for none (default %(default)s)",
    )
    add("--transfer", choices=TRANSFERS, default="direct", help="default %(default)s")
    add(
        "--repeat",
        type=int,
        default=1,
        help="measure conversion and bare writing so often in turns and take the least (default %(default)s)",
    )
    add("--dir", type=Path, default=CHECKOUT / "build" / "bench", help="working directory, wiped at each run")
    add("--output", type=Path, default=CHECKOUT / "benchmarks" / "results" / "latest.json", help="JSON file")
    given = parser.parse_args(arguments)
    if given.repeat < 1:
        parser.error("--repeat must be at least 1")
    return Options(
        given.masters,
        given.raws,
        given.detectors,
        given.sample,
        given.transfer,
        given.repeat,
        given.dir.absolute(),
        given.output.absolute(),
    )


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


def _convert_wall(result: dict[str, Any]) -> float:
    return float(result["plan"]["wall_s"] + result["apply"]["wall_s"])


def _convert_cpu(result: dict[str, Any]) -> float:
    return float(result["plan"]["cpu_s"] + result["apply"]["cpu_s"])


def _wall(result: dict[str, Any]) -> float:
    return float(result["wall_s"])


def case(
    name: str,
    parts: list[dict[str, Any]],
    bare: dict[str, Any] | None = None,
    commands: dict[str, Any] | None = None,
    counts: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """One line of the table.

    Parameters
    ----------
    name
        What is measured.
    parts
        The steps that it consists of.
    bare, commands
        The same work by others.
    counts
        What was counted beside.
    """
    ours, cpu = sum(p["wall_s"] for p in parts), sum(p["cpu_s"] for p in parts)
    return {
        "case": name,
        "ours_s": ours,
        "cpu_s": cpu,
        "bare_s": bare["wall_s"] if bare else None,
        "bare_cpu_s": bare["cpu_s"] if bare else None,
        "ratio": ours / bare["wall_s"] if bare else None,
        "cpu_ratio": cpu / bare["cpu_s"] if bare else None,
        "commands_s": commands["wall_s"] if commands else None,
        "commands_cpu_s": commands["cpu_s"] if commands else None,
        "speedup": commands["wall_s"] / ours if commands else None,
        "header_reads": counts["header_reads"] if counts else None,
        "exposures": counts["exposures"] if counts else None,
        "peak_rss_mb": max(p["peak_rss_mb"] for p in parts),
    }


def machine() -> dict[str, Any]:
    """Where the measurement was made."""
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "daf_butler": version("lsst-daf-butler"),
    }


def report(options: Options, measured: Measured) -> dict[str, Any]:
    """Put everything together, as it goes to the JSON file."""
    convert = min(measured.convert, key=_convert_wall)
    verify = min(measured.verify, key=_wall)
    second = min(measured.second, key=_convert_wall)
    bare = min(measured.bare, key=_wall)
    commands = measured.commands
    both = [convert["plan"], convert["apply"]]
    again = [second["plan"], second["apply"]]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "size": {
            "masters": measured.made["masters"],
            "raws": measured.made["raws"],
            "detectors": options.detectors,
            "sample": options.sample,
            "runs": bare["runs"],
            "certify_calls": bare["calls"],
        },
        "transfer": options.transfer,
        "repeat": options.repeat,
        "cases": [
            case("plan", [convert["plan"]], counts=convert),
            case("apply", [convert["apply"]]),
            case("convert", both, bare, commands, convert),
            case("verify", [verify]),
            case("convert+verify", [*both, verify], bare, commands, convert),
            case("second convert", again, counts=second),
        ],
        "second": {
            "wrote": second["wrote"],
            "share_of_first": _convert_wall(second) / _convert_wall(convert),
            "cpu_share_of_first": _convert_cpu(second) / _convert_cpu(convert),
        },
        "verification": {
            **{key: verify[key] for key in ("lookups", "agree", "explained", "disagreements")},
            "per_s": verify["lookups"] / verify["wall_s"],
            "s_per_100000": verify["wall_s"] / verify["lookups"] * 100_000 if verify["lookups"] else None,
        },
        "commands": commands["scaling"] if commands else None,
    }


def problems(measured: Measured) -> list[str]:
    """What is not as it must be, one line each. No time is."""
    found = []
    for turn, (first, check, second, bare) in enumerate(
        zip(measured.convert, measured.verify, measured.second, measured.bare, strict=True), start=1
    ):
        if not first["wrote"] or first["rejects"]:
            found.append(f"turn {turn}: the conversion wrote nothing, or rejected {first['rejects']} items")
        if first["header_reads"] != first["exposures"]:
            found.append(
                f"turn {turn}: {first['header_reads']} header reads for {first['exposures']} exposures"
            )
        if check["disagreements"] or check["agree"] != check["lookups"] or not check["lookups"]:
            found.append(
                f"turn {turn}: {check['agree']} of {check['lookups']} lookups agree, "
                f"{check['disagreements']} disagree: {check['disagree']}"
            )
        if second["wrote"] or second["header_reads"]:
            found.append(f"turn {turn}: the second conversion wrote something or read headers")
        if not second["recalled"]:
            found.append(f"turn {turn}: the second conversion was planned, although nothing had changed")
        found += [f"turn {turn}: bare differs: {line}" for line in bare["differences"]]
    if measured.commands is not None:
        found += measured.commands["differences"]
    return found


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def table(cases: list[dict[str, Any]]) -> str:
    """Cases as an aligned table."""
    rows = [list(COLUMNS), *([_text(case[column]) for column in COLUMNS] for case in cases)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(
            cell.rjust(w) if i else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def show(result: dict[str, Any]) -> str:
    """Everything that is worth reading, as text."""
    size, check = result["size"], result["verification"]
    where = result["machine"]
    lines = [
        f"{size['masters']} masters, {size['raws']} raws, {size['runs']} RUNs, {size['certify_calls']} ranges, "
        f"transfer {result['transfer']}; {where['cores']} cores, Python {where['python']}, "
        f"daf_butler {where['daf_butler']}",
        "",
        table(result["cases"]),
        "",
        "bare: bare daf_butler writes the same content from data IDs in memory: registrations, dimension",
        "      records, refs, one ingest each for raws and masters, one certify per range, chains",
        "      (ours makes the repository and the ledger as well); on a busy machine compare the cpu times",
        f"commands: {result['commands'] or 'not run'}",
        f"second convert: {100 * result['second']['share_of_first']:.1f} % of the first, "
        f"{100 * result['second']['cpu_share_of_first']:.1f} % of its cpu time",
        f"verify: {check['lookups']} lookups, {check['per_s']:.0f} per s",
    ]
    if 0 < check["lookups"] < 100_000:
        lines[-1] += f", {check['s_per_100000']:.2f} s per 100,000"
    return "\n".join(lines)


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
    options = parse(arguments)
    try:
        prepare(options.directory)
        measured = measure(options, lambda text: print(f"... {text}", file=sys.stderr, flush=True))
    except (FileExistsError, StepError) as exc:
        print(exc, file=sys.stderr)
        return 2
    result = report(options, measured)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(show(result))
    wrong = problems(measured)
    for line in wrong:
        print(f"WRONG: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
