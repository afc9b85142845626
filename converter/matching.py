"""Which master is meant: by a selector, or by what another repository calls it. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from math import prod

from .nouns import DataId, Master, MasterKey
from .statements import Selector

_NUMBER = re.compile(r"\.\d+$")

Axis = tuple[str, int | None, str | None, str]


class MasterIndex:
    """Finds the masters that selectors mean, without asking every selector of every master.

    Parameters
    ----------
    masters
        The masters.
    detector_names
        Full name of every detector.
    """

    def __init__(self, masters: Iterable[Master], detector_names: Mapping[int, str]) -> None:
        self._names = detector_names
        self._groups: dict[Axis, list[Master]] = defaultdict(list)
        self._by_file: dict[str, list[Master]] = defaultdict(list)
        for master in masters:
            data_id = master.key.data_id
            axis = master.key.dataset_type, data_id.detector, data_id.physical_filter, master.calib_date
            self._groups[axis].append(master)
            self._by_file[master.path.rpartition("/")[2]].append(master)
        self._memo: dict[tuple[str, tuple[str, ...]], list] = {}

    def find(self, selector: Selector) -> list[MasterKey]:
        """Keys of the masters that a selector means."""
        if selector.file and not any(c in pattern for pattern in selector.file for c in "*?[/"):
            # Plain names.
            named = (m for name in dict.fromkeys(selector.file) for m in self._by_file.get(name, ()))
            return [m.key for m in named if selector.matches(m, self._name(m))]
        only_file = Selector(file=selector.file)
        return [m.key for m in self._candidates(selector) if not selector.file or only_file.matches(m)]

    def _name(self, master: Master) -> str:
        detector = master.key.data_id.detector
        return "" if detector is None else self._names.get(detector, "")

    def _candidates(self, selector: Selector) -> Iterator[Master]:
        """Those that all columns but the file leave."""
        matching = (
            self._matching("dataset_type", selector.dataset_type, 0),
            self._matching("detector", selector.detector, 1),
            self._matching("physical_filter", selector.physical_filter, 2),
            self._matching("calib_date", selector.calib_date, 3),
        )
        if prod(map(len, matching)) > len(self._groups):
            wanted = [set(values) for values in matching]
            for axis, group in self._groups.items():
                if all(value in values for value, values in zip(axis, wanted, strict=True)):
                    yield from group
            return
        for axis in product(*matching):
            yield from self._groups.get(axis, ())

    def _matching(self, column: str, patterns: tuple[str, ...], position: int) -> list:
        """Values of one axis that the patterns let through, by the selector's own rule."""
        key = column, patterns
        if key not in self._memo:
            one = Selector(**{column: patterns})
            # One master stands for all that share the value.
            samples = {axis[position]: group[0] for axis, group in self._groups.items()}
            self._memo[key] = [v for v, m in samples.items() if one.matches(m, self._name(m))]
        return self._memo[key]


class ForeignIndex:
    """Finds our master of a dataset elsewhere.

    Parameters
    ----------
    masters
        Our masters.
    physical_filter
        Our name of a filter's name, `None` if there is no such filter.
    """

    def __init__(
        self, masters: Mapping[MasterKey, Master], physical_filter: Callable[[str], str | None]
    ) -> None:
        self._masters = masters
        self._filter = physical_filter
        self._by_base: dict[MasterKey, list[MasterKey]] = defaultdict(list)
        self._by_file: dict[tuple[str, DataId, str], list[MasterKey]] = defaultdict(list)
        for key, master in masters.items():
            self._by_base[key._replace(stamp=_NUMBER.sub("", key.stamp))].append(key)
            self._by_file[key.dataset_type, key.data_id, master.path.rpartition("/")[2]].append(key)

    def translate(self, data_id: DataId) -> DataId | str:
        """A foreign data ID with our name of the filter, or why there is none."""
        if data_id.physical_filter is None:
            return data_id
        ours = self._filter(data_id.physical_filter)
        if ours is None:
            return (
                f"unknown filter {data_id.physical_filter!r}: no filter of the camera has this name or alias"
            )
        return data_id._replace(physical_filter=ours)

    def find(self, key: MasterKey, file: str) -> MasterKey | str | None:
        """Our master of a foreign dataset.

        Parameters
        ----------
        key
            Its type, the last part of its RUN, and its data ID (translated).
        file
            Base name of its file, ``""`` if unknown.

        Returns
        -------
        master
            `None` if there is none; a text where several of ours could be
            meant.
        """
        same_date = self._by_base.get(key._replace(stamp=_NUMBER.sub("", key.stamp)), [])
        same_file = self._by_file.get((key.dataset_type, key.data_id, file), []) if file else []
        if len(same_date) > 1:
            # Numbers count the files of one place, so the file's name says more.
            same_file = [k for k in same_file if k in same_date]
            if len(same_file) == 1:
                return same_file[0]
        if key in self._masters:
            return key
        numbered = [] if _NUMBER.search(key.stamp) else same_date
        if len(numbered) == 1:
            return numbered[0]
        if len(same_file) == 1:
            return same_file[0]
        several = same_file or numbered
        if several:
            stamps = ", ".join(sorted(k.stamp for k in several))
            return f"{key.dataset_type} {key.stamp} {key.data_id} may mean any of our masters {stamps}"
        return None
