"""The Python examples of the documentation give what is printed there."""

import doctest
import re

import pytest

from . import markdown

PAGES = sorted(p.name for p in (markdown.ROOT / "docs").glob("*.md") if "```pycon" in p.read_text())


def test_there_are_examples():
    assert "concepts.md" in PAGES


@pytest.mark.parametrize("page", PAGES)
def test_examples(page):
    text = markdown.read(f"docs/{page}")
    # One namespace for each part that begins with the mark.
    for number, part in enumerate(text.split("<!-- doctest -->")):
        examples = "\n".join(re.findall(r"^```pycon\n(.*?)^```$", part, re.DOTALL | re.MULTILINE))
        test = doctest.DocTestParser().get_doctest(examples, {}, f"{page} part {number}", page, 0)
        report: list[str] = []
        result = doctest.DocTestRunner(optionflags=doctest.REPORT_NDIFF).run(test, out=report.append)
        assert result.failed == 0, "".join(report)
        assert (result.attempted > 0) == bool(examples)
