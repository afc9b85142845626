"""Arithmetic of LSST exposure and visit numbers.

Pure functions of header values; they know nothing of translators.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime

__all__ = ["exposure_id", "observing_day", "visit_id"]

CONTROLLERS = {"O": 0, "C": 1, "H": 2, "P": 3, "Q": 4, "S": 5}
"""Number that each controller adds to the thousands of years of its day."""

LAST_DISTINCT_DAY = {"C": 20231004, "P": 20250417, "Q": 20250417, "S": 20250417}
"""Last observing day on which a controller numbered its exposures apart.

From the next day on it shares one sequence with controller O.
"""

_DATE_UNIT = 10_000_000
_MAX_SEQ_NUM = 100_000
_GROUP_EPOCH = datetime(2015, 1, 1)
_TIMED_GROUP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{3})(?:[+#](\d+))?")


def observing_day(day_obs: str | int) -> int:
    """Reduce the spellings of an observing day to one number.

    Parameters
    ----------
    day_obs : `str` or `int`
        Day as ``YYYYMMDD`` or ``YYYY-MM-DD``, with or without a time after
        a ``T``.

    Returns
    -------
    day : `int`
        The day as YYYYMMDD.

    Raises
    ------
    ValueError
        Raised if the day does not have exactly eight digits.
    """
    digits = str(day_obs).partition("T")[0].replace("-", "").strip()
    if not re.fullmatch(r"[0-9]{8}", digits):
        raise ValueError(f"Observing day {day_obs!r} is not of the form YYYYMMDD")
    return int(digits)


def exposure_id(day_obs: str | int, seq_num: int, controller: str | None = None) -> int:
    """Number one exposure within its camera.

    Parameters
    ----------
    day_obs : `str` or `int`
        Observing day, in a form that `observing_day` accepts.
    seq_num : `int`
        Sequence number within the day.
    controller : `str`, optional
        Letter of the system that ran the camera. None stands for the
        observatory's own, O.

    Returns
    -------
    exposure_id : `int`
        Day, raised by the controller, followed by five digits of sequence
        number.

    Raises
    ------
    ValueError
        Raised if the day is malformed, the sequence number does not fit in
        five digits or the controller is unknown.
    """
    day = observing_day(day_obs)
    if not 0 <= seq_num < _MAX_SEQ_NUM:
        raise ValueError(f"Sequence number {seq_num} does not fit in five digits")
    controller = controller or "O"
    if controller not in CONTROLLERS:
        raise ValueError(f"Unknown controller {controller!r}; expected one of {', '.join(CONTROLLERS)}")
    offset = CONTROLLERS[controller]
    if day > LAST_DISTINCT_DAY.get(controller, day):
        offset = 0
    return (day + _DATE_UNIT * offset) * _MAX_SEQ_NUM + seq_num


def visit_id(group: str) -> int:
    """Number the visit that an exposure group names.

    Parameters
    ----------
    group : `str`
        An integer, a time ``YYYY-MM-DDTHH:MM:SS.mmm`` with an optional
        ``+N`` or ``#N``, or any other ASCII label.

    Returns
    -------
    visit_id : `int`
        The integer itself; or the milliseconds since 2015-01-01T00:00:00
        (plain calendar difference) followed by N in at least four digits; or
        56 bits of the label's BLAKE2b digest followed by its length in at
        least two decimal digits.

    Raises
    ------
    ValueError
        Raised if the time is not one of the calendar, or if the label is not
        ASCII.
    """
    try:
        return int(group)
    except ValueError:
        pass
    if timed := _TIMED_GROUP.fullmatch(group):
        moment, millis, suffix = timed.groups(default="0")
        seconds = int((datetime.fromisoformat(moment) - _GROUP_EPOCH).total_seconds())
        return int(f"{seconds}{millis}{int(suffix):04d}")
    digest = hashlib.blake2b(group.encode("ascii")).hexdigest()
    return int(f"{int(digest[:14], 16)}{len(group):02d}")
