"""After a conversion and its undo all is as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsst.daf.butler import Butler, CollectionType, DatasetRef, Timespan

from converter.ledger import FILE_NAME, Ledger
from fixtures.hsc import HscRepository, HscSpec, make_hsc
from tests.blessing.conftest import OLD, SUITE, Place, made, place  # noqa: F401

from .conftest import run, run_json
from .dump import check_ledger, dump, tree

VISITS = ("--visits", "9040..9044")
MODES = ("auto", "direct", "symlink", "relsymlink", "hardlink", "copy")
NOTHING = {
    "collections": {},
    "datasets": [],
    "ranges": [],
    "records": [],
    "files": {},
}


def refused(repo: Path, *args: object) -> list[str]:
    """Reasons against an undo; nothing may have been changed."""
    before = dump(repo)
    data = run_json("undo", repo, *args, status=3)
    assert data["conversion"] is None
    assert dump(repo) == before
    assert all("\n" not in line for line in data["refused"])
    return data["refused"]


@pytest.fixture
def repo(tmp_path: Path, gen2: HscRepository) -> Path:
    """With the first exposures and all masters."""
    run("convert", gen2.root, tmp_path / "repo", *VISITS, "--no-verify")
    return tmp_path / "repo"


@pytest.mark.parametrize("mode", MODES)
def test_convert(tmp_path: Path, gen2: HscRepository, mode: str) -> None:
    repo, source = tmp_path / "repo", tree(gen2.root)
    run("convert", gen2.root, repo, "--transfer", mode)
    after = dump(repo)
    assert len(after["datasets"]) == 28
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        data = run_json("undo", "repo")
    assert data == {
        "conversion": 2,
        "undoes": 1,
        "command": "convert",
        "undone": {"bias": 4, "dark": 4, "defects": 4, "flat": 4, "raw": 12},
        "decertified": {"bias": 4, "dark": 4, "defects": 4, "flat": 4},
        "restored": {},
        "collections": data["collections"],
        "chains": [],
        "dataset_types_kept": ["bias", "dark", "flat", "defects", "raw"],
        "refused": [],
    }
    assert data["collections"][:2] == ["HSC/defaults", "HSC/calib"]
    assert set(data["collections"]) == set(after["collections"])
    assert dump(repo) == NOTHING
    assert tree(gen2.root) == source
    check_ledger(repo)
    # Again: the same repository.
    run("convert", gen2.root, repo, "--transfer", mode)
    assert dump(repo) == after
    check_ledger(repo)


def test_what_was_there_before_stays(repo: Path, gen2: HscRepository) -> None:
    before = dump(repo)
    run("convert", gen2.root, repo, "--transfer", "copy", "--label", "other")
    assert dump(repo)["collections"]["HSC/calib"] == ("CHAINED", ("HSC/calib/gen2", "HSC/calib/other"))
    dry = run_json("undo", repo, "--dry-run")
    assert dry["undone"] == {"bias": 4, "dark": 4, "defects": 4, "flat": 4, "raw": 6}
    assert dry["chains"] == [
        {
            "name": "HSC/calib",
            "before": ["HSC/calib/gen2", "HSC/calib/other"],
            "after": ["HSC/calib/gen2"],
        }
    ]
    text = run("undo", repo).stdout
    assert "Conversion 2 is undone by 3: 22 datasets, 16 ranges and 8 collections removed" in text
    assert "stays  dimension records" in text
    assert dump(repo) == before
    check_ledger(repo)


def test_a_dry_run_changes_nothing(repo: Path) -> None:
    before, ledger = dump(repo), (repo / FILE_NAME).read_bytes()
    text = run("undo", repo, "--dry-run").stdout
    assert "Nothing was changed" in text
    assert (dump(repo), (repo / FILE_NAME).read_bytes()) == (before, ledger)


def test_in_order_and_out_of_order(repo: Path, gen2: HscRepository) -> None:
    first = dump(repo)
    run("convert", gen2.root, repo)
    (reason,) = refused(repo, 1)
    assert reason.startswith(
        "conversion 2 (convert) put datasets into RUNs that it made: raw HSC/raw/all detector=49 exposure="
    )
    assert run_json("undo", repo)["undoes"] == 2
    assert dump(repo) == first
    assert run_json("undo", repo)["undoes"] == 1
    assert dump(repo) == NOTHING
    run("undo", repo, status=2)
    again = run("undo", repo, 1)
    assert "Conversion 1 was undone by 4 already; nothing to do." in again.stdout


def test_the_ledger_keeps_the_history_and_counts_what_stands(repo: Path, gen2: HscRepository) -> None:
    run("convert", gen2.root, repo, "--reading", "half-open", "--label", "other")
    book = Ledger(repo / FILE_NAME)
    decisions = book.decisions()
    run("undo", repo)
    row = book.conversion(2)
    assert (row["undone_by"], row["command"]) == (3, "convert")
    assert book.conversion(3)["command"] == "undo"
    assert book.last_recipe()["label"] == "gen2"
    assert not any("HSC/calib/other" in name for name in book.datasets())
    assert len(book.decisions()) < len(decisions)
    states = dict(
        book.database().execute("select state, count(*) from items where conversion = 2 group by 1")
    )
    assert set(states) <= {"undone", "skipped", "handed-off"}
    assert states["undone"] == 22
    run("verify", repo, gen2.root, *VISITS)


def test_a_recorded_verification_of_what_was_undone_does_not_count(repo: Path, gen2: HscRepository) -> None:
    run("convert", gen2.root, repo)
    run("undo", repo)
    again = run("convert", gen2.root, repo)
    assert "Verified: " in again.stdout
    assert "unchanged since" not in again.stdout
    assert "unchanged since" in run("convert", gen2.root, repo).stdout


def test_rejects_of_what_was_undone_do_not_count(tmp_path: Path) -> None:
    source = make_hsc(tmp_path / "gen2")
    victim = next((source.root / "CALIB").rglob("BIAS*.fits"))
    victim.write_bytes(b"")
    run("convert", source.root, tmp_path / "repo", "--no-verify", status=1)
    book = Ledger(tmp_path / "repo" / FILE_NAME)
    assert any("BIAS" in file for file in book.left_out())
    run("undo", tmp_path / "repo")
    assert book.left_out() == {}


def test_moved_files_are_not_deleted(tmp_path: Path) -> None:
    source = make_hsc(tmp_path / "gen2")
    repo = tmp_path / "repo"
    run("convert", source.root, repo, "--no-verify")
    book = Ledger(repo / FILE_NAME)
    db = book.database()
    db.execute("update conversions set recipe = json_set(recipe, '$.transfer', 'move')")
    db.conn.commit()
    (reason,) = refused(repo)
    assert "--transfer move" in reason


def refs_of(butler: Butler, name: str) -> list[DatasetRef]:
    runs = butler.collections.query("HSC/calib/*", collection_types=CollectionType.RUN)
    return sorted(butler.query_datasets(name, collections=sorted(runs), find_first=False))


def test_work_of_others_stands_in_the_way(repo: Path, gen2: HscRepository) -> None:
    with Butler.from_config(str(repo), writeable=True) as butler:
        bias, dark = refs_of(butler, "bias"), refs_of(butler, "dark")
        butler.collections.register("u/me/tag", CollectionType.TAGGED)
        butler.registry.associate("u/me/tag", bias[:1])
        butler.collections.register("u/me/calib", CollectionType.CALIBRATION)
        butler.registry.certify("u/me/calib", dark[:1], Timespan(None, None))
        butler.collections.register("u/me/chain", CollectionType.CHAINED)
        butler.collections.redefine_chain("u/me/chain", ["HSC/calib/gen2"])
        butler.collections.extend_chain("HSC/defaults", "u/me/tag")
    reasons = refused(repo)
    assert [reason.split(":")[0] for reason in reasons] == [
        "chain HSC/defaults, which it made, has u/me/tag since; take that out first",
        "chain u/me/chain has HSC/calib/gen2, which it made; take that out first",
        "u/me/calib has ranges of its datasets that it did not certify",
        "TAGGED collection u/me/tag has its datasets",
    ]
    assert "dark detector=49 of HSC/calib/gen2/" in reasons[2]


def test_a_range_that_somebody_changed(repo: Path) -> None:
    with Butler.from_config(str(repo), writeable=True) as butler:
        (ref, *_) = refs_of(butler, "bias")
        (row,) = (
            r
            for r in butler.registry.queryDatasetAssociations("bias", ["HSC/calib/gen2"])
            if r.ref.id == ref.id
        )
        begin = row.timespan.begin
        half = Timespan(begin + (row.timespan.end - begin) / 2, row.timespan.end)
        butler.registry.decertify("HSC/calib/gen2", "bias", half, dataIds=[ref.dataId])
    first, second = refused(repo)
    assert " was certified for " in first
    assert "HSC/calib/gen2 has ranges of its datasets that it did not certify" in second


PLAN = (
    f"collection: {OLD}\nextend: true\nmake_default: true\n"
    f"inherit:\n- {{from: {OLD}, type: bias, clip: ['', 2020-03-01]}}\n"
    f"- {{from: {OLD}, type: dark, cut: [2020-03-01, 2020-04-01]}}\n"
    "certify:\n"
    "- {from: u/me/proc/20200301T000000Z, type: cpBiasProc, as: bias, range: [2020-03-01, '']}\n"
    "- {from: u/me/flat, range: ['', '']}\n"
)


def test_bless(place: Place) -> None:  # noqa: F811
    before = dump(place.root)
    place.good(PLAN)
    after = dump(place.root)
    data = run_json("undo", place.root)
    assert data["undone"] == {"bias": 3}
    assert data["decertified"] == {"bias": 6, "dark": 6, "flat": 6}
    assert data["restored"] == {"bias": 3, "dark": 3}
    assert dump(place.root) == before
    place.good(PLAN)
    assert dump(place.root) == after
    check_ledger_of_parts(place.root)


def check_ledger_of_parts(root: Path) -> None:
    """The repository was not made by a conversion; only what the ledger says is looked at."""
    db = Ledger(root / FILE_NAME).database()
    done = [
        r[0] for r in db.execute("select dataset_id from items where state = 'done' and dataset_id not null")
    ]
    with Butler.from_config(str(root)) as butler:
        assert len(butler.get_many_datasets(done)) == len(done) > 0


def test_bless_as_default_and_decertify(place: Place) -> None:  # noqa: F811
    before = dump(place.root)
    place.good(
        f"collection: {SUITE}\nmake_default: true\ninherit:\n- {{from: {OLD}}}\n"
        "certify:\n- {from: u/me/flat, range: ['', '']}\n"
    )
    suite = dump(place.root)
    assert suite["collections"]["Cam/calib"] == ("CHAINED", (SUITE, OLD))
    args = (
        "--decertify",
        "--collection",
        SUITE,
        "--type",
        "flat",
        "--begin",
        "2020-06-01",
        "--end",
        "2021-01-01",
    )
    place.good(None, *args)
    (taken, *_) = refused(place.root, 1)
    assert taken.startswith(
        "flat detector=0 physical_filter=Cam-g of u/me/flat in Cam/calib/suite was certified for"
    )
    assert any("conversion 2 (bless) took off or cut ranges" in line for line in refused(place.root, 1))
    run("undo", place.root)
    assert dump(place.root) == suite
    run("undo", place.root)
    assert dump(place.root) == before


def test_a_later_blessing_of_its_masters(repo: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("collection: HSC/calib/suite\ninherit:\n- {from: HSC/calib/gen2}\n")
    run("bless", repo, plan)
    reasons = refused(repo, 1)
    assert any(r.startswith("conversion 2 (bless) certified its datasets: bias detector=49") for r in reasons)
    run("undo", repo)
    run("undo", repo)
    assert dump(repo) == NOTHING


def test_a_chain_that_was_changed_since_loses_our_child_only(repo: Path, gen2: HscRepository) -> None:
    run("convert", gen2.root, repo, *VISITS, "--label", "other", "--no-verify")
    with Butler.from_config(str(repo), writeable=True) as butler:
        butler.collections.register("u/me/calib", CollectionType.CALIBRATION)
        butler.collections.prepend_chain("HSC/calib", "u/me/calib")
    run("undo", repo)
    assert dump(repo)["collections"]["HSC/calib"] == ("CHAINED", ("u/me/calib", "HSC/calib/gen2"))


def test_import_calibs(repo: Path, tmp_path: Path) -> None:
    source = make_hsc(
        tmp_path / "more", HscSpec(bias=("2014-11-05",), dark=(), flat=(), sky=(), first_visit=9140)
    )
    before, content = dump(repo), tree(source.root)
    files = sorted((source.root / "CALIB").rglob("BIAS*.fits"))
    assert files
    table = tmp_path / "table.csv"
    table.write_text(
        "dataset_type,file,begin,end\n" + "".join(f"bias,{f.name},2014-11-05,2014-12-01\n" for f in files)
    )
    args = ("import-calibs", repo, *files, "--label", "import", "--validity", table)
    found = run(*args)
    after = dump(repo)
    assert len(after["datasets"]) > len(before["datasets"]), found.output
    data = run_json("undo", repo)
    assert (data["command"], data["undone"]) == ("import-calibs", {"bias": len(files)})
    assert dump(repo) == before
    assert tree(source.root) == content
    run(*args)
    assert dump(repo) == after


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("7",), "has no conversion 7 that could be undone; there are 1"),
        (("0",), "Invalid value for"),
    ],
)
def test_no_such_conversion(repo: Path, args: tuple[str, ...], message: str) -> None:
    assert message in run("undo", repo, *args, status=2).stderr


def test_no_repository_no_ledger(repo: Path, tmp_path: Path) -> None:
    assert "there is no ledger" in run("undo", tmp_path / "none", status=2).stderr
    (repo / FILE_NAME).unlink()
    assert "nobody knows what a conversion made" in run("undo", repo, status=2).stderr
    assert not (repo / FILE_NAME).exists()


def test_what_was_found_is_not_removed(repo: Path, gen2: HscRepository) -> None:
    """A ledger that was lost knows datasets again that it did not write."""
    (repo / FILE_NAME).unlink()
    before = dump(repo)
    run("convert", gen2.root, repo)
    assert run_json("undo", repo)["undone"] == {"raw": 6}
    assert dump(repo) == before
    check_ledger(repo)


def test_a_ledger_from_before_is_completed(repo: Path, gen2: HscRepository) -> None:
    book = Ledger(repo / FILE_NAME)
    db = book.database()
    db.execute("drop table intents")
    db.execute("drop index items_planned")
    db["conversions"].transform(drop={"undone_by"})
    db["collections"].transform(drop={"state"})
    db.conn.commit()
    run("convert", gen2.root, repo)
    assert book.conversion(1)["undone_by"] is None
    run("undo", repo)
