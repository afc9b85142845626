"""What the steps of `benchmarks.run` measured, put together and shown."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

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


@dataclass
class Measured:
    """Results of all steps; where a step was repeated, one per repetition."""

    made: dict[str, Any]
    convert: list[dict[str, Any]]
    verify: list[dict[str, Any]]
    second: list[dict[str, Any]]
    bare: list[dict[str, Any]]
    commands: dict[str, Any] | None = None


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


def report(measured: Measured, detectors: int, sample: int, transfer: str, repeat: int) -> dict[str, Any]:
    """Put everything together, as it goes to the JSON file."""
    convert = min(measured.convert, key=_convert_wall)
    verify = min(measured.verify, key=_wall)
    second = min(measured.second, key=_convert_wall)
    bare = min(measured.bare, key=_wall)
    commands = measured.commands
    both = [convert["plan"], convert["apply"]]
    again = [second["plan"], second["apply"]]
    items = measured.made["masters"] + measured.made["raws"]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "size": {
            "masters": measured.made["masters"],
            "raws": measured.made["raws"],
            "detectors": detectors,
            "sample": sample,
            "runs": bare["runs"],
            "certify_calls": bare["calls"],
        },
        "transfer": transfer,
        "repeat": repeat,
        "cases": [
            case("plan", [convert["plan"]], counts=convert),
            case("apply", [convert["apply"]]),
            case("convert", both, bare, commands, convert),
            case("verify", [verify]),
            case("convert+verify", [*both, verify], bare, commands, convert),
            case("second convert", again, counts=second),
        ],
        "cost": {
            "cpu_us_per_item": sum(p["cpu_s"] for p in both) / items * 1e6,
            "against": None,
            "ratio": None,
        },
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


def compare(result: dict[str, Any], small: Mapping[str, Any] | None) -> None:
    """Add what an item costs against a smaller case.

    Parameters
    ----------
    result
        From `report`.
    small
        The same of the smaller case, `None` if it is not known.
    """
    cost = None if small is None else small.get("cost")
    if small is None or cost is None or _items(small) >= _items(result):
        return
    result["cost"]["against"] = {name: small["size"][name] for name in ("masters", "raws")}
    result["cost"]["ratio"] = result["cost"]["cpu_us_per_item"] / cost["cpu_us_per_item"]


def _items(result: Mapping[str, Any]) -> int:
    return int(result["size"]["masters"] + result["size"]["raws"])


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
        _summary(result),
        f"second convert: {100 * result['second']['share_of_first']:.1f} % of the first, "
        f"{100 * result['second']['cpu_share_of_first']:.1f} % of its cpu time",
        f"verify: {check['lookups']} lookups, {check['per_s']:.0f} per s",
    ]
    if 0 < check["lookups"] < 100_000:
        lines[-1] += f", {check['s_per_100000']:.2f} s per 100,000"
    return "\n".join(lines)


def _summary(result: Mapping[str, Any]) -> str:
    """The figures by which the sizes are compared, in one line."""
    convert = next(case for case in result["cases"] if case["case"] == "convert")
    cost = result["cost"]
    text = (
        f"convert: {convert['ratio']:.2f} of bare daf_butler ({convert['cpu_ratio']:.2f} in processor time), "
        f"at most {convert['peak_rss_mb']:.0f} MiB, {cost['cpu_us_per_item']:.0f} µs of processor time per item"
    )
    if cost["ratio"] is not None:
        text += f", {cost['ratio']:.2f} of that for {cost['against']['masters']} + {cost['against']['raws']}"
    return text
