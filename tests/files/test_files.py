"""`verify --files`: what is missing, cut off or changed is found, and put back from the source."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from lsst.daf.butler import Butler, DatasetType

from tests.gallery.place import Place, Run, digest

TRANSFERS = ("copy", "hardlink", "symlink", "relsymlink", "direct", "auto")


def converted(tmp_path: Path, transfer: str) -> Place:
    place = Place(tmp_path)
    assert place.convert("--no-verify", "--transfer", transfer).status == 0
    return place


def verify(place: Place, *options: str) -> tuple[int, dict]:
    run: Run = place.run("verify", place.target, "--files", *options, "--json")
    return run.status, json.loads(run.out)["files"]


def stored(place: Place, dataset_type: str = "bias", **data_id: object) -> Path:
    butler = Butler.from_config(str(place.target), writeable=False)
    refs = butler.query_datasets(
        dataset_type, "*", find_first=False, data_id={"instrument": "HSC", **data_id}
    )
    return Path(butler.getURI(min(refs, key=lambda ref: ref.run)).ospath)


def other_datasets(place: Place, number: int) -> list[Path]:
    """Files that somebody else put into the repository."""
    butler = Butler.from_config(str(place.target), writeable=True, run="u/somebody/run")
    butler.registry.registerDatasetType(
        DatasetType("notes", ("instrument", "detector"), "StructuredDataDict", universe=butler.dimensions)
    )
    return [
        Path(butler.getURI(butler.put({"a": 1}, "notes", instrument="HSC", detector=49 + i)).ospath)
        for i in range(number)
    ]


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_all_is_well(tmp_path: Path, transfer: str) -> None:
    place = converted(tmp_path, transfer)
    source, target = digest(place.root), digest(place.target)
    for options in ((), ("--checksum",), ("--checksum", "--workers", "3"), ("--repair",)):
        status, found = verify(place, *options)
        assert (status, found["checked"], found["unknown"], found["others"]) == (0, 16, 0, 0)
        assert found["missing"] == found["size"] == found["content"] == found["repaired"] == []
    assert digest(place.root) == source
    assert digest(place.target) == target


@pytest.mark.parametrize("transfer", [t for t in TRANSFERS if t != "direct"])
def test_missing_file_is_put_back_as_it_was(tmp_path: Path, transfer: str) -> None:
    place = converted(tmp_path, transfer)
    source = digest(place.root)
    file = stored(place, detector=49)
    content, link = file.read_bytes(), os.readlink(file) if file.is_symlink() else None
    inode = os.stat(file).st_ino
    # The directory is gone too.
    shutil.rmtree(file.parent)
    status, found = verify(place)
    assert status == 4
    assert str(file) in [entry["file"] for entry in found["missing"]]
    (entry,) = [entry for entry in found["missing"] if entry["file"] == str(file)]
    assert entry["datasets"] == ["bias HSC/calib/gen2/20140930T000000Z detector=49"]
    assert entry["recorded"] and entry["reason"] == "is not there"
    # The outcome of the check alone: nothing was put back.
    assert not file.exists()

    status, found = verify(place, "--repair")
    assert (status, found["missing"]) == (0, [])
    assert str(file) in [entry["file"] for entry in found["repaired"]]
    assert file.read_bytes() == content
    assert (os.readlink(file) if file.is_symlink() else None) == link
    if transfer == "copy":
        # The number of the lost inode may be given again, so it is the source's that tells.
        assert os.stat(file).st_nlink == 1
    else:
        assert os.stat(file).st_ino == inode
    assert not list(place.target.rglob(".gen2to3-repair-*"))
    assert verify(place, "--checksum")[0] == 0
    assert digest(place.root) == source


def test_size_and_content(tmp_path: Path) -> None:
    place = converted(tmp_path, "copy")
    short, changed = stored(place, detector=49), stored(place, detector=50)
    good = {path: path.read_bytes() for path in (short, changed)}
    short.write_bytes(good[short][:-1])
    changed.write_bytes(good[changed][:1000] + b"!" + good[changed][1001:])
    status, found = verify(place)
    assert status == 4
    (entry,) = found["size"]
    n = len(good[short])
    assert (entry["file"], entry["reason"]) == (str(short), f"{n} bytes are recorded, found {n - 1}")
    assert found["content"] == []
    status, found = verify(place, "--checksum")
    assert [entry["file"] for entry in found["content"]] == [str(changed)]
    assert "SHA-256" in found["content"][0]["reason"]
    status, found = verify(place, "--checksum", "--repair")
    assert (status, len(found["repaired"])) == (0, 2)
    assert {path: path.read_bytes() for path in good} == good


def test_recorded_checksum_is_what_counts(tmp_path: Path) -> None:
    """A source that was changed, with size and time as before, is not what the ledger says."""
    place = converted(tmp_path, "hardlink")
    file = stored(place, detector=49)
    good = hashlib.sha256(file.read_bytes()).hexdigest()
    ledger = place.target / "gen2to3.sqlite3"
    with closing(sqlite3.connect(ledger)) as db, db:
        name = "bias HSC/calib/gen2/20140930T000000Z detector=49"
        assert db.execute("update items set sha256 = ? where dataset = ?", (good, name)).rowcount == 1
    assert verify(place, "--checksum")[0] == 0
    status = os.stat(file)
    with open(file, "r+b") as stream:
        stream.seek(1000)
        stream.write(b"!")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    code, found = verify(place, "--checksum", "--repair")
    assert code == 4
    (entry,) = found["content"]
    assert f"SHA-256 {good} is recorded" in entry["reason"]
    assert "was changed" in entry["not_repaired"]


@pytest.mark.parametrize("how", ["gone", "longer", "touched"])
def test_source_that_is_no_longer_what_it_was(tmp_path: Path, how: str) -> None:
    place = converted(tmp_path, "copy")
    file = stored(place, detector=49)
    original = place.calib / "BIAS/2014-09-30/NONE/BIAS-2014-09-30-049.fits"
    assert original.read_bytes() == file.read_bytes()
    if how == "gone":
        original.unlink()
    elif how == "longer":
        original.write_bytes(original.read_bytes() + b"\0" * 2880)
    else:
        os.utime(original, ns=(0, 0))
    # What is there is of the right size; what it has to hold, nothing says any more.
    status, found = verify(place, "--checksum")
    assert (status, found["unknown"]) == (0, 1)
    file.unlink()
    source = digest(place.root)
    status, found = verify(place, "--repair")
    assert status == 4
    (entry,) = found["missing"]
    expected = {"gone": "cannot be read", "longer": "was changed: ", "touched": "another modification time"}
    assert expected[how] in entry["not_repaired"]
    assert not file.exists()
    assert digest(place.root) == source


def test_direct_cannot_be_repaired(tmp_path: Path) -> None:
    place = converted(tmp_path, "direct")
    file = stored(place, detector=49)
    assert file.is_relative_to(place.calib)
    file.unlink()
    status, found = verify(place, "--repair")
    assert status == 4
    (entry,) = found["missing"]
    assert entry["file"] == str(file)
    assert "only referred to" in entry["not_repaired"]


def test_link_to_nothing_and_other_things(tmp_path: Path) -> None:
    place = converted(tmp_path, "copy")
    link, fifo = stored(place, detector=49), stored(place, detector=50)
    link.unlink()
    link.symlink_to("/nowhere/at/all")
    fifo.unlink()
    os.mkfifo(fifo)
    status, found = verify(place, "--checksum")
    assert status == 4
    assert {e["file"]: e["reason"] for e in found["missing"]} == {
        str(link): "is a link to /nowhere/at/all, which is not there",
        str(fifo): "is no regular file",
    }
    status, found = verify(place, "--checksum", "--repair")
    assert (status, len(found["repaired"])) == (0, 2)


def test_nothing_is_written_outside_of_the_root(tmp_path: Path) -> None:
    place = converted(tmp_path, "copy")
    file = stored(place, detector=49)
    # Somebody moved the directory elsewhere and linked to it; then the file got lost.
    moved = place.elsewhere / "moved"
    file.parent.rename(moved)
    file.parent.symlink_to(moved)
    (moved / file.name).unlink()
    before = digest(place.elsewhere)
    status, found = verify(place, "--repair")
    assert status == 4
    assert [e["not_repaired"] for e in found["missing"]] == [
        f"it leads out of the repository {place.target}/"
    ] or [e["not_repaired"] for e in found["missing"]] == [f"it leads out of the repository {place.target}"]
    assert digest(place.elsewhere) == before


def test_files_of_others_are_listed_apart(tmp_path: Path) -> None:
    place = converted(tmp_path, "copy")
    gone = other_datasets(place, 2)[1]
    status, found = verify(place, "--checksum")
    assert (status, found["checked"], found["others"], found["unknown"]) == (0, 18, 2, 2)
    gone.unlink()
    own = stored(place, detector=49)
    own.unlink()
    status, found = verify(place, "--repair")
    assert status == 4
    (entry,) = found["missing"]
    assert (entry["file"], entry["recorded"]) == (str(gone), False)
    assert entry["not_repaired"] == "no ledger says where it came from"
    assert [e["file"] for e in found["repaired"]] == [str(own)]
    run = place.run("verify", place.target, "--files")
    assert "(not in the ledger)" in run.out
    assert "2 files of these no conversion in the ledger wrote" in run.out


def test_without_a_ledger(tmp_path: Path) -> None:
    place = converted(tmp_path, "copy")
    (place.target / "gen2to3.sqlite3").unlink()
    status, found = verify(place, "--checksum")
    assert (status, found["checked"], found["others"], found["unknown"]) == (0, 16, 16, 16)
    # The next conversion writes what it finds into a new ledger.
    assert place.convert("--no-verify").status == 0
    status, found = verify(place, "--checksum")
    assert (status, found["others"], found["unknown"]) == (0, 0, 0)


def test_dataset_that_lost_its_record(tmp_path: Path) -> None:
    place = converted(tmp_path, "copy")
    butler = Butler.from_config(str(place.target), writeable=True)
    (ref,) = butler.query_datasets(
        "dark", "*", find_first=False, data_id={"instrument": "HSC", "detector": 49}
    )
    butler.pruneDatasets([ref], disassociate=False, unstore=True, purge=False)
    status, found = verify(place)
    assert (status, found["checked"]) == (4, 15)
    (entry,) = found["missing"]
    assert entry["reason"] == "the registry has it, the datastore has no file"


def test_with_and_without_the_comparison(tmp_path: Path) -> None:
    place = converted(tmp_path, "copy")
    run = place.run("verify", place.target, "--files", "--json")
    assert set(json.loads(run.out)) == {"files"}
    run = place.run("verify", place.target, place.root, "--files", "--json")
    found = json.loads(run.out)
    assert (run.status, found["agree"], found["files"]["checked"]) == (0, 16, 16)
    shutil.rmtree(place.root)
    assert place.run("verify", place.target, "--files").status == 0
    assert place.run("verify", place.target).status == 2


@pytest.mark.parametrize("option", ["--checksum", "--repair"])
def test_options_that_need_files(tmp_path: Path, option: str) -> None:
    place = converted(tmp_path, "copy")
    run = place.run("verify", place.target, option)
    assert (run.status, run.out) == (2, "")
    assert f"{option} needs --files" in run.err


def test_no_repository(tmp_path: Path) -> None:
    place = Place(tmp_path)
    run = place.run("verify", place.target, "--files")
    assert (run.status, run.out) == (2, "")
    assert "there is no Butler repository to verify" in run.err


def test_ledger_that_is_none(tmp_path: Path) -> None:
    place = converted(tmp_path, "copy")
    (place.elsewhere / "book").write_text("no database")
    run = place.run("verify", place.target, "--files", "--ledger", place.elsewhere / "book")
    assert (run.status, run.out) == (2, "")
    assert "is only a record" in run.err


def test_members_of_zip_files(tmp_path: Path) -> None:
    """Datasets that somebody put into one zip file are one file that is there, or is not."""
    place = converted(tmp_path, "copy")
    other_datasets(place, 3)
    elsewhere = tmp_path / "elsewhere"
    butler = Butler.from_config(str(place.target), writeable=True)
    with butler.query() as query:
        refs = list(query.datasets("notes", "u/somebody/run"))
    archive = butler.retrieve_artifacts_zip(refs, elsewhere)
    butler.pruneDatasets(refs, purge=True, unstore=True, disassociate=True)
    butler.ingest_zip(archive, transfer="copy")
    assert butler.get("notes", instrument="HSC", detector=50, collections="u/somebody/run") == {"a": 1}
    status, found = verify(place, "--checksum")
    assert (status, found["checked"], found["others"], found["missing"]) == (0, 17, 1, [])

    (zip_file,) = place.target.rglob("*.zip")
    zip_file.unlink()
    status, found = verify(place)
    assert status == 4
    (entry,) = found["missing"]
    assert (entry["file"], len(entry["datasets"])) == (str(zip_file), 3)
