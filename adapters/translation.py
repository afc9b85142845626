"""FITS header -> ObservationInfo -> the exposure's record in Gen3 terms.

The record is what the stack's raw ingest derives from the same header (same
translators, same required properties, same header corrections), so that a
repository converted here equals one ingested there.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from itertools import islice
from typing import Any

import erfa
from astro_metadata_translator import MetadataTranslator, ObservationInfo, merge_headers
from astropy.io.fits import Header
from astropy.time import Time
from astropy.utils import data as astropy_data
from astropy.utils import iers
from lsst.daf.butler.time_utils import TimeConverter

from converter.nouns import ExposureRecord, UsageError

from .camera import Extensions
from .extensions import detector_headers
from .fits_header import HeaderError, HeaderFile, one_line

EXTENSIONS_TRIED = 16
"""Extensions that are looked at for what the primary lacks; files begin with few that hold no detector."""

# What raw ingest asks for. detector_num and instrument do not enter the record,
# but a header without them could not be ingested, so it is not good here either.
REQUIRED = frozenset(
    {
        "datetime_begin",
        "datetime_end",
        "detector_num",
        "exposure_group",
        "exposure_id",
        "exposure_time_requested",
        "group_counter_start",
        "group_counter_end",
        "has_simulated_content",
        "instrument",
        "observation_id",
        "observation_type",
        "observing_day",
        "physical_filter",
    }
)
# Without visit_id, which only served the group_id of older dimension universes.
OPTIONAL = frozenset(
    {
        "altaz_begin",
        "boresight_rotation_coord",
        "boresight_rotation_angle",
        "dark_time",
        "tracking_radec",
        "object",
        "observation_counter",
        "observation_reason",
        "observing_day_offset",
        "science_program",
        "can_see_sky",
    }
)

# Lengths of the text columns in dimension universe 8.
LENGTHS: Mapping[str, int] = {
    "obs_id": 64,
    "physical_filter": 32,
    "group": 64,
    "observation_type": 16,
    "observation_reason": 68,
    "target_name": 64,
    "science_program": 64,
}


def load_translator(name: str, module: str | None) -> type[MetadataTranslator]:
    """The translator class of a name.

    Parameters
    ----------
    name
        Name under which it is registered.
    module
        Module to import first, if it is not one of astro_metadata_translator's own.

    Raises
    ------
    UsageError
        The module cannot be imported, or there is no such translator.
    """
    if module is not None:
        try:
            import_module(module)
        except Exception as exc:  # a plugin may fail in any way at all
            raise UsageError(
                f"translator module {module!r} cannot be imported: {type(exc).__name__}: {one_line(exc)}"
            ) from exc
    try:
        return MetadataTranslator.translators[name]
    except KeyError:
        known = ", ".join(sorted(MetadataTranslator.translators))
        raise UsageError(f"no header translator is called {name!r}; known: {known}") from None


def read_record(
    file: HeaderFile, path: str, translator: type[MetadataTranslator], detectors: Extensions | None = None
) -> ExposureRecord:
    """Translate an open file's header.

    That is the primary, or primary and HDU 1 merged if it alone does not do; in
    a file of several detectors always the primary merged with the first of them,
    as a translator may make something else of a primary that lacks a few cards.

    Parameters
    ----------
    file
        The open file.
    path
        Its name; translators may use it where cards are missing.
    translator
        The only translator that is asked.
    detectors
        How an extension names its detector, `None` for one detector in a file.

    Raises
    ------
    HeaderError
        No header can be read and translated.
    """
    primary = file.primary()
    with _translation() as notes:
        if detectors is not None:
            none = HeaderError("no extension names a detector, expected at least one")
            found = detector_headers(file.extensions(), detectors)
            record = _translate_merged(file, found, path, translator, none, notes)
        else:
            try:
                record = _translate(primary, path, translator)
            except HeaderError as exc:
                record = _translate_merged(file, file.extensions(), path, translator, exc, notes)
    return replace(record, warnings=(*record.warnings, *dict.fromkeys(notes)))


def _translate_merged(
    file: HeaderFile,
    extensions: Iterator[Header],
    path: str,
    translator: type[MetadataTranslator],
    failure: HeaderError,
    notes: list[str],
) -> ExposureRecord:
    """Translate the primary merged with the first extension that makes it complete, mostly HDU 1."""
    first: HeaderError | None = None
    for extension in islice(extensions, EXTENSIONS_TRIED):
        # From a fresh primary: an earlier attempt has marked its own as corrected,
        # which would keep corrections off the merged one.
        merged = merge_headers([file.primary(), extension], mode="overwrite")
        notes.clear()
        try:
            return _translate(merged, path, translator)
        except HeaderError as exc:
            first = first or exc  # what was wrong with the first is what is said
    raise first or failure


def _translate(header: Any, path: str, translator: type[MetadataTranslator]) -> ExposureRecord:
    """Translate one header, or raise `HeaderError`."""
    if not _can_translate(translator, header, path):
        found = next(
            (
                f"is of {n}"
                for n, t in MetadataTranslator.translators.items()
                if _can_translate(t, header, path)
            ),
            "is of no known camera",
        )
        raise HeaderError(f"header {found}, expected {translator.name}")
    try:
        info = ObservationInfo(
            header,
            filename=path,
            translator_class=translator,
            required=set(REQUIRED),
            subset=set(REQUIRED | OPTIONAL),
        )
    except Exception as exc:  # translators fail in any way at all
        raise HeaderError(
            f"header cannot be translated by {translator.name}: {_failures(header, path, translator, exc)}"
        ) from exc
    try:
        return exposure_record(info)
    except HeaderError:
        raise
    except Exception as exc:  # a translator may return values of any kind
        raise HeaderError(f"header gives no exposure record: {type(exc).__name__}: {one_line(exc)}") from exc


def _can_translate(translator: type[MetadataTranslator], header: Any, path: str) -> bool:
    try:
        return bool(translator.can_translate(header, filename=path))
    except Exception:  # a card of the wrong type in another camera's header
        return False


def _failures(header: Any, path: str, translator: type[MetadataTranslator], error: Exception) -> str:
    """Every required property that fails, and why.

    The translation itself stops at the first, in an order that differs from
    run to run, and says only which property it was.
    """
    reasons: dict[str, list[str]] = {}
    instance = translator(header, filename=path)
    for name in sorted(REQUIRED):
        try:
            if getattr(instance, f"to_{name}")() is not None:
                continue
            reason = "not defined"
        except Exception as exc:  # see above
            text = one_line(exc.args[0] if exc.args else type(exc).__name__, 120)
            # Indexing a header raises the bare name of the card.
            reason = f"no card {text}" if isinstance(exc, KeyError) and " " not in text else text
        reasons.setdefault(reason, []).append(name)
    if not reasons:
        return one_line(error.args[0] if error.args else type(error).__name__)
    return one_line("; ".join(f"{reason} ({', '.join(names)})" for reason, names in reasons.items()))


class _Notes(logging.Handler):
    """Collects the texts of log records."""

    def __init__(self, texts: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._texts = texts

    def emit(self, record: logging.LogRecord) -> None:
        self._texts.append(one_line(record.getMessage()))


@contextmanager
def _translation() -> Iterator[list[str]]:
    """Translate without network, and collect what the translator warns about.

    Times newer than the installed Earth orientation tables, which AltAz
    conversions need, are converted with degraded accuracy (arcseconds) instead
    of a download; the list of observatories is astropy's own copy. All is
    restored at exit, as astropy's settings are the user's. Not for several
    threads at a time.
    """
    notes: list[str] = []
    logger = logging.getLogger("astro_metadata_translator")
    handler, propagate = _Notes(notes), logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        with (
            iers.conf.set_temp("auto_download", False),
            # Without it, tables older than a month are an error where they cannot be downloaded.
            iers.conf.set_temp("auto_max_age", None),
            iers.conf.set_temp("iers_degraded_accuracy", "warn"),
            astropy_data.conf.set_temp("allow_internet", False),
            warnings.catch_warnings(record=True) as caught,
        ):
            warnings.simplefilter("always")
            for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ResourceWarning):
                warnings.simplefilter("ignore", category)
            # "Dubious year", for times without leap seconds yet; the middleware ignores it too.
            warnings.simplefilter("ignore", erfa.ErfaWarning)
            yield notes
            notes.extend(one_line(w.message) for w in caught)
    finally:
        logger.propagate = propagate
        logger.removeHandler(handler)


# The record.


def exposure_record(info: ObservationInfo) -> ExposureRecord:
    """The exposure's dimension record, as the stack's raw ingest makes it (universe 8).

    Parameters
    ----------
    info
        Translated header with the properties of ``REQUIRED`` and ``OPTIONAL``.

    Returns
    -------
    record
        Plain Python values; times in s, angles in degrees (ICRS), `None` for
        what is unknown or not finite. Begin and end are integer nanoseconds
        since 1970-01-01 TAI, computed as the Butler does; an end before the
        begin is made equal to it, with a warning.

    Raises
    ------
    HeaderError
        A text is too long for its column, a required one is empty, an integer
        does not fit the database, or a time is not one.
    """
    notes: list[str] = []
    begin_ns = _nanoseconds("datetime_begin", info.datetime_begin, notes)
    end_ns = _nanoseconds("datetime_end", info.datetime_end, notes)
    if end_ns < begin_ns:
        notes.append(
            f"exposure ends {(begin_ns - end_ns) / 1e9:.6f} s before it begins "
            f"({info.datetime_begin.tai.isot} TAI); its end is taken to be its begin"
        )
        end_ns = begin_ns
    ra = dec = sky_angle = azimuth = zenith_angle = None
    if info.tracking_radec is not None:
        icrs = info.tracking_radec.icrs
        ra, dec = _real(icrs.ra.degree), _real(icrs.dec.degree)
        if info.boresight_rotation_coord == "sky" and info.boresight_rotation_angle is not None:
            sky_angle = _real(info.boresight_rotation_angle.degree)
    if info.altaz_begin is not None:
        azimuth, zenith_angle = _real(info.altaz_begin.az.degree), _real(info.altaz_begin.zen.degree)
    fields = {
        "id": _integer("id", info.exposure_id),
        "obs_id": _text("obs_id", info.observation_id, required=True),
        "physical_filter": _text("physical_filter", info.physical_filter, required=True),
        "group": _text("group", info.exposure_group, required=True),
        "day_obs": _integer("day_obs", info.observing_day),
        "exposure_time": _seconds(info.exposure_time_requested),
        "dark_time": _seconds(info.dark_time),
        "observation_type": _text("observation_type", info.observation_type, required=True),
        "observation_reason": _text("observation_reason", info.observation_reason),
        "seq_num": _integer("seq_num", info.observation_counter, required=False),
        "seq_start": _integer("seq_start", info.group_counter_start),
        "seq_end": _integer("seq_end", info.group_counter_end),
        "target_name": _text("target_name", info.object),
        "science_program": _text("science_program", info.science_program),
        "tracking_ra": ra,
        "tracking_dec": dec,
        "sky_angle": sky_angle,
        "azimuth": azimuth,
        "zenith_angle": zenith_angle,
        "has_simulated": bool(info.has_simulated_content),
        "can_see_sky": None if info.can_see_sky is None else bool(info.can_see_sky),
    }
    offset = info.observing_day_offset
    return ExposureRecord(
        fields, begin_ns, end_ns, None if offset is None else round(offset.to_value("s")), tuple(notes)
    )


def _nanoseconds(name: str, time: Time, notes: list[str]) -> int:
    """Integer nanoseconds since 1970-01-01 TAI."""
    converter = TimeConverter()
    try:
        ns = int(converter.astropy_to_nsec(time))
    except (AttributeError, TypeError, ValueError, OverflowError) as exc:
        raise HeaderError(f"{name}: expected a time, found {time}: {one_line(exc)}") from exc
    if ns in (converter.min_nsec, converter.max_nsec):
        notes.append(f"{name} {time.isot} is outside of what the Butler stores (1970 to 2100)")
    return ns


def _seconds(quantity: Any) -> float | None:
    return None if quantity is None else _real(quantity.to_value("s"))


def _real(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def _integer(name: str, value: Any, required: bool = True) -> int | None:
    if value is None and not required:
        return None
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        raise HeaderError(f"{name}: expected an integer, found {value!r}") from None
    if not -(2**63) <= number < 2**63:
        raise HeaderError(f"{name}: expected an integer of 64 bits, found {number:.3e}")
    return number


def _text(name: str, value: str | None, required: bool = False) -> str | None:
    if value is None or not value.strip():
        if required:
            raise HeaderError(f"{name}: expected a text, found none")
        return None
    if len(value) > LENGTHS[name]:
        raise HeaderError(
            f"{name}: expected at most {LENGTHS[name]} characters, "
            f"found {len(value)}: {one_line(value, 100)!r}"
        )
    return str(value)
