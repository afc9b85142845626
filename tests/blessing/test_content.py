"""What plans put into collections, read back with the Butler."""

from __future__ import annotations

import pytest
from lsst.daf.butler import Butler, CollectionType

from converter.ledger import FILE_NAME, Ledger
from converter.nouns import DataId

from .conftest import DETECTORS, OLD, OTHER, SUITE, Place, shown, span

ALWAYS = span()
BIASES = f"collection: {SUITE}\ncertify:\n- {{from: u/me/biasA, type: bias, range: ['', '']}}\n"


def key(type_: str, run: str, detector: int | None, physical_filter: str | None = None):
    return type_, run, DataId(detector, physical_filter)


def test_darks_are_added_to_biases(place: Place) -> None:
    place.good(BIASES)
    before = place.content()
    assert before == {key("bias", "u/me/biasA", d): [ALWAYS] for d in DETECTORS}
    dark = f"collection: {SUITE}\ncertify:\n- {{from: u/me/dark, range: [2020-02-01, '']}}\n"
    result = place.good(dark, "--extend")
    assert place.content() == before | {key("dark", "u/me/dark", d): [span("2020-02-01")] for d in DETECTORS}
    assert f"+ dark detector=0..2 u/me/dark {span('2020-02-01')}" in result.stdout.splitlines()
    assert "= bias: 3 ranges" in result.stdout.splitlines()


def test_two_collections_are_merged(place: Place) -> None:
    place.good(f"collection: {SUITE}\ninherit:\n- from: {OLD}\n- from: {OTHER}\n")
    assert place.content() == place.content(OLD) | place.content(OTHER)


def test_a_suite_shortens_the_old_bias(place: Place) -> None:
    """The old collection gets the new bias, and the old one ends where that begins."""
    plan = (
        f"collection: {OLD}\nextend: true\n"
        f"inherit:\n- {{from: {OLD}, type: bias, clip: ['', 2020-03-01]}}\n"
        "certify:\n- {from: u/me/biasB, type: bias, range: [2020-03-01, '']}\n"
    )
    dark = {k: v for k, v in place.content(OLD).items() if k[0] == "dark"}
    status, data = place.json(plan)
    assert status == 0
    assert place.content(OLD) == dark | {
        key("bias", "u/me/biasA", d): [span("2020-01-01", "2020-03-01")] for d in DETECTORS
    } | {key("bias", "u/me/biasB", d): [span("2020-03-01")] for d in DETECTORS}
    assert (data["certified"], data["decertified"], data["unchanged"]) == (
        {"bias": 6},
        {"bias": 3},
        {"dark": 3},
    )
    assert {(c["change"], c["type"], c["run"]) for c in data["difference"]} == {
        ("~", "bias", "u/me/biasA"),
        ("+", "bias", "u/me/biasB"),
    }
    changed = next(c for c in data["difference"] if c["change"] == "~")
    assert changed["data_id"] == {"detector": 0}
    assert changed["before"] == [["2020-01-01T00:00:37", ""]]
    assert changed["after"] == [["2020-01-01T00:00:37", "2020-03-01T00:00:37"]]
    # Gen3 finds what is meant.
    with Butler.from_config(str(place.root)) as butler:
        (record,) = butler.query_dimension_records("exposure", instrument="Cam")
        ref = butler.find_dataset(
            "bias", instrument="Cam", detector=1, collections=OLD, timespan=record.timespan
        )
        assert ref.run == "u/me/biasA"


def test_the_first_entry_that_matches_decides(place: Place) -> None:
    place.good(
        f"collection: {SUITE}\ninherit:\n"
        f"- {{from: {OLD}, type: bias, detector: 0, drop: true}}\n"
        f"- {{from: {OLD}, type: bias, detector: R0_S1, range: [2020-05-01, 2020-06-01]}}\n"
        f"- {{from: {OLD}, type: 'b*', cut: [2020-02-01, 2020-03-01]}}\n"
        f"- {{from: {OLD}, clip: [2020-06-01, '']}}\n"
    )
    assert place.content() == {
        key("bias", "u/me/biasA", 1): [span("2020-05-01", "2020-06-01")],
        key("bias", "u/me/biasA", 2): [span("2020-01-01", "2020-02-01"), span("2020-03-01")],
    } | {key("dark", "u/me/dark", d): [span("2020-06-01", "2021-01-01")] for d in DETECTORS}


def test_what_is_not_touched_keeps_all_its_ranges(place: Place) -> None:
    place.good(
        f"collection: {SUITE}\ncertify:\n"
        "- {from: u/me/biasA, type: bias, ranges: [[2020-01-01, 2020-02-01], [2020-03-01, 2020-04-01]]}\n"
    )
    result = place.good(
        None, "--decertify", "--collection", SUITE, "--type", "bias", "--detectors", "1..2",
        "--begin", "2020-03-10", "--end", "2020-03-20T12:00:00",
    )  # fmt: skip
    whole = [span("2020-01-01", "2020-02-01"), span("2020-03-01", "2020-04-01")]
    cut = [whole[0], span("2020-03-01", "2020-03-10"), span("2020-03-20T12:00:00", "2020-04-01")]
    assert place.content() == {
        key("bias", "u/me/biasA", 0): whole,
        key("bias", "u/me/biasA", 1): cut,
        key("bias", "u/me/biasA", 2): cut,
    }
    assert "~ bias detector=1..2 u/me/biasA" in result.stdout
    assert "= bias: 4 ranges" in result.stdout


