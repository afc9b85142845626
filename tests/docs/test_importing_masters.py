"""The archive of the documentation is read as it is written there."""

import pytest

from adapters.sources.loading import load_declaration
from fixtures import fits
from fixtures.cp_delivery import CpSpec, make_cp_delivery
from fixtures.decam import NIGHTS

from . import markdown

PAGE = "docs/importing-masters.md"


@pytest.fixture
def archive(tmp_path):
    """The files of the page, and the delivery that it speaks of."""
    for name, text in markdown.files(PAGE).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    bias = {"ORIGIN": "MKO", "IMAGETYP": "Bias Frame", "DATE-OBS": "2014-10-01T03:04:05", "DET-ID": 50}
    made = {
        "b050_20141001.fits": bias,
        "b051_20141001.fits": bias | {"DET-ID": 52},
        "twilight-r-20141003-7.fits": {"FILTER01": "none", "UTDATE": "03/10/2014"},
        "sky_preview.fits": {},
    }
    for name, cards in made.items():
        fits.write(tmp_path / "archive" / name, fits.header(cards))
    make_cp_delivery(tmp_path / "delivery", CpSpec(nights=NIGHTS[:3], bands=("g",), ccds=(1, 2)))
    return tmp_path


def test_the_files_are_spelled_out():
    assert set(markdown.files(PAGE)) == {"archive.yaml", "look.py", "nights.csv"}


@pytest.mark.parametrize("section", markdown.sections(PAGE))
def test_the_commands_run(archive, section):
    commands = markdown.sections(PAGE)[section]
    assert commands
    markdown.run(commands, archive, markdown.environment(archive / "bin"))


def test_the_declaration_is_read(archive):
    declaration = load_declaration(archive / "archive.yaml")
    assert declaration.name == "Mauna Kea archive"
    assert [rule.skip for rule in declaration.rules] == ["preview, no master", "", ""]
    (new,) = declaration.types
    assert (new.dataset_type, new.dimensions) == ("twilightFlat", ("detector", "physical_filter"))
