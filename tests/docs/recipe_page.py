"""Make docs/recipe.md from the recipes themselves: `python -m tests.docs.recipe_page`."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import click

from adapters.geometry import GROUPINGS
from converter.blessing.request import Entry, Inherit, Request, Selection, Take
from converter.cli import main
from converter.curate_recipe import CurateRecipe
from converter.import_recipe import ImportRecipe
from converter.recipe import Recipe, ValidityOverride
from converter.subset import TRANSFERS
from converter.timespans import Span

PAGE = Path(__file__).parents[2] / "docs" / "recipe.md"

HEAD = """# Recipes, key by key

Every choice of a command is a field of its recipe. This page is made from the recipes themselves by
`python -m tests.docs.recipe_page`; the tests look whether it is up to date.

## A recipe of `plan`, `convert` and `verify`

A YAML file, which `gen2to3 inspect ROOT --recipe FILE` writes with all keys, their meaning and what was found. A key that
is left out has its default. An option of the command line replaces the recipe's key as a whole. An unknown key is refused,
and so is a value of another type. The recipe that was used is in the [ledger](concepts.md#the-ledger).

```yaml
root: gen2
label: gen2
types: [raw, bias, flat]
readings: {flat: inclusive-days}
overlaps: {"*": latest-calib-date}
validity:
  - {dataset_type: dark, calib_date: "2014-09-01", begin: "2014-09-01", end: ""}
```

"""

VALIDITY = """
### Entries of `validity`

Each gives all masters that match a range, instead of that of the registry.

"""

IMPORT = """
## Choices of `import-calibs`

There is no file: the options are the recipe, and the ledger has it. [Masters made elsewhere](importing-masters.md) shows
their use.

"""

CURATE = """
## Choices of `curate`

There is no file here either. See [Curated calibrations](curated.md).

"""

PLAN = """
## A plan of `bless`

A YAML file. Times are UTC unless the key `scale` says `tai`; a range is `[begin, end]`, half-open, `''` is unbounded.
`gen2to3 bless REPO --express COLLECTION` writes a plan of what is there. [Blessing](blessing.md) has examples.

"""

ENTRIES = """
### Entries of `inherit` and `certify`

Both say which datasets are meant.

"""

PLAN_KEYS = {
    "collections": "from",
    "types": "type",
    "detectors": "detector",
    "filters": "physical_filter",
    "span": "range",
    "spans": "range, ranges",
    "as_type": "as",
}
"""Keys of a plan that have another name than the field."""

NO_KEYS = ("where_from", "selection", "transfer", "strict")
"""Fields that a plan has not: what is said elsewhere, or by an option."""

CHOICES = {"transfer": TRANSFERS, "visit_grouping": GROUPINGS, "scale": ("utc", "tai")}
"""What a text may be, where its type does not tell."""


def described(cls: type) -> dict[str, str]:
    """What the docstring of a dataclass says of its fields."""
    text = inspect.cleandoc(cls.__doc__ or "")
    _, _, body = text.partition("Parameters\n----------\n")
    found: dict[str, str] = {}
    for names, lines in re.findall(r"^(\S.*)\n((?:    .*\n?|\n)+)", body, re.MULTILINE):
        for name in names.split(", "):
            found[name] = " ".join(lines.split())
    return found


def kind(annotation: Any) -> str:
    """A type as the reader of YAML knows it."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is tuple:
        return f"list of {plural(kind(args[0]))}"
    if origin in (Mapping, dict):
        return f"mapping to {plural(kind(args[1]))}"
    if args and type(None) in args:
        return kind(next(a for a in args if a is not type(None)))
    if annotation is Span:
        return "range"
    names = {str: "text", int: "number", bool: "true or false", ValidityOverride: "entry"}
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return annotation.__name__.lower().removeprefix("range")
    return names.get(annotation, "entry")


def plural(noun: str) -> str:
    """More than one of them."""
    first, _, rest = noun.partition(" ")
    several = f"{first[:-1]}ies" if first.endswith("y") else f"{first}s"
    return f"{several} {rest}".strip()


def choices(name: str, annotation: Any) -> Iterable[str]:
    """Texts that are allowed, if only some are."""
    for argument in (annotation, *typing.get_args(annotation)):
        if isinstance(argument, type) and issubclass(argument, StrEnum):
            return tuple(argument)
    return CHOICES.get(name, ())


def default(field: dataclasses.Field[Any]) -> str:
    """The default, as YAML."""
    if field.default is not dataclasses.MISSING:
        value = field.default
    elif field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    else:
        return "(needed)"
    if value is None or isinstance(value, Selection):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`[]`"
    return "`{}`" if isinstance(value, Mapping) else f"`{value}`" if value != "" else "`''`"


def options(commands: Iterable[str]) -> dict[str, str]:
    """How fields are set on the command line, by field."""
    found: dict[str, str] = {}
    for name in commands:
        for param in main.commands[name].get_params(click.Context(main.commands[name])):
            if isinstance(param, click.Argument):
                found.setdefault(str(param.name), str(param.human_readable_name).upper())
            else:
                words = [o for o in (*param.opts, *param.secondary_opts) if o.startswith("--")]
                found.setdefault(str(param.name), f"`{'`, `'.join(words)}`")
    return found


def rows(
    cls: type,
    described_by: Mapping[str, str],
    given: Mapping[str, str],
    names: Mapping[str, str],
    without: Iterable[str] = (),
) -> Iterator[str]:
    """Lines of the table of one recipe."""
    types = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if field.name in without:
            continue
        text = re.sub(r"``([^`]*)``", r"`\1`", described_by[field.name]).replace("`TRANSFERS`", "these")
        text = text.replace("`converter.recipe.Recipe`", "a recipe").replace("`None`", "nothing")
        allowed = ", ".join(f"`{c}`" for c in choices(field.name, types[field.name]))
        key = ", ".join(f"`{n}`" for n in names.get(field.name, field.name).split(", "))
        what = kind(types[field.name]) + (f": {allowed}" if allowed else "")
        cells = [key, what, default(field), *([given.get(field.name, "")] if given else []), text]
        yield f"| {' | '.join(cells)} |\n"


def table(
    cls: type,
    given: Mapping[str, str],
    others: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
    without: Iterable[str] = (),
) -> str:
    """The table of one recipe."""
    head = ["key", "what", "default", *(["command line"] if given else []), "meaning"]
    texts = {**(others or {}), **described(cls)}
    for name, text in texts.items():
        if text.startswith("As in ") and others:
            texts[name] = others[name]
    lines = "".join(rows(cls, texts, given, names or {}, without))
    return f"| {' | '.join(head)} |\n|{'---|' * len(head)}\n{lines}"


def page() -> str:
    """The whole page."""
    shared = described(Recipe)
    entry = [f.name for f in dataclasses.fields(Entry)]
    return "".join(
        [
            HEAD,
            table(Recipe, options(["convert", "register"])),
            VALIDITY,
            table(ValidityOverride, {}),
            IMPORT,
            table(ImportRecipe, options(["import-calibs"]), shared),
            CURATE,
            table(CurateRecipe, options(["curate"]), shared),
            PLAN,
            table(
                Request,
                options(["bless"]) | {"instrument": "", "collection": ""},
                names=PLAN_KEYS,
                without=NO_KEYS,
            ),
            ENTRIES,
            table(Entry, {}, names=PLAN_KEYS, without=NO_KEYS),
            table(Selection, {}, names=PLAN_KEYS).split("\n", 2)[2],
            "\nBesides, in `inherit`, at most one of these, which says what becomes of the ranges:\n\n",
            table(Inherit, {}, names=PLAN_KEYS, without=entry),
            "\nAnd in `certify`:\n\n",
            table(Take, {}, names=PLAN_KEYS, without=entry),
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page())
