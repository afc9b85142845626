"""Files of masters that are listed by the serial number of a chip: where they are, and which chip they say."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from converter.nouns import Gen2to3Error

from ..camera import Calibration
from ..extensions import detector_of
from ..fits_header import HeaderError, open_header
from .directory import SUFFIXES, DirectoryIndex, FileEntry
from .keys import Row
from .templates import Template

_DETECTOR = "%(detector)02d"


class Chip(NamedTuple):
    """What a file's header says: the chip's serial number (``""`` if nothing) and its detectors' places.

    ``problem`` says why the header could not be read, ``""`` if it could.
    """

    serial: str
    positions: tuple[int, ...]
    problem: str = ""


class SerialFile(NamedTuple):
    """The file of a row: its path relative to the calibration root, and what is there."""

    relative: str
    entry: FileEntry


class SerialFiles:
    """Finds the files of one table; every header is read at most once.

    Parameters
    ----------
    calibration
        Declaration, with ``serials``.
    root
        Calibration root.
    base
        Directory of the registry, relative to it.
    index
        Files below the root.
    """

    def __init__(self, calibration: Calibration, root: Path, base: str, index: DirectoryIndex) -> None:
        assert calibration.serials is not None
        self._rule = calibration.serials
        self._column = calibration.detector
        self._template = Template(calibration.template)
        self._moved = Template(self._rule.moved.replace(_DETECTOR, "*")) if self._rule.moved else None
        self._root = root
        self._base = base
        self._index = index
        self._chips: dict[str, Chip] = {}

    def find(self, row: Row) -> SerialFile | str:
        """The file of a row, or what was looked for.

        Raises
        ------
        Gen2to3Error
            A column of the path cannot be used.
        """
        recorded = posixpath.join(self._base, self._template.format(row))
        found = self._index.entry(recorded)
        if found is not None:
            return SerialFile(*found)
        if self._moved is None:
            return f"expected {recorded}"
        serial = str(row[self._column]).strip()
        pattern = posixpath.join(self._base, self._moved.format(row))
        there = self._matching(pattern)
        same = [name for name in there if self.chip(name).serial == serial]
        if len(same) == 1:
            return SerialFile(same[0], self._index.files[same[0]])
        if same:
            return f"expected {recorded} or one file {pattern} of serial {serial}, found {', '.join(same)}"
        return f"expected {recorded}, or a file {pattern} whose {self._rule.card} is {serial} (looked at {len(there)})"

    def recorded(self, row: Row) -> str:
        """The path that a row gives, ``""`` if it gives none: what tells files of one date apart."""
        try:
            return self._template.format(row)
        except Gen2to3Error:
            return ""

    def chip(self, relative: str) -> Chip:
        """What the header of a file says."""
        if relative not in self._chips:
            self._chips[relative] = self._read(relative)
        return self._chips[relative]

    def positions(self, relative: str) -> tuple[tuple[str, int], ...]:
        """Detectors that a file names in its header and, where it lies in the other place, in its own name."""
        said = [("header", p) for p in self.chip(relative).positions]
        name = posixpath.basename(relative)
        for suffix in (s for s in SUFFIXES if s):
            name = name.removesuffix(suffix)
        named = detector_of(0, {self._rule.position.card: posixpath.splitext(name)[0]}, self._rule.position)
        if named is not None:
            said.append(("name", named))
        return tuple(said)

    def unreadable(self) -> dict[str, str]:
        """Files whose header was asked for and could not be read, with the reason."""
        return {name: chip.problem for name, chip in sorted(self._chips.items()) if chip.problem}

    def _matching(self, pattern: str) -> list[str]:
        directory, name = posixpath.split(pattern)
        patterns = [name + suffix for suffix in SUFFIXES]
        return [
            found
            for found in self._by_directory.get(directory, ())
            if any(fnmatchcase(posixpath.basename(found), p) for p in patterns)
        ]

    @cached_property
    def _by_directory(self) -> dict[str, list[str]]:
        table: dict[str, list[str]] = defaultdict(list)
        for name, entry in sorted(self._index.files.items()):
            if entry.kind == "file":
                table[posixpath.dirname(name)].append(name)
        return table

    def _read(self, relative: str) -> Chip:
        serial = ""
        positions: dict[int, None] = {}
        position = self._rule.position
        try:
            with open_header(f"{self._root}/{relative}") as file:
                headers: list[Any] = [file.primary()]
                extension = next(file.extensions(), None)
                headers += [] if extension is None else [extension]
            for number, header in enumerate(headers):
                serial = serial or str(header.get(self._rule.card, "")).strip()
                cards = {position.card: str(header.get(position.card, "")).strip()}
                detector = detector_of(number, cards, position)
                if detector is not None:
                    positions[detector] = None
        except HeaderError as exc:
            return Chip("", (), str(exc))
        except Exception as exc:  # astropy on a card that is damaged
            return Chip("", (), f"expected a FITS header, found: {exc}")
        return Chip(serial, tuple(positions))
