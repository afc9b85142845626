"""Everything that stops a plan is named in one line, and nothing is written."""

from __future__ import annotations

import pytest

from .conftest import OLD, OTHER, SUITE, Place, span


def plan(*entries: str, **keys: str) -> str:
    head = "".join(f"{key}: {value}\n" for key, value in keys.items())
    return f"collection: {SUITE}\n{head}certify:\n" + "".join(f"- {{{entry}}}\n" for entry in entries)


def short(place: Place, lines: list[str]) -> list[str]:
    """Lines with the plan's place cut off."""
    return [line.removeprefix(f"{place.root.parent / 'plan.yaml'} ") for line in lines]


def test_overlaps(place: Place) -> None:
    text = plan("from: u/me/biasA, range: ['', 2020-03-01]", "from: u/me/biasB, range: [2020-02-01, '']")
    lines = place.conflicts(text)
    rest = (
        f"u/me/biasA {span('', '2020-03-01')} and u/me/biasB {span('2020-02-01')} overlap in "
        f"{span('2020-02-01', '2020-03-01')}; clip or drop one of them"
    )
    assert lines == [f"bias detector={d}: {rest}" for d in range(3)]
    folded = place.bless(text)
    assert f"conflict  bias detector=0..2: {rest}" in folded.stdout.splitlines()
    assert "3 conflicts, nothing was written" in folded.stderr
    assert len(place.bless(text, "--verbose", "--quiet").stdout.splitlines()) == 3


def test_gaps(place: Place) -> None:
    entries = (
        "from: u/me/biasA, type: bias, range: [2020-01-01, 2020-02-01]",
        "from: u/me/biasB, detector: 0, range: [2020-02-01, 2020-04-01]",
        "from: u/me/flat, detector: 0, physical_filter: Cam-g, ranges: [['', 2020-01-11], [2020-01-21, '']]",
    )
    missing = span("2020-02-01", "2020-03-01")
    assert place.conflicts(plan(*entries, cover="[2020-01-01, 2020-03-01]")) == [
        f"bias detector=1: nothing is valid in {missing}, which 'cover' asks for",
        f"bias detector=2: nothing is valid in {missing}, which 'cover' asks for",
        f"flat detector=0 physical_filter=Cam-g: nothing is valid in {span('2020-01-11', '2020-01-21')}, "
        "which 'cover' asks for",
    ]
    shown = place.bless(plan(*entries, cover="[2020-01-01, 2020-03-01]")).stdout.splitlines()
    assert f"conflict  bias detector=1..2: nothing is valid in {missing}, which 'cover' asks for" in shown
    place.good(plan(*entries, cover="[2020-01-01, 2020-01-11]"))


def test_missing_detectors(place: Place) -> None:
    entries = (
        "from: u/me/biasA, type: bias, detector: [0, 1], range: ['', '']",
        "from: u/me/dark, type: dark, detector: 0, range: ['', '']",
        "from: u/me/flat, detector: '*', physical_filter: Cam-g, range: ['', '']",
        "from: u/me/flat, detector: 0..1, physical_filter: Cam-r, range: ['', '']",
    )
    require = "{bias: all, dark: 0, flat: [1..2], fringe: all, bias2: [7]}"
    assert place.conflicts(plan(*entries, require=require)) == [
        "require: bias2 detector=7: the instrument has no such detector",
        "bias: nothing for detector=2, which 'require' asks for",
        "flat Cam-r: nothing for detector=2, which 'require' asks for",
        "fringe: nothing for detector=0..2, which 'require' asks for",
    ]
    status, data = place.json(plan(*entries, require="{bias: 0..1}"), "--dry-run")
    assert status == 0
    assert [(d["item"], d["why"]) for d in data["decisions"]] == [
        ("dark", "nothing for detector=1..2, which another type in the collection has"),
        ("flat Cam-r", "nothing for detector=2, which another type in the collection has"),
    ]


NOTHING = "matches nothing in u/me/biasA; correct it, or add 'optional: true'"


