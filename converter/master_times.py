"""When the masters were taken, as their RUNs tell: is the one chosen the nearest?"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache

from .answers import Answers, Certified
from .nouns import DataId
from .timespans import SECOND, parse_time, to_tai


class MasterTimes:
    """Times of all masters that are certified for each data ID.

    Parameters
    ----------
    answers
        All calibrations of one dataset type.
    calib_time_s
        Seconds after 0h UTC at which a calibration dated by day was taken.
    """

    def __init__(self, answers: Answers, calib_time_s: int) -> None:
        self._calib_time_s = calib_time_s
        self._by_stamp: dict[str, int | None] = {}
        self._times: dict[DataId, list[int]] = {}
        for table in answers.by_collection:
            for data_id, ranges in table.items():
                known = self._times.setdefault(data_id, [])
                known += (t for t in map(self.of, ranges) if t is not None)
        for known in self._times.values():
            known.sort()

    def of(self, certified: Certified) -> int | None:
        """When a master was taken, TAI nanoseconds, `None` if its RUN does not tell."""
        stamp = certified.stamp
        if stamp not in self._by_stamp:
            try:
                self._by_stamp[stamp] = stamp_time(stamp, self._calib_time_s)
            except ValueError:
                self._by_stamp[stamp] = None
        return self._by_stamp[stamp]

    def is_nearest(self, data_id: DataId, certified: Certified, span: tuple[int, int]) -> bool:
        """Whether no other master of the data ID was taken nearer to the middle of a timespan."""
        taken = self.of(certified)
        if taken is None:
            return True
        middle = (span[0] + span[1]) // 2
        known = self._times[data_id]
        index = bisect_left(known, middle)
        best = min(abs(t - middle) for t in known[max(0, index - 1) : index + 1])
        return abs(taken - middle) <= best

    def is_after(self, certified: Certified, span: tuple[int, int]) -> bool:
        """Whether a master was taken after a timespan began."""
        taken = self.of(certified)
        return taken is not None and taken > span[0]


@lru_cache(maxsize=1 << 16)
def stamp_time(stamp: str, calib_time_s: int) -> int:
    """TAI nanoseconds of a RUN stamp ``YYYYMMDDTHHMMSSZ[.n]``; midnight stands for a day.

    Raises
    ------
    ValueError
        The text is no stamp.
    """
    text = stamp.partition(".")[0].rstrip("Z")
    time = f"{text[0:4]}-{text[4:6]}-{text[6:8]}T{text[9:11]}:{text[11:13]}:{text[13:15]}"
    parsed = parse_time(time)
    return to_tai(parsed, "utc") + (0 if parsed.ns else calib_time_s * SECOND)
