"""Masters of many detectors, split into files that are read back with the Butler and astropy."""

import hashlib
import os
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from lsst.daf.butler import Butler

from adapters import registry
from adapters.camera import Extensions, Lookup
from adapters.hsc import HSC
from converter.apply import apply, batches
from converter.convert import convert
from converter.nouns import DataId, Gen2to3Error, UsageError
from converter.operations import Ingest, IngestFile
from converter.planning.conversion import make_plan
from converter.planning.plan import Plan
from converter.recipe import Recipe
from converter.same_file import FileIdentity
from converter.verify import verify
from converter.writers import check_formatters, execute, split
from fixtures import fits as tiny
from fixtures.hsc_files import raw_cards, raw_row
from fixtures.registry import HSC_CALIB, HSC_RAW
from fixtures.repository import Builder

from .conftest import FORMATTER, RUN, ingest_of

RULE = Extensions(card="CCDNUM")
ORDER = (2, 0, 3, 1)
"""Detector of every extension: not the order of their numbers."""
KINDS = {
    "plain float32": ("f4", False),
    "plain int16": ("i2", False),
    "plain uint16": ("u2", False),
    "packed float32": ("f4", True),
    "packed int16": ("i2", True),
    "packed uint16": ("u2", True),
}


def image(detector: int, dtype: str = "f4", seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(100 * seed + detector)
    pixels = rng.normal(1000 + 500 * detector, 30, (24, 40)).astype(dtype)
    if dtype == "f4":
        pixels[3, 4:7] = np.nan, np.inf, -0.0
    return pixels


def write_master(
    path: Path, dtype: str = "f4", packed: bool = False, seed: int = 0, order: tuple[int, ...] = ORDER
) -> str:
    """A file of one extension per detector, with cards of every sort."""
    primary = fits.PrimaryHDU()
    primary.header["NEXTEND"] = len(order)
    primary.header["OBSTYPE"] = ("zero", "type of master")
    primary.header["HIERARCH ESO DET NAME"] = "made up"
    hdus = fits.HDUList([primary])
    for detector in order:
        pixels = image(detector, dtype, seed)
        hdu = fits.ImageHDU(pixels)
        if packed:
            kind = "GZIP_2" if dtype == "f4" else "RICE_1"
            hdu = fits.CompImageHDU(pixels, compression_type=kind, quantize_level=0)
        hdu.header["EXTNAME"] = f"N{detector}"
        hdu.header["CCDNUM"] = (detector, "detector")
        hdu.header["GAINA"] = (1.5 + detector, "[e/adu] gain")
        hdu.header["LONG"] = "a text that is too long for one card, " * 4
        hdu.header["BUNIT"] = "adu"
        hdu.header.add_history(f"made for detector {detector}")
        hdu.header.add_history("and a second line")
        hdus.append(hdu)
    path.parent.mkdir(parents=True, exist_ok=True)
    hdus.writeto(path, checksum=True)
    return str(path)


def split_ingest(path: str, order: tuple[int, ...] = ORDER) -> Ingest:
    """Ingest of a master whose detectors, sorted, are to be split off."""
    detectors = sorted(d for d in order if d < 3)  # the made-up camera has three
    hdus = tuple(order.index(d) + 1 for d in detectors)
    datasets = tuple(("bias", DataId(d)) for d in detectors)
    return Ingest("Cam", RUN, (IngestFile(path, FORMATTER, datasets, hdus),))


def sha(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def staged(root: Path) -> list[Path]:
    return list(root.rglob(f"{split.STAGING}*"))


def stored_path(butler: Butler, detector: int) -> str:
    ref = butler.find_dataset("bias", instrument="Cam", detector=detector, collections=RUN)
    return butler.getURI(ref).ospath


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
        with split.staging(butler) as directory:
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
    host = split._HOST
    kept = root / f"{split.STAGING}{os.getppid()}-{host}", root / f"{split.STAGING}1-{host}x"
    gone = root / f"{split.STAGING}999999999-{host}", root / f"{split.STAGING}{os.getpid()}-{host}"
    for directory in (*kept, *gone):
        (directory / "0-0").mkdir(parents=True)
    split.remove_stale(butler)
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


# --- which file is a piece of which


@pytest.fixture
def piece(butler, reopened, tmp_path):
    """A source file and the piece of its detector 1."""
    path = write_master(tmp_path / "source" / "bias.fits")
    execute(butler, [split_ingest(path)], "direct")
    return path, stored_path(reopened(), 1)


def test_piece_of_its_source(piece):
    source, path = piece
    files = FileIdentity()
    assert not files.same(source, path)
    assert files.is_piece(source, RULE, 1, path)
    assert not files.is_piece(source, RULE, 2, path)
    assert not files.is_piece(source, RULE, None, path)
    assert not files.is_piece(source, RULE, 1, source)
    assert not files.is_piece(source, RULE, 1, "s3://bucket/bias.fits")
    assert not files.is_piece(source, RULE, 1, f"{path}.gone")


def test_piece_of_another_source(piece, tmp_path):
    _, path = piece
    other = write_master(tmp_path / "other" / "bias.fits", seed=1)
    assert not FileIdentity().is_piece(other, RULE, 1, path)
    assert not FileIdentity().is_piece(f"{other}.gone", RULE, 1, path)


def test_piece_whose_pixels_changed(piece):
    source, path = piece
    with fits.open(path, mode="update") as hdus:
        hdus[1].data[0, 0] += 1
    assert not FileIdentity().is_piece(source, RULE, 1, path)


# --- a whole repository


class Mosaic(HSC):
    """HSC with biases of many detectors in a file."""

    name = "mosaic"
    instrument_file = "camera.yaml"
    mappers = ("made.up.Mosaic",)
    instrument = HSC().instrument

    calibrations = (
        replace(
            HSC.calibrations[0],
            template="BIAS/%(calibDate)s/BIAS-%(calibDate)s.fits",
            lookup=Lookup(columns=("ccd", "taiObs"), reference="raw_visit", ref_columns=("visit",)),
            formatter="made.up.MosaicFormatter",
            extensions=RULE,
        ),
    )


@pytest.fixture
def mosaic(tmp_path, monkeypatch):
    """A Gen2 root with two biases, one packed, and an observation for each."""
    real = list(entry_points(group=registry.GROUP))
    point = EntryPoint("mosaic", f"{__name__}:Mosaic", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [*real, point])
    builder = Builder(tmp_path / "gen2", "made.up.Mosaic", HSC.raw.template, {})
    for visit, day in ((100, 1), (102, 11)):
        begin = datetime(2015, 1, day, 10, tzinfo=UTC)
        for ccd in range(4):
            row = raw_row(visit, ccd, begin, "HSC-R")
            builder.raw(row, tiny.header(raw_cards(row, begin)))
    for seed, (date, end) in enumerate((("2015-01-01", "2015-01-05"), ("2015-01-10", "2015-01-15"))):
        name = f"CALIB/BIAS/{date}/BIAS-{date}.fits{'.fz' if seed else ''}"
        write_master(tmp_path / "gen2" / name, packed=bool(seed), seed=seed)
        for ccd in range(4):
            row = {"filter": "NONE", "ccd": ccd, "calibDate": date, "validStart": date, "validEnd": end}
            builder.calib_rows["bias"].append(row)
    return builder.finish(HSC_RAW, HSC_CALIB)


def test_conversion(mosaic, tmp_path):
    target = str(tmp_path / "repo")
    before = {p: sha(p) for p in mosaic.root.rglob("*") if p.is_file()}
    recipe = Recipe(str(mosaic.root), transfer="direct", split_masters=True)
    plan = make_plan(recipe, target)
    assert (plan.conflicts, plan.rejects, plan.written["bias"]) == ([], [], 8)
    apply(plan, target)
    found = verify(target, recipe)
    assert (found.lookups, found.agree, found.disagree) == (8, 8, [])
    assert {p: sha(p) for p in mosaic.root.rglob("*") if p.is_file()} == before
    assert staged(tmp_path) == []
    with Butler.from_config(target) as butler:
        for ref in butler.query_datasets("bias", "HSC/calib/gen2/*", find_first=False):
            uri = butler.getURI(ref)
            assert uri.ospath.startswith(target)
            seed = int(ref.run.endswith("20150110T000000Z"))
            with fits.open(uri.ospath, checksum=True) as hdus:
                assert hdus[1].header["CCDNUM"] == ref.dataId["detector"]
                expected = image(ref.dataId["detector"], seed=seed)
                assert hdus[1].data.tobytes() == expected.astype(">f4").tobytes()
        raws = butler.query_datasets("raw", "HSC/raw/all")
        assert {str(mosaic.root) in butler.getURI(r).ospath for r in raws} == {True}
    times = {p: p.stat().st_mtime_ns for p in Path(target).rglob("*.fits")}
    again = make_plan(recipe, target)
    assert again.is_empty and again.existing["bias"] == 8
    assert apply(again, target) is None
    assert convert(recipe, target).exit_status == 0
    assert {p: p.stat().st_mtime_ns for p in Path(target).rglob("*.fits")} == times


def test_batches_of_pieces_are_small():
    file = split_ingest("/a.fits")
    plan = Plan("convert", "", Recipe("/"), ingests=[file] * 100)
    assert [len(batch) for batch in batches(plan)] == [66, 34]
    plan.ingests = [replace(file, files=(replace(file.files[0], hdus=()),))] * 100
    assert [len(batch) for batch in batches(plan)] == [100]


def test_wrong_piece_is_a_disagreement(mosaic, tmp_path):
    target = str(tmp_path / "repo")
    recipe = Recipe(str(mosaic.root), transfer="direct", split_masters=True)
    apply(make_plan(recipe, target), target)
    first, second = sorted(p for p in Path(target).rglob("*.fits") if "20150101" in str(p))[:2]
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    found = verify(target, recipe)
    assert (found.agree, len(found.disagree)) == (6, 2)


def test_the_same_ids_as_without_splitting(mosaic, tmp_path):
    ids = []
    for split_masters in (True, False):
        target = str(tmp_path / f"repo-{split_masters}")
        recipe = Recipe(str(mosaic.root), transfer="direct", split_masters=split_masters)
        apply(make_plan(recipe, target), target)
        assert verify(target, recipe).agree == 8
        with Butler.from_config(target) as butler:
            refs = butler.query_datasets("bias", "HSC/calib/gen2/*", find_first=False)
            ids.append({r.id: r.dataId["detector"] for r in refs})
            (records,) = butler._datastore.export_records(refs).values()
            names = {i.formatter for t in records.records.values() for x in t.values() for i in x}
            assert names == {FORMATTER if split_masters else "made.up.MosaicFormatter"}
    assert ids[0] == ids[1] and len(ids[0]) == 8
