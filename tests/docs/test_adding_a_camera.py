"""The example camera of the documentation works as it is written there."""

import tomllib

import pytest

from . import markdown

PAGE = "docs/adding-a-camera.md"


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The files of the page, and the entry point as an installation would leave it."""
    directory = tmp_path_factory.mktemp("tinycam")
    for name, text in markdown.files(PAGE).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    project = tomllib.loads((directory / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = directory / f"{project['name']}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = [
        line
        for group, entries in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(points) + "\n")
    return directory


def test_all_files_are_spelled_out():
    assert set(markdown.files(PAGE)) == {
        "tinycam/__init__.py",
        "tinycam/camera.yaml",
        "tinycam/translator.py",
        "pyproject.toml",
        "make_repository.py",
        "test_tinycam.py",
    }


def test_the_commands_run(example):
    commands = markdown.sections(PAGE)["tinycam"]
    assert len(commands) == 4
    markdown.run(commands, example, markdown.environment(example / "bin", example))


def test_the_contract_is_passed(example):
    (command,) = markdown.sections(PAGE)["contract"]
    markdown.run([command], example, markdown.environment(example / "bin", example))
