from __future__ import annotations

import gzip
import os
import random
from pathlib import Path

import pytest

from adapters.gen2 import files
from adapters.gen2.files import FileState, describe, printable, sniff, sniff_many

HEADER = b"SIMPLE  =                    T".ljust(80) + b"BITPIX  =                    8".ljust(80)
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"


@pytest.mark.parametrize(
    "content, state",
    [
        (HEADER.ljust(2880), FileState.FITS),
        (gzip.compress(HEADER.ljust(28800), mtime=0), FileState.FITS_GZ),
        (gzip.compress(HEADER + random.Random(0).randbytes(5000), mtime=0), FileState.FITS_GZ),
        (POINTER, FileState.LFS_POINTER),
        (b"", FileState.EMPTY),
        (b"SIMPLE", FileState.NOT_FITS),
        (b"\x80\x04\x95 pickle", FileState.NOT_FITS),
        (b"\x1f\x8b", FileState.NOT_FITS),
        (b"\x1f\x8b\x08\x00garbage garbage garbage", FileState.NOT_FITS),
        (gzip.compress(b"not FITS", mtime=0), FileState.NOT_FITS),
    ],
)
def test_sniff(tmp_path: Path, content: bytes, state: FileState) -> None:
    path = tmp_path / "x.fits"
    path.write_bytes(content)
    assert sniff(path) is state
    assert state.is_fits == (state in (FileState.FITS, FileState.FITS_GZ))
    (tmp_path / "link").symlink_to(path)
    assert sniff(str(tmp_path / "link")) is state


def test_real_files(real_data: Path) -> None:
    gen2 = real_data / "obs_test" / "gen2"
    assert sniff(gen2 / "raw/raw_v1_fg.fits.gz") is FileState.FITS_GZ
    assert sniff(gen2 / "defects/defects.fits") is FileState.FITS
    assert sniff(gen2 / "registry.sqlite3") is FileState.NOT_FITS


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "file").touch()
    assert sniff(tmp_path / "fifo") is FileState.UNREADABLE
    assert sniff(tmp_path) is FileState.UNREADABLE
    assert sniff("/dev/zero") is FileState.UNREADABLE
    assert sniff(tmp_path / "loop") is FileState.UNREADABLE
    assert sniff("a\0b") is FileState.UNREADABLE
    assert sniff(tmp_path / "none") is FileState.MISSING
    assert sniff(tmp_path / "file" / "below") is FileState.MISSING
    assert sniff(tmp_path / "dangling") is FileState.MISSING


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(HEADER)
    (tmp_path / "x").chmod(0)
    assert sniff(tmp_path / "x") is FileState.UNREADABLE


def test_only_the_head_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    plain = os.read
    monkeypatch.setattr(files.os, "read", lambda fd, n: read.append(len(d := plain(fd, n))) or d)
    (tmp_path / "big.pkl").write_bytes(HEADER * 100_000)
    assert sniff(tmp_path / "big.pkl") is FileState.FITS
    assert read == [130]
    read.clear()
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(50_000_000), 1))
    assert sniff(tmp_path / "bomb.gz") is FileState.NOT_FITS
    assert sum(read) == 130 + 1024


def test_describe() -> None:
    assert describe(FileState.LFS_POINTER, "a.fits") == (
        "a.fits is a Git LFS pointer, not the file itself: run `git lfs pull` in the source repository"
    )
    assert describe(FileState.EMPTY, Path("b")).startswith("b is empty (0 bytes): ")
    texts = {describe(state, "x\n\udcff") for state in FileState}
    assert len(texts) == len(FileState)
    assert all(t.startswith(r"x\n\udcff ") and "\n" not in t for t in texts)


def test_printable() -> None:
    assert printable("é \udcff\x1b[31m\n") == r"é \udcff\x1b[31m\n"
    assert printable(Path("plain name")) == "plain name"
    printable("\udcff\x9b").encode("ascii")


@pytest.mark.parametrize("workers", [1, 4])
def test_sniff_many(tmp_path: Path, workers: int) -> None:
    paths = []
    for i in range(50):
        paths.append(tmp_path / f"{i}.fits")
        if i % 3:
            paths[-1].write_bytes(HEADER if i % 3 == 1 else b"")
    found = sniff_many([*paths, paths[1]], workers)
    assert list(found) == paths
    expected = [FileState.MISSING, FileState.FITS, FileState.EMPTY]
    assert list(found.values()) == [expected[i % 3] for i in range(50)]
    assert sniff_many([], workers) == {}
