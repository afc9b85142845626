"""What the metadata of a curated file must say.

``INSTRUME`` is the policy's name, not the Gen3 instrument's. Texts are
compared without regard to case, as the stack does; ids are not texts.
"""

from __future__ import annotations

from typing import Any

from adapters.gen2.files import printable
from converter.nouns import CuratedDocument, Gen2to3Error

from .layout import Place, directory_name, utc_text
from .types import Curated


def _differ(place: Place, key: str, found: Any, expected: Any, where: str) -> Gen2to3Error:
    shown = "nothing" if found is None else printable(repr(found))
    return Gen2to3Error(
        f"{printable(place.path)}: {key} is {shown}, but {where} says {printable(repr(expected))}; "
        "correct whichever is wrong"
    )


def calib_date(document: CuratedDocument, place: Place) -> str:
    """``CALIBDATE`` as ISO text in UTC.

    Raises
    ------
    Gen2to3Error
        It is missing or no date.
    """
    value = document.metadata.get("CALIBDATE")
    if value in (None, ""):
        raise Gen2to3Error(f"{printable(place.path)}: has no CALIBDATE in its metadata, which names its RUN")
    try:
        return utc_text(str(value))
    except ValueError:
        raise Gen2to3Error(f"{printable(place.path)}: CALIBDATE is {value!r:.80}, which is no date") from None


def check_metadata(document: CuratedDocument, place: Place, curated: Curated) -> str:
    """Compare metadata and place.

    Parameters
    ----------
    document
        What the file says.
    place
        What its directories and its name say.
    curated
        What the camera declares.

    Returns
    -------
    calib_date
        ``CALIBDATE`` as ISO text in UTC.

    Raises
    ------
    Gen2to3Error
        A key is missing, or one differs; the text has both values.
    """
    metadata, data_id = document.metadata, place.data_id
    texts = [
        ("INSTRUME", curated.policy, "the camera's directory"),
        ("OBSTYPE", place.dataset_type.name, "the dataset type's directory"),
    ]
    if data_id.physical_filter is not None:
        texts.append(("FILTER", data_id.physical_filter, "its directory"))
    for key, expected, where in texts:
        found = metadata.get(key)
        if not isinstance(found, str) or directory_name(found) != directory_name(expected):
            raise _differ(place, key, found, expected, where)
    if data_id.detector is not None:
        found = metadata.get("DETECTOR")
        if type(found) is not int or found != data_id.detector:
            raise _differ(place, "DETECTOR", found, data_id.detector, "its directory")
    date = calib_date(document, place)
    if date != place.valid_from:
        raise _differ(place, "CALIBDATE", date, place.valid_from, "the file's name")
    return date
