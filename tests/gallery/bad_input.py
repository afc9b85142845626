"""One thing that can be wrong, and ways to spoil a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .place import Place

ALL_RAWS = "raw *"
ALL_MASTERS = ("bias *", "dark *", "flat *", "defects *")


@dataclass(frozen=True)
class BadInput:
    """One thing that is wrong.

    Parameters
    ----------
    name
        What it is, as a heading.
    make
        Spoils a good repository (or the target).
    line
        Regular expression of the one line that is said of it.
    status
        Exit status of ``convert``.
    options
        Options of the call; ``{tmp}`` is the directory of the test.
    lost
        Globs of the good datasets that cannot be converted; all others are.
    added
        Datasets that are there besides the good ones.
    lines
        Number of lines that are said, if the thing itself is several. With 0
        it is no mistake, and the line is among what is skipped.
    label
        Label of the calibration collection, if the options give one.
    """

    name: str
    make: Callable[[Place], object]
    line: str
    status: int = 1
    options: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    lines: int = 1


def nothing(place: Place) -> None:
    """The source is good."""


def overwrite(which: str, content: bytes) -> Callable[[Place], object]:
    return lambda p: getattr(p, which).write_bytes(content)


def truncate(which: str) -> Callable[[Place], object]:
    def make(p: Place) -> None:
        path: Path = getattr(p, which)
        path.write_bytes(path.read_bytes()[:5000])

    return make


def damage(which: str) -> Callable[[Place], object]:
    """Keep header and size, as a disk that loses blocks does."""

    def make(p: Place) -> None:
        path: Path = getattr(p, which)
        content = path.read_bytes()
        path.write_bytes(content[:100] + b"\xff" * (len(content) - 100))

    return make


# The bias of the night itself, so that a comparison with Gen2 has something to notice.
FIRST = "bias 2014-09-30 detector=49 *"

BIAS_LOST = ("bias 2014-10-02 detector=49 *",)
BIAS_FILE = r"/CALIB/BIAS/2014-10-02/NONE/BIAS-2014-10-02-049\.fits"


def replace_file(root: str, path: str, put: Callable[[Path, Place], object]) -> Callable[[Place], object]:
    """Remove a file and put something else under its name."""

    def make(p: Place) -> None:
        victim: Path = getattr(p, root) / path
        victim.rename(p.elsewhere / "file.fits")
        put(victim, p)

    return make
