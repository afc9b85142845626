"""Files of tests that take longest begin first, so that no worker is left alone with one of them."""

from __future__ import annotations

import pytest

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
