"""Detector numbers and serials of the LSST focal planes."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["COMCAM_RAFTS", "COMCAM_SERIALS", "IMSIM_RAFTS", "detector_number"]

# fmt: off
_SCIENCE_RAFTS = (
           "R01", "R02", "R03",
    "R10", "R11", "R12", "R13", "R14",
    "R20", "R21", "R22", "R23", "R24",
    "R30", "R31", "R32", "R33", "R34",
           "R41", "R42", "R43",
)
# fmt: on

IMSIM_RAFTS: Mapping[str, int] = {raft: 9 * position for position, raft in enumerate(_SCIENCE_RAFTS)}
"""First detector number of each raft that imSim simulates."""

COMCAM_RAFTS: Mapping[str, int] = {"R22": 0}
"""First detector number of ComCam's only raft."""

COMCAM_SERIALS: Mapping[str, str] = {
    "S00": "ITL-3800C-229",
    "S01": "ITL-3800C-251",
    "S02": "ITL-3800C-215",
    "S10": "ITL-3800C-326",
    "S11": "ITL-3800C-283",
    "S12": "ITL-3800C-243",
    "S20": "ITL-3800C-319",
    "S21": "ITL-3800C-209",
    "S22": "ITL-3800C-206",
}
"""Serial of the chip in each slot of ComCam."""


def detector_number(unique_name: str, first_numbers: Mapping[str, int]) -> int | None:
    """Number a detector within its focal plane.

    Parameters
    ----------
    unique_name : `str`
        Raft and slot, such as ``R22_S11``.
    first_numbers : `~collections.abc.Mapping` [ `str`, `int` ]
        First detector number of each raft.

    Returns
    -------
    number : `int` or `None`
        The number, or `None` if the focal plane has no such detector.
    """
    raft, _, slot = unique_name.partition("_")
    place = re.fullmatch(r"S([0-2])([0-2])", slot)
    if raft not in first_numbers or place is None:
        return None
    row, column = map(int, place.groups())
    return first_numbers[raft] + 3 * row + column
