"""Bless plans as YAML: every mistake with the line that it is on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml

from adapters.gen2.files import read_head

from ..nouns import UsageError
from ..numbers import number_ranges, numbers_of
from ..span_sets import is_one
from ..timespans import Scale, Span, parse_time, to_tai
from .request import ALL, Inherit, Request, Selection, Take

MAX_BYTES = 64 * 1024 * 1024
"""Largest plan that is read; one entry has about 150 bytes."""

MAX_DEPTH = 20

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_TOP = (
    "collection",
    "instrument",
    "scale",
    "cover",
    "require",
    "inherit",
    "certify",
    "extend",
    "make_default",
)
_COMMON = ("from", "type", "detector", "physical_filter", "where", "optional")
_INHERIT = (*_COMMON, "clip", "cut", "range", "drop")
_CERTIFY = (*_COMMON, "as", "range", "ranges")
_ACTIONS = ("clip", "cut", "range", "drop")

Keys = dict[str, yaml.Node]


class _Bad(Exception):
    """One mistake, with its place."""

    def __init__(self, node: yaml.Node, text: str) -> None:
        super().__init__(f"line {node.start_mark.line + 1}: {text}")


def load_request(path: Path) -> tuple[Request, list[str]]:
    """Read a plan.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    request
        What is good of it.
    problems
        What is wrong with the rest, one line each, with file and line number.

    Raises
    ------
    UsageError
        There is no such file, it is no YAML mapping, or names no collection.
    """
    try:
        data = read_head(path, MAX_BYTES + 1)
        text = data.decode("utf-8")
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else exc
        raise UsageError(f"plan {path} cannot be read: {reason}") from None
    if len(data) > MAX_BYTES:
        raise UsageError(f"plan {path} is larger than {MAX_BYTES} bytes; a bless plan was expected")
    return parse_request(text, str(path))


def parse_request(text: str, source: str = "plan") -> tuple[Request, list[str]]:
    """Read a plan from its text; see `load_request`."""
    try:
        _check_depth(text, source)
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark is not None else ""
        problem = getattr(exc, "problem", None) or " ".join(str(exc).split())
        raise UsageError(f"{source}{line}: is not valid YAML: {problem}") from None
    if not isinstance(root, yaml.MappingNode):
        raise UsageError(f"{source}: expected a mapping with the key 'collection'")
    reader = _Reader(source)
    request = reader.read(root)
    return request, reader.problems


def _check_depth(text: str, source: str) -> None:
    """Refuse what is nested so deep that composing it would exhaust the stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            mark = event.start_mark
            line = "" if mark is None else f" line {mark.line + 1}"
            raise UsageError(f"{source}{line}: is nested deeper than any plan ({MAX_DEPTH})")


def request_text(request: Request) -> str:
    """A plan as YAML, times in TAI."""
    head = "# gen2to3 bless plan; times are TAI, ranges half-open, '' is unbounded\n"
    return head + yaml.safe_dump(
        request.to_plan(), sort_keys=False, allow_unicode=True, default_flow_style=None, width=1000
    )


def write_request(request: Request, path: Path) -> None:
    """Write a plan to a file that must not be there.

    Raises
    ------
    UsageError
        It is there, or cannot be written.
    """
    try:
        with open(path, "x", encoding="utf-8") as stream:
            stream.write(request_text(request))
    except FileExistsError:
        raise UsageError(f"{path} exists already; name a new file") from None
    except OSError as exc:
        raise UsageError(f"{path} cannot be written: {exc.strerror or exc}") from None


