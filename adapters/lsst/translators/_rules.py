"""Translation rules that the LSST cameras share.

The properties are named and defined by `astro_metadata_translator`; a method
``to_x`` gives property ``x``. Times are TAI unless said. A card counts as
"ok" when it is present and not undefined.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import astropy.units as u
from astro_metadata_translator import cache_translation
from astro_metadata_translator.translators import FitsTranslator
from astro_metadata_translator.translators.helpers import (
    altaz_from_degree_headers,
    tracking_from_degree_headers,
)
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time, TimeDelta

from adapters.lsst.translators import _ids
from adapters.lsst.translators._detectors import detector_number
from adapters.lsst.translators._sky import altaz_to_icrs

__all__ = ["AUXTEL", "SIMONYI", "LsstTranslator"]

SIMONYI = EarthLocation.from_geodetic(-70.749417, -30.244639, 2663.0)
"""Location of the Simonyi Survey Telescope when a header does not tell."""

AUXTEL = EarthLocation.from_geodetic(-70.747698, -30.244728, 2663.0)
"""Location of the Rubin Auxiliary Telescope when a header does not tell."""

_SIMULATING_CONTROLLERS = frozenset("HPQS")
"""Controllers whose exposures count as simulated whatever other cards say."""

_MIN_ELEVATION = -5.55
"""Lowest elevation, in degrees, that the mounts can report in earnest."""

_LEAST_PASCALS = 10_000.0
"""A PRESSURE card above this number is in Pa; below, in hPa."""


class LsstTranslator(FitsTranslator):
    """Rules shared by the LSST cameras.

    Corrections of single observations are not part of this package: name
    their directory in ``METADATA_CORRECTIONS_PATH`` or pass ``search_path``
    to ``ObservationInfo``.
    """

    default_location: ClassVar[EarthLocation] = SIMONYI
    """Location of the telescope when the header does not tell."""

    first_numbers: ClassVar[Mapping[str, int]] = {}
    """First detector number of each raft."""

    _non_sky_observation_types = ("bias", "dark", "flat")

    _const_map: dict[str, Any] = {"detector_exposure_id": None}

    _trivial_map: dict[str, Any] = {"observation_id": "OBSID"}

    # Cards and circumstances.

    def _card(self, *cards: str) -> Any:
        """Return the value of the first card that is ok, or `None`."""
        for card in cards:
            if self.is_key_ok(card):
                self._used_these_cards(card)
                return self._header[card]
        return None

    def _required(self, *cards: str) -> Any:
        """Return the value of the first card that is ok, or raise."""
        value = self._card(*cards)
        if value is None:
            raise KeyError(f"None of the cards {', '.join(cards)} is in the header")
        return value

    def _controller(self) -> str | None:
        """Return the letter of the system that ran the camera."""
        controller = self._card("CONTRLLR")
        return None if controller is None else str(controller).strip()

    def _is_on_mountain(self) -> bool:
        """Tell whether the camera was on its telescope.

        TSTAND names the stand of a laboratory.
        """
        return not self.is_key_ok("TSTAND")

    def _is_on_sky(self) -> bool:
        """Tell whether the telescope followed the sky."""
        tracking = self._card("TRACKSYS")
        if tracking is not None and str(tracking).strip().lower() == "local":
            return False
        return self.to_observation_type() not in ("bias", "dark", "flat") and self._is_on_mountain()

    # Times.

    @cache_translation
    def to_datetime_begin(self) -> Time:
        """Start of the observation; the cards are TAI whatever TIMESYS says."""
        for card, form in (
            ("MJD-BEG", "mjd"),
            ("DATE-BEG", "isot"),
            ("MJD-OBS", "mjd"),
            ("DATE-OBS", "isot"),
        ):
            if self.is_key_ok(card):
                value = self._card(card)
                begin = Time(float(value) if form == "mjd" else value, format=form, scale="tai")
                begin.format = "isot"
                return begin
        raise KeyError("No card tells when the observation began")

    @cache_translation
    def to_datetime_end(self) -> Time:
        """End of the observation, TAI."""
        if self.is_key_ok("DATE-END"):
            return self._from_fits_date("DATE-END").tai
        exposure_time = self.to_exposure_time()
        if exposure_time < 0 * u.s:
            return self.to_datetime_begin()
        return self.to_datetime_begin() + exposure_time

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
            Twelve hours.
        """
        return TimeDelta(43200, format="sec", scale="tai")

    @cache_translation
    def to_observing_day(self) -> int:
        """Observing day as YYYYMMDD."""
        day_obs = self._card("DAYOBS")
        return super().to_observing_day() if day_obs is None else _ids.observing_day(day_obs)

    @cache_translation
    def to_exposure_time(self) -> u.Quantity:
        """Time the shutter was open, in seconds."""
        return self.quantity_from_card("EXPTIME", u.s)

    @cache_translation
    def to_dark_time(self) -> u.Quantity:
        """Time the detector collected charge, in seconds."""
        return (
            self.quantity_from_card("DARKTIME", u.s)
            if self.is_key_ok("DARKTIME")
            else self.to_exposure_time()
        )

    # Numbers and names.

    @cache_translation
    def to_observation_counter(self) -> int:
        """Sequence number within the observing day, or 0."""
        return int(self._card("SEQNUM") or 0)

    @cache_translation
    def to_exposure_id(self) -> int | None:
        """Number of the exposure; a calibration product has none."""
        if self.is_key_ok("CALIB_ID"):
            self._used_these_cards("CALIB_ID")
            return None
        return _ids.exposure_id(self._required("DAYOBS"), int(self._required("SEQNUM")), self._controller())

    @cache_translation
    def to_exposure_group(self) -> str | None:
        """Label of the group of exposures, by default the exposure number."""
        group = self._card("GROUPID")
        if group is None:
            return super().to_exposure_group()
        # YAML readers turn a group that is a time into a time.
        return group.isoformat(timespec="milliseconds") if isinstance(group, datetime) else str(group)

    @cache_translation
    def to_visit_id(self) -> int | None:
        """Number of the visit, made from the exposure group."""
        group = self.to_exposure_group()
        return None if group is None else _ids.visit_id(group)

    def _own_counter(self) -> int | None:
        """Return what stands for the exposure among the counters of its group."""
        return self.to_observation_counter() or self.to_exposure_id()

    @cache_translation
    def to_group_counter_start(self) -> int | None:
        """Counter of the group's first exposure."""
        if not self.is_key_ok("CURINDEX"):
            return self._own_counter()
        return self.to_observation_counter() - int(self._card("CURINDEX")) + 1

    @cache_translation
    def to_group_counter_end(self) -> int | None:
        """Counter of the group's last exposure, taken or not."""
        if not self.are_keys_ok(["CURINDEX", "MAXINDEX"]):
            return self._own_counter()
        return self.to_observation_counter() + int(self._card("MAXINDEX")) - int(self._card("CURINDEX"))

    @cache_translation
    def to_detector_num(self) -> int | None:
        """Number of the detector, or `None` for an unknown one."""
        return detector_number(self.to_detector_unique_name(), self.first_numbers)

    # What was observed, and why.

    @cache_translation
    def to_observation_type(self) -> str:
        """Kind of observation, lower case; both words for sky are science."""
        kind = str(self._required("IMGTYPE")).strip().lower()
        return "science" if kind in ("skyexp", "object") else kind

    @cache_translation
    def to_observation_reason(self) -> str:
        """Reason of the observation, lower case."""
        reason = self._card("REASON", "TESTTYPE")
        return super().to_observation_reason() if reason is None else str(reason).lower()

    @cache_translation
    def to_has_simulated_content(self) -> bool:
        """Whether any part of the data or metadata was simulated."""
        simulated = [card for card in self._header if "SIMULATE" in card and self.is_key_ok(card)]
        self._used_these_cards(*simulated)
        return any(self._header[card] for card in simulated) or self._controller() in _SIMULATING_CONTROLLERS

    def _sky_blocked(self) -> tuple[bool, bool | None]:
        """Judge by shutter and dome whether the detector could see the sky.

        Returns
        -------
        judged : `bool`
            Whether shutter and dome decide the matter.
        can_see_sky : `bool` or `None`
            The judgement; `None` if it is that nobody knows.
        """
        if self.is_key_ok("SHUTTIME") and float(self._card("SHUTTIME")) == 0.0:
            return True, False
        vignetting = self._card("VIGN_MIN")
        if vignetting is None:
            return False, None
        return True, {"FULLY": False, "UNKNOWN": None}.get(vignetting, True)

    @cache_translation
    def to_can_see_sky(self) -> bool | None:
        """Whether light of the sky reached the detector; `None` if unknown."""
        judged, answer = self._sky_blocked()
        return answer if judged else super().to_can_see_sky()

    # Pointing.

    @cache_translation
    def to_location(self) -> EarthLocation | None:
        """Where the telescope stands; `None` for a camera in a laboratory."""
        if not self._is_on_mountain():
            return None
        if self.are_keys_ok(["OBSGEO-X", "OBSGEO-Y", "OBSGEO-Z"]):
            return super().to_location()
        return self.default_location

    @cache_translation
    def to_tracking_radec(self) -> SkyCoord | None:
        """Position followed on the sky; `None` if none was."""
        if self.to_observation_type() in ("bias", "flat"):
            return None
        if self._card("TRACKSYS") not in (None, "RADEC"):
            return None
        try:
            if self.are_keys_ok(["DATE", "DATE-OBS"]) and self._header["DATE"] == self._header["DATE-OBS"]:
                # The date was repaired. The camera derived RA and Dec from
                # the wrong date, so only the mount tells the truth.
                self._used_these_cards("DATE", "DATE-OBS")
                altaz = self.to_altaz_begin()
                if altaz is None:
                    raise KeyError("No mount position to derive the tracking position from")
                return altaz_to_icrs(altaz)
            return tracking_from_degree_headers(self, ("RADESYS",), (("RASTART", "DECSTART"), ("RA", "DEC")))
        except Exception:
            # Off the sky nobody looks after these cards.
            if self._is_on_sky():
                raise
            return None

    @cache_translation
    def to_altaz_begin(self) -> AltAz | None:
        """Azimuth and elevation at the start; `None` where there is no mount."""
        if not self._is_on_mountain():
            return None
        if self._controller() == "H" and not self.are_keys_ok(["AZSTART", "ELSTART"]):
            return None
        return altaz_from_degree_headers(
            self, (("ELSTART", "AZSTART"),), self.to_datetime_begin(), min_alt=_MIN_ELEVATION
        )

    @cache_translation
    def to_boresight_rotation_coord(self) -> str:
        """Frame of the boresight rotation angle."""
        if not self._is_on_sky():
            return "unknown"
        return str(self._card("ROTCOORD") or "unknown")

    @cache_translation
    def to_boresight_airmass(self) -> float | None:
        """Airmass at the start, else of the whole exposure."""
        airmass = self._card("AMSTART", "AIRMASS")
        return None if airmass is None else float(airmass)

    # Weather.

    @cache_translation
    def to_relative_humidity(self) -> float | None:
        """Relative humidity in percent."""
        humidity = self._card("HUMIDITY")
        return None if humidity is None else float(humidity)

    @cache_translation
    def to_pressure(self) -> u.Quantity | None:
        """Air pressure, in Pa or hPa as the header means it."""
        value = self._card("PRESSURE")
        if value is None:
            return None
        return u.Quantity(float(value), u.Pa if float(value) > _LEAST_PASCALS else u.hPa)

    @cache_translation
    def to_temperature(self) -> u.Quantity | None:
        """Air temperature in degrees Celsius."""
        value = self._card("AIRTEMP")
        return None if value is None else u.Quantity(float(value), u.deg_C)
