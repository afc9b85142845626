"""Which files of tests begin first, and what is said of all tests in the end."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

# What takes longest: so that no worker is left alone with one of them.
LONG = (
    "tests/benchmarks/test_bench.py",
    "tests/curating/test_curate_real.py",
    "tests/docs/test_importing_masters.py",
    "tests/docs/test_readme.py",
    "tests/undoing/test_killed.py",
    "tests/undoing/test_undo.py",
    "tests/incremental/test_ranges.py",
    "tests/contract/test_contract.py",
    "tests/contract/test_wrong_cameras.py",
    "tests/gallery/test_cases.py",
    "tests/gallery/test_memory.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by file; pytest-xdist keeps the order with ``--no-loadscope-reorder``."""
    order = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.nodeid.partition("::")[0], len(order)))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say at how many points commands were interrupted."""
    counts: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                counts.update({k: v for k, v in report.user_properties if k.startswith("points ")})
    for name, number in sorted(counts.items()):
        terminalreporter.write_line(f"{name.removeprefix('points ')}: {number} points")