def test_decertify_is_planned_compared_and_recorded_as_any_other(place: Place) -> None:
    words = ["--decertify", "--collection", OLD, "--type", "bias", "--end", "2020-02-01", "--scale", "tai"]
    before = place.state()
    status, data = place.json(None, *words, "--dry-run")
    assert (status, data["decertified"], place.state() == before) == (0, {"bias": 3}, True)
    assert place.json(None, *words)[1]["conversion"] == 1
    when = place.content(OLD)[key("bias", "u/me/biasA", 0)]
    assert [shown(s) for s in when] == [("2020-02-01T00:00:00", "")]
    after = place.state()
    assert place.json(None, *words)[1]["operations"] == 0
    assert place.state() == after
    (row,) = (r for r in Ledger(place.root / FILE_NAME)._open()["items"].rows if r["key"] == "detector=0")
    assert row["dataset"] == "bias u/me/biasA detector=0"
    assert row["validity"] == "[2020-01-01T00:00:37, +inf) -> [2020-02-01T00:00:00, +inf)"
    place.good(None, "--decertify", "--collection", OLD, "--type", "*")
    assert place.content(OLD) == {}
    assert "matches nothing" in place.good(None, "--decertify", "--collection", OLD, "--type", "*").stdout


def test_the_same_dataset_twice_adds_up(place: Place) -> None:
    place.good(
        f"collection: {SUITE}\ncertify:\n"
        "- {from: u/me/biasA, detector: [0, 1], range: [2020-01-01, 2020-02-15]}\n"
        "- {from: u/me/biasA, where: 'detector > 0', range: [2020-02-01, 2020-03-01]}\n"
    )
    assert place.content() == {
        key("bias", "u/me/biasA", 0): [span("2020-01-01", "2020-02-15")],
        key("bias", "u/me/biasA", 1): [span("2020-01-01", "2020-03-01")],
        key("bias", "u/me/biasA", 2): [span("2020-02-01", "2020-03-01")],
    }


def test_filters_and_types_without_detectors(place: Place) -> None:
    place.good(
        f"collection: {SUITE}\ninstrument: Cam\nscale: tai\ncertify:\n"
        "- {from: 'u/me/fl*', type: flat, physical_filter: '*-g', range: [2020-01-01T00:00:00.123456789, '']}\n"
        "- {from: u/me/crosstalk, range: ['', '']}\n"
    )
    content = place.content()
    assert set(content) == {key("flat", "u/me/flat", d, "Cam-g") for d in DETECTORS} | {
        key("crosstalk", "u/me/crosstalk", None)
    }
    (when,) = content[key("flat", "u/me/flat", 0, "Cam-g")]
    assert shown(when) == ("2020-01-01T00:00:00.123456789", "")


def test_of_a_chain_the_first_decides(place: Place) -> None:
    place.good(f"collection: {SUITE}\ncertify:\n- {{from: Cam/runs, range: ['', '']}}\n")
    assert set(place.content()) == {key("bias", "u/me/biasB", d) for d in DETECTORS}
    place.good(
        "collection: Cam/calib/long\ncertify:\n- {from: u/me/biasB, type: bias, range: [2020-06-01, '']}\n"
    )
    with Butler.from_config(str(place.root), writeable=True) as butler:
        butler.collections.redefine_chain("Cam/both", ("Cam/calib/long", OLD))
    status, data = place.json("collection: Cam/calib/seen\ninherit:\n- {from: Cam/both, type: bias}\n")
    assert status == 0
    assert place.content("Cam/calib/seen") == {
        key("bias", "u/me/biasA", d): [span("2020-01-01", "2020-06-01")] for d in DETECTORS
    } | {key("bias", "u/me/biasB", d): [span("2020-06-01")] for d in DETECTORS}
    assert [d["rule"] for d in data["decisions"]] == ["chain-order"] * 3


def test_the_same_plan_again_changes_nothing(place: Place) -> None:
    plan = (
        f"collection: {OLD}\nextend: true\ncover: [2020-01-01, 2021-01-01]\n"
        f"inherit:\n- {{from: {OLD}, type: bias, detector: 0, range: [2020-01-01, 2020-03-01]}}\n"
        f"- {{from: {OLD}, type: bias, clip: ['', 2020-03-01]}}\n"
        "certify:\n- {from: u/me/biasB, type: bias, range: [2020-03-01, '']}\n"
        "- {from: u/me/flat, range: ['', '']}\n"
        "- {from: u/me/proc/20200301T000000Z, type: cpBiasProc, as: newBias, range: ['', '']}\n"
    )
    status, data = place.json(plan, "--make-default")
    assert (status, data["conversion"]) == (0, 1), data["rejected"]
    before = place.state()
    status, data = place.json(plan, "--make-default")
    assert (status, data["conversion"], data["operations"], data["difference"]) == (0, None, 0, [])
    assert data["existing"] == {"newBias": 3}
    assert place.state() == before
    assert "Nothing to write: 18 ranges as planned already, 0 rejects." in place.good(plan).stdout


