"""Collection names, as the stack's ``Instrument.make*Name`` writes them."""

from __future__ import annotations

from functools import lru_cache


def calibration_collection(instrument: str, label: str) -> str:
    """CALIBRATION collection: ``<inst>/calib[/<label>]``."""
    return f"{instrument}/calib/{label}" if label else f"{instrument}/calib"


@lru_cache(maxsize=4096)
def calibration_run(instrument: str, label: str, run_stamp: str) -> str:
    """RUN of the masters of one calibration date."""
    return f"{calibration_collection(instrument, label)}/{run_stamp}"


def curated_run(instrument: str, label: str, run_stamp: str) -> str:
    """RUN of the curated calibrations of one ``CALIBDATE``."""
    return f"{calibration_collection(instrument, label)}/curated/{run_stamp}"


def unbounded_run(instrument: str, label: str) -> str:
    """RUN of calibrations whose validity has no begin."""
    return f"{calibration_collection(instrument, label)}/unbounded"


def version_run(instrument: str, label: str, dataset_type: str, run_stamp: str) -> str:
    """RUN of the versions of a dataset type that begin to be valid at one time."""
    return f"{calibration_collection(instrument, label)}/{dataset_type}/{run_stamp}"


def raw_run(instrument: str, version: int = 0) -> str:
    """RUN of the raws: ``<inst>/raw/all``, and ``<inst>/raw/all.<n>`` for later versions of some."""
    return f"{instrument}/raw/all.{version}" if version else f"{instrument}/raw/all"


def calibration_chain(instrument: str) -> str:
    """Where pipelines look for calibrations: ``<inst>/calib``."""
    return f"{instrument}/calib"


def umbrella(instrument: str) -> str:
    """The umbrella collection ``<inst>/defaults``."""
    return f"{instrument}/defaults"
