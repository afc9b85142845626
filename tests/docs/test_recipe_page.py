"""The page of recipes is what the recipes are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from converter.blessing import plan_file
from converter.recipe import load_recipe

from .recipe_page import PAGE, page, plural


def test_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run python -m tests.docs.recipe_page"


def test_every_key_says_what_it_is() -> None:
    rows = [line.split(" | ") for line in page().splitlines() if line.startswith("| `")]
    assert len(rows) > 70
    for row in rows:
        assert row[-1].removesuffix(" |").strip().endswith("."), row
    assert "``" not in page().replace("```", "")


def test_keys_of_plans_are_those_that_are_read() -> None:
    text = page().partition("## A plan of")[2]
    keys = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE))))
    # The scale is said above the tables.
    assert keys == {*plan_file._TOP, *plan_file._INHERIT, *plan_file._CERTIFY} - {"scale"}


def test_the_recipe_of_the_page_is_one(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    recipe = load_recipe(path)
    assert {
        k: v for k, v in yaml.safe_load(recipe.to_yaml()).items() if k in ("root", "types", "readings")
    } == {
        "root": "gen2",
        "types": ["raw", "bias", "flat"],
        "readings": {"flat": "inclusive-days"},
    }
    assert recipe.validity[0].begin == "2014-09-01"


@pytest.mark.parametrize(("one", "several"), [("policy", "policies"), ("list of texts", "lists of texts")])
def test_plural(one: str, several: str) -> None:
    assert plural(one) == several
