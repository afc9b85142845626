"""What can be wrong with a registry, its tables and their validity ranges."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from .bad_input import ALL_MASTERS, ALL_RAWS, FIRST, BadInput, damage, overwrite, truncate
from .place import LFS, NOT_FITS, Place


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

    file = "registry" if which == "registry" else "calibRegistry"
    file += r"\.sqlite3"
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
