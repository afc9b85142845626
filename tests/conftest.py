from __future__ import annotations

from collections import Counter
from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say at how many points commands were interrupted."""
    counts: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                counts.update({k: v for k, v in report.user_properties if k.startswith("points ")})
    for name, number in sorted(counts.items()):
        terminalreporter.write_line(f"{name.removeprefix('points ')}: {number} points")
