"""Declarations in YAML: what they say is done, and what is wrong in them is said in one line."""

import pytest

from adapters.camera import EXPOSURE, Extensions
from adapters.decam import DECam
from adapters.hsc import HSC
from adapters.sources.delivery import read_delivery
from adapters.sources.loading import load_declaration
from converter.nouns import DataId, Gen2to3Error, MasterKey, UsageError
from fixtures import fits
from fixtures.cp_delivery import extensions

GOOD = """
name: archive
types:
- dataset_type: mosaicFlat
  dimensions: [physical_filter, detector]
  storage_class: ExposureF
  formatter: made.up.MosaicFormatter
  extensions: {card: EXTNAME, pattern: '[NS](\\d+)', offset: -1, highest: 30, by_number: false}
- dataset_type: opticalModel
  storage_class: StructuredDataDict
  formatter: made.up.ModelFormatter
rules:
- glob: 'M_*.fits'
  dataset_type: mosaicFlat
  physical_filter: {header: [FILTNAME, ESO INS FILT1 NAME]}
  calib_date: {header: DATE}
- name: 'model-(?P<date>.*)\\.fits'
  dataset_type: opticalModel
  calib_date: {name: date}
"""


def load(tmp_path, text):
    path = tmp_path / "archive.yaml"
    path.write_text(text, encoding="utf-8")
    return load_declaration(path)


def test_new_types_and_mosaics(tmp_path):
    declaration = load(tmp_path, GOOD)
    card = {"DATE": "2014-10-01T12:00:00.5", "ESO INS FILT1 NAME": "HSC-I"}
    # Positions N1.. of CCDs from 32 on; what the pattern makes of them is the archive's business.
    fits.write(tmp_path / "in" / "M_1.fits", fits.header(card) + extensions((1, 2, None)))
    fits.write(tmp_path / "in" / "model-2014-10-02.fits", fits.header({}))
    found = read_delivery(HSC(), [declaration], [tmp_path / "in"])
    mosaic = [k for k in found.masters if k.dataset_type == "mosaicFlat"]
    assert mosaic == [
        MasterKey("mosaicFlat", "20141001T120000Z", DataId(28, "HSC-I")),
        MasterKey("mosaicFlat", "20141001T120000Z", DataId(29, "HSC-I")),
    ]
    assert [found.masters[k].hdu for k in mosaic] == [1, 2]
    assert {found.masters[k].calib_date for k in mosaic} == {"2014-10-01T12:00:00.5"}
    model = MasterKey("opticalModel", "20141002T000000Z", DataId())
    assert found.masters[model].hdu is None
    assert [s.reason for s in found.skips] == ["1 extension of no detector of HSC"]
    assert found.types == declaration.types
    new = found.types[0]
    assert (new.dimensions, new.storage_class, new.formatter) == (
        ("detector", "physical_filter"),
        "ExposureF",
        "made.up.MosaicFormatter",
    )
    assert new.extensions == Extensions("EXTNAME", r"[NS](\d+)", -1, 30)
    camera = HSC().redeclared(calibrations=(*HSC.calibrations, *found.types))
    assert camera.calibration("opticalModel").dimensions == ()


def test_a_type_that_the_camera_has(tmp_path):
    text = GOOD.replace("dataset_type: opticalModel", "dataset_type: bias")
    with pytest.raises(
        UsageError, match="archive: types: expected bias as ExposureF by instrument, detector with"
    ):
        read_delivery(HSC(), [load(tmp_path, text)], [tmp_path])
    same = f"""
types: [{{dataset_type: bias, dimensions: [detector], storage_class: ExposureF, formatter: {EXPOSURE}}}]
rules: [{{glob: '*.fits', dataset_type: bias, detector: '5', calib_date: '2014-10-01'}}]
"""
    fits.write(tmp_path / "in" / "x.fits", fits.header({}))
    found = read_delivery(HSC(), [load(tmp_path, same)], [tmp_path / "in"])
    assert (list(found.masters), found.types) == ([MasterKey("bias", "20141001T000000Z", DataId(5))], ())


def test_earlier_declarations_come_first(tmp_path):
    """A user's declaration can say otherwise than the one that comes with the camera."""
    text = "rules: [{glob: 'zci*', skip: not wanted here}]"
    fits.write(tmp_path / "in" / "zci.fits", fits.header({}))
    camera = DECam()
    shipped = [load_declaration(p) for p in camera.delivery_files]
    found = read_delivery(camera, [load(tmp_path, text), *shipped], [tmp_path / "in"])
    assert ([s.reason for s in found.skips], found.rejects) == (["not wanted here"], [])


