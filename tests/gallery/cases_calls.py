"""What can be wrong with a call."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from lsst.daf.butler import Butler

from fixtures import fits

from .bad_input import BadInput, nothing
from .place import Place


def recipe(text: str) -> Callable[[Place], object]:
    return lambda p: (p.tmp / "recipe.yaml").write_text(text)


def mapper(text: str) -> Callable[[Place], object]:
    return lambda p: (p.root / "_mapper").write_text(text)


def remove_all(place: Place) -> None:
    shutil.rmtree(place.root)
    place.root.mkdir()


def called(name: str, make: Callable[[Place], object], line: str, *options: str) -> BadInput:
    return BadInput(name, make, line, status=2, options=options)


def bad_recipe(name: str, text: str, line: str) -> BadInput:
    return called(
        f"recipe with {name}", recipe(text), r"recipe\.yaml.*" + line, "--recipe", "{tmp}/recipe.yaml"
    )


CALLS = [
    called("missing root", lambda p: shutil.rmtree(p.root), r"Gen2 root .*/source does not exist"),
    called(
        "root that is a file",
        lambda p: (shutil.rmtree(p.root), p.root.write_text("")),
        r"Gen2 root .*/source is not a directory",
    ),
    called(
        "root that is no Gen2 repository",
        remove_all,
        r"/source is not a Gen2 repository: none of .*_mapper.* is in it",
    ),
    called(
        "root that is a Gen3 repository",
        lambda p: (remove_all(p), Butler.makeRepo(str(p.root))),
        r"/source is not a Gen2 repository: .*; it holds butler\.yaml: a Gen3 repository",
    ),
    called(
        "unknown mapper",
        mapper("my.own.Mapper\n"),
        r"unknown Gen2 mapper 'my\.own\.Mapper'; name the camera with --camera",
    ),
    called(
        "mapper of a camera without adapter",
        mapper("lsst.obs.sdss.SdssMapper\n"),
        r"the Gen2 mapper lsst\.obs\.sdss\.SdssMapper belongs to a camera that no installed adapter supports",
    ),
    called("mapper file empty", mapper(""), r"_mapper: expected the dotted name of a mapper class, found ''"),
    called(
        "no mapper at all",
        lambda p: (p.root / "_mapper").unlink(),
        r"/source: no mapper is declared \(looked for _mapper and repositoryCfg\.yaml in: .*\)",
    ),
    called(
        "unknown camera", nothing, r"no camera is called 'kodak'; known cameras: .*hsc", "--camera", "kodak"
    ),
    called(
        "calibration root that is not there",
        nothing,
        r"calibration root .*/gone does not exist",
        "--calib",
        "{tmp}/gone",
    ),
    called(
        "calibration root without registry",
        nothing,
        r"calibration root .*/elsewhere holds no calibRegistry\.sqlite3 or calibRegistry\.pgsql",
        "--calib",
        "{tmp}/elsewhere",
    ),
    called(
        "recipe that is not there",
        nothing,
        r"recipe .*/recipe\.yaml cannot be read: .*",
        "--recipe",
        "{tmp}/recipe.yaml",
    ),
    bad_recipe("no YAML in it", "root: [", "is not YAML: .*"),
    bad_recipe("a list in it", "- bias\n", "is not a mapping; .*inspect --recipe"),
    bad_recipe("an unknown key", "lable: gen2\n", ": unknown key 'lable'; known keys: root, .*"),
    bad_recipe("a text for a list", "types: bias\n", ": key 'types': expected a list, found 'bias'"),
    bad_recipe(
        "a text for a switch", "strict: maybe\n", ": key 'strict': expected true or false, found 'maybe'"
    ),
    bad_recipe("a text for a number", "workers: many\n", ": key 'workers': expected a number, found 'many'"),
    bad_recipe("half a worker", "workers: 1.5\n", r": key 'workers': expected a number, found 1\.5"),
    bad_recipe("a text for a visit", "visits: [first]\n", ": key 'visits': expected a number, found 'first'"),
    bad_recipe("half a visit", "visits: [9040.5]\n", r": key 'visits': expected a number, found 9040\.5"),
    bad_recipe(
        "a list for the readings", "readings: [half-open]\n", ": key 'readings': expected a mapping, found .*"
    ),
    bad_recipe(
        "an unknown reading",
        "readings: {bias: sometimes}\n",
        ": key 'readings': 'sometimes' is none of inclusive-days, half-open, .*",
    ),
    bad_recipe(
        "an unknown policy",
        "overlaps: {'*': best}\n",
        ": key 'overlaps': 'best' is none of fail, latest-start, .*",
    ),
    bad_recipe(
        "an unknown transfer mode", "transfer: teleport\n", ": transfer 'teleport' is none of auto, .*"
    ),
    bad_recipe(
        "an unknown key in a range",
        "validity: [{dataset_type: bias, from: 2014-01-01}]\n",
        ": key 'validity': unknown key 'from'; known keys: dataset_type, .*",
    ),
    bad_recipe(
        "a range without type",
        "validity: [{begin: 2014-01-01}]\n",
        ": key 'validity': .*'dataset_type' is missing",
    ),
    bad_recipe(
        "a range that is a text", "validity: [bias]\n", ": key 'validity': expected a mapping, found 'bias'"
    ),
    bad_recipe(
        "a text for a detector",
        "validity: [{dataset_type: bias, detector: '49'}]\n",
        ": key 'validity': detector '49' is expected to be a number",
    ),
    bad_recipe(
        "a range that is no date",
        "validity: [{dataset_type: bias, begin: soon}]\n",
        ": .*validity override for bias: 'soon' is not YYYY-MM-DD.*",
    ),
    bad_recipe(
        "a range that runs backwards",
        "validity: [{dataset_type: bias, begin: 2014-02-01, end: 2014-01-01}]\n",
        ": .*validity override for bias: .*2014-02-01 .*2014-01-01.*",
    ),
    called(
        "unknown policy",
        nothing,
        r"'best' is no policy; choose one of fail, latest-start",
        "--overlaps",
        "best",
    ),
    called(
        "unknown reading",
        nothing,
        r"'sometimes' is no reading; choose one of inclusive-days",
        "--reading",
        "sometimes",
    ),
    called(
        "ledger that cannot be written",
        nothing,
        r"ledger .*/gone/ledger\.sqlite3.*",
        "--ledger",
        "{tmp}/gone/ledger.sqlite3",
    ),
    called(
        "target that is a directory of something else",
        lambda p: fits.write(p.target / "notes.txt", b"mine"),
        r"/repo exists but is no Butler repository \(no butler\.yaml\); give an empty or new directory",
    ),
    called(
        "target that is a file",
        lambda p: p.target.write_text("mine"),
        r"/repo exists but is no Butler repository \(no butler\.yaml\); give an empty or new directory",
    ),
    called(
        "target below a file",
        lambda p: (p.elsewhere / "file").write_text(""),
        r"/elsewhere/file/repo/gen2to3\.lock: the lock cannot be made: Not a directory",
    ),
    called(
        "target whose configuration is damaged",
        lambda p: fits.write(p.target / "butler.yaml", b"{: nonsense"),
        r"/repo cannot be opened as a Butler repository: .+",
    ),
    called(
        "target whose database is gone",
        lambda p: (Butler.makeRepo(str(p.target)), (p.target / "gen3.sqlite3").unlink()),
        r"/repo cannot be opened as a Butler repository: .+",
    ),
    called(
        "target in the source itself",
        nothing,
        r"/source/gen3 is inside the Gen2 repository .*/source, .*; give a directory outside.*",
    ),
]
