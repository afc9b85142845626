"""Versions of a master: what was converted once and has changed in the source since. Pure.

The first version is in the RUN of its date, later ones in ``<stamp>.1``,
``<stamp>.2`` and so on. Where a type may have several files of one date,
which are numbered themselves, they are ``<stamp>.0.1`` and ``<stamp>.1.1``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from adapters.camera import Camera

from .. import names
from ..nouns import DataId, Master, MasterKey
from ..target import TargetState

_VERSION = re.compile(r"(.+)\.(\d+)")


def first_stamp(stamp: str, shares_dates: bool) -> str:
    """The stamp to which numbers of versions are added."""
    return f"{stamp}.0" if shares_dates and "." not in stamp else stamp


@dataclass(frozen=True)
class Versions:
    """The versions of all masters that a repository has.

    Parameters
    ----------
    latest
        Highest number by dataset type, stamp to which it is added, and data
        ID; those without a second version are not listed.
    shared
        Dataset types that may have several files of one date.
    """

    latest: Mapping[tuple[str, str, DataId], int]
    shared: frozenset[str]

    @classmethod
    def of(cls, camera: Camera, label: str, state: TargetState) -> Versions:
        """Those of one calibration collection."""
        shared = frozenset(c.dataset_type for c in camera.calibrations if c.shares_dates)
        prefix = names.calibration_run(camera.instrument.name, label, "")
        latest: dict[tuple[str, str, DataId], int] = {}
        for (dataset_type, run), data_ids in state.datasets.items():
            match = _VERSION.fullmatch(run.removeprefix(prefix)) if run.startswith(prefix) else None
            # <stamp>.1 is the second file of a date, not the second version of the first.
            if match is None or (dataset_type in shared and "." not in match[1]):
                continue
            for data_id in data_ids:
                key = dataset_type, match[1], data_id
                latest[key] = max(latest.get(key, 0), int(match[2]))
        return cls(latest, shared)

    def number(self, key: MasterKey) -> int:
        """Number of the latest version of a master, 0 for the first one."""
        first = first_stamp(key.stamp, key.dataset_type in self.shared)
        return self.latest.get((key.dataset_type, first, key.data_id), 0)

    def key(self, key: MasterKey, number: int) -> MasterKey:
        """The key of one version of a master."""
        if not number:
            return key
        first = first_stamp(key.stamp, key.dataset_type in self.shared)
        return key._replace(stamp=f"{first}.{number}")

    def first(self, dataset_type: str, stamp: str) -> str:
        """The stamp of the first version of what has a stamp."""
        if dataset_type not in self.shared:
            return stamp.partition(".")[0]
        # <stamp>.0 is no second file of a date, only what numbers of versions are added to.
        parts = stamp.split(".")[:2]
        return parts[0] if parts[1:] == ["0"] else ".".join(parts)

    def all_of(self, key: MasterKey, number: int) -> list[MasterKey]:
        """The keys of all versions up to a number."""
        return [self.key(key, n) for n in range(number + 1)]


@dataclass
class Current:
    """Masters under the keys of the versions that are wanted now.

    Parameters
    ----------
    masters
        By the key of the wanted version.
    keys
        That key for every master of the source.
    changed
        Masters of the source that are not what was recorded, and why.
    """

    masters: dict[MasterKey, Master]
    keys: dict[MasterKey, MasterKey]
    changed: dict[MasterKey, str]


def choose_versions(
    versions: Versions,
    masters: Mapping[MasterKey, Master],
    changed: Mapping[MasterKey, str],
    supersede: bool,
) -> Current:
    """Take the latest version of each master, or a new one if it has changed.

    Parameters
    ----------
    versions
        What the repository has.
    masters
        What the source has.
    changed
        Masters of the source that are not what was converted, and why.
    supersede
        Whether what has changed becomes a new version.
    """
    current = Current({}, {}, dict(changed))
    for key, master in masters.items():
        latest = versions.key(key, versions.number(key) + (supersede and key in changed))
        current.keys[key] = latest
        current.masters[latest] = master if latest == key else replace(master, key=latest)
    return current


def families(
    versions: Versions, keys: Iterable[MasterKey], run_of: Callable[[str], str]
) -> Mapping[tuple[str, DataId], set[str]]:
    """RUNs of all versions of the masters of each dataset type and data ID.

    Parameters
    ----------
    versions
        What the repository has.
    keys
        Masters of the source, under the keys of first versions.
    run_of
        Gives the RUN of a stamp.
    """
    runs: dict[tuple[str, DataId], set[str]] = {}
    for key in keys:
        known = runs.setdefault((key.dataset_type, key.data_id), set())
        known.update(run_of(k.stamp) for k in versions.all_of(key, versions.number(key)))
    return runs
