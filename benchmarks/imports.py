"""``python -m benchmarks.imports``: `import-calibs` against bare daf_butler.

Makes a delivery of the Community Pipeline, imports it by a table with one line
per night, and writes the same content with bare daf_butler. Prints a table and
writes JSON. Fails if what was written is not right, never because of a time.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .measure import CHECKOUT, StepError, run_step
from .report import case, machine, table
from .run import TRANSFERS, prepare

PARTS = ("plan", "apply", "read back")
OF_A_NIGHT = 6 * 62
"""A bias and five flats for 62 CCDs."""


@dataclass(frozen=True)
class Options:
    """What is measured.

    Parameters
    ----------
    nights
        Size of the delivery.
    transfer, repeat, directory, output
        As in `benchmarks.run.Options`.
    """

    nights: int
    transfer: str
    repeat: int
    directory: Path
    output: Path


def parse(arguments: list[str]) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.imports", description="Measure import-calibs against bare daf_butler."
    )
    add = parser.add_argument
    add("--nights", type=int, default=9, help="nights of the delivery (default %(default)s)")
    add(
        "--transfer", choices=TRANSFERS, default="hardlink", help="default %(default)s, as without the option"
    )
    add("--repeat", type=int, default=3, help="turns, of which the least time counts (default %(default)s)")
    add("--dir", type=Path, default=CHECKOUT / "build" / "bench-import", help="working directory, wiped")
    add("--output", type=Path, default=CHECKOUT / "benchmarks" / "results" / "import.json", help="JSON file")
    given = parser.parse_args(arguments)
    if min(given.nights, given.repeat) < 1:
        parser.error("--nights and --repeat must be at least 1")
    return Options(given.nights, given.transfer, given.repeat, given.dir.absolute(), given.output.absolute())


def measure(
    options: Options, say: Callable[[str], None]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Import and write bare in turns.

    Parameters
    ----------
    options
        What is measured.
    say
        Told what comes next.

    Returns
    -------
    ours, bare
        Results of the steps, one for each turn.
    """
    delivery, ours, bare = (str(options.directory / name) for name in ("delivery", "gen3", "bare"))
    lines = str(options.directory / "nights.csv")
    say(f"making a delivery of {options.nights} nights")
    run_step("make_delivery", root=delivery, nights=options.nights, table=lines)
    imported, written = [], []
    for turn in range(1, options.repeat + 1):
        say(f"turn {turn} of {options.repeat}: import-calibs")
        imported.append(
            run_step("import", delivery=delivery, table=lines, target=ours, transfer=options.transfer)
        )
        say("bare daf_butler")
        written.append(run_step("bare", converted=ours, target=bare, transfer=options.transfer))
    return imported, written


def _wall(result: dict[str, Any]) -> float:
    return float(sum(result[part]["wall_s"] for part in PARTS))


def report(options: Options, imported: list[dict[str, Any]], written: list[dict[str, Any]]) -> dict[str, Any]:
    """Put everything together, as it goes to the JSON file."""
    ours = min(imported, key=_wall)
    bare = min(written, key=lambda result: float(result["wall_s"]))
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "size": {
            "nights": options.nights,
            "datasets": sum(ours["written"].values()),
            "runs": bare["runs"],
            "certify_calls": bare["calls"],
        },
        "transfer": options.transfer,
        "repeat": options.repeat,
        "cases": [
            *(case(part, [ours[part]]) for part in PARTS),
            case("import-calibs", [ours[part] for part in PARTS], bare),
        ],
    }


def problems(nights: int, imported: list[dict[str, Any]], written: list[dict[str, Any]]) -> list[str]:
    """What is not as it must be, one line each. No time is."""
    found = []
    expected = nights * OF_A_NIGHT
    for turn, (ours, bare) in enumerate(zip(imported, written, strict=True), start=1):
        counts = {key: sum(ours[key].values()) for key in ("written", "certified")} | {"found": ours["found"]}
        found += [
            f"turn {turn}: {count} of {expected} datasets {key}"
            for key, count in counts.items()
            if count != expected
        ]
        if ours["rejects"] or ours["conflicts"] or ours["missing"]:
            found.append(f"turn {turn}: rejects, conflicts or missing ranges: {ours}")
        found += [f"turn {turn}: bare differs: {line}" for line in bare["differences"]]
    return found


def main(arguments: list[str]) -> int:
    """Run the benchmark; arguments and statuses as in `benchmarks.run`."""
    options = parse(arguments)
    try:
        prepare(options.directory)
        imported, written = measure(options, lambda text: print(f"... {text}", file=sys.stderr, flush=True))
    except (FileExistsError, StepError) as exc:
        print(exc, file=sys.stderr)
        return 2
    result = report(options, imported, written)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    size, where = result["size"], result["machine"]
    print(
        f"{size['datasets']} masters of {size['nights']} nights, {size['runs']} RUNs, {size['certify_calls']} ranges, "
        f"transfer {result['transfer']}; {where['cores']} cores, Python {where['python']}, "
        f"daf_butler {where['daf_butler']}\n"
    )
    print(table(result["cases"]))
    wrong = problems(options.nights, imported, written)
    for line in wrong:
        print(f"WRONG: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
