"""Split masters of a whole repository, and which file is a piece of which."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest
from astropy.io import fits
from lsst.daf.butler import Butler

from adapters import registry
from adapters.camera import Lookup
from adapters.hsc import HSC
from converter.apply import apply, batches
from converter.convert import convert
from converter.files_check import check_files
from converter.files_repair import check_and_repair
from converter.planning.conversion import make_plan
from converter.planning.plan import Plan
from converter.recipe import Recipe
from converter.same_file import FileIdentity
from converter.undoing.undo import undo
from converter.verify import verify
from converter.writers import execute
from fixtures import fits as tiny
from fixtures.hsc_files import raw_cards, raw_row
from fixtures.registry import HSC_CALIB, HSC_RAW
from fixtures.repository import Builder

from .conftest import FORMATTER
from .mosaics import RULE, image, sha, split_ingest, staged, stored_path, write_master

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


def test_pieces_go_when_the_conversion_is_undone(mosaic, tmp_path):
    target = tmp_path / "repo"
    before = {p: sha(p) for p in mosaic.root.rglob("*") if p.is_file()}
    recipe = Recipe(str(mosaic.root), transfer="direct", split_masters=True)
    apply(make_plan(recipe, str(target)), str(target))
    assert len(list(target.rglob("*.fits"))) == 8
    assert undo(str(target)).plan.datasets["bias"] == 8
    assert not list(target.rglob("*.fits"))
    assert {p: sha(p) for p in mosaic.root.rglob("*") if p.is_file()} == before


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


def test_pieces_have_their_own_checksums(mosaic, tmp_path):
    """A piece is no copy of anything: what it has to be, it says itself, and it is not put back."""
    target = str(tmp_path / "repo")
    apply(make_plan(Recipe(str(mosaic.root), transfer="copy", split_masters=True), target), target)
    ledger = tmp_path / "repo" / "gen2to3.sqlite3"
    found = check_files(target, ledger, checksum=True)
    assert (found.checked, found.wrong, found.unknown, found.others) == (16, [], 0, 0)
    piece = sorted((tmp_path / "repo").rglob("*bias*.fits"))[0]
    good = piece.read_bytes()
    # A bit of the pixels, which begin with the last block.
    piece.write_bytes(good[:-2880] + bytes([good[-2880] ^ 1]) + good[-2879:])
    assert check_files(target, ledger).wrong == []
    (wrong,) = check_and_repair(target, ledger, checksum=True).wrong
    assert (wrong.file.path, wrong.kind) == (str(piece), "content")
    assert re.search("checksums|SHA-256", wrong.reason)
    assert "is no copy of it" in wrong.repair
    with fits.open(piece, mode="update", checksum=True) as hdus:
        hdus[1].data[0, 0] += 1  # with FITS checksums that hold
    (wrong,) = check_files(target, ledger, checksum=True).wrong
    assert "SHA-256" in wrong.reason


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
