"""What can be wrong with masters and raws."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from fixtures import fits
from fixtures.hsc_files import raw_cards, raw_row

from .bad_input import BIAS_FILE, BIAS_LOST, FIRST, BadInput, replace_file
from .place import BIAS, LFS, NIGHT, NOT_FITS, RAW, Place

# Masters


def master_file(path: str, content: bytes) -> Callable[[Place], object]:
    return lambda p: (p.calib / path).write_bytes(content)


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
