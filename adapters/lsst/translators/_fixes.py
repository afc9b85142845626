"""Header repairs of LATISS and ComCam, with the times they apply to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

from astro_metadata_translator import MetadataTranslator
from astropy.time import Time

from adapters.lsst.translators._detectors import COMCAM_SERIALS

__all__ = ["COMCAM", "LATISS", "Fix", "apply_fixes", "leave_1970", "name_observation"]

Header = MutableMapping[str, Any]
Change = Callable[[Header], bool]
"""Edits a header in place and tells whether it did anything."""


@dataclass(frozen=True)
class Fix:
    """A change to the headers of observations begun in [since, until).

    Parameters
    ----------
    change : `~collections.abc.Callable`
        Edits a header in place and returns whether it did anything.
    since, until : `str`, optional
        ISO times in UTC; `None` leaves that side open.
    """

    change: Change
    since: str | None = None
    until: str | None = None

    def applies(self, begin: Time) -> bool:
        """Tell whether the fix is for an observation.

        Parameters
        ----------
        begin : `astropy.time.Time`
            Start of the observation, in any scale.

        Returns
        -------
        applies : `bool`
            Whether the start is within the bounds.
        """
        if self.since is not None and begin < Time(self.since, scale="utc"):
            return False
        return self.until is None or bool(begin < Time(self.until, scale="utc"))


def apply_fixes(fixes: Iterable[Fix], header: Header, begin: Time) -> bool:
    """Apply in their order the fixes that are for an observation.

    Parameters
    ----------
    fixes : `~collections.abc.Iterable` [ `Fix` ]
        Fixes of the camera.
    header : `~collections.abc.MutableMapping` [ `str`, `typing.Any` ]
        Header, changed in place.
    begin : `astropy.time.Time`
        Start of the observation, in any scale.

    Returns
    -------
    modified : `bool`
        Whether any fix did anything.
    """
    modified = False
    for fix in fixes:
        if fix.applies(begin):
            modified |= fix.change(header)
    return modified


# What changes are made of.


def _ok(header: Header, card: str) -> bool:
    return bool(MetadataTranslator.is_keyword_defined(header, card))


def _text(header: Header, card: str) -> str | None:
    return str(header[card]) if _ok(header, card) else None


def _number(header: Header, card: str) -> float | None:
    """Return the value of a card if it is a number, NaN not being one."""
    value = header[card] if _ok(header, card) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    return float(value)


def _put(header: Header, card: str, value: Any) -> bool:
    if card in header and header[card] == value:
        return False
    header[card] = value
    return True


def _clear(*cards: str) -> Change:
    def change(header: Header) -> bool:
        set_cards = [card for card in cards if _ok(header, card)]
        for card in set_cards:
            header[card] = None
        return bool(set_cards)

    return change


def _set(card: str, value: Any) -> Change:
    return lambda header: _put(header, card, value)


def _adjust(operation: Callable[[float], float], *cards: str) -> Change:
    def change(header: Header) -> bool:
        numbers = {card: number for card in cards if (number := _number(header, card)) is not None}
        for card, number in numbers.items():
            header[card] = operation(number)
        return bool(numbers)

    return change


def _replace(card: str, old: str, new: str | None) -> Change:
    """Exchange one value of a text card; surrounding blanks do not count."""

    def change(header: Header) -> bool:
        text = _text(header, card)
        return text is not None and text.strip() == old and _put(header, card, new)

    return change


# LATISS.


def name_observation(header: Header, obsid: str | None) -> bool:
    """Supply the cards that name the observation where they are absent.

    Parameters
    ----------
    header : `~collections.abc.MutableMapping` [ `str`, `typing.Any` ]
        Header, changed in place.
    obsid : `str` or `None`
        Observation ID, such as ``AT_O_20190915_000037``.

    Returns
    -------
    modified : `bool`
        Whether a card was supplied.
    """
    modified = False
    fields = (obsid or "").split("_")
    if "OBSID" not in header and obsid is not None:
        modified |= _put(header, "OBSID", obsid)
    if "DAYOBS" not in header:
        # OBS-NITE is the last resort: the day in the ID is the one that
        # numbers the exposure.
        day = fields[2] if len(fields) > 2 and len(fields[2]) == 8 else _text(header, "OBS-NITE")
        modified |= day is not None and _put(header, "DAYOBS", day)
    if "SEQNUM" not in header and len(fields) > 3 and fields[3].isdecimal():
        modified |= _put(header, "SEQNUM", int(fields[3]))
    return modified


def leave_1970(header: Header) -> bool:
    """Date an observation whose clock was unset by the time of its file.

    Parameters
    ----------
    header : `~collections.abc.MutableMapping` [ `str`, `typing.Any` ]
        Header, changed in place.

    Returns
    -------
    modified : `bool`
        Whether the date was changed.
    """
    if not (_text(header, "DATE-OBS") or "").startswith("1970"):
        return False
    for written, dates in (("DATE", ("DATE-OBS", "DATE-BEG")), ("MJD", ("MJD-OBS", "MJD-BEG"))):
        for card in dates:
            # Without the time of the file, a cleared date makes the next
            # choice of card take over.
            header[card] = header[written] if _ok(header, written) else None
    _clear("DATE-END", "MJD-END")(header)
    return True


def _part_type_and_group(header: Header) -> bool:
    """Sort out GROUPID of the time when it held the kind of image."""
    group, kind = _text(header, "GROUPID"), _text(header, "IMGTYPE")
    if not group or group.startswith("test"):
        return False
    if kind:
        return kind == group and _clear("GROUPID")(header)
    if "_" in group:
        # As in bias_0001_0002, which stays a group, if one that comes back.
        return _put(header, "IMGTYPE", group.partition("_")[0])
    if group.upper().startswith("FOCUS") and group.upper() != "FOCUS":
        return _put(header, "IMGTYPE", "FOCUS")
    header["IMGTYPE"] = group
    header["GROUPID"] = None
    return True


def _name_object(header: Header) -> bool:
    return (
        _text(header, "IMGTYPE") == "OBJECT" and "OBJECT" not in header and _put(header, "OBJECT", "NOTSET")
    )


def _strip_spec(header: Header) -> bool:
    name = _text(header, "OBJECT")
    return name is not None and _put(header, "OBJECT", name.replace("spec:", ""))


def _drop_shutter_time(header: Header) -> bool:
    # Zero stays, as it says that the shutter did not open.
    return _number(header, "SHUTTIME") != 0.0 and _clear("SHUTTIME")(header)


def _go_south(header: Header) -> bool:
    z = _number(header, "OBSGEO-Z")
    return z is not None and z > 0 and _put(header, "OBSGEO-Z", -z)


# The order matters: later fixes see what earlier ones wrote.
LATISS = (
    Fix(_set("LSST_NUM", "ITL-3800C-098"), until="2019-06-24"),
    Fix(_set("LSST_NUM", "ITL-3800C-068"), since="2019-06-24"),
    Fix(_clear("DATE-END", "MJD-END"), until="2020-02-01"),
    Fix(_part_type_and_group, until="2019-11-07"),
    Fix(_replace("IMGTYPE", "OBJECT", "ENGTEST"), until="2020-01-27T20:00"),
    Fix(_adjust(math.degrees, "RA", "DEC"), until="2020-01-28T22:00"),
    Fix(_drop_shutter_time),
    Fix(_name_object),
    Fix(_strip_spec, until="2022-07-10"),
    Fix(_replace("RADESYS", "", "ICRS")),
    Fix(_replace("TRACKSYS", "", None)),
    Fix(_replace("TRACKSYS", "SIDEREAL", "RADEC")),
    # Until May 2020 only RA and DEC serve. Then right ascensions came in hours
    # and, a little longer, 37 s of time (TAI - UTC) too small.
    Fix(_clear("RASTART", "DECSTART", "RAEND", "DECEND"), until="2020-05-01"),
    Fix(_adjust(lambda hours: hours * 15.0, "RASTART", "RAEND"), "2020-05-01", "2021-02-11T18:45"),
    Fix(_adjust(lambda ra: ra + 37.0 * 15.0 / 3600.0, "RASTART", "RAEND"), "2020-05-01", "2021-02-12"),
    Fix(_adjust(lambda angle: angle - 180.0, "ROTPA"), "2020-11-19", "2021-10-29"),
    Fix(_go_south),
)
"""Fixes of LATISS that depend on the date at most."""


# ComCam.


def _name_filter(bare: str) -> Change:
    """Supply FILTER; ``r`` and blank mean the filter mounted at the time."""

    def change(header: Header) -> bool:
        glass = _text(header, "FILTER")
        if glass is None:
            return _put(header, "FILTER", "unknown")
        return glass.strip() in ("", "r") and _put(header, "FILTER", bare)

    return change


def _name_camera(header: Header) -> bool:
    return (_text(header, "INSTRUME") or "").upper() == "LSST_CAMERA" and _put(header, "INSTRUME", "ComCam")


def _name_chip(header: Header) -> bool:
    serial = COMCAM_SERIALS.get(_text(header, "CCDSLOT") or "")
    return "LSST_NUM" not in header and serial is not None and _put(header, "LSST_NUM", serial)


def _set_rotation(header: Header) -> bool:
    return _number(header, "ROTPA") is None and _put(header, "ROTPA", 0.0)


COMCAM = (
    Fix(_name_filter("r_03"), until="2020-03-13"),
    Fix(_name_filter("empty"), since="2020-03-13"),
    Fix(_name_camera),
    Fix(_name_chip),
    Fix(_set_rotation),
)
"""Fixes of ComCam."""