def test_entries_that_mean_nothing(place: Place) -> None:
    """All of them are named at once."""
    good = "from: u/me/dark, range: ['', '']"
    unknown = {
        "from: u/nobody, range: ['', '']": "there is no collection 'u/nobody'",
        "from: 'u/nobody/*', range: ['', '']": "there is no collection 'u/nobody/*'",
        "from: u/me/biasA, type: dark, range: ['', '']": NOTHING,
        "from: u/me/biasA, detector: 7, range: ['', '']": NOTHING,
        "from: u/me/biasA, detector: 'R9*', range: ['', '']": NOTHING,
    }
    wrong = {
        "from: u/me/biasA, type: bais, range: ['', '']": "there is no dataset type 'bais' in the repository",
        "from: u/me/biasA, type: cpBiasProc, range: ['', '']": "dataset type cpBiasProc is no calibration and cannot be certified",
        "from: u/me/biasA, type: perExposure, range: ['', '']": "dataset type perExposure has the dimensions instrument, "
        "detector, exposure; only instrument, detector and physical_filter can be told apart",
    }
    lines = short(place, place.conflicts(plan(good, *unknown, *wrong)))
    assert sorted(lines) == sorted(
        f"line {number}: {line}" for number, line in enumerate((unknown | wrong).values(), start=4)
    )
    status, data = place.json(plan(good, *(f"{entry}, optional: true" for entry in unknown)))
    assert (status, data["certified"]) == (0, {"dark": 3})
    assert len(data["skipped"]) == 5


def test_runs_have_nothing_to_inherit(place: Place) -> None:
    text = f"collection: {SUITE}\ninherit:\n- from: Cam/runs\n"
    assert short(place, place.conflicts(text)) == [
        "line 3: u/me/biasB is a RUN collection and certifies nothing to inherit; take its datasets with an entry "
        "under 'certify'"
    ]


def test_a_collection_that_differs_is_not_changed_without_a_word(place: Place) -> None:
    text = f"collection: {OLD}\ninherit:\n- {{from: {OTHER}}}\n"
    assert place.conflicts(text) == [
        f"collection {OLD} exists and differs in 9 ranges; change it with --extend, or name a new collection"
    ]
    place.good(text, "--extend")
    assert len(place.content(OLD)) == 9
    place.good(f"collection: {OTHER}\ninherit:\n- {{from: {OTHER}}}\n")


