"""What can be chosen, other cameras, and repositories that have something already."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import yaml
from astropy.io import fits as reader
from lsst.daf.butler import Butler

from converter.convert import convert
from converter.recipe import Recipe
from fixtures import fits
from fixtures.cp_delivery import cp_name, extension, extensions, make_cp_delivery, primary
from fixtures.decam import NIGHTS, DecamSpec, make_decam
from fixtures.decam_files import FILTERS
from fixtures.decam_files import extension as image

from .place import CP_FORMATTER, Place, Row, digest, utc
from .test_community_pipeline import SMALL

HITS = (
    Path(os.environ.get("GEN2TO3_SHARED") or Path(__file__).resolve().parents[2].parent / "shared")
    / "data/hits2015/export_current.yaml"
)
RULE = ("--validity", "rule:previous-afternoon")
DECAM = ("--camera", "decam", *RULE)


@pytest.fixture
def small(tmp_path: Path) -> Place:
    """Three nights of a bias and a flat, for two CCDs."""
    place = Place(tmp_path)
    make_cp_delivery(place.source, SMALL)
    return place


def formatters(butler: Butler) -> set[tuple[str, str, str]]:
    """Dataset type, storage class and formatter of everything stored."""
    found = set()
    for type_ in butler.registry.queryDatasetTypes():
        refs = butler.query_datasets(type_, "*", find_first=False, explain=False, limit=None)
        for data in butler._datastore.export_records(refs).values():
            for tables in data.records.values():
                found |= {
                    (type_.name, info.storageClass.name, info.formatter)
                    for infos in tables.values()
                    for info in infos
                }
    return found


def plain_export() -> dict[tuple[str, int, str, str], list[tuple[str, str]]]:
    """The export's associations of cpBias and cpFlat, read without our code."""

    class Loader(yaml.SafeLoader):
        pass

    def plain(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> object:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        assert isinstance(node, yaml.ScalarNode)
        return loader.construct_scalar(node)

    # The Butler adds constructors of its own to PyYAML's loader.
    own = yaml.SafeLoader.yaml_constructors.items()
    Loader.yaml_constructors = {k: v for k, v in own if k is None or k.startswith("tag:yaml.org")}
    for prefix in ("!", "lsst."):
        Loader.add_multi_constructor(prefix, plain)
    with HITS.open() as stream:
        entries = yaml.load(stream, Loader)["data"]  # noqa: S506
    known = {}
    for entry in entries:
        if entry["type"] == "dataset" and entry["dataset_type"] in ("cpBias", "cpFlat"):
            for record in entry["records"]:
                for id_, data_id in zip(record["dataset_id"], record["data_id"], strict=True):
                    filter_ = data_id.get("physical_filter", "")
                    known[id_] = entry["dataset_type"], data_id["detector"], filter_, entry["run"]
    found: dict[tuple[str, int, str, str], list[tuple[str, str]]] = {}
    for entry in entries:
        for row in entry["validity_ranges"] if entry["type"] == "associations" else ():
            span = tuple((row["timespan"][end] or "").replace(" ", "T") for end in ("begin", "end"))
            for id_ in row["dataset_ids"]:
                if id_ in known:
                    found.setdefault(known[id_], []).append(span)
    return found


@pytest.mark.skipif(not HITS.exists(), reason="the export of ap_verify_ci_hits2015 is not here")
def test_the_associations_of_an_export_are_its_own(tmp_path: Path) -> None:
    expected = plain_export()
    place = Place(tmp_path)
    for type_, filter_, run in {(t, f, r) for t, _, f, r in expected}:
        day = run.rpartition("/")[2]
        night = f"{day[:4]}-{day[4:6]}-{day[6:8]}"
        code, band = ("zci", "") if type_ == "cpBias" else ("fci", filter_.split()[0])
        assert not filter_ or FILTERS[band] == filter_
        content = primary(code, night, band) + extensions(range(1, 63))
        fits.write(place.source / cp_name(code, night, band), content)
    done = place.imported("--camera", "decam", "--validity", f"export:{HITS}", "--label", "", "--json")
    assert done.status == 0, done.out
    # It holds the masters of all detectors, and certifies those of four.
    assert done.json["written"] == {"cpBias": 124, "cpFlat": 124}
    found = {(t, d, f or "", run): spans for (t, d, f, run), spans in place.ranges("DECam/calib").items()}
    assert found == {key: sorted(spans) for key, spans in expected.items()}
    assert len(found) == 16 and {t for t, _, _, _ in found} == {"cpBias", "cpFlat"}
    unmatched = [line for line in done.skipped if "nothing is said of its validity" in line]
    assert len(unmatched) == 4, "one line for each type and night"
    info = place.butler().collections.get_info("DECam/calib")
    assert info.type.name == "CALIBRATION"


# What is chosen.


def test_types_detectors_and_exclude(small: Place) -> None:
    done = small.imported(
        *DECAM, "--types", "cpF*", "--detectors", "2", "--exclude", "2015-02-17/*", "--json"
    )
    assert done.status == 0
    runs = [f"DECam/calib/imported/201502{day}T000000Z" for day in (16, 18)]
    assert small.datasets() == {Row("cpFlat", 2, FILTERS["g"], run) for run in runs}
    # The night that was left out is not missed: the one before it goes on.
    assert [spans[0][1] for _, spans in sorted(small.ranges().items())] == [utc("2015-02-18T12:00:00"), ""]
    reasons = [s["reason"] for s in done.json["skipped"]]
    assert sorted(set(reasons)) == ["1 detector left out by --detectors", "left out by --types or --exclude"]
    assert len(reasons) == 6, "three biases, a night's flat, a detector of two flats"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--types", "cpBais"), r"types: 'cpBais' matches no calibration type of DECam: "),
        (("--overlaps", "cpBais=nearest"), "overlaps: 'cpBais' is no calibration type of DECam: "),
        (("--detectors", "63"), "detectors: 63 is no detector of DECam, which has 1..62"),
        (("--camera", "kodak"), "no camera is called 'kodak'"),
        (("--declaration", "gone.yaml"), "gone.yaml"),
        (("--validity", "nights.txt"), "--validity 'nights.txt' is none of the sources of validity"),
        (("--validity", "rule:sometimes"), "--validity rule:sometimes: unknown rule; expected "),
        (("--validity", "rule:+-99999"), "at most 36525 days were expected"),
        (("--validity", "cards:A"), "--validity cards:A: expected BEGIN,END"),
        (("--validity", "gen3:"), "--validity gen3:: nothing follows gen3:"),
        (("--validity", "gen3:gone"), "gone"),
        (("--validity", "gen2:gone"), "gone"),
        (("--validity", "export:gone.yaml"), "gone.yaml"),
    ],
)
def test_calls_that_make_no_sense(small: Place, options: tuple[str, ...], line: str) -> None:
    given = options if "--validity" in options else (*options, *RULE)
    given = given if "--camera" in options else ("--camera", "decam", *given)
    done = small.imported(*given)
    assert (done.status, done.out) == (2, ""), done.out
    (said,) = done.err.splitlines()
    assert line in said
    assert not small.target.exists()


