"""Path templates of Gen2.

A template like ``BIAS/%(calibDate)s/BIAS-%(calibDate)s-%(ccd)03d.fits`` turns
a data ID into a path by Python's ``%`` formatting; here it also turns a path
back into the data ID. `locate` and `DirectoryIndex` find the files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, NamedTuple

from adapters.gen2.directory import HDU_OF_PATH, SUFFIXES, DirectoryIndex, FileEntry, locate, unsafe
from adapters.gen2.files import printable
from converter.nouns import Gen2to3Error

__all__ = ["SUFFIXES", "DirectoryIndex", "FileEntry", "Template", "locate"]

_FIELD = re.compile(
    r"%(?:\((?P<key>[^()]+)\)(?P<flag>[0-]?)(?P<width>\d*)(?:\.(?P<precision>\d+))?(?P<kind>[discf])|(?P<literal>%))"
)
_HDU = re.compile(r"\[(?:(?P<number>\d+)|%\((?P<key>[^()]+)\)[dis])\]$")
_TYPES: dict[str, type] = {"d": int, "i": int, "s": str, "c": str, "f": float}


MAX_WIDTH = 255
"""Widest field: no file name is longer."""

MAX_SHOWN = 500
"""Characters of a path or value that a message shows."""


class _Field(NamedTuple):
    key: str
    flag: str
    width: int
    precision: int | None
    kind: str


class Template:
    """One path template.

    Parameters
    ----------
    text
        The template as a Gen2 policy writes it, possibly with an HDU suffix
        such as ``[0]`` or ``[%(hdu)d]``.

    Attributes
    ----------
    text : `str`
        As given.
    path : `str`
        Without the HDU suffix.
    hdu : `int`, `str` or `None`
        Constant HDU, name of the key that gives it, or `None`.
    keys : `dict` [`str`, `type`]
        Keys of the path (not of the HDU suffix) and the type of each.

    Raises
    ------
    Gen2to3Error
        If the template has a form that cannot be formatted or parsed.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.path = text
        self.hdu: int | str | None = None
        if suffix := _HDU.search(text):
            self.path = text[: suffix.start()]
            self.hdu = int(suffix["number"]) if suffix["number"] else suffix["key"]
        self.keys: dict[str, type] = {}
        self._fields: list[_Field] = []
        self._pattern = re.compile(self._compile(), re.DOTALL | re.ASCII)

    @property
    def is_bare(self) -> bool:
        """Whether the path is one key as a whole: any file fits, and none tells its data ID."""
        return re.fullmatch(r"%\([^()]+\)s", self.path) is not None

    def __repr__(self) -> str:
        return f"Template({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Template) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def _compile(self) -> str:
        pattern, end = "", 0
        groups: dict[_Field, int] = {}
        for match in _FIELD.finditer(self.path):
            pattern += self._literal(self.path[end : match.start()])
            end = match.end()
            if match["literal"]:
                pattern += "%"
                continue
            precision = match["precision"]
            field = _Field(
                match["key"],
                match["flag"],
                int(match["width"] or 0),
                None if precision is None else int(precision),
                match["kind"],
            )
            if max(field.width, field.precision or 0) > MAX_WIDTH:
                raise Gen2to3Error(
                    f"template {self.text!r}: %({field.key}) is more than {MAX_WIDTH} characters wide"
                )
            if field.kind != "f" and precision is not None:
                raise Gen2to3Error(f"template {self.text!r}: a precision for %({field.key}) is not supported")
            self.keys.setdefault(field.key, _TYPES[field.kind])
            if field in groups:
                pattern += f"(?P=g{groups[field]})"
            else:
                groups[field] = len(groups)
                pattern += f"(?P<g{groups[field]}>{_field_pattern(field)})"
                self._fields.append(field)
        return pattern + self._literal(self.path[end:])

    def _literal(self, text: str) -> str:
        if "%" in text:
            raise Gen2to3Error(
                f"template {self.text!r}: cannot understand {text[text.index('%') :]!r}; "
                "expected forms like %(name)03d or %(name)s"
            )
        return re.escape(text)

    def format(self, data_id: Mapping[str, Any]) -> str:
        """Format the path of a data ID.

        Parameters
        ----------
        data_id
            Values by key; keys that the path does not have are ignored. Text
            fields take integers too, as in Gen2.

        Returns
        -------
        relpath
            Path relative to the root, without HDU suffix.

        Raises
        ------
        Gen2to3Error
            If a key is missing, a value has the wrong type, or the path
            would lead out of the root.
        """
        for field in self._fields:
            self._check(field, data_id)
        relpath = self.path % data_id if self._fields else self.path.replace("%%", "%")
        if problem := unsafe(relpath):
            raise Gen2to3Error(
                f"template {self.text!r} gives the path {_shown(relpath)!r}, which {problem}; refused"
            )
        return relpath

    def _check(self, field: _Field, data_id: Mapping[str, Any]) -> None:
        if field.key not in data_id:
            there = ", ".join(sorted(map(str, data_id))) or "nothing"
            raise Gen2to3Error(f"template {self.text!r} needs key {field.key}; the data ID has {there}")
        value = data_id[field.key]
        expected = _TYPES[field.kind]
        # The builtin types stand first: asking an abstract class takes ten times as long.
        if isinstance(value, bool):
            good = False
        elif expected is int:
            good = isinstance(value, (int, Integral))
        elif expected is float:
            good = isinstance(value, (float, int, Real))
        elif field.kind == "c":
            good = isinstance(value, str) and len(value) == 1
        else:
            good = isinstance(value, (str, int, Integral)) and value != ""
        if not good:
            wanted = "one character" if field.kind == "c" else expected.__name__
            raise Gen2to3Error(
                f"template {self.text!r}: key {field.key} is expected to be {wanted}, "
                f"found {_shown(repr(value))}"
            )

    def format_hdu(self, data_id: Mapping[str, Any]) -> int | None:
        """Tell which HDU of the file a data ID means.

        Parameters
        ----------
        data_id
            Values by key.

        Returns
        -------
        hdu
            Number of the HDU, `None` if the template names none.

        Raises
        ------
        Gen2to3Error
            If the key that gives it is missing or not an integer.
        """
        if not isinstance(self.hdu, str):
            return self.hdu
        self._check(_Field(self.hdu, "", 0, None, "d"), data_id)
        return int(data_id[self.hdu])

    def parse(self, relpath: str) -> dict[str, Any] | None:
        """Find the data ID that a path was formatted from.

        Parameters
        ----------
        relpath
            Path relative to the root, possibly with ``.gz`` or ``.fz``
            appended and with an HDU number in brackets.

        Returns
        -------
        data_id
            Values by key, with the HDU key if the path has a number and the
            template names a key for it; `None` if the template cannot have
            given this path.
        """
        hdu: dict[str, Any] = {}
        if number := HDU_OF_PATH.search(relpath):
            if self.hdu is None or (isinstance(self.hdu, int) and self.hdu != int(number[1])):
                return None
            if isinstance(self.hdu, str):
                hdu = {self.hdu: int(number[1])}
            relpath = relpath[: number.start()]
        if unsafe(relpath):
            return None
        for suffix in SUFFIXES:
            if relpath.endswith(suffix):
                data_id = self._parse_exactly(relpath.removesuffix(suffix))
                if data_id is not None:
                    return data_id | hdu
        return None

    def _parse_exactly(self, relpath: str) -> dict[str, Any] | None:
        match = self._pattern.fullmatch(relpath)
        if match is None:
            return None
        data_id: dict[str, Any] = {}
        for number, field in enumerate(self._fields):
            text = match[f"g{number}"]
            if field.kind == "s" and len(text) == field.width:
                text = text.rstrip(" ") if field.flag == "-" else text.lstrip(" ")
            if not text:
                return None
            data_id.setdefault(field.key, _TYPES[field.kind](text))
        # Formatting again is what decides: it covers widths, and keys that
        # occur more than once with different widths.
        if self._fields and self.path % data_id != relpath:
            return None
        return data_id


def _shown(text: str) -> str:
    """Text for a message: a value from a registry may have any length."""
    return printable(text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}...")


def _field_pattern(field: _Field) -> str:
    if field.kind == "c":
        return "[^/]"
    if field.kind == "s":
        # A key that is a whole path (DECam, CFHT) spans directories. The
        # shortest text that fits is meant: in ``%(arm)s%(spectrograph)1d`` all
        # digits are the number, in ``%(patch)s-%(filter)s`` the filter has the
        # other dashes.
        return ".+?" if field.key == "path" else "[^/]+?"
    if field.kind == "f":
        precision = 6 if field.precision is None else field.precision
        number = r"-?\d+" + (rf"\.\d{{{precision}}}" if precision else "")
    elif field.flag == "0" and field.width > 1:
        # Zero padding is a minimum: a longer number has no zeros before it.
        w = field.width
        return rf"(?:\d{{{w}}}|[1-9]\d{{{w},}}|-\d{{{w - 1}}}|-[1-9]\d{{{w - 1},}})"
    else:
        number = r"(?:0|-?[1-9]\d*)"
    return f" *{number} *" if field.width > 1 and field.flag != "0" else number
