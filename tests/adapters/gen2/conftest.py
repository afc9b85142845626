from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real Gen2 repositories, one directory per camera."""
    shared = os.environ.get("GEN2TO3_SHARED")
    base = Path(shared) if shared else Path(__file__).resolve().parents[3].parent / "shared"
    if not (base / "data").is_dir():
        pytest.skip(f"real repositories are not at {base / 'data'} (set GEN2TO3_SHARED)")
    return base / "data"