def decertification(
    collection: str | None,
    types: Sequence[str],
    detectors: Sequence[int] = (),
    filters: Sequence[str] = (),
    begin: str = "",
    end: str = "",
    scale: str = "utc",
    instrument: str = "",
    where: str = "",
    asked_by: str = "--decertify",
) -> Request:
    """The request that takes ranges off.

    Parameters
    ----------
    collection
        The CALIBRATION collection.
    types, detectors, filters
        Which datasets; no detectors or filters means any.
    begin, end
        From when to when, ISO texts, ``""`` for unbounded.
    scale
        Time scale of both.
    instrument
        Gen3 instrument name, ``""`` for the only one.
    where
        Which datasets, as an expression of the Butler's query language.
    asked_by
        What asks for it, for messages.

    Raises
    ------
    UsageError
        Collection or type is missing, or the times make no range.
    """
    if not collection or not types:
        raise UsageError("--decertify needs --collection and --type (a glob such as '*' for all)")
    try:
        ends = [to_tai(parse_time(text), cast(Scale, scale)) if text else None for text in (begin, end)]
    except ValueError as exc:
        raise UsageError(f"begin, end: {exc}") from None
    span = Span(*ends)
    if span.is_empty or not is_one(span):
        raise UsageError(
            f"begin {begin} and end {end} make no range: no length, backwards, or not in 1970 to 2100"
        )
    selection = Selection(tuple(types), tuple(number_ranges(detectors)), tuple(filters), where)
    entry = Inherit((collection,), selection, where_from=asked_by, cut=span.clipped())
    return Request(collection, instrument, inherit=(entry,), extend=True)