def test_other_kinds_of_collections(place: Place) -> None:
    text = plan("from: u/me/dark, range: ['', '']")
    assert place.conflicts(text.replace(SUITE, "u/me/biasA")) == [
        "collection u/me/biasA exists as RUN, needed as CALIBRATION; name another"
    ]
    assert place.conflicts(text.replace(SUITE, "Cam/calib/*")) == [
        "collection Cam/calib/* is a glob; name one CALIBRATION collection"
    ]
    for name, line in {
        "Cam/calib/*": "collection Cam/calib/* is a glob; name one CALIBRATION collection",
        "Cam/calib": "collection Cam/calib exists as CHAINED, needed as CALIBRATION; name another",
        "Cam/nowhere": "--decertify: there is no collection 'Cam/nowhere'",
    }.items():
        status, data = place.json(None, "--decertify", "--collection", name, "--type", "bias")
        assert (status, data["conflicts"]) == (3, [line])


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("certify:\n- {from: a, range: ['', ''], colour: red}\n", ["line 3: unknown key 'colour'; known keys: "]),
        ("certify:\n- {type: bias, range: ['', '']}\n", ["line 3: the key 'from' is missing; name collections"]),
        ("certify:\n- from: a\n  range: [2020-01-02, 2020-01-01]\n", ["line 4: range 2020-01-02 to 2020-01-01 has no length"]),
        ("certify:\n- {from: a, range: [2020-13-02, '']}\n", ["line 3: '2020-13-02' is not a date"]),
        ("certify:\n- {from: a, range: [2101-01-02, '']}\n", ["line 3: nothing of the range lies between 1970 and 2100"]),
        ("certify:\n- {from: a, range: 2020-01-01}\n", ["line 3: a range [begin, end] is expected"]),
        ("certify:\n- {from: a}\n", ["line 3: one of the keys 'range' and 'ranges' is expected"]),
        ("certify:\n- {from: a, ranges: []}\n", ["line 3: a list of ranges is expected"]),
        ("certify:\n- {from: [], range: ['', '']}\n", ["line 3: the list is empty"]),
        ("certify:\n- {from: a, detector: 9..1, range: ['', '']}\n", ["line 3: detectors '9..1' run backwards"]),
        ("certify:\n- {from: a, optional: perhaps, range: ['', '']}\n", ["line 3: true or false is expected"]),
        ("certify:\n- {from: a, as: bias, range: ['', '']}\n", ["line 3: 'as' needs exactly one 'type'"]),
        ("certify: bias\n", ["line 2: a list of entries is expected"]),
        ("certify:\n- bias\n", ["line 3: an entry with the key 'from' is expected"]),
        ("inherit:\n- {from: a, clip: ['', ''], drop: true}\n", ["line 3: clip and drop exclude each other"]),
        ("scale: gps\ninherit:\n- from: a\n", ["line 2: scale 'gps' is neither utc nor tai"]),
        ("extend: true\nextend: false\ninherit: [{from: a}]\n", ["line 3: key 'extend' is there twice"]),
        ("require: {bias: some}\ninherit: [{from: a}]\n", ["line 2: detector 'some' is neither a number, 1..62 nor all"]),
        ("instrument: Cam\n", ["neither 'inherit' nor 'certify' has an entry"]),
        (
            "colour: red\ncover: [x, '']\ninherit:\n- {from: a, type: [[b]]}\n- {from: a, clip: 3}\n",
            ["line 2: unknown key", "line 3: 'x' is not", "line 5: a text is expected", "line 6: a range [begin, end]"],
        ),
    ],
)  # fmt: skip
def test_mistakes_in_the_file(made: Place, tmp_path, text: str, lines: list[str]) -> None:
    place = Place(made.root, made.sources)
    path = tmp_path / "bad.yaml"
    path.write_text(f"collection: {SUITE}\n{text}")
    status, data = place.json(None, path)
    assert (status, data["operations"]) == (3, 0)
    assert len(data["conflicts"]) == len(lines)
    for found, line in zip(data["conflicts"], lines, strict=True):
        assert found.removeprefix(str(path)).lstrip(": ").startswith(line)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"collection: [\n", "line 2: is not valid YAML"),
        (b"- a\n", "expected a mapping with the key 'collection'"),
        (b"", "expected a mapping with the key 'collection'"),
        (b"certify: []\n", "the key 'collection' is missing"),
        (b"collection: ''\n", "line 1: '' is no name"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"[" * 1_000_000, "line 1: is nested deeper than any plan"),
        (b"!!python/object/apply:os.system ['exit 1']\n", "expected a mapping"),
        (None, "No such file"),
    ],
)
def test_files_that_are_no_plans(made: Place, tmp_path, content: bytes | None, message: str) -> None:
    path = tmp_path / "bad.yaml"
    if content is not None:
        path.write_bytes(content)
    result = made.bless(None, path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert str(path) in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_conditions_that_the_butler_does_not_understand(made: Place, tmp_path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(plan("from: u/me/dark, where: 'nothing = 3', range: ['', '']"))
    result = made.bless(None, path)
    assert result.exit_code == 2
    assert "where 'nothing = 3' for dark: Unrecognized identifier" in result.stderr
    path.write_text(plan("from: u/me/dark, range: ['', '']", instrument="Bam"))
    assert "instrument 'Bam': the repository has Cam" in made.bless(None, path).stderr


def test_no_repository(tmp_path) -> None:
    place = Place(tmp_path / "repo", tmp_path)
    result = place.bless(plan("from: u/me/dark, range: ['', '']"))
    assert result.exit_code == 2
    assert "there is no Butler repository" in result.stderr
    assert not place.root.exists()
