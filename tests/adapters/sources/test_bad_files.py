"""Whatever lies in a directory: nothing is followed out of it, waited for, or read without bounds."""

import gzip
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adapters.gen2.directory import FileEntry
from adapters.gen2.source import why_not
from adapters.hsc import HSC
from adapters.sources.delivery import read_delivery
from adapters.sources.loading import load_declaration
from fixtures import fits
from fixtures.cp_delivery import extension

CAMERA = HSC()
DECLARATIONS = [load_declaration(p) for p in CAMERA.delivery_files]
ROOT = Path(__file__).resolve().parents[3]


def read(*paths, **options):
    return read_delivery(CAMERA, DECLARATIONS, paths, **options)


def bias(ccd):
    return fits.master("bias", {"ccd": ccd, "calibDate": "2013-11-05"})


def detectors(found):
    return [k.data_id.detector for k in found.masters]


def test_links(tmp_path):
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    fits.write(root / "a.fits", bias(1))
    fits.write(elsewhere / "b.fits", bias(2))
    fits.write(elsewhere / "sub" / "c.fits", bias(3))
    (root / "b.fits").symlink_to(elsewhere / "b.fits")
    (root / "sub").symlink_to(elsewhere / "sub")
    (root / "loop").symlink_to(root)
    (root / "self.fits").symlink_to(root / "self.fits")
    (root / "alias.fits").symlink_to(root / "a.fits")
    found = read(root)
    assert detectors(found) == [1]
    assert {Path(r.path).name: r.reason for r in found.rejects} == {
        "b.fits": why_not(FileEntry(-1, 0, "outside")),
        "sub": f"leads out of the source, to {elsewhere / 'sub'}; allow it with --allow-outside DIR",
        "self.fits": why_not(FileEntry(-1, 0, "dangling")),
    }
    assert [(s.item, s.reason) for s in found.skips] == [
        (str(root / "alias.fits"), f"the same as {root / 'a.fits'} (same checksum)")
    ]
    allowed = read(root, allowed=[str(elsewhere)])
    assert sorted(detectors(allowed)) == [1, 2, 3]
    assert [Path(r.path).name for r in allowed.rejects] == ["self.fits"]
    # A link that was given itself is followed.
    assert detectors(read(root / "b.fits")) == [2]


def test_no_regular_files(tmp_path):
    fits.write(tmp_path / "a.fits", bias(1))
    os.mkfifo(tmp_path / "fifo.fits")
    found = read(tmp_path, tmp_path / "fifo.fits", "/dev/null", tmp_path / "none.fits", "a\0b")
    assert detectors(found) == [1]
    assert {r.path: r.reason for r in found.rejects} == {
        os.path.abspath("a\0b"): "does not exist; check the path",
        str(tmp_path / "fifo.fits"): "is no regular file; check the path",
        "/dev/null": "is no regular file; check the path",
        str(tmp_path / "none.fits"): "does not exist; check the path",
    }
    (reject,) = read(tmp_path).rejects
    assert reject.path == str(tmp_path / "fifo.fits") and "is no regular file" in reject.reason


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty (0 bytes)"),
        (fits.lfs_pointer("x"), "git lfs pull"),
        (b"hello world", "is not a FITS file"),
        (b"\x1f\x8b" + b"\0" * 50, "expected a readable FITS file"),
        (gzip.compress(bias(2))[:-40], "expected a readable FITS file"),
        (bias(2)[:400], "expected an END card, found none within 400 bytes"),
        (bias(2)[:1000], "is cut off, 1880 bytes are missing"),
        (bias(2) + extension(1)[: -fits.BLOCK + 3], "is cut off, 13 bytes are missing"),
        (gzip.compress(bias(2) + extension(1)[: -fits.BLOCK + 3]), "is cut off, 13 bytes"),
        (bias(2) + b"XTENS", "expected an END card"),
        (fits.header({}).replace(fits.card("NAXIS", 0), fits.card("NAXIS", 999)), "no rule"),
        (bias(2).replace(fits.card("BITPIX", 8), fits.card("BITPIX", 64)), ""),
        (
            bias(2).replace(
                fits.card("NAXIS", 0) + fits.card("EXTEND", True),
                fits.card("NAXIS", 1) + fits.card("NAXIS1", 1 << 55),
            ),
            "expected the size of HDU 0",
        ),
        (
            bias(2).replace(
                fits.card("NAXIS", 0) + fits.card("EXTEND", True),
                fits.card("NAXIS", 1) + fits.card("NAXIS1", -5),
            ),
            "expected the size of HDU 0",
        ),
    ],
)
def test_damaged(tmp_path, content, expected):
    fits.write(tmp_path / "bad.fits", content)
    fits.write(tmp_path / "good.fits", bias(1))
    found = read(tmp_path)
    assert 1 in detectors(found)
    said = [(r.item, r.reason) for r in found.rejects] + [(s.item, s.reason) for s in found.skips]
    if not expected:
        assert detectors(found) == [2, 1] and not said
        return
    ((item, reason),) = said
    assert item == str(tmp_path / "bad.fits")
    assert expected in reason and "\n" not in reason


