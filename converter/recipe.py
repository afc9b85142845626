"""A recipe: every choice of a conversion, as YAML that a human can edit.

The command line is a short form of a recipe; the recipe used is stored with
the conversion.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import yaml

from adapters.gen2.files import read_head
from adapters.gen2.registries import MAX_ROWS
from adapters.geometry import GROUPINGS

from .nouns import DataId, UsageError
from .overlaps import Policy, RangeRule
from .readings import Reading
from .subset import Subset
from .timespans import local_to_utc, parse_time

Choice = TypeVar("Choice", bound=StrEnum)

MAX_BYTES = 4 * 1024 * 1024
"""Largest recipe; thirty thousand ranges given by hand fit into it."""


@dataclass(frozen=True)
class ValidityOverride:
    """A validity range given by hand for the masters that match.

    Parameters
    ----------
    dataset_type
        Glob of the dataset type.
    calib_date
        Glob of the source's calibration date text.
    detector
        Only this detector, `None` for all.
    physical_filter
        Only this filter, `None` for all.
    begin
        ISO text, ``""`` for unbounded.
    end
        ISO text, ``""`` for unbounded; it is not part of the range.
    scale
        Time scale of both.
    """

    dataset_type: str
    calib_date: str = "*"
    detector: int | None = None
    physical_filter: str | None = None
    begin: str = ""
    end: str = ""
    scale: str = "utc"

    def __post_init__(self) -> None:
        if self.scale not in ("utc", "tai"):
            raise UsageError(f"validity override: scale {self.scale!r} is neither utc nor tai")
        if self.detector is not None and (
            isinstance(self.detector, bool) or not isinstance(self.detector, int)
        ):
            raise UsageError(f"detector {self.detector!r} is expected to be a number")
        what = f"validity override for {self.dataset_type}"
        try:
            begin, end = (parse_time(text) if text else None for text in (self.begin, self.end))
        except (ValueError, TypeError) as exc:
            raise UsageError(f"{what}: {exc}") from None
        if begin is not None and end is not None and begin[:2] >= end[:2]:
            raise UsageError(f"{what}: {self.begin} to {self.end} has no length or runs backwards")

    def matches(self, dataset_type: str, calib_date: str, data_id: DataId) -> bool:
        """Whether a master is meant."""
        return (
            fnmatchcase(dataset_type, self.dataset_type)
            and fnmatchcase(calib_date, self.calib_date)
            and self.detector in (None, data_id.detector)
            and self.physical_filter in (None, data_id.physical_filter)
        )


@dataclass(frozen=True)
class Recipe(Subset):
    """All choices of one conversion.

    Parameters
    ----------
    root
        Gen2 root.
    camera
        Camera name, ``""`` to find it from the root's mapper.
    calib
        Calibration roots, empty to look where the Gen2 mapper looked.
    label
        Last part of the calibration collection, ``""`` for the historical
        layout in which ``<inst>/calib`` is the CALIBRATION collection.
    transfer
        How files come into the repository, one of `TRANSFERS`.
    types
        Dataset types to convert (globs), empty for all.
    exclude
        Globs of source paths (relative to their root) to leave out.
    visits
        Exposure ids to convert, empty for all.
    detectors
        Gen3 detector ids to convert, raws and masters, empty for all.
    related_only
        Leave out masters that none of the chosen exposures needs.
    templates
        Per dataset type: Gen2 path template to use instead of the camera's.
    allow_outside
        Directories outside of the source to which its links may lead.
    readings
        Per dataset type (or ``"*"``): what its validity ranges mean, instead
        of what is detected.
    overlaps
        Per dataset type (or ``"*"``): which master wins where several are
        valid.
    ranges
        Per dataset type: ranges made from the masters' dates, instead of
        those of the registry.
    zones
        Per dataset type (or ``"*"``): IANA time zone in which the calibration
        registry's times are, instead of the camera's; ``""`` for none.
    validity
        Ranges given by hand.
    workers
        Processes that read raw headers.
    update_instrument
        Change instrument, detector and filter records that differ.
    strict
        Write nothing if there is any reject.
    split_masters
        Write masters of files with many detectors as one file for each.
    max_rows
        Most rows to read of one table of a registry: all are kept in memory.
    supersede
        Write what has changed since it was converted as a new version beside
        the old one, and certify it instead.
    checksum
        Record SHA-256 of the files, and tell by it what has changed.
    define_visits
        Define visits of the exposures that are converted.
    visit_grouping
        How exposures become visits (the stack's name of it), ``""`` for what
        the stack does by default.
    """

    root: str
    camera: str = ""
    calib: tuple[str, ...] = ()
    label: str = "gen2"
    transfer: str = "auto"
    types: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    visits: tuple[int, ...] = ()
    detectors: tuple[int, ...] = ()
    related_only: bool = False
    templates: Mapping[str, str] = field(default_factory=dict)
    allow_outside: tuple[str, ...] = ()
    readings: Mapping[str, Reading] = field(default_factory=dict)
    overlaps: Mapping[str, Policy] = field(default_factory=dict)
    ranges: Mapping[str, RangeRule] = field(default_factory=dict)
    zones: Mapping[str, str] = field(default_factory=dict)
    validity: tuple[ValidityOverride, ...] = ()
    workers: int = 1
    update_instrument: bool = False
    strict: bool = False
    split_masters: bool = False
    max_rows: int = MAX_ROWS
    supersede: bool = False
    checksum: bool = False
    define_visits: bool = True
    visit_grouping: str = ""

    @property
    def is_part(self) -> bool:
        """Whether a part of the repository is left out."""
        return bool(self.types or self.visits or self.detectors or self.exclude or self.related_only)

    def __post_init__(self) -> None:
        self.check()
        if self.max_rows < 1:
            raise UsageError(f"max_rows {self.max_rows} must be at least 1")
        if self.visit_grouping not in ("", *GROUPINGS):
            raise UsageError(f"visit grouping {self.visit_grouping!r} is none of {', '.join(GROUPINGS)}")

    @cached_property
    def wanted_visits(self) -> frozenset[int]:
        """``visits`` to look up: a range of them may be long."""
        return frozenset(self.visits)

    def range_rule(self, dataset_type: str) -> RangeRule | None:
        """How ranges are made from dates, `None` to take those of the registry."""
        return self.ranges.get(dataset_type, self.ranges.get("*"))

    def reading(self, dataset_type: str) -> Reading | None:
        """Reading asked for, `None` to detect it."""
        return self.readings.get(dataset_type, self.readings.get("*"))

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for YAML and the ledger."""
        result = dataclasses.asdict(self)
        result["readings"] = {k: v.value for k, v in self.readings.items()}
        result["ranges"] = {k: v.value for k, v in self.ranges.items()}
        result["overlaps"] = {k: v.value for k, v in self.overlaps.items()}
        result["templates"] = dict(self.templates)
        for key, value in result.items():
            if isinstance(value, tuple):
                result[key] = list(value)
        return result

    def to_yaml(self) -> str:
        """The recipe as YAML, with a line that says what it is."""
        return "# gen2to3 recipe\n" + yaml.safe_dump(self.to_dict(), sort_keys=False)


def recipe_from_dict(data: Mapping[str, Any], source: str = "recipe") -> Recipe:
    """Build a recipe from plain types.

    Raises
    ------
    UsageError
        Unknown key, wrong type, or unknown reading or policy.
    """
    known = {f.name: f for f in dataclasses.fields(Recipe)}
    unknown = sorted(set(map(str, data)) - set(known))
    if unknown:
        raise UsageError(f"{source}: unknown key {unknown[0]!r}; known keys: {', '.join(known)}")
    if "root" not in data:
        raise UsageError(f"{source}: the key 'root' is missing; give the Gen2 root")
    values: dict[str, Any] = {}
    for key, value in data.items():
        default = known[key].default
        try:
            if key == "readings":
                values[key] = {str(k): _choice(Reading, v) for k, v in _mapping(value or {}).items()}
            elif key == "overlaps":
                values[key] = {str(k): _choice(Policy, v) for k, v in _mapping(value or {}).items()}
            elif key == "ranges":
                values[key] = {str(k): _choice(RangeRule, v) for k, v in _mapping(value or {}).items()}
            elif key == "templates":
                values[key] = {str(k): _text(v) for k, v in _mapping(value or {}).items()}
            elif key == "zones":
                values[key] = {str(k): zone_name(v) for k, v in _mapping(value or {}).items()}
            elif key == "validity":
                values[key] = tuple(map(_override, value or ()))
            elif isinstance(default, tuple):
                if not isinstance(value, list | tuple):
                    raise ValueError(f"expected a list, found {value!r}")
                values[key] = tuple(map(_number if key in ("visits", "detectors") else str, value))
            elif isinstance(default, bool):
                if not isinstance(value, bool):
                    raise ValueError(f"expected true or false, found {value!r}")
                values[key] = value
            elif isinstance(default, int):
                values[key] = _number(value)
            else:
                values[key] = _text(value)
        except (ValueError, TypeError, UsageError) as exc:
            raise UsageError(f"{source}: key {key!r}: {exc}") from None
    try:
        return Recipe(**values)
    except UsageError as exc:
        raise UsageError(f"{source}: {exc}") from None


def _mapping(value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"expected a mapping, found {value!r}")
    return value


def _text(value: Any) -> str:
    # An empty or unquoted YAML value must not become the text "None" or "False".
    if value is None or isinstance(value, bool | list | tuple | Mapping):
        raise ValueError(f"expected text, found {value!r}")
    return str(value)


def _number(value: Any) -> int:
    # True is an int, and int() would cut a fraction off.
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"expected a number, found {value!r}")
    return value


