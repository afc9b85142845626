"""What can be wrong with a source, a target or a call, and what the tool says of it.

One table: the tests run it, and `python -m tests.gallery.table` makes docs/bad-input.md from it.
"""

from __future__ import annotations

from .bad_input import BadInput
from .cases_calls import CALLS
from .cases_files import MASTERS, RAWS
from .cases_hostile import HOSTILE
from .cases_registries import REGISTRIES, TABLES, VALIDITY
from .cases_targets import CONFLICTS

TARGETS = {
    "target below a file": "elsewhere/file/repo",
    "target in the source itself": "source/gen3",
}
"""Where the target is, if not beside the source."""

SECTIONS: dict[str, list[BadInput]] = {
    "Registries": REGISTRIES,
    "Tables": TABLES,
    "Validity ranges": VALIDITY,
    "Masters": MASTERS,
    "Raws": RAWS,
    "Calls": CALLS,
    "Targets": CONFLICTS,
    "Hostile repositories": HOSTILE,
}

CASES: list[BadInput] = [case for cases in SECTIONS.values() for case in cases]
