from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from adapters.gen2.directory import DirectoryIndex, FileEntry, locate
from adapters.gen2.files import printable
from converter.nouns import Gen2to3Error


def put(path: Path, size: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, ns=(5, 123456789))
    return path


def kinds(index: DirectoryIndex) -> dict[str, str]:
    return {name: entry.kind for name, entry in index.files.items()}


def both(root: Path, relpath: str, allowed: tuple[Path, ...] = ()) -> Path | None:
    """What both ways to find a file say, which must be the same."""
    one, many = locate(root, relpath, allowed), DirectoryIndex(root, allowed).locate(relpath)
    assert one == many
    return one


def test_plain_files(tmp_path: Path) -> None:
    put(tmp_path / "b/two.fits", 20)
    put(tmp_path / "a.fits", 10)
    index = DirectoryIndex(tmp_path)
    assert index.files == {
        "a.fits": FileEntry(10, 123456789, "file"),
        "b/two.fits": FileEntry(20, 123456789, "file"),
    }
    assert index.entry("b/two.fits") == ("b/two.fits", FileEntry(20, 123456789, "file"))
    assert index.entry("b") is None
    assert index.entry("none.fits") is None


def test_suffixes_in_order(tmp_path: Path) -> None:
    put(tmp_path / "x/a.fits.fz")
    assert both(tmp_path, "x/a.fits[3]") == tmp_path / "x/a.fits.fz"
    put(tmp_path / "x/a.fits.gz")
    assert both(tmp_path, "x/a.fits[3]") == tmp_path / "x/a.fits.gz"
    put(tmp_path / "x/a.fits")
    assert both(tmp_path, "x/a.fits[3]") == tmp_path / "x/a.fits"
    assert both(tmp_path, "./x//a.fits") == tmp_path / "x/a.fits"
    assert both(tmp_path, "x/b.fits") is None
    assert DirectoryIndex(tmp_path).entry("x/a.fits.fz[0]") is not None


@pytest.mark.parametrize("relpath", ["../x", "a/../../x", "/etc/passwd", "a\0b", "a/.."])
def test_paths_that_leave_the_root(tmp_path: Path, relpath: str) -> None:
    index = DirectoryIndex(tmp_path)
    for call in (index.locate, index.entry, lambda p: locate(tmp_path, p)):
        with pytest.raises(Gen2to3Error, match="a path below the root was expected"):
            call(relpath)


def test_links_to_files(tmp_path: Path) -> None:
    root, parent = tmp_path / "root", tmp_path / "parent"
    put(root / "data/real.fits", 7)
    put(parent / "p.fits", 8)
    put(tmp_path / "elsewhere/secret.fits", 9)
    (root / "inside.fits").symlink_to("data/real.fits")
    (root / "parent.fits").symlink_to(parent / "p.fits")
    (root / "outside.fits").symlink_to("../elsewhere/secret.fits")
    (root / "dangling.fits").symlink_to("nowhere")
    (root / "self.fits").symlink_to("self.fits")
    (root / "twice.fits").symlink_to("outside.fits")
    (tmp_path / "root-not").mkdir()
    put(tmp_path / "root-not/n.fits")
    (root / "prefix.fits").symlink_to("../root-not/n.fits")
    put(root / "outside.fits.gz")
    put(root / "dangling.fits.gz", 4)
    index = DirectoryIndex(root, allowed=[parent])
    assert index.files["inside.fits"] == FileEntry(7, 123456789, "file")
    assert index.files["parent.fits"] == FileEntry(8, 123456789, "file")
    for name in ("outside.fits", "twice.fits", "prefix.fits"):
        assert index.files[name]._replace(mtime_ns=0) == FileEntry(-1, 0, "outside")
    for name in ("dangling.fits", "self.fits"):
        assert index.files[name]._replace(mtime_ns=0) == FileEntry(-1, 0, "dangling")
    assert both(root, "inside.fits") == root / "inside.fits"
    assert both(root, "parent.fits") is None
    assert both(root, "parent.fits", (parent,)) == root / "parent.fits"
    # The link is what Gen2 would have read, so the file next to it is no substitute.
    assert both(root, "outside.fits") is None
    found = index.entry("outside.fits")
    assert found is not None and found[1].kind == "outside"
    # But a link to nothing did not exist for Gen2.
    assert both(root, "dangling.fits") == root / "dangling.fits.gz"
    assert both(root, "self.fits") is None


