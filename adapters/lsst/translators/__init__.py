"""Header translators for the LSST cameras whose raws Gen2 repositories hold.

Importing this package registers the translators, after which
``ObservationInfo(header)`` recognizes these cameras by itself.
"""

from __future__ import annotations

from adapters.lsst.translators._comcam import ComCamTranslator
from adapters.lsst.translators._imsim import ImSimTranslator
from adapters.lsst.translators._latiss import LatissTranslator

__all__ = ["ComCamTranslator", "ImSimTranslator", "LatissTranslator", "translator_names"]


def translator_names() -> list[str]:
    """Name the translators that importing this package registers.

    Returns
    -------
    names : `list` [ `str` ]
        Registered names, as ``astrometadata --list-plugins`` shows them.
    """
    return [str(cls.name) for cls in (ImSimTranslator, LatissTranslator, ComCamTranslator)]
