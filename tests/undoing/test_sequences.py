"""Random sequences of conversions of a growing source, undos and kills: the ledger never contradicts the target."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fixtures.hsc import HscRepository

from .conftest import kill, run
from .dump import check_ledger, dump

GROWTH = ("9040..9040", "9040..9042", "9040..9050")
"""More and more exposures."""

POINTS = (
    ("converter.writers.batch", "ingest", 1, "after"),
    ("converter.intents", "done", 1, "before"),
    ("converter.intents", "done", 3, "before"),
    ("converter.writers.batch", "certify", 1, "after"),
    ("converter.writers.removal", "_remove_datasets", 1, "after"),
    ("converter.undoing.undo", "remove", 1, "after"),
    ("converter.undoing.undo", "clean", 1, "after"),
)
STEPS = st.tuples(
    st.sampled_from(("convert", "convert", "undo")),
    st.sampled_from(("gen2", "gen2", "other")),
    st.sampled_from((None, None, *POINTS)),
)


@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=2, max_size=4))
def test_any_sequence(gen2: HscRepository, steps: list[tuple[str, str, tuple | None]]) -> None:
    base = Path(tempfile.mkdtemp())
    try:
        _check(base / "repo", gen2, steps)
    finally:
        shutil.rmtree(base)


def _check(repo: Path, gen2: HscRepository, steps: list[tuple[str, str, tuple | None]]) -> None:
    grown = 0
    run("convert", gen2.root, repo, "--visits", GROWTH[0], "--no-verify", "--transfer", "copy")
    standing = [{}, dump(repo)]
    for command, label, point in steps:
        args: tuple[object, ...] = ("undo", repo)
        if command == "convert":
            grown = min(grown + 1, len(GROWTH) - 1)
            args = ("convert", gen2.root, repo, "--visits", GROWTH[grown], "--label", label)
            args += ("--no-verify", "--transfer", "copy")
        elif len(standing) == 1:
            continue
        before = dump(repo)
        if point is not None:
            assert kill(*point, *args) in (0, 9)
            # Whatever it came to: all that stands is undone, and it begins anew.
            while dump(repo)["collections"]:
                run("undo", repo)
                check_ledger(repo)
            assert not dump(repo)["files"]
            standing = [{}]
            grown = 0
            continue
        run(*args)
        after = dump(repo)
        if command == "undo":
            standing.pop()
            assert after == (standing[-1] or after)
            assert standing[-1] or not after["collections"]
        elif after != before:
            standing.append(after)
        check_ledger(repo)
