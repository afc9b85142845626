"""Whether nothing at all has changed since a conversion: then its outcome is known without planning.

Everything that planning would read is looked at and not read: names, sizes
and times of the source's files, the state of the registries, of the target
and of the ledger, the choices, and the code. Only if all of it is as it was
the outcome is what the ledger says. Whatever else is the case, the plan is
made anew; nothing is lost by that but time.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

import converter
from adapters.code import code_of, listed
from adapters.gen2.directory import HDU_OF_PATH
from adapters.gen2.looks import Looks, look_at
from adapters.gen2.sqlite_files import sqlite_state

from . import intents
from .decisions import Decision
from .ledger import Ledger
from .nouns import Gen2to3Error, Reject, Skip
from .operations import HandOff
from .planning.instrument import serial_periods
from .planning.plan import Plan
from .recipe import Recipe
from .target import local_path
from .versions import versions

TABLE = "create table if not exists unchanged (conversion integer, target text, source text, files text, outcome text)"
"""One row: the last conversion, if the same command again has nothing to write."""

_DATABASE = "sqlite:///<butlerRoot>/"


@dataclass(frozen=True)
class Glance:
    """One look at source and target, before anything is planned.

    Parameters
    ----------
    recipe
        All choices.
    target
        Butler repository.
    ledger
        The ledger, `None` if looking does not tell whether anything changed.
    looks
        The source.
    source
        Digest of choices, code and source, without the source's files.
    before
        State of the target's registry.
    """

    recipe: Recipe
    target: str
    ledger: Ledger | None = None
    looks: Looks | None = None
    source: str = ""
    before: str = ""

    def recall(self) -> Plan | None:
        """The plan that would be made, which writes nothing; `None` if it has to be made to be known."""
        if self.ledger is None or self.looks is None or not self.ledger.exists:
            return None
        try:
            row = _row(self.ledger)
            if row is None or not self.before or (row["target"], row["source"]) != (self.before, self.source):
                return None
            outcome = json.loads(row["outcome"])
            if row["files"] != _files(self.looks.files(self.recipe.allow_outside), _rejected(outcome)):
                return None
        except (Gen2to3Error, sqlite3.Error, OSError):
            return None  # whatever is wrong, planning says it
        return _plan(outcome, self.recipe, self.looks)

    def stands(self) -> bool:
        """Whether the target is what it was; to be asked between planning and the first write."""
        return registry_state(self.target) == self.before

    def keep(self, plan: Plan, conversion: int | None) -> None:
        """Write down what the same command will come to as long as nothing changes.

        It is a convenience, so that it cannot be written is no error.

        Parameters
        ----------
        plan
            What was planned after this look, and carried out.
        conversion
            Its number in the ledger, `None` if nothing was written.
        """
        if conversion is None or self.ledger is None or plan.may_differ:
            return
        # What was read of the source has to be what was seen before.
        again = look(self.recipe, self.target, self.ledger.path)
        if again.ledger is None or again.source != self.source:
            return
        if not again.before or not plan.files_digest:
            return
        outcome = _outcome(plan)
        files = _files(plan.files_digest, _rejected(outcome))
        row = (conversion, again.before, self.source, files, json.dumps(outcome))
        with suppress(Gen2to3Error, sqlite3.Error):
            db = self.ledger.database()
            with db.conn:
                db.conn.execute(TABLE)
                db.conn.execute("delete from unchanged")
                db.conn.execute("insert into unchanged values (?, ?, ?, ?, ?)", row)


def look(recipe: Recipe, target: str, ledger: Path | None) -> Glance:
    """Look at everything that a plan would be made of; to be called before it is made.

    Parameters
    ----------
    recipe
        All choices.
    target
        Butler repository, which need not exist yet.
    ledger
        Ledger file, `None` if there is none.
    """
    # Contents can only be compared by reading them, and files that are moved are not there any more.
    if ledger is None or recipe.checksum or recipe.transfer == "move":
        return Glance(recipe, target)
    book = Ledger(ledger)
    try:
        if intents.unsettled(book):
            return Glance(recipe, target)
        looks = look_at(recipe.root, recipe.camera, recipe.calib)
        if looks is None:
            return Glance(recipe, target)
        texts = [
            json.dumps(recipe.to_dict()),
            str(local_path(target)),
            json.dumps(dict(versions())),
            # What cannot be read by one user may be by another.
            f"{os.geteuid()} {os.getegid()} {sorted(os.getgroups())}",
            *listed(Path(converter.__file__).parent),
            *code_of(looks.camera),
            *looks.texts,
        ]
    except (Gen2to3Error, sqlite3.Error, OSError):
        return Glance(recipe, target)  # whatever is wrong, planning says it
    return Glance(recipe, target, book, looks, _digest(texts), registry_state(target))


def registry_state(target: str) -> str:
    """What the registry of a Butler repository looks like, ``""`` if that cannot be told.

    It can be for a SQLite file below the repository's root, while nobody is
    writing to it: every transaction counts up a number in its header.

    Parameters
    ----------
    target
        Butler repository.
    """
    root = local_path(target)
    if root is None:
        return ""
    file = root if root.is_file() else root / "butler.yaml"
    try:
        text = file.read_text(encoding="utf-8")
        config = yaml.safe_load(text)
        database = config["registry"]["db"]
        if "root" in config or not database.startswith(_DATABASE):
            return ""
        state = sqlite_state(file.parent / database.removeprefix(_DATABASE))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError):
        return ""
    return f"{_digest([text])} {state}" if state else ""


def _row(book: Ledger) -> dict[str, Any] | None:
    """What was written down, if the last thing that the ledger knows of is that conversion."""
    rows = book.rows(
        "select u.* from unchanged u join conversions c on c.id = u.conversion where c.id = "
        "(select max(id) from conversions) and c.finished_utc is not null and c.undone_by is null",
        table="unchanged",
    )
    return rows[0] if len(rows) == 1 else None


def _digest(texts: Iterable[str]) -> str:
    content = "\n".join(texts).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(content, digest_size=32).hexdigest()


def _files(walked: str, rejected: Iterable[str]) -> str:
    return _digest([walked, *rejected])


def _rejected(outcome: dict[str, Any]) -> list[str]:
    """State of the files that were rejected: these would be read again, so the change time counts as well."""
    texts = []
    for path in sorted({HDU_OF_PATH.sub("", path) for _, _, path in outcome["rejects"] if path}):
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            texts.append(f"{path} absent")
        else:
            texts.append(f"{path} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}")
    return texts


def _outcome(plan: Plan) -> dict[str, Any]:
    """What the same plan says once it is carried out, as plain types."""
    once = set(plan.once)
    existing = plan.existing + plan.written
    visits = plan.visit_counts
    return {
        "command": plan.command,
        "title": plan.title,
        "existing": dict(existing),
        "decisions": [
            (d.rule, d.item, d.before, d.after, d.why, d.dataset_type)
            for d in plan.decisions
            if d not in once
        ],
        "rejects": [(r.item, r.reason, r.path) for r in plan.rejects],
        "skips": [(s.item, s.reason, s.path) for s in plan.skips if s not in once],
        "hand_offs": [asdict(h) for h in plan.hand_offs],
        "folded": plan.folded,
        "fingerprint": plan.fingerprint,
        "visits": visits
        and {"written": 0, "existing": visits["written"] + visits["existing"], "skipped": visits["skipped"]},
    }


def _plan(outcome: dict[str, Any], recipe: Recipe, looks: Looks) -> Plan:
    """The reverse of `_outcome`."""
    plan = Plan(outcome["command"], outcome["title"], recipe)
    plan.existing.update(outcome["existing"])
    plan.decisions = [Decision(*values) for values in outcome["decisions"]]
    plan.rejects = [Reject(*values) for values in outcome["rejects"]]
    plan.skips = [Skip(*values) for values in outcome["skips"]]
    plan.hand_offs = [HandOff(**values) for values in outcome["hand_offs"]]
    plan.folded = outcome["folded"]
    plan.fingerprint = outcome["fingerprint"]
    plan.visit_counts = outcome["visits"]
    plan.serials = serial_periods(looks.camera.instrument)
    return plan
