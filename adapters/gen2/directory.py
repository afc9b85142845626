"""Which files a Gen2 repository really has.

Gen2 asked the file system for every path. A repository has tens of thousands
of them, so it is walked once here and asked afterwards. Symbolic links are
ordinary in Gen2 (ingest made them by default); those that lead out of the
directories allowed are recorded and never followed.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from adapters.gen2.files import printable
from converter.nouns import Gen2to3Error

SUFFIXES = ("", ".gz", ".fz")
"""What Gen2 appended to a path, in this order, to find the file."""

HDU_OF_PATH = re.compile(r"\[(\d+)\]$", re.ASCII)
"""HDU number at the end of a path."""

_MAX_LINKS = 40

MAX_PATH = 4096
"""Longest path that a file system takes (Linux)."""

StrPath = str | os.PathLike[str]


class FileEntry(NamedTuple):
    """What one walk found under one name.

    Parameters
    ----------
    size
        Bytes; -1 for what was not looked into (all kinds but ``file``).
    mtime_ns
        Modification time in Unix nanoseconds; of the link itself where it was
        not followed.
    kind
        ``file``: a regular file, or a link to one inside the directories
        allowed. ``outside``: a link that leads elsewhere. ``dangling``: a
        link to nothing, or to itself. ``special``: FIFO, socket or device.
    """

    size: int
    mtime_ns: int
    kind: Literal["file", "outside", "dangling", "special"]


def unsafe(relpath: str) -> str:
    """Say why a path may not be used below a root.

    Parameters
    ----------
    relpath
        Path to look at.

    Returns
    -------
    problem
        What is wrong with it, ``""`` if nothing is.
    """
    if len(relpath) > MAX_PATH:
        return f"has {len(relpath)} characters, more than {MAX_PATH}"
    if "\0" in relpath:
        return "contains a NUL"
    if relpath.startswith("/"):
        return "is absolute"
    if ".." in relpath.split("/"):
        return "leads out of the root ('..')"
    return ""


def _plain(relpath: str) -> str:
    """Path as a walk would spell it: no HDU suffix, no ``.`` or empty elements."""
    relpath = HDU_OF_PATH.sub("", relpath)
    if problem := unsafe(relpath):
        raise Gen2to3Error(f"path {printable(relpath)!r} {problem}; a path below the root was expected")
    if "//" in relpath or "./" in relpath:
        relpath = "/".join(part for part in relpath.split("/") if part not in ("", "."))
    return relpath


def locate(root: StrPath, relpath: str, allowed: Iterable[StrPath] = ()) -> Path | None:
    """Find one file as Gen2 did.

    Parameters
    ----------
    root
        Root of the repository.
    relpath
        Path relative to it; an HDU suffix is ignored.
    allowed
        Other directories that symbolic links may lead to.

    Returns
    -------
    path
        The file itself, else with ``.gz``, else with ``.fz``; `None` if none
        exists, or if the first that does is no regular file inside the
        directories allowed. `DirectoryIndex` gives the same answers for many
        files, and says why.

    Raises
    ------
    Gen2to3Error
        If ``relpath`` is absolute or leads out of the root.
    """
    relpath = _plain(relpath)
    roots = [os.path.realpath(d) for d in (root, *allowed)]
    for suffix in SUFFIXES:
        path = Path(root, relpath + suffix)
        if not os.path.exists(path):
            continue
        return path if path.is_file() and _inside(os.path.realpath(path), roots) else None
    return None


def _seen(name: str, status: os.stat_result) -> str:
    """What tells that something is as it was; the change time does not, because hard links change it."""
    what = f"{name}\0{status.st_mode} {status.st_uid} {status.st_gid}"
    if stat.S_ISDIR(status.st_mode):
        return what  # what is in it is looked at by itself
    return f"{what} {status.st_ino} {status.st_size} {status.st_mtime_ns}"


def _inside(real: str, roots: Iterable[str]) -> bool:
    return any(real == d or real.startswith(d.rstrip("/") + "/") for d in roots)


class DirectoryIndex:
    """All files below a root, from one walk.

    Parameters
    ----------
    root
        Directory to walk.
    allowed
        Other directories (declared parents, say) that symbolic links may lead
        to.
    prune
        Given the relative path of a directory, whether not to enter it.

    Attributes
    ----------
    files : `dict` [`str`, `FileEntry`]
        Everything found that is not a directory, by relative path. Names
        that are not UTF-8 have surrogate escapes: use
        `adapters.gen2.files.printable` to show them.
    pruned : `list` [`str`]
        Directories that ``prune`` kept out.
    outside : `dict` [`str`, `str`]
        Links to directories elsewhere, not entered, and where they lead.
    aliases : `dict` [`str`, `str`]
        Links to directories that the walk had already entered under another
        name, and that name (``""`` is the root). Files are listed once, but
        `entry` and `locate` find them under either name.
    unreadable : `dict` [`str`, `str`]
        Directories that could not be read, and why.
    digest : `str`
        Tells whether another walk found the same: names, kinds, permissions
        and owners of everything, inodes, sizes and modification times of what
        is no directory, and where links lead.

    Raises
    ------
    Gen2to3Error
        If the root itself is not a directory that can be read.
    """

    def __init__(
        self,
        root: StrPath,
        allowed: Iterable[StrPath] = (),
        prune: Callable[[str], bool] | None = None,
    ) -> None:
        self.root = Path(root)
        self.files: dict[str, FileEntry] = {}
        self.pruned: list[str] = []
        self.outside: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        self.unreadable: dict[str, str] = {}
        self._roots = [os.path.realpath(d) for d in (root, *allowed)]
        self._prune = prune
        self._real: dict[str, str] = {}
        self._entered: dict[tuple[int, int], str] = {}
        self._links: deque[tuple[str, os.stat_result]] = deque()
        self._hash = hashlib.blake2b(digest_size=32)
        self._hash_texts(self._roots)
        try:
            status = os.stat(self.root)
        except OSError as exc:
            raise Gen2to3Error(f"{printable(root)} cannot be read: {exc.strerror or exc}") from exc
        if not stat.S_ISDIR(status.st_mode):
            raise Gen2to3Error(f"{printable(root)} is not a directory")
        self._walk("", status)
        if "" in self.unreadable:
            raise Gen2to3Error(f"{printable(root)} cannot be read: {self.unreadable['']}")
        # Links to directories wait until all that is reached without links
        # has been entered under its own name; so no order of names decides
        # which name a file gets, and each directory is entered once.
        while self._links:
            self._walk(*self._links.popleft())
        self.digest = self._hash.hexdigest()

    def _hash_texts(self, texts: Iterable[str]) -> None:
        # No name has a NUL in it.
        self._hash.update("\0".join((*texts, "\0")).encode("utf-8", "surrogateescape"))

    def release(self) -> None:
        """Forget the files, of which there may be very many, once they are accounted for."""
        self.files.clear()

    def _walk(self, top: str, status: os.stat_result) -> None:
        waiting = [(top, status)]
        while waiting:
            directory, status = waiting.pop()
            key = (status.st_dev, status.st_ino)
            if key in self._entered:
                self.aliases[directory] = self._entered[key]
                continue
            self._entered[key] = directory
            prefix = f"{directory}/" if directory else ""
            try:
                with os.scandir(os.path.join(self.root, directory)) as entries:
                    found = sorted(entries, key=lambda e: e.name)
            except OSError as exc:
                self.unreadable[directory] = exc.strerror or str(exc)
                self._hash_texts((directory, "unreadable"))
                continue
            seen = [directory]
            below = list(self._look(prefix, found, seen))
            self._hash_texts(seen)
            waiting.extend(reversed(below))

    def _look(
        self, prefix: str, entries: list[os.DirEntry[str]], seen: list[str]
    ) -> Iterator[tuple[str, os.stat_result]]:
        """Record the entries of one directory (texts of what was seen too), and yield the directories among them."""
        for entry in entries:
            # What the rows name is the same text, see `entry`.
            relpath = sys.intern(prefix + entry.name)
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError as exc:  # removed since it was listed, or a failing disk
                self.unreadable[relpath] = exc.strerror or str(exc)
                seen += (entry.name, "unreadable")
                continue
            mode = status.st_mode
            seen.append(_seen(entry.name, status))
            if stat.S_ISREG(mode):
                self.files[relpath] = FileEntry(status.st_size, status.st_mtime_ns, "file")
            elif stat.S_ISDIR(mode):
                if not self._is_pruned(relpath):
                    yield relpath, status
                else:
                    seen.append("pruned")
            elif stat.S_ISLNK(mode):
                self._look_at_link(relpath, entry, status, seen)
            else:
                self.files[relpath] = FileEntry(-1, status.st_mtime_ns, "special")

    def _is_pruned(self, relpath: str) -> bool:
        if self._prune is None or not self._prune(relpath):
            return False
        self.pruned.append(relpath)
        return True

    def _look_at_link(
        self, relpath: str, entry: os.DirEntry[str], own: os.stat_result, seen: list[str]
    ) -> None:
        real = self._real_path(entry.path)
        inside = _inside(real, self._roots)
        try:
            status = os.stat(entry.path)
            seen.append(_seen(real, status))
        except OSError:
            seen.append("dangling")
            self.files[relpath] = FileEntry(-1, own.st_mtime_ns, "dangling")
            return
        mode = status.st_mode
        if stat.S_ISDIR(mode):
            if not inside:
                self.outside[relpath] = real
            elif not self._is_pruned(relpath):
                self._links.append((relpath, status))
        elif not inside:
            self.files[relpath] = FileEntry(-1, own.st_mtime_ns, "outside")
        elif stat.S_ISREG(mode):
            self.files[relpath] = FileEntry(status.st_size, status.st_mtime_ns, "file")
        else:
            self.files[relpath] = FileEntry(-1, status.st_mtime_ns, "special")

    def _real_path(self, path: str) -> str:
        """Real path of a link; many links lead into few directories, which are remembered."""
        try:
            target = os.path.join(os.path.dirname(path), os.readlink(path))
        except OSError:
            return os.path.realpath(path)
        directory, name = os.path.split(target)
        if name in ("", ".", "..") or os.path.islink(target):
            return os.path.realpath(path)
        if directory not in self._real:
            self._real[directory] = os.path.realpath(directory)
        return os.path.join(self._real[directory], name)

    def entry(self, relpath: str) -> tuple[str, FileEntry] | None:
        """Tell what Gen2 would have found for a path, of whatever kind.

        Parameters
        ----------
        relpath
            Path relative to the root; an HDU suffix is ignored.

        Returns
        -------
        found
            Relative path as given, with ``.gz`` or ``.fz`` where needed, and
            what is there. `None` if nothing exists.

        Raises
        ------
        Gen2to3Error
            If ``relpath`` is absolute or leads out of the root.
        """
        relpath = _plain(relpath)
        for suffix in SUFFIXES:
            name = relpath + suffix
            found = self.files.get(name) or (self._through_aliases(name) if self.aliases else None)
            # Gen2 asked whether the path exists, which a dangling link does not.
            if found is not None and found.kind != "dangling":
                return sys.intern(name), found
        return None

    def dangling(self, relpath: str) -> str | None:
        """Relative path of a link to nothing under a name, which for Gen2 was no file; `None` if there is none."""
        relpath = _plain(relpath)
        for name in (relpath + suffix for suffix in SUFFIXES):
            found = self.files.get(name)
            if found is not None and found.kind == "dangling":
                return name
        return None

    def _through_aliases(self, relpath: str) -> FileEntry | None:
        for _ in range(_MAX_LINKS):
            parts = relpath.split("/")
            for length in range(1, len(parts)):
                target = self.aliases.get("/".join(parts[:length]))
                if target is not None:
                    relpath = "/".join([target, *parts[length:]] if target else parts[length:])
                    break
            else:
                return self.files.get(relpath)
        return None

    def locate(self, relpath: str) -> Path | None:
        """Find one file as Gen2 did.

        Parameters
        ----------
        relpath
            Path relative to the root; an HDU suffix is ignored.

        Returns
        -------
        path
            Path below the root of a regular file; `None` if there is none, or
            what is there may not be followed (see `entry`).

        Raises
        ------
        Gen2to3Error
            If ``relpath`` is absolute or leads out of the root.
        """
        found = self.entry(relpath)
        return self.root / found[0] if found is not None and found[1].kind == "file" else None
