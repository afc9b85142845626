"""Where the files of a data package are, and what their place says of them.

``<root>/<policy>/<dataset type>/[<detector>/][<filter>/]<validity start>.<ext>``

Nothing here opens a file. Whatever is found is a place, a skip or a reject.
"""

from __future__ import annotations

import datetime
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from adapters.camera import Camera
from adapters.gen2.files import printable
from converter.nouns import DataId, Reject, Skip, UsageError

from .types import EXTENSIONS, STANDARD_TYPES, Curated, CuratedType


@dataclass(frozen=True, slots=True)
class Place:
    """A file of a data package, as far as its path tells.

    Parameters
    ----------
    dataset_type
        The standard dataset type of its directory.
    data_id
        Detector and filter of its directories.
    path
        Absolute path.
    valid_from
        ISO text (UTC) of the time that its name gives.
    """

    dataset_type: CuratedType
    data_id: DataId
    path: Path
    valid_from: str


@dataclass(slots=True)
class Found:
    """All that is in a package, each file or directory once.

    ``ended`` are those of the rejects whose place says what they would have
    replaced, and when.
    """

    places: list[Place] = field(default_factory=list)
    ended: list[Place] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    def skip(self, path: Path, reason: str) -> None:
        """Leave a file or directory out."""
        self.skips.append(Skip(printable(path), reason, str(path)))

    def reject(self, path: Path, reason: str) -> None:
        """Refuse a file or directory."""
        self.rejects.append(Reject(printable(path), reason, str(path)))


def utc_text(text: str) -> str:
    """A time of a data package as ISO text in UTC.

    Parameters
    ----------
    text
        Any form of ISO 8601 that Python reads, basic or extended, with any
        one character between date and time. Without a zone it is UTC.

    Raises
    ------
    ValueError
        The text is no date.
    """
    time = datetime.datetime.fromisoformat(text)
    if time.tzinfo is not None:
        time = time.astimezone(datetime.UTC).replace(tzinfo=None)
    return time.isoformat()


def directory_name(name: str) -> str:
    """How a package writes the name of a detector or filter."""
    return name.lower().replace(" ", "_")


def _by_directory(names: Iterator[tuple[str, int | str]]) -> dict[str, int | str | None]:
    table: dict[str, int | str | None] = {}
    for name, value in names:
        key = directory_name(name)
        # Two filters may differ in case only; then the directory names neither.
        table[key] = None if key in table else value
    return table


def find_policy(curated: Curated, package: Path) -> tuple[Path | None, Path]:
    """The package's root, if that is what was given, and the camera's directory in it.

    Parameters
    ----------
    curated
        What the camera declares.
    package
        The root of the package, or the camera's directory.

    Raises
    ------
    UsageError
        There is no such directory.
    """
    if not package.is_dir():
        raise UsageError(
            f"{printable(package)}: is not a directory; expected a checkout of {curated.package}"
        )
    package = Path(os.path.abspath(package))
    if (package / curated.policy).is_dir():
        return package, package / curated.policy
    if package.name == curated.policy:
        return None, package
    raise UsageError(
        f"{printable(package)}: has no directory {curated.policy!r}; "
        f"expected a checkout of {curated.package}, or its directory {curated.policy!r}"
    )


