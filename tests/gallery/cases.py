"""What can be wrong with a source, a target or a call, and what the tool says of it.

One table: the tests run it, and a page for the manual can be made from it.
"""

from __future__ import annotations

from .bad_input import BadInput
from .cases_calls import CALLS
from .cases_files import MASTERS, RAWS
from .cases_registries import REGISTRIES, TABLES, VALIDITY
from .cases_targets import CONFLICTS

TARGETS = {
    "target below a file": "elsewhere/file/repo",
    "target in the source itself": "source/gen3",
}
"""Where the target is, if not beside the source."""

CASES: list[BadInput] = [*REGISTRIES, *TABLES, *VALIDITY, *MASTERS, *RAWS, *CALLS, *CONFLICTS]