def test_full_names_of_detectors(tmp_path):
    text = "rules: [{name: '(?P<chip>.*)[.]fits', dataset_type: bias, detector: {name: chip}, calib_date: '2014-10-01'}]"
    for name in ("S29", "62", "007", "S99"):
        fits.write(tmp_path / "in" / f"{name}.fits", fits.header({}))
    found = read_delivery(DECam(), [load(tmp_path, text)], [tmp_path / "in"])
    assert sorted(k.data_id.detector for k in found.masters) == [1, 7, 62]
    assert ["no detector of DECam" in r.reason for r in found.rejects] == [True]


RULE = "rules: [{{glob: '*', dataset_type: bias, calib_date: {{header: DATE}}, {0}}}]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", "file: expected a mapping, found []"),
        ("", "file: expected a mapping, found None"),
        ("rules: []", "rules: expected at least one rule, found none"),
        ("rules: {}", "rules: expected a list, found {}"),
        ("rules: [1]", "rules[0]: expected a mapping, found 1"),
        ("rule: []", "rule: expected one of the keys name, rules, types, found an unknown key"),
        ("rules: [{skip: x}]", "rules[0]: expected name, glob or when, found none of them"),
        ("rules: [{glob: a, name: b, skip: x}]", "rules[0].glob: expected name or glob, found both"),
        ("rules: [{name: '(', skip: x}]", "rules[0].name: expected a regular expression, found '(' ("),
        ("rules: [{glob: a, skip: x, detector: '1'}]", "rules[0].detector: expected no such key beside skip"),
        ("rules: [{glob: a, calib_date: '2014-10-01'}]", "rules[0].dataset_type: expected how to find it"),
        ("rules: [{glob: a, dataset_type: bias}]", "rules[0].calib_date: expected how to find it"),
        (
            "rules: [{glob: a, dataset_type: bias, calib_date: 2014-10-01}]",
            "rules[0].calib_date: expected a text",
        ),
        (RULE.format("detector: 5"), "rules[0].detector: expected a text, found 5; put it in quotes"),
        (RULE.format("detector: {}"), "rules[0].detector: expected header, name or both, found neither"),
        (RULE.format("detector: {card: A}"), "rules[0].detector.card: expected one of the keys header, name"),
        (
            RULE.format("detector: {name: ccd}"),
            "expected a named group of the rule's name (which has none), found 'ccd'",
        ),
        (RULE.format("detector: {header: {pattern: x}}"), "detector.header.cards: expected at least one"),
        (
            RULE.format("detector: {header: {cards: A, text: '{x}'}}"),
            "detector.header: expected a named group of pattern",
        ),
        (
            RULE.format("detector: {header: {cards: A, values: {a: 1}}}"),
            "values: expected a mapping of texts",
        ),
        (
            RULE.format("detector: {header: {cards: A, ignore_case: 1}}"),
            "ignore_case: expected true or false, found 1",
        ),
        (RULE.format("detector: {header: 'A=B'}"), "header: expected the name of a header card, found 'A=B'"),
        (RULE.format("glob: '*.fits'"), "expected each key once, found glob again"),
        (
            "types: [{dataset_type: a, storage_class: b}]\nrules: [{glob: a, skip: x}]",
            "types[0].formatter: expected a text",
        ),
        (
            GOOD.replace("[physical_filter, detector]", "[visit]"),
            "types[0].dimensions: expected detector and physical",
        ),
        (
            GOOD.replace("'[NS](\\d+)'", "'N'"),
            "extensions.pattern: expected a regular expression with one group",
        ),
        (GOOD.replace("offset: -1", "offset: x"), "extensions.offset: expected a whole number, found 'x'"),
        (
            GOOD.replace("opticalModel\n  storage", "mosaicFlat\n  storage"),
            "types: expected each dataset type once",
        ),
        (
            GOOD.replace("[physical_filter, detector]", "physical_filter"),
            "types[0].extensions: expected the dimension detector beside it, found ('physical_filter',)",
        ),
        ("rules: !!python/object:os.system {}", "rules: expected a list"),
        ("rules: [", "is not valid YAML"),
    ],
)
def test_errors(tmp_path, text, expected):
    with pytest.raises(Gen2to3Error) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'archive.yaml'}: ") and "\n" not in message
    assert expected in message


def test_inherited_declarations_stay_where_they_are():
    class Mine(DECam):
        name = "mine"
        instrument = DECam().instrument

    assert Mine().delivery_files == DECam().delivery_files
    assert all(path.is_file() for path in Mine().delivery_files)
