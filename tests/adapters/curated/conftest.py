"""Data packages, and where the real ones are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    """Where the real packages and exports are."""
    shared = os.environ.get("GEN2TO3_SHARED")
    base = (Path(shared) if shared else Path(__file__).resolve().parents[3].parent / "shared") / "data"
    if not (base / "curated").is_dir():
        pytest.skip(f"real data packages are not at {base} (set GEN2TO3_SHARED)")
    return base
