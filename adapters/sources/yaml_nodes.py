"""YAML as nodes with line numbers: nothing is constructed, imported or called.

Built from parser events without recursion, so that nesting cannot exhaust the
stack, and an alias is a reference and never a copy. What a tag means is for
the caller to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from converter.nouns import Gen2to3Error

from ..gen2.files import printable

MAX_DEPTH = 60

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True, eq=False)
class Node:
    """One node.

    Parameters
    ----------
    line
        Line on which it begins, from 1.
    tag
        Tag as written, ``""`` for none.
    text
        Text of a scalar, `None` for null and for what is no scalar.
    items
        Items of a sequence.
    pairs
        Keys and values of a mapping.
    kind
        ``scalar``, ``sequence`` or ``mapping``.
    """

    line: int
    tag: str = ""
    text: str | None = None
    items: list[Node] = field(default_factory=list)
    pairs: list[tuple[Node, Node]] = field(default_factory=list)
    kind: str = "scalar"

    def get(self, key: str) -> Node | None:
        """Value of a mapping, the last one if the key is there twice."""
        found = None
        for name, value in self.pairs:
            if name.text == key:
                found = value
        return found

    def text_of(self, key: str) -> str:
        """Text of a mapping's value, ``""`` if it is not there or no text."""
        value = self.get(key)
        return "" if value is None or value.text is None else value.text

    def items_of(self, key: str) -> list[Node]:
        """Items of a mapping's value, none if it is not there or no sequence."""
        value = self.get(key)
        return [] if value is None else value.items


def read_nodes(text: str, name: str) -> Node | None:
    """The root node of a YAML document.

    Parameters
    ----------
    text
        The document.
    name
        Name of the file, for messages.

    Returns
    -------
    root
        `None` for an empty document.

    Raises
    ------
    Gen2to3Error
        It is no YAML, has several documents, or nests too deep.
    """
    try:
        return _build(yaml.parse(text, Loader=_LOADER), name)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark is not None else ""
        reason = getattr(exc, "problem", None) or " ".join(str(exc).split())
        raise Gen2to3Error(f"{name}{where}: is not valid YAML: {printable(reason)}") from exc


def _build(events: Iterator[yaml.Event], name: str) -> Node | None:
    root: Node | None = None
    anchors: dict[str, Node] = {}
    # Open collections, each with the key that waits for its value.
    opened: list[tuple[Node, list[Node]]] = []
    documents = 0
    for event in events:
        line = 1 if event.start_mark is None else event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise Gen2to3Error(f"{name} line {line}: a second document begins; one was expected")
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            opened.pop()
            continue
        if isinstance(event, yaml.AliasEvent):
            found = anchors.get(event.anchor or "")
            if found is None:
                raise Gen2to3Error(f"{name} line {line}: alias *{printable(event.anchor)} has no anchor")
            node = found
        elif isinstance(event, yaml.ScalarEvent):
            is_null = event.implicit[0] and event.value in _NULLS
            node = Node(line, event.tag or "", None if is_null else event.value)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = Node(line, event.tag or "", kind="sequence")
        elif isinstance(event, yaml.MappingStartEvent):
            node = Node(line, event.tag or "", kind="mapping")
        else:
            continue
        if not isinstance(event, yaml.AliasEvent) and event.anchor:
            anchors[event.anchor] = node
        if not opened:
            root = node
        else:
            parent, keys = opened[-1]
            if parent.kind == "sequence":
                parent.items.append(node)
            elif keys:
                parent.pairs.append((keys.pop(), node))
            else:
                keys.append(node)
        if isinstance(event, yaml.CollectionStartEvent):
            opened.append((node, []))
            if len(opened) > MAX_DEPTH:
                raise Gen2to3Error(f"{name} line {line}: nodes are nested deeper than {MAX_DEPTH}")
    return root
