"""One source and one target, and steps that change them; after each of them all that has to be true is looked at."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from converter.cli import main
from converter.ledger import FILE_NAME
from converter.planning.conversion import make_plan
from converter.recipe import Recipe
from converter.target import LOCK_NAME

from .killing import DIED, TERMINATED, Point, run_killed
from .ledger_checks import check, rows
from .model import Call, Expected, check_converted, expect
from .snapshot import Snapshot, take
from .source import ITEMS, Facts, Source

Step = tuple[Any, ...]
"""What is done, and how."""

FAILED = (1, DIED, TERMINATED)
"""Exit statuses of a command that met its point."""


class World:
    """A repository, and what has been done to it.

    Parameters
    ----------
    base
        A new directory.
    empty
        A repository as it is made, to be copied.
    """

    def __init__(self, base: Path, empty: Path) -> None:
        self.source = Source(base)
        self.repo = base / "repo"
        shutil.copytree(empty, self.repo)
        self.ledger = self.repo / FILE_NAME
        self.aside = base / "aside.sqlite3"
        self.plan = base / "bless.yaml"
        self.now = self.baseline = self.start = take(self.repo)
        self.lost = False
        self.settled = True
        self.known: dict[str, Facts] = {}
        self.unseen: dict[str, str] = {}
        self.history: dict[int, Snapshot | None] = {}
        """Repository before each conversion, `None` where something before it was undone since."""

    def carry_out(self, steps: Sequence[Step]) -> None:
        """Do one after the other, and in the end take all of it back."""
        for step in steps:
            self.step(step)
        self.finish()

    def step(self, step: Step) -> None:
        """Do one thing."""
        name, *rest = step
        getattr(self, f"do_{name}")(*rest)

    # What can be done.

    def do_source(self, how: str, item: int) -> None:
        """Change the source."""
        self.source.change(how, ITEMS[item])

    def do_convert(self, call: Call, transfer: str, point: Point | None = None, again: bool = True) -> None:
        """Convert, perhaps with an interruption, and perhaps the same once more after it."""
        args = ("convert", self.source.root, self.repo, *call.options, "--transfer", transfer)
        before = self.now
        expected, facts, spans = self._expected(call, before)
        if point is not None and self._killed(point, *args):
            self._learn(facts, call, before, doubtful=True)
            if not again:
                return
            # What it has to find then is not what it had to find before.
            after_kill = self.now
            expected_again, _, _ = self._expected(call, after_kill)
            status = self._run(*args)
            if status == 0:
                check_converted(call, facts, spans, after_kill, self.now, expected_again, self.unseen)
            expected = expected_again
            before = after_kill
        else:
            status = self.status if point is not None else self._run(*args)
            if status == 0:
                check_converted(
                    call, facts, spans, before, self.now, expected, self._unseen(facts, call, before)
                )
        if status == 3:
            assert expected.may_stop
            assert self.now.core == before.core
            return
        assert status == 0, self.output
        assert not expected.must_stop, expected.must_stop
        self._learn(facts, call, before)
        choices = {
            "label": call.label,
            "types": call.types,
            "supersede": call.supersede,
            "checksum": call.checksum,
            "transfer": transfer,
        }
        if call.visits:
            choices["visits"] = tuple(range(call.visits[0], call.visits[1] + 1))
        again_plan = make_plan(Recipe(str(self.source.root), **choices), str(self.repo))
        assert again_plan.is_empty and not again_plan.conflicts, again_plan.conflicts

    def do_undo(self, number: int | None, point: Point | None = None, again: bool = True) -> None:
        """Take back the last conversion, or one of them."""
        standing = self._standing()
        which = number if number is None or not standing else standing[number % len(standing)]
        args = ("undo", self.repo, *([] if which is None else [which]))
        if not self.ledger.exists():
            return
        before = self.now
        if point is not None and self._killed(point, *args):
            self._take_back(before, standing)
            assert self.now.registry in (before.registry, *self._possible(standing, before))
            if not again:
                return
            before = self.now
            standing = self._standing()
            status = self._run(*args)
        else:
            status = self.status if point is not None else self._run(*args)
        if status == 2:
            assert not standing or which is not None, self.output
            return
        gone = set(standing) - set(self._standing())
        if status == 3:
            assert which is not None and which != standing[-1], self.output
            assert self.now.core == before.core
            return
        assert status == 0, self.output
        for undone in gone:
            self._undone(undone, before, standing)

    def do_lose(self) -> None:
        """Lose the ledger."""
        if not self.ledger.exists() or not self.settled:
            return
        self.ledger.unlink()
        self.lost = True
        self.baseline = self.now
        self.history = {}
        for call in (Call(), Call(label="other")):
            for item in self.source.items:
                for id_ in call.versions(item, self.now).values():
                    self.unseen.setdefault(id_, "")
        self.known = {}

    def do_elsewhere(self, call: Call) -> None:
        """Convert with another ledger, and take it back with that."""
        if not self.settled:
            return
        before = self.now
        self.aside.unlink(missing_ok=True)
        args = ("convert", self.source.root, self.repo, *call.options, "--transfer", "copy")
        kept, self.known = self.known, {}
        expected, _facts, _spans = self._expected(call, before)
        status = self._command(*args, "--ledger", self.aside)
        self.known = kept
        if status == 3:
            assert expected.may_stop
        else:
            assert status == 0, self.output
            assert not expected.must_stop
        self.now = take(self.repo)
        if rows(self.aside, "select id from conversions"):
            assert self._command("undo", self.repo, "--ledger", self.aside) == 0, self.output
        self.now = take(self.repo)
        assert self.now.core == before.core
        self._check()

    def do_bless(self, number: int, point: Point | None = None, again: bool = True) -> None:
        """Certify what a collection has in another."""
        suite = f"HSC/calib/suite{number}"
        self.plan.write_text(f"collection: {suite}\ninherit:\n- {{from: HSC/calib/gen2}}\n")
        args = ("bless", self.repo, self.plan)
        before = self.now
        if point is not None and self._killed(point, *args):
            if not again:
                return
            before = self.now
            status = self._run(*args)
        else:
            status = self.status if point is not None else self._run(*args)
        if status != 0:
            assert self.now.core == before.core
            return
        wanted = {r[1:] for r in before.ranges if r[0] == "HSC/calib/gen2"}
        found = {r[1:] for r in self.now.ranges if r[0] == suite}
        assert found == wanted

    def do_register(self, point: Point | None = None, again: bool = True) -> None:
        """Register the instrument."""
        before = self.now
        args = ("register", self.repo, "--camera", "hsc")
        if point is not None and self._killed(point, *args) and not again:
            return
        assert self._run(*args) == 0, self.output
        assert self.now.orphans <= before.orphans

    def finish(self) -> None:
        """Take back all that stands: the repository is as it was when the ledger began."""
        if self.ledger.exists():
            while (status := self._run("undo", self.repo)) == 0:
                pass
            assert status == 2, self.output
        assert self.now.core == self.baseline.core
        if not self.lost:
            assert self.now == self.start

    # How it is done.

    def _command(self, *args: object) -> int:
        content = self.source.content()
        result = CliRunner().invoke(main, [str(a) for a in args], prog_name="gen2to3")
        self.output = result.output
        assert "internal error" not in result.output, result.output
        assert self.source.content() == content, "the source was changed"
        assert not (self.repo / LOCK_NAME).exists()
        return result.exit_code

    def _run(self, *args: object) -> int:
        """Run a command of this ledger, and look at everything."""
        before, number = self.now, self._last()
        self.status = self._command(*args)
        self.now = take(self.repo)
        self.settled = self.settled or self.status == 0
        self._remember(number, before)
        self._check()
        return self.status

    def _killed(self, point: Point, *args: object) -> bool:
        """Run a command that is interrupted; whether it was."""
        content = self.source.content()
        before, number = self.now, self._last()
        self.output = ""
        self.status = run_killed(point, *args)
        assert self.source.content() == content, "the source was changed"
        self.now = take(self.repo)
        self._remember(number, before)
        if self.status in FAILED:
            self.settled = False
            self._check()
            return True
        self.settled = self.settled or self.status == 0
        self._check()
        return False

    def _check(self) -> None:
        now = self.now
        check(self.ledger, now, self.baseline, self.settled, not self.lost)
        # Every record has its file. A kill may leave files without a record, until it is gone on with or undone.
        assert {p for i, p in now.paths.items() if i not in now.trash} <= now.files.keys()
        assert now.paths.keys() - now.trash == now.datasets.keys()
        if self.settled:
            assert not now.trash - self.baseline.trash
            broken_off = rows(
                self.ledger, "select id from conversions where finished_utc is null and undone_by is null"
            )
            if not broken_off:
                assert now.orphans <= self.baseline.orphans
        for name, (_, children) in now.collections.items():
            assert set(children) <= now.collections.keys(), name

    def _expected(self, call: Call, before: Snapshot) -> tuple[Expected, dict, dict]:
        facts = {item: self.source.facts(item) for item in self.source.items}
        spans = {item: self.source.span(item) for item in facts if item[0] != "raw"}
        return expect(call, facts, spans, before, self.known), facts, spans

    def _unseen(self, facts: dict, call: Call, before: Snapshot) -> dict[str, str]:
        """What may have another content without anybody seeing it: the ledger did not know it."""
        for item, fact in facts.items():
            for id_ in call.versions(item, before).values():
                if id_ in self.unseen and id_ not in self.known:
                    self.unseen[id_] = fact.sha256
        return self.unseen

    def _learn(self, facts: dict, call: Call, before: Snapshot, doubtful: bool = False) -> None:
        """Note what is recorded of the source now."""
        for item, fact in facts.items():
            versions = call.versions(item, self.now)
            if not call.includes(item) or not versions:
                continue
            id_ = versions[max(versions)]
            if id_ not in before.datasets:
                self.known[id_] = fact
                self.unseen.pop(id_, None)
            elif not doubtful and self.known.get(id_) is None:
                self.known[id_] = fact
            elif self.known.get(id_) != fact and call.checksum:
                # A time that has been recorded anew, or not.
                if doubtful:
                    self.known.pop(id_, None)
                else:
                    self.known[id_] = fact

    def _last(self) -> int:
        return max((r["id"] for r in rows(self.ledger, "select id from conversions")), default=0)

    def _standing(self) -> list[int]:
        return [
            r["id"]
            for r in rows(
                self.ledger,
                "select id from conversions where command != 'undo' and undone_by is null order by id",
            )
        ]

    def _remember(self, number: int, before: Snapshot) -> None:
        for row in rows(self.ledger, f"select id, command from conversions where id > {number}"):  # noqa: S608
            if row["command"] != "undo":
                self.history[row["id"]] = before

    def _possible(self, standing: list[int], before: Snapshot) -> list[object]:
        return [s.registry for n in standing if (s := self.history.get(n)) is not None]

    def _take_back(self, before: Snapshot, standing: list[int]) -> None:
        """An undo that was interrupted may have changed the repository: what was before later conversions is not known."""
        if self.now.registry != before.registry:
            for number in standing:
                if (
                    self.history.get(number) is not None
                    and self.history[number].registry != self.now.registry
                ):
                    self.history[number] = self.history[number] if number < standing[-1] else None

    def _undone(self, number: int, before: Snapshot, standing: list[int]) -> None:
        """Compare with what was there before a conversion; what later ones found is not there any more."""
        was = self.history.pop(number, None)
        later = [n for n in standing if n > number]
        if not later and was is not None:
            assert self.now.core == was.core
        for n in later:
            self.history[n] = None
