"""What can be wrong with a source, a target or a call, and what the tool says of it.

One table: the tests run it, and a page for the manual can be made from it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lsst.daf.butler import Butler, CollectionType, DatasetType

from fixtures import fits
from fixtures.hsc_files import raw_cards, raw_row

from .place import BIAS, LFS, NIGHT, NOT_FITS, RAW, Place

ALL_RAWS = "raw *"
ALL_MASTERS = ("bias *", "dark *", "flat *", "defects *")


@dataclass(frozen=True)
class BadInput:
    """One thing that is wrong.

    Parameters
    ----------
    name
        What it is, as a heading.
    make
        Spoils a good repository (or the target).
    line
        Regular expression of the one line that is said of it.
    status
        Exit status of ``convert``.
    options
        Options of the call; ``{tmp}`` is the directory of the test.
    lost
        Globs of the good datasets that cannot be converted; all others are.
    added
        Datasets that are there besides the good ones.
    lines
        Number of lines that are said, if the thing itself is several. With 0
        it is no mistake, and the line is among what is skipped.
    label
        Label of the calibration collection, if the options give one.
    """

    name: str
    make: Callable[[Place], object]
    line: str
    status: int = 1
    options: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    lines: int = 1


def nothing(place: Place) -> None:
    """The source is good."""


# Registries


def overwrite(which: str, content: bytes) -> Callable[[Place], object]:
    return lambda p: getattr(p, which).write_bytes(content)


def truncate(which: str) -> Callable[[Place], object]:
    def make(p: Place) -> None:
        path: Path = getattr(p, which)
        path.write_bytes(path.read_bytes()[:5000])

    return make


def damage(which: str) -> Callable[[Place], object]:
    """Keep header and size, as a disk that loses blocks does."""

    def make(p: Place) -> None:
        path: Path = getattr(p, which)
        content = path.read_bytes()
        path.write_bytes(content[:100] + b"\xff" * (len(content) - 100))

    return make


def registries(which: str, item: str, lost: tuple[str, ...], added: tuple[str, ...]) -> list[BadInput]:
    """All ways in which a whole registry is bad; the other half is converted."""
    name = "raw registry" if which == "registry" else "calibration registry"
    missing = (
        BadInput(
            "missing raw registry",
            lambda p: p.registry.unlink(),
            r"raw registry: no registry\.pgsql or registry\.sqlite3 found in: .*/source.*",
            lost=lost,
        )
        if which == "registry"
        else BadInput(
            "missing calibration registry",
            lambda p: p.calib_registry.unlink(),
            r"/source/CALIB: calibration registry: no calibRegistry\.sqlite3 or calibRegistry\.pgsql was found there; "
            r"restore it, or name another calibration root with --calib",
            lost=lost,
        )
    )

    def bad(what: str, make: Callable[[Place], object], reason: str) -> BadInput:
        return BadInput(f"{what} {name}", make, f"{item}: registry .*/{reason}", lost=lost, added=added)

    file = r"(calibR|r)egistry\.sqlite3"
    return [
        missing,
        bad("empty", overwrite(which, b""), rf"{file} is empty \(0 bytes\): copy it again from its origin"),
        bad(
            "truncated",
            truncate(which),
            rf"{file} is truncated: 5000 bytes, at least \d+ were expected; copy it again",
        ),
        bad(
            "Git LFS pointer in place of the",
            overwrite(which, LFS),
            rf"{file} is a Git LFS pointer.*git lfs pull",
        ),
        bad(
            "something else in place of the",
            overwrite(which, NOT_FITS),
            rf"{file} is not a SQLite database: .+",
        ),
        bad("damaged", damage(which), rf"{file} cannot be opened: .*copy it again from its origin"),
    ]


UNCERTIFIED = (
    *(f"bias {day} detector={d} not certified" for day in ("2014-09-30", "2014-10-02") for d in (49, 50)),
    *(f"dark 2014-09-01 detector={d} not certified" for d in (49, 50)),
    *(
        f"flat 2014-09-28 detector={d} physical_filter={f} not certified"
        for d in (49, 50)
        for f in ("HSC-R", "HSC-I")
    ),
    *(f"defects 2013-01-31 detector={d} not certified" for d in (49, 50)),
)
UNCERTIFIED_FLATS = tuple(line for line in UNCERTIFIED if line.startswith("flat"))

REGISTRIES = [
    *registries("registry", "/source: raw registry", (ALL_RAWS,), ()),
    *registries("calib_registry", "/source/CALIB: calibration registry", ALL_MASTERS, UNCERTIFIED),
]

# Tables

TABLES = [
    BadInput(
        "no calibrations at all",
        lambda p: shutil.rmtree(p.calib),
        r"/source: no calibration root with a calibRegistry was found; name one with --calib",
        status=0,
        lines=0,
        lost=ALL_MASTERS,
    ),
    BadInput(
        "raw table missing",
        lambda p: p.raw_sql("DROP TABLE raw"),
        r"raw registry: .*registry\.sqlite3: table raw is missing, found raw_visit; no raw can be converted, copy .*",
        lost=(ALL_RAWS,),
    ),
    BadInput(
        "raw table with other columns",
        lambda p: p.raw_sql("ALTER TABLE raw RENAME COLUMN visit TO expnum"),
        r"raw registry: .*registry\.sqlite3: table raw has no column visit, found .*expnum.*another camera\?",
        lost=(ALL_RAWS,),
    ),
    BadInput(
        "raw table without a column that the paths need",
        lambda p: p.raw_sql("ALTER TABLE raw RENAME COLUMN pointing TO direction"),
        r"raw registry: .*registry\.sqlite3: table raw has no column pointing, found .*direction.*another camera\?",
        lost=(ALL_RAWS,),
    ),
    BadInput(
        "companion table of the raws missing",
        lambda p: p.raw_sql("DROP TABLE raw_visit"),
        r"registry\.sqlite3: table raw_visit: table is missing: .*",
        status=0,
        lines=0,
    ),
    BadInput(
        "calibration table missing, with files for it",
        lambda p: p.calib_sql("DROP TABLE flat"),
        r"calibRegistry\.sqlite3: table flat: table is missing although there are 4 files for it, such as "
        r".*/FLAT/.*; they are ingested without a validity range",
        lost=("flat *",),
        added=UNCERTIFIED_FLATS,
    ),
    BadInput(
        "calibration table missing, without files for it",
        lambda p: p.calib_sql("DROP TABLE sky"),
        r"calibRegistry\.sqlite3: table sky: table is missing, and there are no files for it",
        status=0,
        lines=0,
    ),
    BadInput(
        "calibration table with other columns",
        lambda p: p.calib_sql("ALTER TABLE flat RENAME COLUMN validStart TO beginning"),
        r"calibRegistry\.sqlite3: table flat: column validStart is missing, found .*beginning.*another camera\?",
        lost=("flat *",),
        added=UNCERTIFIED_FLATS,
    ),
    BadInput(
        "calibration table without a column that the paths need",
        lambda p: p.calib_sql("ALTER TABLE flat RENAME COLUMN filter TO colour"),
        r"calibRegistry\.sqlite3: table flat: column filter is missing, found .*colour.*another camera\?",
        lost=("flat *",),
        added=UNCERTIFIED_FLATS,
    ),
    BadInput(
        "calibration table that the camera does not know",
        lambda p: p.calib_sql(
            "INSERT INTO qe_curve (filter, ccd, calibDate) VALUES ('NONE', 49, '2014-09-30')"
        ),
        r"calibRegistry\.sqlite3: table qe_curve: 1 row, of no dataset type of HSC",
        status=0,
        lines=0,
    ),
]

# Validity. The bias of the night itself is spoiled, so that a comparison with Gen2 has something to notice.

FIRST = "bias 2014-09-30 detector=49 *"
FIRST_ROW = r"table bias row \d+: .*BIAS/2014-09-30/NONE/BIAS-2014-09-30-049\.fits: "
ADVICE = "; correct the registry or give the range in the recipe's validity list"


def validity(start: object, end: object) -> Callable[[Place], object]:
    return lambda p: p.calib_sql(
        "UPDATE bias SET validStart = ?, validEnd = ? WHERE ccd = 49 AND calibDate = '2014-09-30'", start, end
    )


VALIDITY = [
    BadInput(
        f"validity that {what}",
        validity(start, end),
        FIRST_ROW + reason + ADVICE,
        lost=(FIRST,),
    )
    for what, start, end, reason in (
        ("runs backwards", "2014-11-20", "2014-11-10", "validity 2014-11-20 to 2014-11-10 runs backwards"),
        ("is NULL", None, None, "validity None to None: 'None' is not YYYY-MM-DD .*"),
        ("is the text None", "None", "None", "validity None to None: 'None' is not YYYY-MM-DD .*"),
        ("is empty text", "", "", r"validity \(open\) to \(empty\): '\(empty\)' is not YYYY-MM-DD .*"),
        ("has one end only", "2014-07-02", None, "validity 2014-07-02 to None: 'None' is not .*"),
        ("is no date", "soon", "31/12/2014", "validity soon to 31/12/2014: 'soon' is not YYYY-MM-DD .*"),
        ("is not padded", "2014-7-2", "2014-10-01", "validity 2014-7-2 to 2014-10-01: '2014-7-2' is not .*"),
        (
            "is a day that never was",
            "2014-02-30",
            "2014-10-01",
            "validity .*: '2014-02-30' is not a date: .*",
        ),
        ("is a number", 20140702, 20141001, "validity 20140702 to 20141001: '20140702' is not .*"),
    )
] + [
    BadInput(
        "validity without length where the end is not part of it",
        lambda p: p.add_master("dark", "2014-12-05", "2014-12-05", "2014-12-05"),
        r"table dark row 3: .*DARK/2014-12-05/NONE/DARK-2014-12-05-049\.fits: "
        r"validity 2014-12-05 to 2014-12-05 has no length \(read as half-open\)" + ADVICE,
        options=("--reading", "dark=half-open"),
        lost=("dark *",),
        added=tuple(f"dark 2014-09-01 detector={d} valid 2014-06-03..2014-11-29" for d in (49, 50)),
    ),
]

# Masters


def master_file(path: str, content: bytes) -> Callable[[Place], object]:
    return lambda p: (p.calib / path).write_bytes(content)


BIAS_LOST = ("bias 2014-10-02 detector=49 *",)
BIAS_FILE = r"/CALIB/BIAS/2014-10-02/NONE/BIAS-2014-10-02-049\.fits"


def replace_file(root: str, path: str, put: Callable[[Path, Place], object]) -> Callable[[Place], object]:
    """Remove a file and put something else under its name."""

    def make(p: Place) -> None:
        victim: Path = getattr(p, root) / path
        victim.rename(p.elsewhere / "file.fits")
        put(victim, p)

    return make


def move_directory(root: str, name: str) -> Callable[[Place], object]:
    """Keep a directory elsewhere and link to it."""

    def make(p: Place) -> None:
        directory: Path = getattr(p, root) / name
        directory.rename(p.elsewhere / name)
        directory.symlink_to(p.elsewhere / name)

    return make


MASTERS = [
    BadInput(
        "master file missing",
        lambda p: (p.calib / BIAS).unlink(),
        r"table bias row \d: file not found: expected BIAS/2014-10-02/.*-049\.fits below .*/CALIB; restore the file",
        lost=BIAS_LOST,
    ),
    BadInput(
        "master file empty",
        master_file(BIAS, b""),
        BIAS_FILE + r": is empty \(0 bytes\): copy the file again",
        lost=BIAS_LOST,
    ),
    BadInput(
        "master file not FITS",
        master_file(BIAS, NOT_FITS),
        BIAS_FILE + r": is not a FITS file .*: check that it was copied completely",
        lost=BIAS_LOST,
    ),
    BadInput(
        "master file a Git LFS pointer",
        master_file(BIAS, LFS),
        BIAS_FILE + r": is a Git LFS pointer, not the file itself: run `git lfs pull`",
        lost=BIAS_LOST,
    ),
    BadInput(
        "master file that no row names a Git LFS pointer",
        lambda p: fits.write(p.calib / BIAS.replace("2014-10-02", "2001-01-01"), LFS),
        r"/CALIB/BIAS/2001-01-01/NONE/BIAS-2001-01-01-049\.fits: is a Git LFS pointer",
    ),
    BadInput(
        "master file a directory",
        replace_file("calib", BIAS, lambda path, p: path.mkdir()),
        r"table bias row \d: file not found: expected BIAS/2014-10-02/.*-049\.fits below .*/CALIB",
        lost=BIAS_LOST,
    ),
    BadInput(
        "master without a row",
        lambda p: fits.write(p.calib / BIAS.replace("2014-10-02", "2001-01-01"), fits.master("bias", {})),
        r"BIAS-2001-01-01-049\.fits: no row in table bias: ingested as bias without a validity range",
        status=0,
        lines=0,
        added=("bias 2001-01-01 detector=49 not certified",),
    ),
    BadInput(
        "master of an unknown detector",
        lambda p: p.add_master("bias", "2014-09-30", "2014-07-02", "2014-10-01", ccd=150),
        r"table bias row 5: BIAS/2014-09-30/NONE/BIAS-2014-09-30-150\.fits: unknown detector 150: "
        r"HSC has no such detector; correct the registry.*--exclude",
    ),
    BadInput(
        "master of an unknown filter",
        lambda p: p.add_master("flat", "2014-09-28", "2014-06-30", "2014-12-27", filter_="HSC-Q9"),
        r"table flat row 5: FLAT/2014-09-28/HSC-Q9/FLAT-2014-09-28-HSC-Q9-049\.fits: unknown filter 'HSC-Q9': "
        r"HSC has no such filter; correct the registry.*--exclude",
    ),
    BadInput(
        "master whose detector is no number",
        lambda p: (
            p.unconstrained(p.calib_registry, "bias"),
            p.calib_sql("UPDATE bias SET ccd = 'S10' WHERE id = 1"),
        ),
        r"table bias row 1: template .* key ccd is expected to be int, found 'S10'",
        lost=(FIRST,),
        # Without its row the file is known by its path alone.
        added=("bias 2014-09-30 detector=49 not certified",),
    ),
    BadInput(
        "calibration date that is none",
        lambda p: p.add_master("bias", "autumn", "2014-07-02", "2014-10-01", ccd=51),
        r"table bias row 5: BIAS/autumn/NONE/BIAS-autumn-051\.fits: calibDate: .*autumn.*",
    ),
    BadInput(
        "two files of one data ID and date",
        lambda p: p.add_master("bias", "2014-10-02T00:00:00", "2014-10-02", "2014-12-31"),
        r"table bias row 5: .*BIAS-2014-10-02T00:00:00-049\.fits has the same dataset type, data ID and date as "
        r".*BIAS-2014-10-02-049\.fits; one of the two has to be left out with --exclude",
    ),
    BadInput(
        "two files of one filter under two names",
        lambda p: p.add_master("flat", "2014-09-28", "2014-06-30", "2014-12-27", filter_="W-S-R+"),
        r"table flat row 5: .*FLAT-2014-09-28-W-S-R\+-049\.fits has the same dataset type, data ID and date as "
        r".*FLAT-2014-09-28-HSC-R-049\.fits; one of the two",
    ),
    BadInput(
        "master that is a link out of the source",
        replace_file("calib", BIAS, lambda path, p: path.symlink_to(p.elsewhere / "file.fits")),
        r"table bias row \d: BIAS/2014-10-02/NONE/BIAS-2014-10-02-049\.fits is a link that leads out of the source; "
        r"allow its target with --allow-outside DIR",
        lost=BIAS_LOST,
    ),
    BadInput(
        "master that is a link to nothing",
        replace_file("calib", BIAS, lambda path, p: path.symlink_to(p.elsewhere / "gone.fits")),
        r"table bias row \d: BIAS/2014-10-02/NONE/BIAS-2014-10-02-049\.fits is a link to nothing; restore the file",
        lost=BIAS_LOST,
    ),
    BadInput(
        "FIFO under the name of a master",
        replace_file("calib", BIAS, lambda path, p: os.mkfifo(path)),
        r"table bias row \d: BIAS/2014-10-02/NONE/BIAS-2014-10-02-049\.fits is no regular file; remove it",
        lost=BIAS_LOST,
    ),
    BadInput(
        "FIFO anywhere",
        lambda p: os.mkfifo(p.root / "pipe"),
        r"/source/pipe: is no regular file; remove it from the source",
    ),
    BadInput(
        "link to nothing anywhere",
        lambda p: (p.root / "latest.txt").symlink_to("gone.txt"),
        r"/source/latest\.txt: is a link to nothing; restore the file that it names",
    ),
    BadInput(
        "directory that is a link out of the source",
        move_directory("calib", "DARK"),
        # One line for the link, and one for each of the two rows whose file is behind it.
        r"/CALIB/DARK: leads out of the source, to .*/elsewhere/DARK; allow it with --allow-outside DIR",
        lost=("dark *",),
        lines=3,
    ),
    BadInput(
        "date that leads out of the source",
        lambda p: (
            p.unconstrained(p.calib_registry, "dark"),
            p.calib_sql("UPDATE dark SET calibDate = '../../../elsewhere/x' WHERE ccd = 49"),
        ),
        r"table dark row 1: template .* gives the path '.*\.\./\.\./elsewhere.*', which leads out of the root.*; refused",
        lost=("dark 2014-09-01 detector=49 *",),
        added=("dark 2014-09-01 detector=49 not certified",),
    ),
]

# Raws


def raw_file(content: bytes) -> Callable[[Place], object]:
    return lambda p: (p.root / RAW).write_bytes(content)


RAW_LOST = ("raw exposure=9040 detector=49",)
RAW_FILE = r"/source/STRIPE82L/2014-10-01/01004/HSC-R/HSC-0009040-049\.fits"
NEW_FILE = r"/source/STRIPE82L/2014-10-01/01004/HSC-R/HSC-0009044-049\.fits"


def header(**changes: fits.CardValue | None) -> dict[str, fits.CardValue]:
    """Cards of exposure 9044, changed (`None` removes one)."""
    cards: dict[str, fits.CardValue | None] = {
        **raw_cards(raw_row(9044, 49, NIGHT, "HSC-R"), NIGHT),
        **changes,
    }
    return {k: v for k, v in cards.items() if v is not None}


OTHER_CAMERA: dict[str, fits.CardValue] = {
    "INSTRUME": "DECam",
    "TELESCOP": "CTIO 4.0-m telescope",
    "EXPNUM": 9044,
    "CCDNUM": 49,
    "FILTER": "r DECam SDSS c0002 6415.0 1480.0",
    "DATE-OBS": "2014-10-01T07:00:00",
}

RAWS = [
    BadInput(
        "raw file missing",
        lambda p: (p.root / RAW).unlink(),
        r"table raw row 1: file not found: expected STRIPE82L/.*-049\.fits below .*/source; restore the file",
        lost=RAW_LOST,
    ),
    BadInput(
        "raw file empty",
        raw_file(b""),
        RAW_FILE + r": is empty \(0 bytes\): copy the file again",
        lost=RAW_LOST,
    ),
    BadInput(
        "raw file not FITS",
        raw_file(NOT_FITS),
        RAW_FILE + r": is not a FITS file .*copied completely",
        lost=RAW_LOST,
    ),
    BadInput(
        "raw file a Git LFS pointer",
        raw_file(LFS),
        RAW_FILE + r": is a Git LFS pointer.*git lfs pull",
        lost=RAW_LOST,
    ),
    BadInput(
        "raw file cut off in its header",
        raw_file(fits.header(header())[:1000]),
        RAW_FILE + r": expected an END card, found the end of the file after 1000 bytes; .+",
        lost=RAW_LOST,
    ),
    BadInput(
        "raw file without a row",
        lambda p: shutil.copy(p.root / RAW, p.root / RAW.replace("9040-049", "9048-049")),
        r"HSC-0009048-049\.fits: no row in table raw: Gen2 never saw it",
        status=0,
        lines=0,
    ),
    BadInput(
        "header of another exposure",
        lambda p: p.add_raw(cards=raw_cards(raw_row(9040, 49, NIGHT, "HSC-R"), NIGHT)),
        NEW_FILE
        + r": the header says exposure 9040, the registry 9044; correct the registry or restore the file",
    ),
    BadInput(
        "header of another exposure in one of its files",
        lambda p: (p.root / RAW).write_bytes(fits.header(header())),
        RAW_FILE
        + r": the header says exposure 9044, the registry 9040; correct the registry or restore the file",
        lost=RAW_LOST,
    ),
    BadInput(
        "header of another camera",
        lambda p: p.add_raw(cards=OTHER_CAMERA),
        NEW_FILE + r": .*(HSC|Hyper).*; .+",
    ),
    BadInput(
        "header that cannot be translated",
        lambda p: p.add_raw(cards=header(**{"MJD": None, "DATE-OBS": None, "UT-STR": None})),
        NEW_FILE + r": header cannot be translated by HSC: .*datetime_begin.*; restore the file",
    ),
    BadInput(
        "raw of an unknown detector",
        lambda p: p.add_raw(9040, ccd=150),
        r"table raw row 5: STRIPE82L/.*/HSC-0009040-150\.fits: unknown detector 150: HSC has no such detector; .+",
    ),
    BadInput(
        "unknown filter in a raw header",
        lambda p: p.add_raw(cards=header(FILTER01="HSC-q9")),
        NEW_FILE + r": unknown filter 'HSC-Q9' in the header: HSC has no such filter; .+",
    ),
    BadInput(
        "raw whose visit is no number",
        lambda p: (
            p.unconstrained(p.registry, "raw"),
            p.raw_sql("UPDATE raw SET visit = 'first' WHERE id = 1"),
        ),
        r"table raw row 1: visit='first', ccd=49: expected two numbers; correct the registry",
        lost=RAW_LOST,
    ),
    BadInput(
        "raw whose detector is NULL",
        lambda p: (p.unconstrained(p.registry, "raw"), p.raw_sql("UPDATE raw SET ccd = NULL WHERE id = 1")),
        r"table raw row 1: visit=9040, ccd=None: expected two numbers; correct the registry",
        lost=RAW_LOST,
    ),
    BadInput(
        "raw without a date",
        lambda p: p.raw_sql("UPDATE raw SET dateObs = NULL, taiObs = NULL WHERE id = 1"),
        r"table raw row 1: template .* key dateObs is expected to be str, found None",
        lost=RAW_LOST,
    ),
    BadInput(
        "two files of one exposure and detector",
        lambda p: (
            p.unconstrained(p.registry, "raw"),
            p.raw_sql("INSERT INTO raw SELECT * FROM raw WHERE id = 1"),
            p.raw_sql("UPDATE raw SET id = 5, field = 'OTHER' WHERE rowid = 5"),
            fits.write(p.root / RAW.replace("STRIPE82L", "OTHER"), (p.root / RAW).read_bytes()),
        ),
        r"table raw row 5: OTHER/.*HSC-0009040-049\.fits has the same exposure and detector as "
        r"STRIPE82L/.*HSC-0009040-049\.fits.*--exclude",
    ),
    BadInput(
        "field that leads out of the source",
        lambda p: p.raw_sql("UPDATE raw SET field = '../elsewhere' WHERE id = 1"),
        r"table raw row 1: template .* gives the path '\.\./elsewhere/.*', which leads out of the root.*; refused",
        lost=RAW_LOST,
    ),
    BadInput(
        "field that is an absolute path",
        lambda p: p.raw_sql("UPDATE raw SET field = '/etc' WHERE id = 1"),
        r"table raw row 1: template .* gives the path '/etc/.*', which is absolute; refused",
        lost=RAW_LOST,
    ),
    BadInput(
        "raw that is a link out of the source",
        replace_file("root", RAW, lambda path, p: path.symlink_to(p.elsewhere / "file.fits")),
        r"table raw row 1: STRIPE82L/.*-049\.fits is a link that leads out of the source; allow .* --allow-outside",
        lost=RAW_LOST,
    ),
    BadInput(
        "raw that is a link to nothing",
        replace_file("root", RAW, lambda path, p: path.symlink_to(p.elsewhere / "gone.fits")),
        r"table raw row 1: STRIPE82L/.*-049\.fits is a link to nothing; restore the file",
        lost=RAW_LOST,
    ),
]

# The call, and what stops before anything is written


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
        r"/elsewhere/file/repo: cannot create a Butler repository: .*Not a directory.*",
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


# Conflicts


def converted(*options: str) -> Callable[[Place], None]:
    def make(p: Place) -> None:
        assert p.convert("--no-verify", *options).status == 0

    return make


def writing(p: Place) -> Butler:
    if not p.target.exists():
        Butler.makeRepo(str(p.target))
    return Butler.from_config(str(p.target), writeable=True)


def other_instrument(p: Place) -> None:
    butler = writing(p)
    record = {
        "name": "HSC",
        "visit_max": 7,
        "exposure_max": 8,
        "detector_max": 999,
        "class_name": "my.own.HSC",
    }
    butler.registry.insertDimensionData("instrument", record)


def register(name: str, kind: CollectionType) -> Callable[[Place], object]:
    return lambda p: writing(p).collections.register(name, kind)


def other_type(p: Place) -> None:
    butler = writing(p)
    butler.registry.registerDatasetType(
        DatasetType(
            "bias", ("instrument",), "StructuredDataDict", universe=butler.dimensions, isCalibration=True
        )
    )


def other_ranges(p: Place) -> None:
    """Somebody corrects a range in the registry after it was converted."""
    converted()(p)
    p.calib_sql("UPDATE bias SET validEnd = '2014-12-01' WHERE calibDate = '2014-10-02'")


CONFLICTS = [
    BadInput(
        "two masters valid at once",
        lambda p: p.add_master("bias", "2014-09-25", "2014-09-20", "2014-10-01"),
        r"bias: masters 20140930T000000Z and 20140925T000000Z are both valid in \[.*\); "
        r"choose a policy with --overlaps bias=latest-start \(or another\), or correct the registry",
        status=3,
    ),
    BadInput(
        "masters valid at once in several tables",
        lambda p: (
            p.add_master("bias", "2014-09-25", "2014-09-20", "2014-10-01"),
            p.add_master("bias", "2014-09-26", "2014-07-02", "2014-07-05"),
            p.add_master("dark", "2014-09-02", "2014-06-03", "2014-11-30"),
        ),
        r"dark: masters 20140901T000000Z and 20140902T000000Z are both valid in .*",
        status=3,
        lines=3,
    ),
    BadInput(
        "reject with --strict",
        lambda p: (p.calib / BIAS).write_bytes(b""),
        BIAS_FILE + r": is empty",
        status=3,
        options=("--strict",),
    ),
    BadInput(
        "other instrument record in the target",
        other_instrument,
        r"instrument HSC: class_name is 'my\.own\.HSC' in the repository, 'lsst\.obs\.subaru\.HyperSuprimeCam' in the "
        r"camera's declaration; give --update-instrument to change the repository's records",
        status=3,
        lines=5,
    ),
    BadInput(
        "<inst>/calib a CALIBRATION collection, and a label",
        register("HSC/calib", CollectionType.CALIBRATION),
        r"collection HSC/calib exists as CALIBRATION, needed as CHAINED; --label '' uses it as it is",
        status=3,
    ),
    BadInput(
        "<inst>/calib a chain, and no label",
        register("HSC/calib", CollectionType.CHAINED),
        r"collection HSC/calib exists as CHAINED, needed as CALIBRATION; give a --label",
        status=3,
        options=("--label", ""),
    ),
    BadInput(
        "run collection that is a chain",
        register("HSC/raw/all", CollectionType.CHAINED),
        r"collection HSC/raw/all exists as CHAINED, needed as RUN; rename it, or convert into another repository",
        status=3,
    ),
    BadInput(
        "other ranges certified in the target",
        other_ranges,
        r"bias detector=49: HSC/calib/gen2/20141002T000000Z for \[.*2014-12-02.*\) conflicts in HSC/calib/gen2 with "
        r"HSC/calib/gen2/20141002T000000Z for \[.*2015-01-01.*\); give another --label, or decertify the existing range",
        status=3,
        lines=2,
    ),
    BadInput(
        "other definition of a dataset type in the target",
        other_type,
        r"dataset type bias is \['instrument'\] StructuredDataDict in the repository, "
        r"\['detector', 'instrument'\] ExposureF by the camera's declaration; leave it out with --types",
        status=3,
    ),
]

TARGETS = {
    "target below a file": "elsewhere/file/repo",
    "target in the source itself": "source/gen3",
}
"""Where the target is, if not beside the source."""

CASES: list[BadInput] = [*REGISTRIES, *TABLES, *VALIDITY, *MASTERS, *RAWS, *CALLS, *CONFLICTS]
