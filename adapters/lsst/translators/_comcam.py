"""LSSTComCam, the commissioning camera of one raft."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any
from zoneinfo import ZoneInfo

import astropy.units as u
from astro_metadata_translator import cache_translation
from astropy.time import Time, TimeDelta

from adapters.lsst.translators import _fixes
from adapters.lsst.translators._detectors import COMCAM_RAFTS
from adapters.lsst.translators._rules import LsstTranslator

__all__ = ["ComCamTranslator"]

_ON_TELESCOPE = Time("2024-08-24T00:00:00", scale="utc")
"""Observations begun after this time count as taken with the telescope."""

_LAST_PACIFIC_MONTH = "2020-02"
"""Until the end of this month the observing day followed California's clock."""


class ComCamTranslator(LsstTranslator):
    """Translator of ComCam raws, from the laboratory of 2019 onwards."""

    name = "LSSTComCam"
    supported_instrument = "LSSTComCam"
    first_numbers = COMCAM_RAFTS

    _const_map: dict[str, Any] = {
        "instrument": "LSSTComCam",
        "telescope": "Simonyi Survey Telescope",
    }

    # RAFTNAME is the serial of the raft, so RAFTBAY names the group.
    _trivial_map: dict[str, Any] = {
        "detector_group": "RAFTBAY",
        "detector_name": "CCDSLOT",
        "detector_serial": "LSST_NUM",
        "exposure_time_requested": ("EXPTIME", {"unit": u.s}),
        "object": ("OBJECT", {"default": "UNKNOWN"}),
        "science_program": (["PROGRAM", "RUNNUM"], {"default": "unknown"}),
        "boresight_rotation_angle": (["ROTPA", "ROTANGLE"], {"unit": u.deg}),
    }

    @classmethod
    def can_translate(cls, header: Mapping[str, Any], filename: str | None = None) -> bool:
        """Recognize a header of this camera.

        Parameters
        ----------
        header : `~collections.abc.Mapping` [ `str`, `typing.Any` ]
            Header to judge.
        filename : `str`, optional
            Not used.

        Returns
        -------
        can : `bool`
            Whether the cards name the camera, or name an LSST camera with
            ComCam's telescope code, as in the laboratory of 2019.
        """
        if "INSTRUME" not in header or "TELESCOP" not in header:
            return False
        instrument = str(header["INSTRUME"]).lower()
        if instrument == "comcam":
            return header["TELESCOP"] in ("LSST", "Simonyi Survey Telescope")
        return instrument == "lsst_camera" and header.get("TELCODE") == "CC"

    @classmethod
    def fix_header(
        cls, header: MutableMapping[str, Any], instrument: str, obsid: str, filename: str | None = None
    ) -> bool:
        """Repair what is known to be wrong in headers of this camera.

        Parameters
        ----------
        header : `~collections.abc.MutableMapping` [ `str`, `typing.Any` ]
            Header, changed in place.
        instrument : `str`
            Not used.
        obsid : `str`
            Not used.
        filename : `str`, optional
            Not used.

        Returns
        -------
        modified : `bool`
            Whether anything was changed.
        """
        begin = cls(header, filename=filename).to_datetime_begin()
        return _fixes.apply_fixes(_fixes.COMCAM, header, begin)

    @classmethod
    def observing_date_to_offset(cls, observing_date: Time) -> TimeDelta:
        """Tell how long after midnight TAI an observing day begins.

        Parameters
        ----------
        observing_date : `astropy.time.Time`
            Time of an observation, in any scale.

        Returns
        -------
        offset : `astropy.time.TimeDelta`
            Twelve hours; before March 2020, what the clock in California
            was behind UTC.
        """
        if observing_date.tai.strftime("%Y-%m") > _LAST_PACIFIC_MONTH:
            return super().observing_date_to_offset(observing_date)
        # US/Pacific by its canonical name; the old one is no longer in every
        # copy of the time zone database.
        local = observing_date.utc.to_datetime(timezone=ZoneInfo("America/Los_Angeles"))
        return TimeDelta(-local.utcoffset().total_seconds(), format="sec", scale="tai")

    def _is_on_mountain(self) -> bool:
        """Tell whether the camera was on the telescope, or H played it was."""
        return self._controller() == "H" or bool(self.to_datetime_begin() > _ON_TELESCOPE)

    @cache_translation
    def to_exposure_time(self) -> u.Quantity:
        """Time the shutter was open, in seconds; if not measured, that asked for."""
        if self.is_key_ok("SHUTTIME"):
            measured = self.quantity_from_card("SHUTTIME", u.s)
            if measured > 0 * u.s:
                return measured
        return super().to_exposure_time()

    @cache_translation
    def to_physical_filter(self) -> str:
        """Filters in the beam, joined by ``~``; empty slots at the end do not count."""
        glasses = [str(glass) for card in ("FILTER", "FILTER1", "FILTER2") if (glass := self._card(card))]
        glasses = ["none" if glass == "NONE" else glass for glass in glasses]
        while len(glasses) > 1 and glasses[-1] == "empty":
            glasses.pop()
        return "~".join(glasses) or "unknown"

    @cache_translation
    def to_can_see_sky(self) -> bool | None:
        """Whether light of the sky reached the detector; `None` if unknown."""
        if not self._is_on_mountain():
            return False
        # With a real shutter and dome, the kind of observation proves nothing.
        judged, answer = self._sky_blocked()
        return answer if judged or self._controller() != "H" else super().to_can_see_sky()