def test_names_that_are_no_text(tmp_path):
    path = os.fsencode(tmp_path) + b"/b\xff.fits"
    with open(path, "wb") as stream:
        stream.write(bias(2))
    fits.write(tmp_path / "two\nlines.fits", bias(3))
    found = read(tmp_path)
    assert detectors(found) == [3]
    (reject,) = found.rejects
    assert "UTF-8" in reject.reason and reject.item.isprintable()


def test_an_unreadable_file(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    fits.write(tmp_path / "a.fits", bias(1))
    (tmp_path / "a.fits").chmod(0)
    (reject,) = read(tmp_path).rejects
    assert "Permission denied" in reject.reason


def test_a_control_character_in_a_card(tmp_path):
    words = bias(2).replace(b"ccd=2", b"ccd=\x1b\n")
    fits.write(tmp_path / "a.fits", words)
    (reject,) = read(tmp_path).rejects
    assert reject.reason.isprintable()


@pytest.mark.parametrize("bomb", ["header of 10 GB", "data of 10 GB"])
def test_bombs(tmp_path, bomb):
    """In a process that may have little memory."""
    blank = b" " * 80 * 36 * 1000
    primary = bias(2).replace(b"END ".ljust(80), b" " * 80)
    claims = fits.header({"CALIB_ID": "ccd=2 calibDate=2013-11-05", "OBSTYPE": "bias"}).replace(
        fits.card("NAXIS", 0) + fits.card("EXTEND", True),
        fits.card("NAXIS", 1) + fits.card("NAXIS1", 10 << 30),
    )
    with gzip.open(tmp_path / "bomb.fits.gz", "wb", compresslevel=1) as z:
        if bomb == "header of 10 GB":
            z.write(primary)
            for _ in range(20):
                z.write(blank)
        else:
            z.write(claims)
            z.write(b"\0" * 1_000_000)
    with open(tmp_path / "header.fits", "wb") as stream:
        stream.write(primary)
        stream.truncate(10 << 30)
    fits.write(tmp_path / "good.fits", bias(1))
    script = (
        "import resource, sys; from tests.adapters.sources.test_bad_files import read\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "found = read(sys.argv[1])\n"
        "print([k.data_id.detector for k in found.masters])\n"
        "print(sorted(r.reason for r in found.rejects))\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    good, rejects, megabytes = done.stdout.splitlines()
    assert good == "[1]"
    expected = {
        "header of 10 GB": "found none within",
        "data of 10 GB": "expected at most 4294967296 bytes when unpacked",
    }[bomb]
    assert rejects.count("copy the file again") == 2 and expected in rejects
    assert int(megabytes) < 50
    assert time.monotonic() - begin < 60
