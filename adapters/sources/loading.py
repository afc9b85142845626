"""Declarations of masters from YAML files, with one line for what is wrong in them."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NoReturn, TypeVar

from converter.nouns import UsageError

from ..camera import Calibration, Extensions, Lookup
from ..gen2.files import printable
from ..gen2.safe_yaml import load_yaml
from .declaration import Declaration, Field, FileRule, HeaderText, NameText, Table

DIMENSIONS = ("detector", "physical_filter")

_T = TypeVar("_T")
_PLACE = re.compile(r"\{([^{}]*)\}")


def load_declaration(path: str | os.PathLike[str]) -> Declaration:
    """Read a declaration of masters.

    Parameters
    ----------
    path
        YAML file with ``name``, ``rules`` and perhaps ``types``.

    Raises
    ------
    UsageError
        The file is no such declaration; the text names file and key.
    """
    source = printable(path)
    top = _Node(load_yaml(path, unique=True), source, "")
    top.only("name", "rules", "types")
    rules = tuple(_rule(node) for node in top.items("rules"))
    if not rules:
        top.fail("rules", "at least one rule", "none")
    types = tuple(_type(node) for node in top.items("types"))
    twice = {
        t.dataset_type for n, t in enumerate(types) if t.dataset_type in {o.dataset_type for o in types[:n]}
    }
    if twice:
        top.fail("types", "each dataset type once", f"{min(twice)} twice")
    return Declaration(top.text("name") or os.path.basename(source), rules, types)


class _Node:
    """A value in the file, and where it stands."""

    def __init__(self, data: Any, source: str, where: str) -> None:
        self.data = data
        self.source = source
        self.where = where
        if not isinstance(data, Mapping):
            self.fail("", "a mapping", repr(data))

    def fail(self, key: str, expected: str, found: str, advice: str = "correct the declaration") -> NoReturn:
        raise UsageError(
            printable(
                f"{self.source}: {self._at(key) or 'file'}: expected {expected}, found {_short(found)}; {advice}"
            )
        )

    def _at(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where and key else self.where or key

    def only(self, *known: str) -> None:
        """Refuse keys that mean nothing here."""
        for key in self.data:
            if key not in known:
                self.fail(str(key), f"one of the keys {', '.join(known)}", "an unknown key")

    def text(self, key: str) -> str:
        """A text, ``""`` if it is not there."""
        value = self.data.get(key)
        if value is None:
            return ""
        # Numbers and dates that YAML made of an unquoted text are not guessed back.
        if not isinstance(value, str) or not value.strip():
            self.fail(key, "a text", repr(value), "put it in quotes")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """One text or several."""
        value = self.data.get(key)
        if value is None:
            return ()
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(v, str) and v.strip() for v in values) or not values:
            self.fail(key, "a text or a list of texts", repr(value), "put texts in quotes")
        return tuple(values)

    def mapping(self, key: str) -> dict[str, str]:
        """Texts by text."""
        value = self.data.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping) or not all(isinstance(v, str) for kv in value.items() for v in kv):
            self.fail(key, "a mapping of texts to texts", repr(value), "put texts in quotes")
        return dict(value)

    def flag(self, key: str) -> bool:
        value = self.data.get(key, False)
        if not isinstance(value, bool):
            self.fail(key, "true or false", repr(value))
        return value

    def number(self, key: str) -> int | None:
        value = self.data.get(key)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            self.fail(key, "a whole number", repr(value))
        return value

    def pattern(self, key: str) -> re.Pattern[str] | None:
        text = self.text(key)
        return self._compiled(key, text) if text else None

    def patterns(self, key: str) -> dict[str, re.Pattern[str]]:
        node = self.child(key, lambda n: n)
        return {} if node is None else {k: node._compiled(k, v) for k, v in self.mapping(key).items()}

    def _compiled(self, key: str, text: str) -> re.Pattern[str]:
        try:
            return re.compile(text)
        except (re.error, OverflowError, RecursionError) as exc:
            self.fail(key, "a regular expression", f"{text!r} ({exc})")

    def child(self, key: str, read: Callable[[_Node], _T]) -> _T | None:
        value = self.data.get(key)
        return None if value is None else read(_Node(value, self.source, self._at(key)))

    def items(self, key: str) -> Iterator[_Node]:
        value = self.data.get(key)
        if value is None:
            return
        if not isinstance(value, list):
            self.fail(key, "a list", repr(value))
        for number, item in enumerate(value):
            yield _Node(item, self.source, self._at(f"{key}[{number}]"))


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:199] + "…"


def _rule(node: _Node) -> FileRule:
    node.only("name", "glob", "when", "skip", "dataset_type", "calib_date", "detector", "physical_filter")
    name = node.pattern("name")
    if glob := node.text("glob"):
        if name is not None:
            node.fail("glob", "name or glob", "both", "leave one of them out")
        name = re.compile(fnmatch.translate(glob))
    when = {_card(node, "when", card): found for card, found in node.patterns("when").items()}
    if name is None and not when:
        node.fail("", "name, glob or when", "none of them", "say which files are meant")
    skip = node.text("skip")
    if skip:
        if extra := sorted({"dataset_type", "calib_date", "detector", "physical_filter"} & set(node.data)):
            node.fail(extra[0], "no such key beside skip", "it", "leave one of them out")
        return FileRule(name, when, skip)
    groups = set(name.groupindex) if name is not None else set()
    found = {
        key: _field(node, key, groups)
        for key in ("dataset_type", "calib_date", "detector", "physical_filter")
    }
    dataset_type, calib_date = found["dataset_type"], found["calib_date"]
    if dataset_type is None or calib_date is None:
        missing = "dataset_type" if dataset_type is None else "calib_date"
        node.fail(missing, "how to find it", "nothing", "add it, or skip with a reason")
    return FileRule(name, when, "", dataset_type, calib_date, found["detector"], found["physical_filter"])


def _field(node: _Node, key: str, groups: Collection[str]) -> Field | None:
    value = node.data.get(key)
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return Field(value=node.text(key))

    def read(child: _Node) -> Field:
        child.only("header", "name")
        header, name = child.data.get("header"), child.data.get("name")
        if header is None and name is None:
            child.fail("", "header, name or both", "neither")
        return Field(
            _header(child) if header is not None else None, _name(child, groups) if name is not None else None
        )

    return node.child(key, read)


def _header(parent: _Node) -> HeaderText:
    if not isinstance(parent.data["header"], Mapping):
        return HeaderText(tuple(_card(parent, "header", c) for c in parent.texts("header")))

    def read(node: _Node) -> HeaderText:
        node.only("cards", "pattern", "text", "absent", "values", "contains", "ignore_case")
        cards = tuple(_card(node, "cards", c) for c in node.texts("cards"))
        if not cards:
            node.fail("cards", "at least one header card", "none")
        pattern = node.pattern("pattern")
        text = node.text("text")
        _check_groups(node, text, set(pattern.groupindex) if pattern is not None else set(), "pattern")
        return HeaderText(cards, pattern, text, node.texts("absent"), _table(node))

    found = parent.child("header", read)
    assert found is not None
    return found


def _name(parent: _Node, groups: Collection[str]) -> NameText:
    if not isinstance(parent.data["name"], Mapping):
        text = "{" + parent.text("name") + "}"
        _check_groups(parent, text, groups, "the rule's name")
        return NameText(text)

    def read(node: _Node) -> NameText:
        node.only("text", "group", "values", "contains", "ignore_case")
        text, group = node.text("text"), node.text("group")
        if bool(text) == bool(group):
            node.fail("", "text or group", "both" if text else "neither")
        text = text or "{" + group + "}"
        _check_groups(node, text, groups, "the rule's name")
        return NameText(text, _table(node))

    found = parent.child("name", read)
    assert found is not None
    return found


def _check_groups(node: _Node, text: str, groups: Collection[str], where: str) -> None:
    for group in _PLACE.findall(text):
        if group not in groups:
            known = ", ".join(sorted(groups)) or "which has none"
            node.fail("", f"a named group of {where} ({known})", repr(group))


def _table(node: _Node) -> Table:
    return Table(node.mapping("values"), node.mapping("contains"), node.flag("ignore_case"))


def _card(node: _Node, key: str, name: str) -> str:
    card = " ".join(name.upper().removeprefix("HIERARCH ").split())
    if not card.isascii() or not card.isprintable() or "=" in card:
        node.fail(key, "the name of a header card", repr(name))
    return card


def _type(node: _Node) -> Calibration:
    node.only("dataset_type", "dimensions", "storage_class", "formatter", "extensions")
    required = {key: node.text(key) for key in ("dataset_type", "storage_class", "formatter")}
    for key, value in required.items():
        if not value:
            node.fail(key, "a text", "nothing", "add it")
    dimensions = node.texts("dimensions")
    for name in dimensions:
        if name not in DIMENSIONS:
            node.fail("dimensions", f"{' and '.join(DIMENSIONS)}, either or both", repr(name))
    if "extensions" in node.data and "detector" not in dimensions:
        node.fail("extensions", "the dimension detector beside it", repr(dimensions), "add it to dimensions")
    return Calibration(
        required["dataset_type"],
        # No Gen2 registry lists them, so none can be asked.
        table="",
        template="",
        lookup=Lookup(columns=()),
        dimensions=tuple(d for d in DIMENSIONS if d in dimensions),
        storage_class=required["storage_class"],
        formatter=required["formatter"],
        extensions=node.child("extensions", _extensions),
    )


def _extensions(node: _Node) -> Extensions:
    node.only("card", "pattern", "offset", "highest", "compressed", "by_number")
    pattern = node.pattern("pattern")
    if pattern is not None and pattern.groups < 1:
        node.fail("pattern", "a regular expression with one group", repr(pattern.pattern))
    return Extensions(
        card=node.text("card"),
        pattern=pattern.pattern if pattern is not None else "",
        offset=node.number("offset") or 0,
        highest=node.number("highest"),
        compressed=node.text("compressed"),
        by_number=node.flag("by_number"),
    )