def test_a_dry_run_writes_nothing_and_says_the_same(place: Place) -> None:
    before = place.state()
    status, planned = place.json(BIASES, "--dry-run")
    assert (status, place.state() == before) == (0, True)
    assert "Nothing was written" in place.good(BIASES, "--dry-run").stdout
    assert place.json(BIASES)[1] == planned | {"conversion": 1}


def test_verbose_shows_what_stays(place: Place) -> None:
    place.good(BIASES)
    lines = place.good(BIASES, "--verbose").stdout.splitlines()
    assert f"= bias detector=0..2 u/me/biasA {ALWAYS}" in lines
    assert place.good(BIASES, "--quiet").output == ""


# --- the chain that pipelines search


def test_made_the_default(place: Place) -> None:
    status, _ = place.json(BIASES, "--make-default")
    assert status == 0
    with Butler.from_config(str(place.root)) as butler:
        assert butler.collections.get_info("Cam/calib").children == (SUITE, OLD)
    rows = [r for r in Ledger(place.root / FILE_NAME)._open()["collections"].rows if r["name"] == "Cam/calib"]
    assert [(r["before"], r["after"]) for r in rows] == [(f'["{OLD}"]', f'["{SUITE}", "{OLD}"]')]
    place.good(f"make_default: true\ncollection: {OLD}\nextend: true\ninherit: [{{from: {OLD}}}]\n")
    with Butler.from_config(str(place.root)) as butler:
        assert butler.collections.get_info("Cam/calib").children == (OLD, SUITE)


def test_the_historical_layout_cannot_be_made_a_chain(place: Place) -> None:
    with Butler.from_config(str(place.root), writeable=True) as butler:
        butler.collections.x_remove("Cam/calib")
        butler.collections.register("Cam/calib", CollectionType.CALIBRATION)
    (line,) = place.conflicts(BIASES, "--make-default")
    assert line == (
        "collection Cam/calib exists as CALIBRATION, --make-default needs it as CHAINED; "
        "bless into Cam/calib itself with --extend, or rename it first and make it a chain"
    )
    place.good(BIASES.replace(SUITE, "Cam/calib"), "--extend", "--make-default")
    assert len(place.content("Cam/calib")) == 3


# --- plans of what is there


def test_expressed_and_applied_again(place: Place) -> None:
    place.good(
        f"collection: {SUITE}\ninherit:\n- from: {OLD}\n"
        "certify:\n- {from: u/me/flat, detector: 0..1, range: ['', 2020-01-01T00:00:00.5]}\n"
        "- {from: u/me/flat, detector: 2, physical_filter: Cam-g, range: ['', 2020-01-01T00:00:00.5]}\n"
    )
    path = place.root.parent / "expressed.yaml"
    place.good(None, "--express", SUITE, "-o", path)
    text = path.read_text()
    assert text == place.good(None, "--express", SUITE).stdout
    assert text.count("from:") == 4
    entry = "- from: u/me/biasA\n  type: bias\n  detector: 0..2\n  range: ['2020-01-01T00:00:37', '']\n"
    assert entry in text
    assert place.bless(None, "--express", SUITE, "-o", path).exit_code == 2
    assert "Nothing to write" in place.good(text).stdout
    place.good(text.replace(f"collection: {SUITE}", "collection: Cam/calib/twin"))
    assert place.content("Cam/calib/twin") == place.content()


def test_only_calibration_collections_are_expressed(place: Place) -> None:
    result = place.bless(None, "--express", "u/me/dark")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "u/me/dark is RUN; expected a CALIBRATION collection" in result.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "give a plan, or one of --decertify and --express"),
        (["--decertify", "--express", SUITE], "give a plan, or one of"),
        (["--decertify", "--type", "bias"], "--decertify needs --collection and --type"),
        (["--decertify", "--collection", SUITE], "--decertify needs --collection and --type"),
        (["--express", SUITE, "--begin", "2020-01-01"], "--begin goes with --decertify only"),
        (["--decertify", "--collection", OLD, "--type", "bias", "--begin", "x"], "'x' is not YYYY-MM-DD"),
        (
            [
                "--decertify",
                "--collection",
                OLD,
                "--type",
                "bias",
                "--begin",
                "2020-01-02",
                "--end",
                "2020-01-01",
            ],
            "make no range",
        ),
        (
            ["--decertify", "--collection", OLD, "--type", "bias", "--instrument", "Bam"],
            "'Bam': the repository has Cam",
        ),
    ],
)
def test_calls_that_make_no_sense(place: Place, args: list[str], message: str) -> None:
    result = place.bless(None, *args)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
