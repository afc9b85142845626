"""LATISS, the spectrograph and imager of the Rubin Auxiliary Telescope."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

import astropy.units as u
from astro_metadata_translator import MetadataTranslator, cache_translation
from astro_metadata_translator.translators.helpers import is_non_science
from astropy.time import Time

from adapters.lsst.translators import _fixes
from adapters.lsst.translators._rules import AUXTEL, LsstTranslator

__all__ = ["LatissTranslator"]

_ON_TELESCOPE = Time("2020-01-01T00:00:00", scale="utc")
"""Observations begun after this time count as taken with the telescope."""


def _no_default_for_sky_science(translator: MetadataTranslator) -> None:
    """Raise if the observation is science taken with the telescope."""
    if translator._is_on_mountain():
        is_non_science(translator)


class LatissTranslator(LsstTranslator):
    """Translator of LATISS raws, from the laboratory of 2018 onwards."""

    name = "LSST_LATISS"
    supported_instrument = "LATISS"
    default_location = AUXTEL

    # There is no raft, so RAFTBAY (R00) is not read.
    _const_map: dict[str, Any] = {
        "instrument": "LATISS",
        "telescope": "Rubin Auxiliary Telescope",
        "detector_group": "RXX",
        "detector_name": "S00",
        "detector_num": 0,
    }

    _trivial_map: dict[str, Any] = {
        "detector_serial": ["LSST_NUM", "DETSER"],
        "observation_id": (["OBSID", "IMGNAME"], {"checker": is_non_science}),
        "object": ("OBJECT", {"default": "UNKNOWN", "checker": _no_default_for_sky_science}),
        "science_program": ("PROGRAM", {"default": "unknown"}),
        "boresight_rotation_angle": (
            ["ROTPA", "ROTANGLE"],
            {"unit": u.deg, "default": float("nan"), "checker": _no_default_for_sky_science},
        ),
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
            Whether INSTRUME names the camera or, in calibrations without
            it, DETNAME names its detector.
        """
        return header.get("INSTRUME") in ("LSST_ATISS", "LATISS") or header.get("DETNAME") == "RXX_S00"

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
            Observation ID.
        filename : `str`, optional
            Not used.

        Returns
        -------
        modified : `bool`
            Whether anything was changed.
        """
        modified = _fixes.name_observation(header, obsid)
        modified |= _fixes.leave_1970(header)
        begin = cls(header, filename=filename).to_datetime_begin()
        return _fixes.apply_fixes(_fixes.LATISS, header, begin) or modified

    def _is_on_mountain(self) -> bool:
        """Tell whether the camera was on its telescope, by date alone."""
        return bool(self.to_datetime_begin() > _ON_TELESCOPE)

    @cache_translation
    def to_exposure_time(self) -> u.Quantity:
        """Time the shutter was open, in seconds; -1 s if not recorded."""
        return self.quantity_from_card("EXPTIME", u.s) if self.is_key_ok("EXPTIME") else -1.0 * u.s

    @cache_translation
    def to_dark_time(self) -> u.Quantity:
        """Time the detector collected charge, in seconds.

        A DARKTIME below the exposure time cannot be meant.
        """
        return max(super().to_dark_time(), self.to_exposure_time())

    @cache_translation
    def to_observation_type(self) -> str:
        """Kind of observation, lower case; objects in the laboratory are not sky."""
        kind = self._card("OBSTYPE", "IMGTYPE")
        if kind is None:
            return "bias" if self.to_exposure_time() == 0 * u.s else "unknown"
        kind = str(kind).strip().lower()
        if kind == "object" and not self._is_on_mountain():
            return "labobject"
        return "science" if kind in ("object", "skyexp") else kind

    @cache_translation
    def to_physical_filter(self) -> str:
        """Filter and grating, joined by ``~``.

        An undefined card gives ``unknown``, and so does a blank FILTER. A
        blank GRATING means an empty slot.
        """
        glass, grating = (
            None if value is None else str(value).strip()
            for value in (self._card("FILTER"), self._card("GRATING"))
        )
        if glass and re.fullmatch(r"empty_?\d*", glass, re.IGNORECASE):
            glass = "empty"
        if grating is not None and (not grating or grating.lower().startswith("empty")):
            grating = "empty"
        return f"{glass or 'unknown'}~{grating or 'unknown'}"
