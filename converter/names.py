"""Collection names and RUN stamps, as the stack's ``Instrument.make*Name`` writes them."""

from __future__ import annotations

from functools import lru_cache

from .timespans import SECOND, format_tai, parse_time


@lru_cache(maxsize=1 << 16)
def stamp(text: str) -> str:
    """RUN stamp ``YYYYMMDDTHHMMSSZ`` of a UTC time text.

    Raises
    ------
    ValueError
        The text is no date or ISO date and time.
    """
    time = parse_time(text.strip())
    seconds = time.ns // SECOND
    date = format_tai(time.day * 86_400 * SECOND)[:10].replace("-", "")
    return f"{date}T{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}Z"


def calibration_collection(instrument: str, label: str) -> str:
    """CALIBRATION collection: ``<inst>/calib[/<label>]``."""
    return f"{instrument}/calib/{label}" if label else f"{instrument}/calib"


def calibration_run(instrument: str, label: str, run_stamp: str) -> str:
    """RUN of the masters of one calibration date."""
    return f"{calibration_collection(instrument, label)}/{run_stamp}"


def raw_run(instrument: str) -> str:
    """RUN of the raws: ``<inst>/raw/all``."""
    return f"{instrument}/raw/all"


def calibration_chain(instrument: str) -> str:
    """Where pipelines look for calibrations: ``<inst>/calib``."""
    return f"{instrument}/calib"


def umbrella(instrument: str) -> str:
    """The umbrella collection ``<inst>/defaults``."""
    return f"{instrument}/defaults"
