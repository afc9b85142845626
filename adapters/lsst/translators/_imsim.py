"""LSSTCam as simulated by imSim (Data Challenge 2 and its calibrations)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import astropy.units as u
from astro_metadata_translator import cache_translation
from astro_metadata_translator.translators.helpers import tracking_from_degree_headers
from astropy.coordinates import AltAz, Angle, EarthLocation, SkyCoord
from astropy.time import Time, TimeDelta

from adapters.lsst.translators._detectors import IMSIM_RAFTS
from adapters.lsst.translators._rules import LsstTranslator
from adapters.lsst.translators._sky import altaz_from_hour_angle, radec_to_altaz

__all__ = ["ImSimTranslator"]

_TELESCOPE = "Simonyi Survey Telescope"


class ImSimTranslator(LsstTranslator):
    """Translator of imSim's raws, as packed for the LSST stack."""

    name = "LSSTCam-imSim"
    supported_instrument = "LSSTCam-imSim"
    first_numbers = IMSIM_RAFTS

    _const_map: dict[str, Any] = {
        "instrument": "LSSTCam-imSim",
        "object": "UNKNOWN",
        "observation_counter": 0,
        "boresight_rotation_coord": "sky",
        "has_simulated_content": True,
        "relative_humidity": 40.0,
        "pressure": None,
        "temperature": None,
    }

    _trivial_map: dict[str, Any] = {
        "exposure_id": "OBSID",
        "visit_id": "OBSID",
        "observation_id": "OBSID",
        "detector_group": "RAFTNAME",
        "detector_name": "SENSNAME",
        "detector_serial": "LSST_NUM",
        "science_program": "RUNNUM",
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
            Whether TESTTYPE is ``IMSIM``. INSTRUME does not serve: it is
            absent from some files.
        """
        return header.get("TESTTYPE") == "IMSIM"

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
            Zero: simulated nights are named by the TAI date.
        """
        return TimeDelta(0, format="sec", scale="tai")

    @cache_translation
    def to_telescope(self) -> str | None:
        """Name of the telescope, if the file is of the simulated LSST."""
        if str(self._card("OUTFILE") or "").startswith("lsst") or self.is_key_ok("LSST_NUM"):
            return _TELESCOPE
        return None

    @cache_translation
    def to_location(self) -> EarthLocation | None:
        """Where the telescope stands: the real place, not that of OBSGEO."""
        return self.default_location if self.to_telescope() == _TELESCOPE else super().to_location()

    @cache_translation
    def to_exposure_group(self) -> str:
        """Label of the group of exposures: each is its own."""
        return str(self.to_exposure_id())

    @cache_translation
    def to_physical_filter(self) -> str:
        """Band with the version of the throughputs behind it, if recorded."""
        band = str(self._required("FILTER"))
        for card in self._header:
            package = re.fullmatch(r"PKG(\d{5})", card)
            if package and self._header[card] == "throughputs":
                version = str(self._required(f"VER{package[1]}")).strip()
                self._used_these_cards(card)
                return f"{band}_sim_{version}"
        return band

    @cache_translation
    def to_tracking_radec(self) -> SkyCoord | None:
        """Position followed on the sky, whatever the kind of observation."""
        return tracking_from_degree_headers(self, ("RADESYS",), (("RATEL", "DECTEL"),))

    @cache_translation
    def to_boresight_rotation_angle(self) -> Angle:
        """Rotation of the boresight on the sky, in [0, 360) degrees."""
        return Angle(90.0 * u.deg - self.quantity_from_card("ROTANGLE", u.deg)).wrap_at(360.0 * u.deg)

    @cache_translation
    def to_altaz_begin(self) -> AltAz | None:
        """Azimuth and elevation at the start; `None` unless science."""
        location = self.to_location()
        if self.to_observation_type() != "science" or location is None:
            return None
        begin = self.to_datetime_begin()
        if self.are_keys_ok(["HASTART", "DECTEL"]):
            return altaz_from_hour_angle(
                float(self._card("HASTART")), float(self._card("DECTEL")), begin, location
            )
        radec = self.to_tracking_radec()
        return None if radec is None else radec_to_altaz(radec, begin, location)