def test_places_that_make_no_sense(small: Place) -> None:
    gone = small.run("import-calibs", small.target, small.tmp / "gone", *DECAM)
    assert gone.status == 2 and "gone: there is no such file or directory" in gone.err
    inside = small.run("import-calibs", small.source / "repo", small.source, *DECAM)
    assert inside.status == 2 and "is inside the source" in inside.err
    assert not (small.source / "repo").exists()
    small.target.write_text("mine")
    file = small.imported(*DECAM)
    assert file.status == 2 and "exists but is no Butler repository" in file.err
    for done in (gone, inside, file):
        assert len(done.err.splitlines()) == 1 and done.out == ""


def test_the_camera_is_that_of_the_repository(small: Place) -> None:
    nowhere = small.imported(*RULE)
    assert (nowhere.status, nowhere.out) == (2, "")
    (said,) = nowhere.err.splitlines()
    assert "does not exist yet; name the camera of the masters with --camera" in said
    Butler.makeRepo(str(small.target))
    empty = small.imported(*RULE)
    assert empty.status == 2 and "has 0 instruments; name the camera" in empty.err
    assert small.imported(*DECAM).status == 0
    again = small.imported(*RULE, "--label", "again", "--json")
    assert (again.status, again.json["certified"]) == (0, {"cpBias": 6, "cpFlat": 6})
    # Behind what the chain has: what is there already is found first.
    children = small.butler().collections.get_info("DECam/calib").children
    assert children == ("DECam/calib/imported", "DECam/calib/again")


def test_strict_writes_nothing(small: Place) -> None:
    fits.write(small.source / cp_name("zci", "2015-03-01"), b"")
    strict = small.imported(*DECAM, "--strict")
    assert strict.status == 3 and "--strict: 1 reject, nothing was written" in strict.err
    assert not small.target.exists()
    done = small.imported(*DECAM, "--json")
    assert (done.status, done.json["certified"]) == (1, {"cpBias": 6, "cpFlat": 6})


