"""Files of an archive to masters, as declarations say.

Only headers are read, and each file is opened once. Every file ends as
masters, as a skip or as a reject.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from converter.nouns import DataId, Gen2to3Error, Master, MasterKey, Provenance, Reject, Skip, UsageError

from ..camera import Calibration, Camera
from ..extensions import cards_of, find_detectors, out_of_place
from ..fits_cards import FileCards, NotFitsError, read_cards
from ..fits_header import HeaderError
from ..gen2.directory import DirectoryIndex
from ..gen2.files import describe, printable, state_of
from ..gen2.source import why_not
from .copies import settle_clashes
from .declaration import Declaration
from .rules import CannotTellError, Identity, Rules

LEFT_OUT = "left out by --types or --exclude"


@dataclass
class Delivery:
    """What was found in a delivery, as nouns.

    Parameters
    ----------
    masters
        Masters by key, in the order of their files.
    cards
        Text of the header cards that were asked for, as far as there: the
        extension's own, else the primary's.
    types
        Dataset types of masters that the camera does not declare.
    rejects, skips
        Files, or some of their detectors, that are no masters, and why.
    """

    masters: dict[MasterKey, Master] = field(default_factory=dict)
    cards: dict[MasterKey, dict[str, str]] = field(default_factory=dict)
    types: tuple[Calibration, ...] = ()
    rejects: list[Reject] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)


class _File(NamedTuple):
    """A file to look at; ``given`` if it was named itself, not found in a directory."""

    path: str
    relative: str
    given: bool


@dataclass
class _Outcome:
    """What became of one file: masters with the texts of their cards, or why there are none."""

    path: str
    found: list[tuple[Master, dict[str, str]]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)

    def reject(self, reason: str) -> None:
        self.rejects.append(Reject(printable(self.path), reason, self.path))

    def skip(self, reason: str) -> None:
        # Not all of the file may be left out, so it is named as the item only.
        self.skips.append(Skip(printable(self.path), reason))


def read_delivery(
    camera: Camera,
    declarations: Sequence[Declaration],
    paths: Sequence[str | os.PathLike[str]],
    wants: Callable[[str], bool] = lambda dataset_type: True,
    excludes: Callable[[str], bool] = lambda path: False,
    wants_detector: Callable[[int], bool] = lambda detector: True,
    allowed: Sequence[str] = (),
    cards: Collection[str] = (),
    workers: int = 1,
    split: bool = False,
) -> Delivery:
    """Read what files and directories hold.

    Parameters
    ----------
    camera
        The camera's declaration.
    declarations
        What the files are; where several fit, the first counts.
    paths
        Files and directories. A link is followed if it was given itself, or
        leads to what was given or is ``allowed``.
    wants
        Whether a dataset type is to be read.
    excludes
        Whether a path, relative to the directory that was given, is left out.
    wants_detector
        Whether a detector is to be read.
    allowed
        Directories that links may lead to.
    cards
        Header cards whose text is to be kept (see `Delivery`).
    workers
        Threads that read headers.
    split
        Whether masters will be split into a file for each detector, so that
        it makes no difference which HDU holds a detector.

    Raises
    ------
    UsageError
        A declaration describes a dataset type otherwise than the camera, or
        than another one.
    """
    types = all_types(camera, declarations)
    result = Delivery()
    files = _files(paths, allowed, result)
    rules = Rules(camera, declarations, types)
    asked = tuple(dict.fromkeys(" ".join(c.upper().split()) for c in cards))
    reader = _FileReader(camera, rules, types, wants, excludes, wants_detector, asked, split)
    if workers > 1 and len(files) > 1:
        with ThreadPoolExecutor(max_workers=workers) as pool:
            outcomes = list(pool.map(reader.read, files))
    else:
        outcomes = [reader.read(file) for file in files]
    for outcome in outcomes:
        result.rejects += outcome.rejects
        result.skips += outcome.skips
    found = {id(master): texts for outcome in outcomes for master, texts in outcome.found}
    settled = settle_clashes([master for outcome in outcomes for master, _ in outcome.found])
    result.rejects += settled.rejects
    result.skips += settled.skips
    result.masters = {master.key: master for master in settled.masters}
    result.cards = {master.key: found[id(master)] for master in settled.masters if found[id(master)]}
    own = {c.dataset_type for c in camera.calibrations}
    used = {key.dataset_type for key in result.masters} - own
    result.types = tuple(c for name, c in types.items() if name in used)
    return result


def all_types(camera: Camera, declarations: Sequence[Declaration]) -> dict[str, Calibration]:
    """Dataset types by name: the camera's, and those that declarations add.

    Raises
    ------
    UsageError
        One is declared in two ways.
    """
    types = {c.dataset_type: c for c in camera.calibrations}
    for declaration in declarations:
        for new in declaration.types:
            known = types.setdefault(new.dataset_type, new)
            if _nature(known) != _nature(new):
                raise UsageError(
                    f"{declaration.name}: types: expected {new.dataset_type} as {_nature(known)}, which is what "
                    f"{camera.instrument.name} or another source declares, found {_nature(new)}; "
                    "leave it out, or give it another name"
                )
    return types


def _nature(c: Calibration) -> str:
    return f"{c.storage_class} by {', '.join(('instrument', *c.dimensions))} with {c.formatter}"


def _files(paths: Sequence[str | os.PathLike[str]], allowed: Sequence[str], result: Delivery) -> list[_File]:
    """All files below the paths, each once, by path."""
    roots = list(dict.fromkeys(os.path.abspath(os.fsdecode(path)) for path in paths))
    files: dict[str, _File] = {}
    problems: dict[str, str] = {}
    directories = [root for root in roots if os.path.isdir(root)]
    for root in roots:
        if root in directories:
            _walk(root, [*allowed, *directories], files, problems)
        elif os.path.isfile(root):
            files[root] = _File(root, os.path.basename(root), True)
        else:
            there = os.path.lexists(root)
            problems[root] = f"{'is no regular file' if there else 'does not exist'}; check the path"
    result.rejects += [
        Reject(printable(path), why, path) for path, why in sorted(problems.items()) if path not in files
    ]
    return [files[path] for path in sorted(files)]


def _walk(root: str, allowed: Sequence[str], files: dict[str, _File], problems: dict[str, str]) -> None:
    try:
        index = DirectoryIndex(root, allowed)
    except Gen2to3Error as exc:
        problems[root] = f"{exc}; check its permissions"
        return
    for relative, entry in index.files.items():
        path = os.path.join(root, relative)
        if why := why_not(entry):
            problems.setdefault(path, why)
        else:
            files.setdefault(path, _File(path, relative, False))
    for relative, real in index.outside.items():
        problems.setdefault(
            os.path.join(root, relative),
            f"leads out of the source, to {printable(real)}; allow it with --allow-outside DIR",
        )
    for relative, why in index.unreadable.items():
        problems.setdefault(os.path.join(root, relative), f"cannot be read: {why}; check its permissions")


@dataclass(frozen=True)
class _FileReader:
    """Reads one file after the other; without state, so that threads can share it."""

    camera: Camera
    rules: Rules
    types: Mapping[str, Calibration]
    wants: Callable[[str], bool]
    excludes: Callable[[str], bool]
    wants_detector: Callable[[int], bool]
    asked: tuple[str, ...]
    split: bool

    @cached_property
    def wanted(self) -> frozenset[str]:
        """All cards that are read."""
        rules = [c.extensions for c in self.types.values() if c.extensions is not None]
        return frozenset(self.rules.cards().union(self.asked, *map(cards_of, rules)))

    def read(self, file: _File) -> _Outcome:
        """Say what a file is."""
        outcome = _Outcome(file.path)
        if self.excludes(file.relative):
            outcome.skip(LEFT_OUT)
            return outcome
        name = os.path.basename(file.path)
        rules = self.rules.by_name(name)
        none = f"no rule of {self.rules.names} says what it is"
        # A file that only its header could tell about is opened if it may be FITS at all.
        named = any(rule.name is not None for rule in rules)
        if not rules or not (named or file.given or ".fit" in name.lower()):
            (outcome.reject if file.given else outcome.skip)(none)
            return outcome
        if rules[0].skip and not rules[0].when:
            outcome.skip(rules[0].skip)
            return outcome
        try:
            cards = read_cards(file.path, self.wanted)
            rule = self.rules.choose(rules, cards)
            if rule is None:
                (outcome.reject if file.given else outcome.skip)(none)
            elif rule.skip:
                outcome.skip(rule.skip)
            elif cards.missing:
                outcome.reject(f"is cut off, {cards.missing} bytes are missing; copy the file again")
            else:
                self._add_masters(file.path, self.rules.identify(rule, name, cards), cards, outcome)
        except NotFitsError as exc:
            outcome.reject(describe(state_of(exc.head), file.path))
        except HeaderError as exc:
            outcome.reject(f"{exc}; copy the file again from its origin")
        except CannotTellError as exc:
            outcome.reject(str(exc))
        return outcome

    def _add_masters(self, path: str, identity: Identity, cards: FileCards, outcome: _Outcome) -> None:
        if not self.wants(identity.calibration.dataset_type):
            outcome.skip(LEFT_OUT)
            return
        try:
            path.encode()
        except UnicodeEncodeError:
            outcome.reject(
                "expected a path in UTF-8, which the Butler can hold, found other bytes; rename it"
            )
            return
        for detector, hdu in self._detectors(identity, cards, outcome):
            key = MasterKey(
                identity.calibration.dataset_type, identity.stamp, DataId(detector, identity.physical_filter)
            )
            provenance = Provenance(path, text=identity.texts)
            master = Master(key, path, hdu, identity.calib_date, cards.size, cards.mtime_ns, provenance)
            outcome.found.append((master, self._texts(cards, hdu)))

    def _detectors(
        self, identity: Identity, cards: FileCards, outcome: _Outcome
    ) -> list[tuple[int | None, int | None]]:
        """Detectors of a file, each with its HDU (`None`: the file is one dataset)."""
        rule = identity.calibration.extensions
        if rule is None:
            if identity.detector is not None and not self.wants_detector(identity.detector):
                outcome.skip("1 detector left out by --detectors")
                return []
            return [(identity.detector, None)]
        contents = find_detectors(cards.hdus, rule)
        known = {d.id for d in self.camera.instrument.detectors}
        hdus = {d: hdu for d, hdu in sorted(contents.hdus.items()) if d in known}
        if strangers := contents.others + len(contents.hdus) - len(hdus):
            outcome.skip(f"{_count(strangers, 'extension')} of no detector of {self.camera.instrument.name}")
        if contents.repeated:
            number = _count(contents.repeated, "extension")
            outcome.skip(f"{number} with the number of an earlier one, which is taken")
        if identity.detector is not None:
            hdus = {d: hdu for d, hdu in hdus.items() if d == identity.detector}
        if not hdus:
            outcome.reject(
                f"expected extensions whose {rule.card or 'number'} names a detector of "
                f"{self.camera.instrument.name}, found none; check that the file is complete"
            )
        unwanted = [d for d in hdus if not self.wants_detector(d)]
        if unwanted:
            outcome.skip(f"{_count(len(unwanted), 'detector')} left out by --detectors")
        wanted = {d: hdu for d, hdu in hdus.items() if d not in unwanted}
        if rule.by_number and not self.split:
            wrong = {d: hdu for d, hdu in wanted.items() if d != hdu}
            if wrong:
                outcome.reject(out_of_place(wrong))
            wanted = {d: hdu for d, hdu in wanted.items() if d == hdu}
        return list(wanted.items())

    def _texts(self, cards: FileCards, hdu: int | None) -> dict[str, str]:
        if hdu is None:
            texts = {card: cards.get(card) for card in self.asked}
        else:
            # Never those of another detector's extension.
            texts = {card: cards.hdus[hdu].get(card) or cards.hdus[0].get(card, "") for card in self.asked}
        return {card: text for card, text in texts.items() if text}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
