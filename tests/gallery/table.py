"""Make docs/bad-input.md from the list: `python -m tests.gallery.table`."""

from __future__ import annotations

import re
from pathlib import Path

from .bad_input import BadInput
from .cases import CASES, SECTIONS

PAGE = Path(__file__).parents[2] / "docs" / "bad-input.md"

HEAD = """# Bad input

What can be wrong with a source, a target or a call, and what gen2to3 says of it: {number} cases. The tests make every
one of them (`tests/gallery`), run `inspect`, `plan` and `convert`, and compare line, exit status and what is in the
repository afterwards; everything else in the source has to be converted, nothing of the source is changed, and nothing
outside is touched. This page is made from the same list by `python -m tests.gallery.table`.

`...` stands for what differs from case to case. "All the rest" are the other raws and masters of the source, with
their ranges. A line that says `skip` is no mistake; it is among what is left out. Status 2 and 3 write nothing.
"""

STATUS = {2: "nothing is written", 3: "nothing is written"}


def readable(pattern: str) -> str:
    """A regular expression as the text that it stands for."""
    text = re.sub(r"\(\?[!<=].*?\)", "", pattern)
    text = re.sub(r"(?<!\\)\(([^()|]*)\|[^()]*\)", r"\1", text)
    text = re.sub(r"(?<!\\)\.[*+]", "...", text)
    text = re.sub(r"\\d[+*]?|\\w[+*]?", "N", text)
    text = re.sub(r"(?<!\\)(.)\{(\d+)\}", r"\1...", text)
    text = re.sub(r"\\(.)", r"\1", text)
    return re.sub(r"(\.\.\.)+", "...", text).strip()


def code(text: str) -> str:
    """Text as code in a cell of a table."""
    text = text.replace("|", "\\|")
    fence = "``" if "`" in text else "`"
    space = " " if "`" in text else ""
    return f"{fence}{space}{text}{space}{fence}" if text else ""


def beside(case: BadInput) -> str:
    """What is converted all the same."""
    if case.status in STATUS:
        return STATUS[case.status]
    text = "all the rest"
    if case.lost:
        text += ", without " + ", ".join(code(glob.removesuffix(" *")) for glob in case.lost)
    if case.added:
        more = f" and {len(case.added) - 1} more" if len(case.added) > 1 else ""
        text += f"; with {code(case.added[0])}{more}"
    return text


def said(case: BadInput) -> str:
    """The line that is said of a case."""
    line = readable(case.line)
    if case.lines == 0:
        return f"skip {code(line)}" if line else "nothing: it is no mistake"
    return code(line) + (f" ({case.lines} lines)" if case.lines > 1 else "")


def page() -> str:
    """The whole page."""
    parts = [HEAD.format(number=len(CASES))]
    for heading, cases in SECTIONS.items():
        parts.append(
            f"\n## {heading}\n\n| what is wrong | what is said | status | what is converted |\n|---|---|---|---|\n"
        )
        for case in cases:
            name = case.name + (f" ({code(' '.join(case.options))})" if case.options else "")
            parts.append(f"| {escaped(name)} | {said(case)} | {case.status} | {beside(case)} |\n")
    return "".join(parts)


def escaped(text: str) -> str:
    """Text in a cell of a table."""
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page())
