"""What several writers need: errors in one line, timespans, plain values."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lsst.daf.butler import Butler, ButlerUserError, Timespan
from lsst.daf.butler.registry import RegistryError
from sqlalchemy.exc import IntegrityError, OperationalError

from ..nouns import Gen2to3Error
from ..target import datastore_root
from ..timespans import MAX_NS, MIN_NS, Span


@contextmanager
def butler_errors(doing: str) -> Iterator[None]:
    """Turn what the Butler raises about data into a `Gen2to3Error`.

    Parameters
    ----------
    doing
        What was being written, for the start of the message.
    """
    try:
        yield
    except Gen2to3Error:
        raise
    except IntegrityError as exc:
        # The text of sqlalchemy holds the whole statement; the cause is the one line.
        raise Gen2to3Error(f"{doing}: the target refuses it: {exc.orig}") from exc
    except (
        ButlerUserError,
        RegistryError,
        LookupError,
        NotImplementedError,
        OSError,
        ValueError,
    ) as exc:
        raise Gen2to3Error(f"{doing}: {str(exc) or type(exc).__name__}") from exc


@contextmanager
def database_errors(butler: Butler) -> Iterator[None]:
    """Turn what the database says (locked by another process, disk full, read-only) into a `Gen2to3Error`.

    Parameters
    ----------
    butler
        The target, which is named.
    """
    try:
        yield
    except OperationalError as exc:
        where = datastore_root(butler)
        what = "the target's database" if where is None else f"{where}: the target's database"
        raise Gen2to3Error(f"{what} cannot be written: {exc.orig}") from exc


def require_space(butler: Butler, size: int) -> None:
    """Refuse to go on with less room on the disk than this.

    The Butler overlooks that a table of a new dataset type cannot be made, and the type is there without its table for
    ever. So it is not asked to make one where the disk may get full meanwhile.

    Parameters
    ----------
    butler
        The target; of one that is not local nothing is known.
    size
        Bytes.

    Raises
    ------
    Gen2to3Error
        There is less.
    """
    root = datastore_root(butler)
    if root is not None and (free := shutil.disk_usage(root).free) < size:
        raise Gen2to3Error(
            f"{root}: {free} bytes are free on its disk, {size} are needed to register dataset types; make room, "
            "and give the same command again"
        )


def make_timespan(span: Span) -> Timespan:
    """The Butler's timespan of a span, without a detour over astropy.

    Raises
    ------
    ValueError
        Nothing of the span lies between 1970 and 2100.
    """
    begin, end = span.clipped()
    bounds = (MIN_NS if begin is None else int(begin), MAX_NS if end is None else int(end))
    if bounds[0] >= bounds[1]:
        raise ValueError(f"the range {span} is empty")
    return Timespan.model_validate(bounds)


def plain(value: Any) -> Any:
    """A Python value for a numpy scalar: SQLite stores numpy integers as blobs."""
    return value.item() if hasattr(value, "item") else value


def first_difference(existing: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[str, Any, Any] | None:
    """Name of the first wanted field that differs, with both values.

    Fields that are not wanted in particular are not compared. Floats may
    differ by rounding: coordinates do between versions of the code that
    computes them.
    """
    for name, value in wanted.items():
        old = existing.get(name)
        if old == value:
            continue
        if isinstance(old, float) and isinstance(value, float) and math.isclose(old, value, abs_tol=1e-9):
            continue
        return name, old, value
    return None
