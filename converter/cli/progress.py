"""Progress bars on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from ..progress import Progress, no_progress
from .settings import Settings


def progress_for(settings: Settings) -> Progress:
    """Bars if somebody looks at them, nothing otherwise."""
    if settings.quiet or settings.json or not sys.stderr.isatty():
        return no_progress
    return _bar


def _bar(iterable: Iterable, what: str, total: int) -> Iterable:
    from tqdm import tqdm

    # A short one vanishes by itself, so that the result stands alone.
    return tqdm(iterable, desc=what, total=total, leave=False, file=sys.stderr)