@pytest.mark.parametrize("transfer", ["copy", "direct", "hardlink"])
def test_transfer(small: Place, transfer: str) -> None:
    before = digest(small.source)
    assert small.imported(*DECAM, "--transfer", transfer).status == 0
    assert digest(small.source) == before
    butler = small.butler()
    (ref, _) = butler.query_datasets(
        "cpBias", "DECam/calib/imported/20150216T000000Z", find_first=False, explain=False
    )
    stored = Path(butler.getURI(ref).ospath)
    original = small.source / NIGHTS[0] / cp_name("zci", NIGHTS[0])
    assert stored.read_bytes() == original.read_bytes()
    assert (stored == original) == (transfer == "direct")
    assert stored.samefile(original) == (transfer != "copy")
    assert stored.is_relative_to(small.target) == (transfer != "direct")


def test_split_masters(tmp_path: Path) -> None:
    """Extensions out of place are files of their own, with the stack's reader of images."""
    place = Place(tmp_path)
    night = NIGHTS[0]
    content = primary("zci", night) + extension(2) + extension(1)
    fits.write(place.source / cp_name("zci", night), content)
    whole = place.imported(*DECAM, "--json")
    assert (whole.status, whole.json["written"]) == (1, {})
    assert "--split-masters" in whole.json["rejected"][0]["reason"]
    done = place.imported(*DECAM, "--split-masters", "--json")
    assert (done.status, done.json["certified"]) == (0, {"cpBias": 2}), done.out
    butler = place.butler()
    run = "DECam/calib/imported/20150216T000000Z"
    assert place.datasets() == {Row("cpBias", d, None, run) for d in (1, 2)}
    ((name, _, formatter),) = formatters(butler)
    assert name == "cpBias" and formatter != CP_FORMATTER
    for detector in (1, 2):
        ref = butler.find_dataset("cpBias", instrument="DECam", detector=detector, collections=run)
        assert ref is not None
        with reader.open(butler.getURI(ref).ospath) as hdus:
            pixels = [hdu.data for hdu in hdus if hdu.data is not None]
            assert float(pixels[0][0][0]) == detector


# Other cameras and archives.


def test_masters_with_a_label_in_the_header(tmp_path: Path) -> None:
    place = Place(tmp_path)
    made = {
        "a.fits": ("bias", {"filter": "NONE", "ccd": 50, "calibDate": "2015-01-03"}),
        "b.fits": ("bias", {"filter": "NONE", "ccd": 50, "calibDate": "2015-01-07"}),
        "c.fits": ("flat", {"filter": "HSC-R", "ccd": 103, "calibDate": "2015-01-05"}),
    }
    for name, (obstype, words) in made.items():
        fits.write(place.source / name, fits.master(obstype, words))
    done = place.imported("--camera", "hsc", "--validity", "rule:until-next", "--json")
    assert (done.status, done.json["certified"]) == (0, {"bias": 2, "flat": 1})
    run = "HSC/calib/imported/201501{}T000000Z"
    assert place.ranges("HSC/calib/imported") == {
        Row("bias", 50, None, run.format("03")): [(utc("2015-01-03T00:00:00"), utc("2015-01-07T00:00:00"))],
        Row("bias", 50, None, run.format("07")): [(utc("2015-01-07T00:00:00"), "")],
        Row("flat", 103, "HSC-R", run.format("05")): [(utc("2015-01-05T00:00:00"), "")],
    }


def test_masters_of_the_lsst_family(tmp_path: Path) -> None:
    place = Place(tmp_path)
    words = {"detectorName": "S20", "raftName": "R11", "detector": 42, "filter": "i_sim_1.4"}
    fits.write(
        place.source / "flat.fits",
        fits.master("flat", {**words, "calibDate": "2015-01-05"}) + fits_image(),
    )
    done = place.imported("--camera", "imsim", "--validity", "rule:nearest", "--json")
    assert (done.status, done.json["certified"]) == (0, {"flat": 1}), done.out
    instrument = "LSSTCam-imSim"
    row = Row("flat", 42, "i_sim_1.4", f"{instrument}/calib/imported/20150105T000000Z")
    assert place.ranges(f"{instrument}/calib/imported") == {row: [("", "")]}


def fits_image() -> bytes:
    return image([("EXTNAME", "IMAGE")])


DECLARATION = """
name: an archive
types:
- dataset_type: twilightFlat
  dimensions: [detector, physical_filter]
  storage_class: ExposureF
  formatter: lsst.obs.base.formatters.fitsExposure.FitsExposureFormatter
rules:
- name: 'twi-(?P<day>\\d{4}-\\d\\d-\\d\\d)-(?P<filter>[a-z])-(?P<ccd>\\d+)\\.fits'
  dataset_type: twilightFlat
  detector: {name: ccd}
  physical_filter: {name: {group: filter, values: {r: HSC-R}}}
  calib_date: {name: day}
"""