def _choice(choices: type[Choice], value: Any) -> Choice:
    try:
        return choices(value)
    except ValueError:
        raise ValueError(f"{value!r} is none of {', '.join(choices)}") from None


def zone_name(value: Any) -> str:
    """The name of a time zone, ``""`` for none.

    Raises
    ------
    ValueError
        There is no such zone.
    """
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no time zone; give a name such as 'America/Chicago', or ''")
    if value:
        local_to_utc("2000-01-01", value)  # raises where there is no such zone
    return value


def _override(value: Any) -> ValidityOverride:
    known = [f.name for f in dataclasses.fields(ValidityOverride)]
    given = {str(k): v for k, v in _mapping(value).items()}
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(f"unknown key {unknown[0]!r}; known keys: {', '.join(known)}")
    if "dataset_type" not in given:
        raise ValueError("the key 'dataset_type' is missing")
    # YAML reads a bare 2015-01-01 as a date; its ISO text is what was meant.
    return ValidityOverride(**{k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in given.items()})


def load_recipe(path: Path, root: str = "") -> Recipe:
    """Read a recipe file.

    Parameters
    ----------
    path
        The file.
    root
        Gen2 root given otherwise: it replaces the file's, which may lack one.

    Raises
    ------
    UsageError
        The file cannot be read or is no recipe.
    """
    try:
        text = read_head(path, MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise UsageError(f"recipe {path} is larger than {MAX_BYTES} bytes; a recipe was expected")
        data = yaml.safe_load(text.decode())
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(f"recipe {path} cannot be read: {exc}") from None
    except yaml.YAMLError as exc:
        raise UsageError(f"recipe {path} is not YAML: {' '.join(str(exc).split())}") from None
    if not isinstance(data, Mapping):
        raise UsageError(f"recipe {path} is not a mapping; write one with `gen2to3 inspect --recipe FILE`")
    return recipe_from_dict({**data, "root": root} if root else data, str(path))
