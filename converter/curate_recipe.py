"""All choices of one run of ``curate``."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from .nouns import UsageError
from .subset import Subset
from .timespans import Span, parse_time, to_tai

_RANGE = re.compile(r"(?P<file>.+)=(?P<begin>[^=/]*)\.\.(?P<end>[^=/]*)", re.DOTALL)


class Given(NamedTuple):
    """Files that the user has: of which type, where, and for how long they are valid.

    ``files`` is a path or glob; ``span`` is `None` if no range was given, and
    ``begin`` the text of its begin, UTC.
    """

    dataset_type: str
    files: str
    span: Span | None = None
    begin: str = ""


def parse_given(text: str, dataset_type: str = "") -> Given:
    """Parse ``[TYPE=]GLOB[=BEGIN..END]``.

    Parameters
    ----------
    text
        What the user wrote.
    dataset_type
        Dataset type, if the text does not begin with it.

    Raises
    ------
    UsageError
        It is not of that form, or the range makes no sense.
    """
    rest = text
    if not dataset_type:
        dataset_type, equals, rest = text.partition("=")
        if not (dataset_type and equals and rest):
            raise UsageError(f"{text!r} is not of the form TYPE=GLOB or TYPE=GLOB=BEGIN..END")
    match = _RANGE.fullmatch(rest)
    if match is None or Path(rest).exists():
        return Given(dataset_type, rest)
    begin, end = match["begin"].strip(), match["end"].strip()
    try:
        span = Span(*(to_tai(parse_time(t), "utc") if t else None for t in (begin, end)))
    except ValueError as exc:
        raise UsageError(f"{text!r}: {exc}; a range is BEGIN..END in UTC, empty for unbounded") from exc
    if span.clipped().is_empty:
        raise UsageError(f"{text!r}: the range {begin}..{end} is empty")
    return Given(dataset_type, match["file"], span, begin if span.clipped().begin is not None else "")


@dataclass(frozen=True)
class CurateRecipe(Subset):
    """What `curate` is asked for.

    Parameters
    ----------
    package
        Root of the data package, or the camera's directory in it; ``""`` if
        only files are ingested.
    camera
        Camera name, ``""`` for that of the repository's one instrument.
    label
        Last part of the calibration collection, ``""`` for the historical
        layout in which ``<inst>/calib`` is the CALIBRATION collection.
    transfer
        How files that the user has come into the repository.
    types
        Dataset types of the package that are wanted, as globs.
    workers
        Processes that read texts and make files.
    strict
        Whether any reject stops everything.
    make_default
        Whether ``<inst>/calib`` searches the collection first.
    camera_files
        ``FILE[=BEGIN..END]`` of each version of the camera.
    ingest
        ``TYPE=GLOB[=BEGIN..END]`` of other files.
    """

    package: str = ""
    camera: str = ""
    label: str = "curated"
    transfer: str = "auto"
    types: tuple[str, ...] = ()
    workers: int = 1
    strict: bool = False
    make_default: bool = False
    camera_files: tuple[str, ...] = ()
    ingest: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.check()
        if not (self.package or self.camera_files or self.ingest):
            raise UsageError(
                "nothing was given; name a data package, or files with --camera-file or --ingest"
            )

    def given(self) -> list[Given]:
        """The files that the user has.

        Raises
        ------
        UsageError
            One is not said as it must be.
        """
        return [
            *(parse_given(text, "camera") for text in self.camera_files),
            *(parse_given(text) for text in self.ingest),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for the ledger."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}
