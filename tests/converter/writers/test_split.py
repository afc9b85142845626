"""Masters of many detectors, split into files that are read back with the Butler and astropy."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from converter.nouns import DataId, Gen2to3Error, UsageError
from converter.writers import check_formatters, execute, split, staging

from .conftest import FORMATTER, RUN, ingest_of
from .mosaics import ORDER, image, sha, split_ingest, staged, stored_path, write_master

KINDS = {
    "plain float32": ("f4", False),
    "plain int16": ("i2", False),
    "plain uint16": ("u2", False),
    "packed float32": ("f4", True),
    "packed int16": ("i2", True),
    "packed uint16": ("u2", True),
}


@pytest.mark.parametrize(("dtype", "packed"), KINDS.values(), ids=KINDS)
def test_pieces(butler, reopened, tmp_path, dtype, packed):
    name = tmp_path / "source" / ("bias.fits.fz" if packed else "bias.fits")
    path = write_master(name, dtype, packed)
    before = sha(path), os.stat(path).st_mtime_ns
    execute(butler, [split_ingest(path)], "direct")
    assert (sha(path), os.stat(path).st_mtime_ns) == before
    reader = reopened()
    refs = reader.query_datasets("bias", RUN)
    assert sorted(r.dataId["detector"] for r in refs) == [0, 1, 2]
    (records,) = butler._datastore.export_records(refs).values()
    infos = [i for t in records.records.values() for x in t.values() for i in x]
    assert {i.formatter for i in infos} == {FORMATTER} and len({i.path for i in infos}) == 3
    with fits.open(path) as source:
        for detector in range(3):
            uri = stored_path(reader, detector)
            assert uri.startswith(str(tmp_path / "repo" / RUN)) and uri.endswith(".fits")
            was = source[ORDER.index(detector) + 1]
            with fits.open(uri, checksum=True) as piece:
                assert len(piece) == 2 and piece[0].data is None
                assert type(piece[1]) is fits.ImageHDU
                assert piece[1].data.dtype.newbyteorder("=") == np.dtype(dtype)
                # Bits, because NaN is not equal to itself.
                native = [
                    d.astype(dtype).tobytes() for d in (piece[1].data, was.data, image(detector, dtype))
                ]
                assert native[0] == native[1] == native[2]
                assert piece[0].header["OBSTYPE"] == "zero" and piece[0].header["ESO DET NAME"] == "made up"
                assert "NEXTEND" not in piece[0].header
                assert piece[0].header["G2T3HDU"] == ORDER.index(detector) + 1
                header = piece[1].header
                for key in ("EXTNAME", "CCDNUM", "GAINA", "LONG", "BUNIT"):
                    assert header[key] == was.header[key]
                    assert header.comments[key] == was.header.comments[key]
                assert list(header["HISTORY"]) == list(was.header["HISTORY"])
                assert not [k for k in header if k.startswith("Z")]
                assert {"CHECKSUM", "DATASUM"} <= set(header)
    assert staged(tmp_path) == []


def test_cards_that_astropy_would_change(butler, reopened, tmp_path):
    """Scales, repeated cards and values that are no FITS are kept as they are."""
    name = tmp_path / "source" / "bias.fits"
    name.parent.mkdir()
    hdu = fits.ImageHDU(image(0, "i2"))
    hdu.header["EXTNAME"] = "N0"
    scale = [fits.Card("BSCALE", 0.25), fits.Card("BZERO", 100.0), fits.Card("BLANK", -5)]
    hdu.header.extend([*scale, fits.Card("SEEN", 1), fits.Card("SEEN", 2)], strip=False)
    fits.HDUList([fits.PrimaryHDU(image(1)), hdu]).writeto(name)
    content = name.read_bytes()
    odd = b"SEEN    =                    2"
    assert content.count(odd) == 1
    name.write_bytes(content.replace(odd, b"SEEN    =        12:30:00 2015"))
    execute(butler, [split_ingest(str(name), (0,))], "copy")
    with fits.open(stored_path(reopened(), 0), do_not_scale_image_data=True, checksum=True) as piece:
        assert piece[0].data is None
        assert piece[1].data.dtype.newbyteorder("=") == np.int16
        assert np.array_equal(piece[1].data, image(0, "i2"))
        header = piece[1].header
        assert (header["BSCALE"], header["BZERO"], header["BLANK"]) == (0.25, 100.0, -5)
        assert header["SEEN", 0] == 1
        assert piece[1].header.tostring().count("12:30:00 2015") == 1


def test_gzipped_file_is_read_in_its_order(butler, reopened, tmp_path):
    import gzip

    plain = write_master(tmp_path / "source" / "plain.fits")
    packed = tmp_path / "source" / "bias.fits.gz"
    packed.write_bytes(gzip.compress(Path(plain).read_bytes()))
    execute(butler, [split_ingest(str(packed))], "direct")
    with fits.open(stored_path(reopened(), 1)) as piece:
        assert piece[1].data.tobytes() == image(1).astype(">f4").tobytes()


def test_with_files_that_are_not_split(butler, reopened, files, tmp_path):
    path = write_master(tmp_path / "source" / "bias.fits")
    other = files("dark.fits")
    batch = [split_ingest(path), ingest_of(other, ("dark", DataId(0)))]
    references = execute(butler, batch, "direct")
    reader = reopened()
    (dark,) = reader.query_datasets("dark", RUN)
    assert reader.getURI(dark).ospath == other
    for detector in range(3):
        ref = references.get("bias", RUN, "Cam", DataId(detector))
        assert reader.get_dataset(ref.id) == ref


def test_the_same_master_is_the_same_file(butler, tmp_path):
    path = write_master(tmp_path / "source" / "bias.fits")
    digests = []
    for number in range(2):
        with staging.staging(butler) as directory:
            directory = directory / str(number)
            directory.mkdir()
            (pieces,) = split.split([split_ingest(path)], directory)
            digests.append([sha(f.path) for f in pieces.files])
    assert digests[0] == digests[1]


def damage(path: str, how: str) -> str:
    """Make a master unreadable in some way; gives what the message has to name."""
    source = Path(path)
    if how == "truncated":
        with fits.open(path) as hdus:
            second = hdus[2].fileinfo()
        source.write_bytes(source.read_bytes()[: second["datLoc"] + 100])
    elif how == "table":
        with fits.open(path) as hdus:
            column = fits.Column("A", "J", array=[1, 2])
            content = fits.HDUList([hdus[0], hdus[1], fits.BinTableHDU.from_columns([column]), *hdus[3:]])
            content.writeto(path, overwrite=True)
    elif how == "empty":
        with fits.open(path) as hdus:
            fits.HDUList([hdus[0], hdus[1], fits.ImageHDU(), *hdus[3:]]).writeto(path, overwrite=True)
    return f"{source.name} HDU 2"


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize("how", ["truncated", "table", "empty"])
def test_unreadable_extension(butler, reopened, tmp_path, how, packed):
    path = write_master(tmp_path / "source" / "bias.fits", packed=packed)
    named = damage(path, how)
    before = sha(path)
    with pytest.raises(Gen2to3Error, match=named):
        execute(butler, [split_ingest(path)], "direct")
    assert sha(path) == before
    assert staged(tmp_path) == []
    assert not reopened().query_datasets("bias", "*", find_first=False, explain=False)
    assert list((tmp_path / "repo").rglob("*.fits")) == []


def test_failure_after_the_pieces_are_in(butler, reopened, tmp_path):
    path = write_master(tmp_path / "source" / "bias.fits")
    bad = ingest_of(str(tmp_path / "nowhere.fits"), ("dark", DataId(0)))
    with pytest.raises(Gen2to3Error, match="nowhere"):
        execute(butler, [split_ingest(path), bad], "copy")
    assert staged(tmp_path) == [] and list((tmp_path / "repo").rglob("*.fits")) == []
    # What a killed process left in the datastore is written again.
    execute(butler, [split_ingest(path)], "copy")
    (kept,) = {Path(stored_path(reopened(), 0))}
    assert kept.exists()


def test_write_that_goes_wrong(butler, tmp_path, monkeypatch):
    path = write_master(tmp_path / "source" / "bias.fits")
    stored = split.pixels.stored
    monkeypatch.setattr(split.pixels, "stored", lambda data: stored(np.zeros_like(data)))
    digest = lambda data: hashlib.sha256(stored(data).data).hexdigest()  # noqa: E731
    monkeypatch.setattr(split.pixels, "digest", digest)
    with pytest.raises(Gen2to3Error, match=r"bias\.fits HDU 1: was written with other pixels"):
        execute(butler, [split_ingest(path)], "direct")
    assert staged(tmp_path) == []


def test_stale_staging(butler, tmp_path):
    root = tmp_path / "repo"
    host = staging._HOST
    kept = root / f"{staging.STAGING}{os.getppid()}-{host}", root / f"{staging.STAGING}1-{host}x"
    gone = root / f"{staging.STAGING}999999999-{host}", root / f"{staging.STAGING}{os.getpid()}-{host}"
    for directory in (*kept, *gone):
        (directory / "0-0").mkdir(parents=True)
    staging.remove_stale(butler)
    assert sorted(staged(root)) == sorted(kept)


def test_target_that_is_not_local(butler, tmp_path, monkeypatch):
    path = write_master(tmp_path / "source" / "bias.fits")
    monkeypatch.setattr(type(butler), "get_datastore_roots", lambda self: {})
    with pytest.raises(UsageError, match="without --split-masters"):
        execute(butler, [split_ingest(path)], "direct")


def test_piece_that_is_stored_elsewhere_is_noticed(butler, files, tmp_path):
    """Pieces have to be in the datastore, whatever the transfer of the others."""
    operation = ingest_of(files(), ("bias", DataId(0)))
    execute(butler, [operation], "direct")
    (file,) = operation.files
    moved = replace(operation, files=(replace(file, path=str(tmp_path / "staged.fits")),))
    with pytest.raises(Gen2to3Error, match="stored as file://"):
        check_formatters(butler, [moved])
