"""Stand-ins for formatter classes of the stack, which cannot be imported here.

The Butler stores nothing of a formatter but its full name, yet it takes that
name from a class. A class that has the name and nothing else will do: it is
never asked to read or write.
"""

from __future__ import annotations

import re
from functools import cache
from typing import cast

from lsst.daf.butler import FormatterV2
from lsst.utils.introspection import get_full_type_name

from .nouns import Gen2to3Error

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")

# What the Butler accepts as the name of a transferred file. A stand-in cannot
# know what the real class reads, so this is all that any of them does.
_EXTENSIONS = frozenset(
    {".fits", ".fits.gz", ".fits.fz", ".fz", ".ecsv", ".yaml", ".yml", ".json", ".pickle", ".parq", ".txt"}
)


@cache
def formatter_class(name: str) -> type[FormatterV2]:
    """A class that the Butler records under this name.

    Parameters
    ----------
    name
        Full name of the stack's formatter class.

    Raises
    ------
    Gen2to3Error
        The name has no module, or the Butler would record another one (it
        takes a class called like a Python builtin for that builtin).
    """
    if not _NAME.fullmatch(name):
        raise Gen2to3Error(f"formatter {name!r}: expected the full dotted name of a class")
    module, _, qualname = name.rpartition(".")
    namespace = {
        "__module__": module,
        "__qualname__": qualname,
        "__doc__": f"Stand-in for {name}: a name and nothing else.",
        "supported_extensions": _EXTENSIONS,
        "default_extension": ".fits",
    }
    made = cast(type[FormatterV2], type(qualname, (FormatterV2,), namespace))
    recorded = get_full_type_name(made)
    if recorded != name:
        raise Gen2to3Error(f"formatter {name!r}: the Butler would record it as {recorded!r}")
    return made
