"""All choices of one import of masters made elsewhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .nouns import UsageError
from .overlaps import Policy
from .subset import Subset


@dataclass(frozen=True)
class ImportRecipe(Subset):
    """What `import-calibs` is asked for.

    Parameters
    ----------
    sources
        Files and directories with masters.
    validity
        Where the validity ranges come from (`gen2to3 import-calibs --help` has
        the forms); several tables count as one. Empty: the masters get none.
    camera
        Camera name, ``""`` for that of the repository's one instrument.
    declarations
        YAML files that say what the files of an archive are, before those
        that the camera has.
    label
        Last part of the calibration collection, ``""`` for the historical
        layout in which ``<inst>/calib`` is the CALIBRATION collection.
    transfer, types, exclude, detectors, overlaps, workers, strict, split_masters, allow_outside, supersede, checksum
        As in `converter.recipe.Recipe`.
    """

    sources: tuple[str, ...]
    validity: tuple[str, ...] = ()
    camera: str = ""
    declarations: tuple[str, ...] = ()
    label: str = "imported"
    transfer: str = "auto"
    types: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    detectors: tuple[int, ...] = ()
    allow_outside: tuple[str, ...] = ()
    overlaps: Mapping[str, Policy] = field(default_factory=dict)
    workers: int = 1
    strict: bool = False
    split_masters: bool = False
    supersede: bool = False
    checksum: bool = False

    def __post_init__(self) -> None:
        self.check()
        if self.transfer == "move":
            raise UsageError("import-calibs does not move files; choose another --transfer")
        if not self.sources:
            raise UsageError("no source was given; name files or directories with masters")

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for the ledger."""
        result = dataclasses.asdict(self) | {"overlaps": {k: v.value for k, v in self.overlaps.items()}}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in result.items()}