def test_an_archive_with_a_type_that_the_camera_lacks(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (tmp_path / "archive.yaml").write_text(DECLARATION)
    for day in ("2015-01-03", "2015-01-04"):
        fits.write(place.source / f"twi-{day}-r-7.fits", fits.header({}))
    fits.write(place.source / "twi-2015-01-03-z-7.fits", fits.header({}))
    options = ("--camera", "hsc", "--declaration", tmp_path / "archive.yaml", "--types", "twi*")
    table = place.table("dataset_type,detector,begin,end\ntwilightFlat,7,2015-01-03,2015-01-04\n")
    overlapping = place.imported(*options, "--validity", table)
    assert overlapping.status == 3, "both have the range"
    done = place.imported(*options, "--validity", "rule:until-next", "--json")
    assert (done.status, done.json["certified"]) == (1, {"twilightFlat": 2}), done.out
    (reject,) = done.json["rejected"]
    assert "twi-2015-01-03-z-7.fits" in reject["item"] and "expected one of 'r'" in reject["reason"]
    name = "lsst.obs.base.formatters.fitsExposure.FitsExposureFormatter"
    assert formatters(place.butler()) == {("twilightFlat", "ExposureF", name)}
    run = "HSC/calib/imported/2015010{}T000000Z"
    assert place.ranges("HSC/calib/imported") == {
        Row("twilightFlat", 7, "HSC-R", run.format(3)): [
            (utc("2015-01-03T00:00:00"), utc("2015-01-04T00:00:00"))
        ],
        Row("twilightFlat", 7, "HSC-R", run.format(4)): [(utc("2015-01-04T00:00:00"), "")],
    }


# Exposures that are there.


@pytest.fixture(scope="module")
def raws(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the raws of two nights, whose exposures go over 0h UTC, and no masters."""
    tmp = tmp_path_factory.mktemp("raws")
    spec = DecamSpec(nights=NIGHTS[:2], ccds=(1, 2), filters=("g",), cp_bias=(), cp_flat=())
    made = make_decam(tmp / "gen2", spec)
    target = tmp / "repo"
    outcome = convert(Recipe(str(made.root), calib=(str(made.calib),), types=("raw",)), str(target))
    assert outcome.plan.written == {"raw": 16}
    return target


def boundary(place: Place, raws: Path, *validity: object) -> list[dict[str, str]]:
    shutil.copytree(raws, place.target)
    done = place.imported("--validity", *validity, "--types", "cpBias", "--json")
    assert done.status == 0, done.out
    return [d for d in done.json["decisions"] if "exposure" in d["rule"]]


def test_a_stated_boundary_stays_on_an_exposure(small: Place, raws: Path) -> None:
    """The exposure begins 45 s before 0h UTC."""
    rows = [f"cpBias,{n},{n}T00:00:00,2015-02-{int(n[-2:]) + 1}" for n in NIGHTS[:3]]
    table = small.table("\n".join(["dataset_type,calib_date,begin,end", *rows]) + "\n")
    found = boundary(small, raws, table)
    assert {d["rule"] for d in found} == {"exposure-on-boundary"}
    assert [d["before"] for d in found] == [
        "20150216T000000Z and 20150217T000000Z meet at 2015-02-17T00:00:35",
        "20150217T000000Z and 20150218T000000Z meet at 2015-02-18T00:00:35",
    ]
    assert {d["after"] for d in found} == {"as stated; Gen3 finds both for 1 exposure"}
    assert small.spans()["cpBias", "2015-02-17"] == {(utc("2015-02-17T00:00:00"), utc("2015-02-18T00:00:00"))}


def test_the_boundary_of_a_rule_is_moved_off_an_exposure(small: Place, raws: Path) -> None:
    found = boundary(small, raws, "rule:until-next")
    assert {d["rule"] for d in found} == {"whole-exposure"}
    ((begin, end),) = small.spans()["cpBias", "2015-02-17"]
    assert begin != utc("2015-02-17T00:00:00") and end != utc("2015-02-18T00:00:00")
    butler = small.butler()
    counts = set()
    for record in butler.query_dimension_records("exposure", instrument="DECam"):
        matching = [
            a.ref.run
            for a in butler.registry.queryDatasetAssociations("cpBias", "DECam/calib/imported")
            if a.ref.dataId["detector"] == 1 and a.timespan.overlaps(record.timespan)
        ]
        counts.add(len(matching))
    assert counts == {1}, "each exposure has one bias"


def test_the_recommended_rule_cuts_no_exposure(small: Place, raws: Path) -> None:
    assert boundary(small, raws, "rule:previous-afternoon") == []
    assert small.spans()["cpBias", "2015-02-17"] == {(utc("2015-02-17T12:00:00"), utc("2015-02-18T12:00:00"))}