class _Reader:
    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: list[str] = []
        self.scale: Scale = "utc"

    def read(self, root: yaml.MappingNode) -> Request:
        keys = self._keys(root, _TOP)
        if "collection" not in keys:
            raise UsageError(f"{self.source}: the key 'collection' is missing; name a CALIBRATION collection")
        try:
            collection = _name(keys["collection"])
        except _Bad as exc:
            raise UsageError(f"{self.source} {exc}") from None
        scale = self._get(keys, "scale", _text, "utc")
        if scale not in ("utc", "tai"):
            self._problem(_Bad(keys["scale"], f"scale {scale!r} is neither utc nor tai"))
        else:
            self.scale = cast(Scale, scale)
        request = Request(
            collection,
            self._get(keys, "instrument", _text, ""),
            self._get(keys, "cover", self._span, None),
            self._require(keys.get("require")),
            tuple(self._entries(keys.get("inherit"), _INHERIT, self._inherit)),
            tuple(self._entries(keys.get("certify"), _CERTIFY, self._take)),
            self._get(keys, "extend", _flag, False),
            self._get(keys, "make_default", _flag, False),
        )
        if not (request.inherit or request.certify or self.problems):
            self.problems.append(f"{self.source}: neither 'inherit' nor 'certify' has an entry")
        return request

    def _problem(self, exc: _Bad) -> None:
        self.problems.append(f"{self.source} {exc}")

    def _get(self, keys: Keys, name: str, read: Callable[[yaml.Node], Any], default: Any) -> Any:
        if name not in keys:
            return default
        try:
            return read(keys[name])
        except _Bad as exc:
            self._problem(exc)
            return default

    def _keys(self, node: yaml.MappingNode, known: tuple[str, ...]) -> Keys:
        found: Keys = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "(no text)"
            if known and name not in known:
                self._problem(_Bad(key, f"unknown key {name!r}; known keys: {', '.join(known)}"))
            elif name in found:
                self._problem(_Bad(key, f"key {name!r} is there twice"))
            else:
                found[name] = value
        return found

    def _require(self, node: yaml.Node | None) -> Mapping[str, tuple[str, ...]]:
        if node is None:
            return {}
        if not isinstance(node, yaml.MappingNode):
            self._problem(_Bad(node, "require is expected to be a mapping of dataset types to detectors"))
            return {}
        keys = self._keys(node, ())
        wanted = {name: self._get(keys, name, _texts, ()) for name in keys}
        for name, texts in wanted.items():
            for text in texts:
                if text != ALL and not numbers_of(text):
                    self._problem(_Bad(keys[name], f"detector {text!r} is neither a number, 1..62 nor {ALL}"))
        return wanted

    def _entries(
        self, node: yaml.Node | None, known: tuple[str, ...], read: Callable[[Keys, yaml.Node], Any]
    ) -> Iterator[Any]:
        if node is None or _is_null(node):
            return
        if not isinstance(node, yaml.SequenceNode):
            self._problem(_Bad(node, "a list of entries is expected"))
            return
        for entry in node.value:
            if not isinstance(entry, yaml.MappingNode):
                self._problem(_Bad(entry, "an entry with the key 'from' is expected"))
                continue
            before = len(self.problems)
            keys = self._keys(entry, known)
            if "from" not in keys:
                self._problem(_Bad(entry, "the key 'from' is missing; name collections"))
            # An entry that is wrong in part would do something else than what is meant.
            if len(self.problems) == before:
                try:
                    yield read(keys, entry)
                except _Bad as exc:
                    self._problem(exc)

    def _common(self, keys: Keys, node: yaml.Node) -> dict[str, Any]:
        detectors = _texts(keys["detector"]) if "detector" in keys else ()
        for text in detectors:
            if (numbers := numbers_of(text)) is not None and not numbers:
                raise _Bad(keys["detector"], f"detectors {text!r} run backwards, or are too many")
        return {
            "collections": _texts(keys["from"]),
            "selection": Selection(
                _texts(keys["type"]) if "type" in keys else (),
                detectors,
                _texts(keys["physical_filter"]) if "physical_filter" in keys else (),
                _text(keys["where"]) if "where" in keys else "",
            ),
            "optional": _flag(keys["optional"]) if "optional" in keys else False,
            "where_from": f"{self.source} line {node.start_mark.line + 1}",
        }

    def _inherit(self, keys: Keys, node: yaml.Node) -> Inherit:
        given = [name for name in _ACTIONS if name in keys]
        if len(given) > 1:
            raise _Bad(keys[given[1]], f"{' and '.join(given)} exclude each other")
        spans = {name: self._span(keys[name]) for name in given if name != "drop"}
        return Inherit(
            **self._common(keys, node),
            clip=spans.get("clip"),
            cut=spans.get("cut"),
            span=spans.get("range"),
            drop="drop" in keys and _flag(keys["drop"]),
        )

    def _take(self, keys: Keys, node: yaml.Node) -> Take:
        if ("range" in keys) == ("ranges" in keys):
            raise _Bad(node, "one of the keys 'range' and 'ranges' is expected; ['', ''] is unbounded")
        if "range" in keys:
            spans = [self._span(keys["range"])]
        else:
            listed = keys["ranges"]
            if not isinstance(listed, yaml.SequenceNode) or not listed.value:
                raise _Bad(listed, "a list of ranges is expected")
            spans = [self._span(item) for item in listed.value]
        common = self._common(keys, node)
        if "as" in keys and len(common["selection"].types) != 1:
            raise _Bad(keys["as"], "'as' needs exactly one 'type' to make another one of")
        return Take(**common, spans=tuple(spans), as_type=_name(keys["as"]) if "as" in keys else "")

    def _span(self, node: yaml.Node) -> Span:
        if not isinstance(node, yaml.SequenceNode) or len(node.value) != 2:
            raise _Bad(node, "a range [begin, end] is expected; '' is unbounded")
        begin, end = (self._time(item) for item in node.value)
        if begin is not None and end is not None and begin >= end:
            first, last = (item.value for item in node.value)
            raise _Bad(node, f"range {first} to {last} has no length or runs backwards")
        if not is_one(Span(begin, end)):
            raise _Bad(node, "nothing of the range lies between 1970 and 2100")
        return Span(begin, end).clipped()

    def _time(self, node: yaml.Node) -> int | None:
        if not isinstance(node, yaml.ScalarNode):
            raise _Bad(node, "a time is expected")
        if _is_null(node) or not node.value:
            return None
        try:
            return to_tai(parse_time(node.value), self.scale)
        except ValueError as exc:
            raise _Bad(node, f"{exc}") from None


def _is_null(node: yaml.Node) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


def _text(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode) or _is_null(node):
        raise _Bad(node, "a text is expected")
    return str(node.value)


def _name(node: yaml.Node) -> str:
    text = _text(node)
    if not text.strip("/") or text != text.strip():
        raise _Bad(node, f"{text!r} is no name")
    return text


def _texts(node: yaml.Node) -> tuple[str, ...]:
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    found = tuple(_name(item) for item in nodes)
    if not found:
        raise _Bad(node, "the list is empty; leave the key out for any")
    return found


def _flag(node: yaml.Node) -> bool:
    if node.tag != "tag:yaml.org,2002:bool":
        raise _Bad(node, "true or false is expected")
    return str(node.value).lower() in ("true", "yes", "on")
