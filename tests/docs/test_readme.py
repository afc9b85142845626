"""The commands of the README and the other pages run, and print what is said."""

import re

import pytest
from click import Context

from converter.blessing import parse_request
from converter.butler_commands.definitions import DEFINITIONS
from converter.cli import main
from fixtures.demo import make_demo

from . import markdown

PAGES = ("README.md", *sorted(f"docs/{p.name}" for p in (markdown.ROOT / "docs").glob("*.md")))
# These pages have files of their own.
OWN_TESTS = ("docs/adding-a-camera.md", "docs/curated.md", "docs/importing-masters.md")
SECTIONS = [(page, name) for page in PAGES if page not in OWN_TESTS for name in markdown.sections(page)]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with the Gen2 repository of the demonstration in ``build/demo``."""
    directory = tmp_path_factory.mktemp("docs")
    make_demo(directory / "build/demo")
    return directory


@pytest.mark.parametrize(("page", "section"), SECTIONS, ids=lambda text: text)
def test_commands_run(place, page, section):
    commands = markdown.sections(page)[section]
    assert commands
    for name, text in markdown.files(page).items():
        (place / name).write_text(text, encoding="utf-8")
    markdown.run(commands, place, markdown.environment(place / "bin"))


def test_the_readme_is_tested():
    assert [name for page, name in SECTIONS if page == "README.md"] == [
        "quick-start",
        "one-shot",
        "incremental",
        "import",
    ]


def test_plans_of_the_page_are_plans():
    plans = re.findall(r"^```yaml\n(.*?)^```$", markdown.read("docs/blessing.md"), re.DOTALL | re.MULTILINE)
    assert len(plans) == 5
    for text in plans:
        request, problems = parse_request(text)
        assert not problems
        assert request.inherit or request.certify


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = markdown.read(page)
    base = (markdown.ROOT / page).parent
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", text):
        path = (base / target) if target else markdown.ROOT / page
        assert path.is_file(), f"{page}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
            assert anchor in slugs, f"{page}: {target}#{anchor}"


def test_the_index_has_all_pages():
    listed = re.findall(r"^\* \[[^]]*\]\(([^)#]*)\)", markdown.read("docs/README.md"), re.MULTILINE)
    there = {p.name for p in (markdown.ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {name for name in listed if not name.startswith("../")} == there
    assert len(set(listed)) == len(listed)
    assert "(docs/README.md)" in markdown.read("README.md")


@pytest.mark.parametrize("page", (*PAGES, "CHANGELOG.md"))
def test_options_exist(page):
    known = {
        option
        for c in (main, *main.commands.values(), *DEFINITIONS.values())
        for p in c.get_params(Context(c))
        for option in (*p.opts, *p.secondary_opts)
    }
    # Of ingestCalibs.py, butler and sqlite-utils.
    others = {
        "--collections",
        "--collection-type",
        "--table",
        "--raw-lines",
        "--mode",
        "--log-level",
        "--long-log",
        "--help",
    }
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", markdown.read(page))) <= known | others


@pytest.mark.parametrize("page", (*PAGES, "CHANGELOG.md"))
def test_no_path_of_a_machine(page):
    assert not re.search(r"(?<![\w.])/(?:tmp|home|work|root|Users)/", markdown.read(page))


@pytest.mark.parametrize(
    ("expected", "printed", "missing"),
    [
        (["a", "...", "c"], ["a", "b", "c"], None),
        (["a", "c"], ["a", "b", "c"], "c"),
        (["a..."], ["a x"], None),
        (["a", "..."], ["a"], None),
        (["a", "b"], ["a"], "b"),
        (["a"], ["a", "b"], "nothing more, found b"),
        ([], ["anything"], None),
    ],
)
def test_comparison(expected, printed, missing):
    assert markdown.first_missing(expected, printed) == missing