class _Walk:
    """One walk over the camera's directory."""

    def __init__(self, camera: Camera, curated: Curated, inside: str, found: Found) -> None:
        self.inside = inside
        self.found = found
        self.curated = curated
        instrument = camera.instrument
        self.levels: Mapping[str, Mapping[str, int | str | None]] = {
            "detector": _by_directory((d.full_name, d.id) for d in instrument.detectors),
            "physical_filter": _by_directory((f.name, f.name) for f in instrument.filters),
        }
        self.camera = camera

    def refuse(self, path: Path, reason: str, replaces: tuple[CuratedType, DataId] | None) -> None:
        """Refuse a file that may still end the validity of the one before it."""
        self.found.reject(path, reason)
        if replaces is not None and path.suffix.lower() in EXTENSIONS:
            with suppress(ValueError):
                self.found.ended.append(Place(*replaces, path, utc_text(path.stem)))

    def entries(
        self, directory: Path, replaces: tuple[CuratedType, DataId] | None = None
    ) -> Iterator[tuple[Path, int]]:
        """Entries of a directory that do not lead out of the package, with their modes."""
        try:
            names = sorted(os.listdir(directory))
        except OSError as exc:
            self.found.reject(directory, f"cannot be listed: {exc.strerror}")
            return
        for name in names:
            path = directory / name
            try:
                if path.is_symlink():
                    target = os.path.realpath(path)
                    if not f"{target}/".startswith(f"{self.inside}/"):
                        self.refuse(
                            path,
                            f"is a link to {printable(target)}, outside of the package "
                            f"{printable(self.inside)}; put the file itself there",
                            replaces,
                        )
                        continue
                yield path, path.stat().st_mode
            except OSError as exc:
                self.refuse(path, f"cannot be looked at: {exc.strerror}", replaces)

    def policy(self, directory: Path) -> None:
        """All dataset types."""
        for path, mode in self.entries(directory):
            known = STANDARD_TYPES.get(path.name)
            if not stat.S_ISDIR(mode):
                self.found.skip(path, "is in no dataset type's directory")
            elif known is None:
                self.found.skip(
                    path, f"{printable(path.name)!r} is no dataset type that the stack reads from a package"
                )
            elif self.curated.types is not None and known.name not in self.curated.types:
                self.found.reject(
                    path, f"{self.camera.instrument.name} has no {known.name} in {self.curated.package}"
                )
            else:
                self.level(path, known, known.dimensions, DataId())

    def level(self, directory: Path, of: CuratedType, dimensions: tuple[str, ...], data_id: DataId) -> None:
        """One level of directories, or the files below the last one."""
        for path, mode in self.entries(directory, None if dimensions else (of, data_id)):
            if not dimensions:
                self.file(path, mode, of, data_id)
                continue
            dimension = dimensions[0]
            if stat.S_ISDIR(mode):
                value = self.value(path, dimension)
                if value is not None:
                    self.level(path, of, dimensions[1:], data_id._replace(**{dimension: value}))  # type: ignore[arg-type]
            elif path.suffix.lower() in EXTENSIONS:
                self.found.reject(
                    path, f"is not in the directory of a {dimension}, which {of.name} have; move it there"
                )
            else:
                self.found.skip(path, "is in no dataset's directory")

    def value(self, path: Path, dimension: str) -> int | str | None:
        """The detector id or filter that a directory stands for."""
        table, name = self.levels[dimension], path.name
        if (value := table.get(name)) is not None:
            return value
        reason = f"{printable(name)!r} is no {dimension} of {self.camera.instrument.name}"
        if name in table:
            reason = f"{printable(name)!r} stands for several {dimension}s; it cannot be told which"
        elif directory_name(name) in table:
            reason += f"; expected {directory_name(name)!r}"
        else:
            reason += f"; expected its name in lower case, such as {next(iter(table), '')!r}"
        self.found.reject(path, reason)
        return None

    def file(self, path: Path, mode: int, of: CuratedType, data_id: DataId) -> None:
        """A file where files are expected."""
        extension = path.suffix.lower()
        if stat.S_ISDIR(mode):
            self.found.reject(path, f"is a directory; {of.name} have files here")
        elif extension not in EXTENSIONS:
            self.found.skip(path, "is no " + ", ".join(EXTENSIONS) + " file: the stack ignores it")
        elif not stat.S_ISREG(mode):
            self.refuse(path, "is not a regular file", (of, data_id))
        elif extension not in of.extensions:
            only = f"the stack reads {of.name} from {' or '.join(of.extensions)} files only"
            self.refuse(path, only, (of, data_id))
        else:
            try:
                valid_from = utc_text(path.stem)
            except ValueError:
                self.found.reject(
                    path,
                    f"{printable(path.stem)!r} is no date; expected a name like 19700101T000000{extension}",
                )
                return
            self.found.places.append(Place(of, data_id, path, valid_from))


def walk(camera: Camera, package: Path) -> Found:
    """Everything in a data package.

    Parameters
    ----------
    camera
        Camera whose part is wanted; the rest of the package is skipped.
    package
        The root of the package, or the camera's directory.

    Raises
    ------
    UsageError
        The camera declares no package, or this is none.
    """
    if (curated := camera.curated) is None:
        raise UsageError(f"there is no package of curated calibrations for {camera.instrument.name}")
    root, policy = find_policy(curated, package)
    found = Found()
    # The directory alone may be a link to where the package really is.
    inside = os.path.dirname(os.path.realpath(policy)) if root is None else os.path.realpath(root)
    this = _Walk(camera, curated, inside, found)
    if root is None:
        this.policy(policy)
        return found
    for path, _ in this.entries(root):
        if path == policy:
            this.policy(policy)
        else:
            found.skip(path, f"is not in the directory {curated.policy!r} of {camera.instrument.name}")
    return found
