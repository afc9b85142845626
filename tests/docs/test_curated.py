"""The commands of the page on curated calibrations run, and print what is said."""

from __future__ import annotations

import shutil
from pathlib import Path

from fixtures.curated import make_package

from . import markdown

PAGE = "docs/curated.md"


def test_the_commands_run(tmp_path: Path) -> None:
    package = make_package(tmp_path / "made", "decam")
    shutil.move(package, tmp_path / package.name)
    for name, text in markdown.files(PAGE).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (commands,) = markdown.sections(PAGE).values()
    assert len(commands) == 6
    markdown.run(commands, tmp_path, markdown.environment(tmp_path / "bin"))