def test_linked_directories(tmp_path: Path) -> None:
    root, parent = tmp_path / "root", tmp_path / "parent"
    put(root / "z/real/a.fits", 3)
    put(parent / "CALIB/p.fits", 4)
    put(tmp_path / "elsewhere/secret.fits")
    (root / "alias").symlink_to("z/real")
    (root / "loop").symlink_to(".")
    (root / "z/real/up").symlink_to("..")
    (root / "CALIB").symlink_to(parent / "CALIB")
    (root / "CALIB2").symlink_to(parent / "CALIB")
    (parent / "CALIB/back").symlink_to(root)
    (root / "out").symlink_to(tmp_path / "elsewhere")
    index = DirectoryIndex(root, allowed=[parent])
    # Each file once, and under the name that has no link in it.
    assert kinds(index) == {"z/real/a.fits": "file", "CALIB/p.fits": "file"}
    assert index.aliases == {
        "alias": "z/real",
        "loop": "",
        "z/real/up": "z",
        "CALIB2": "CALIB",
        "CALIB/back": "",
    }
    assert index.outside == {"out": str(tmp_path / "elsewhere")}
    for name in ("alias/a.fits", "loop/loop/alias/a.fits", "z/real/up/real/up/real/a.fits"):
        assert index.locate(name) == locate(root, name) == root / name
    assert index.locate("CALIB2/p.fits") == root / "CALIB2/p.fits"
    assert index.locate("CALIB/back/alias/a.fits") == root / "CALIB/back/alias/a.fits"
    assert index.locate("alias/none.fits") is None
    assert index.locate("out/secret.fits") is locate(root, "out/secret.fits") is None
    assert index.locate("loop/" * 100 + "z/real/a.fits") is None


def test_many_links_among_siblings(tmp_path: Path) -> None:
    for i in range(12):
        put(tmp_path / f"d{i}/f.fits")
        for j in range(12):
            (tmp_path / f"d{i}/to{j}").symlink_to(f"../d{j}")
    index = DirectoryIndex(tmp_path)
    assert len(index.files) == 12
    assert len(index.aliases) == 144
    assert index.locate("d3/to4/to5/f.fits") == tmp_path / "d3/to4/to5/f.fits"


def test_prune(tmp_path: Path) -> None:
    put(tmp_path / "rerun/me/x.fits")
    put(tmp_path / "rerun/CALIB/c.fits")
    put(tmp_path / "raw/y.fits")
    (tmp_path / "more").symlink_to("rerun")
    (tmp_path / "CALIB").symlink_to("rerun/CALIB")
    asked = []

    def prune(relpath: str) -> bool:
        asked.append(relpath)
        return relpath in ("rerun", "more")

    index = DirectoryIndex(tmp_path, prune=prune)
    # A link into what was pruned is entered under its own name.
    assert set(index.files) == {"raw/y.fits", "CALIB/c.fits"}
    assert sorted(index.pruned) == ["more", "rerun"]
    assert "rerun/me" not in asked


def test_special_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "fifo.fits")
    (tmp_path / "link.fits").symlink_to("fifo.fits")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("sock.fits")
        index = DirectoryIndex(tmp_path)
    assert kinds(index) == {"fifo.fits": "special", "link.fits": "special", "sock.fits": "special"}
    assert index.files["fifo.fits"].size == -1
    assert both(tmp_path, "fifo.fits") is None
    assert both(tmp_path, "link.fits") is None


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/d\xff\xfe"
    os.mkdir(raw)
    with open(raw + b"/\xe9.fits", "wb") as stream:
        stream.write(b"abc")
    index = DirectoryIndex(tmp_path)
    (name,) = index.files
    assert name == "d\udcff\udcfe/\udce9.fits"
    assert index.files[name].size == 3
    path = both(tmp_path, name)
    assert path is not None and path.read_bytes() == b"abc"
    assert printable(name) == r"d\udcff\udcfe/\udce9.fits"


def test_unreadable_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "a/x.fits")
    put(tmp_path / "b/y.fits")
    scandir = os.scandir

    def refuse(path: str):
        if path.endswith("/a"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("adapters.gen2.directory.os.scandir", refuse)
    index = DirectoryIndex(tmp_path)
    assert index.unreadable == {"a": "Permission denied"}
    assert set(index.files) == {"b/y.fits"}


def test_root_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(Gen2to3Error, match="/none cannot be read: No such file or directory"):
        DirectoryIndex(tmp_path / "none")
    put(tmp_path / "file")
    with pytest.raises(Gen2to3Error, match="/file is not a directory"):
        DirectoryIndex(tmp_path / "file")


def test_root_that_is_a_link(tmp_path: Path) -> None:
    put(tmp_path / "real/a.fits")
    (tmp_path / "real/b.fits").symlink_to(tmp_path / "real/a.fits")
    (tmp_path / "link").symlink_to("real")
    index = DirectoryIndex(tmp_path / "link")
    assert kinds(index) == {"a.fits": "file", "b.fits": "file"}
    assert both(tmp_path / "link", "b.fits") == tmp_path / "link/b.fits"


def test_speed(tmp_path: Path) -> None:
    for d in range(20):
        (tmp_path / f"{d}").mkdir()
        for i in range(500):
            if i:
                os.link(tmp_path / "0/0", tmp_path / f"{d}/{i}")
            else:
                put(tmp_path / f"{d}/0")
    begin = time.process_time()
    index = DirectoryIndex(tmp_path)
    assert all(index.locate(f"{d}/{i}[1]") for d in range(20) for i in range(500))
    # 10,000 files in a sixth of the few seconds that 60,000 may take.
    assert time.process_time() - begin < 1.0
    assert len(index.files) == 10_000
