"""The example camera of the documentation works as it is written there."""

import importlib.metadata
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from . import markdown

PAGE = "docs/adding-a-camera.md"


# What pip has setuptools do, without an environment of its own for it, which would be fetched from the network.
BUILD = "import setuptools; setuptools.setup()"


@dataclass(frozen=True)
class Example:
    """The package as it was built, and a directory with the two scripts and nothing of the package."""

    site: Path
    work: Path

    def run(self, section):
        environment = markdown.environment(self.work / "bin", self.site)
        # A camera that was installed is only known to a process that begins after that.
        markdown.run(markdown.sections(PAGE)[section], self.work, environment, by_shell=True)


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The files of the page, the package built from them as its pyproject.toml says."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("made")
    example = Example(made / "site", made / "work")
    example.work.mkdir()
    example.site.mkdir()
    for name, text in markdown.files(PAGE).items():
        is_script = name in ("make_repository.py", "test_tinycam.py")
        path = (example.work if is_script else source) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    steps = ["build_py", "--build-lib", example.site, "egg_info", "--egg-base", example.site]
    subprocess.run([sys.executable, "-W", "ignore", "-c", BUILD, "-q", *steps], cwd=source, check=True)
    shutil.rmtree(source)
    return example


def test_all_files_are_spelled_out():
    assert set(markdown.files(PAGE)) == {
        "tinycam/__init__.py",
        "tinycam/camera.yaml",
        "tinycam/translator.py",
        "pyproject.toml",
        "make_repository.py",
        "test_tinycam.py",
    }


def test_the_package_has_all_that_it_needs(example):
    built = {str(p.relative_to(example.site)) for p in example.site.rglob("*") if p.is_file()}
    package = {f"tinycam/{name}" for name in ("__init__.py", "camera.yaml", "translator.py")}
    assert {p for p in built if not p.startswith("tinycam.egg-info/")} == package
    (found,) = importlib.metadata.distributions(name="tinycam", path=[str(example.site)])
    (point,) = found.entry_points
    assert (point.group, point.name, point.value) == ("gen2to3.cameras", "tinycam", "tinycam:TinyCam")


def test_the_commands_run(example):
    assert len(markdown.sections(PAGE)["tinycam"]) == 4
    example.run("tinycam")


def test_the_contract_is_passed(example):
    assert len(markdown.sections(PAGE)["contract"]) == 1
    example.run("contract")
