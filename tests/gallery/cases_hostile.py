"""What somebody could make of a repository who means harm: nothing runs, nothing outside is touched."""

from __future__ import annotations

import gzip
import os
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path

from .bad_input import ALL_MASTERS, ALL_RAWS, BIAS_LOST, FIRST, BadInput, nothing, replace_file
from .cases_calls import called, recipe
from .cases_files import RAW_FILE, RAW_LOST
from .cases_registries import UNCERTIFIED
from .place import BIAS, RAW, Place

CONFIG = r"/source/repositoryCfg\.yaml: "
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
"""Nine lines that expand to 10^9 texts."""


class Malicious:
    """Makes a file beside the source if it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.path),))


def configuration(text: str) -> Callable[[Place], object]:
    """A repositoryCfg.yaml in place of the mapper file; ``{tmp}`` is the directory of the test."""

    def make(p: Place) -> None:
        (p.root / "_mapper").unlink()
        (p.root / "repositoryCfg.yaml").write_text(text.replace("{tmp}", str(p.elsewhere)))

    return make


def refused(name: str, text: str, line: str) -> BadInput:
    return BadInput(name, configuration(text), CONFIG + line, status=2)


def bytes_named(place: Place, name: bytes, content: bytes) -> None:
    with open(os.path.join(os.fsencode(place.root), name), "wb") as stream:
        stream.write(content)


@cache
def gzip_bomb() -> bytes:
    """10 MB that unpack to 10 GB of blanks: a header without end."""
    return gzip.compress(b"SIMPLE  =                    T".ljust(2880)) + gzip.compress(b" " * 10**8, 6) * 100


def endless_header(place: Place) -> None:
    """10 GB, of which next to nothing is on the disk."""
    with open(place.root / RAW, "wb") as stream:
        stream.write(b"SIMPLE  =                    T".ljust(80) + b"COMMENT".ljust(80) * 40_000)
        stream.truncate(10 << 30)


def unconstrained(
    which: str, table: str, statement: str, *values: Callable[[Place], object]
) -> Callable[[Place], object]:
    def make(p: Place) -> None:
        database: Path = getattr(p, which)
        p.unconstrained(database, table)
        p.sql(database, statement, *(value(p) for value in values))

    return make


def endless_view(place: Place) -> None:
    place.calib_sql("DROP TABLE sky")
    place.calib_sql(
        "CREATE VIEW sky AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
        "SELECT x AS id, x AS ccd, 'NONE' AS filter, '2014-01-01' AS calibDate, "
        "'2014-01-01' AS validStart, '2014-01-01' AS validEnd FROM n"
    )


def quoted_table(place: Place) -> None:
    place.calib_sql('CREATE TABLE "x""; DROP TABLE bias; --" (a)')
    place.calib_sql('INSERT INTO "x""; DROP TABLE bias; --" VALUES (1)')


def pipe(path: Path) -> None:
    """A FIFO in place of a file: who opens it waits for ever."""
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def parent(target: Callable[[Place], object]) -> Callable[[Place], object]:
    """No mapper here, and a link to the repository that is to have it."""

    def make(p: Place) -> None:
        (p.root / "_mapper").unlink()
        (p.root / "_parent").symlink_to(str(target(p)))

    return make


FILE_NAME = "BIAS/2014-10-02/NONE/BIAS-2014-10-02-049.fits"

HOSTILE = [
    refused(
        "YAML that calls a function",
        "!RepositoryCfg_v1\n_mapper: !!python/object/apply:os.mkdir ['{tmp}/made']\n",
        r"expected the dotted name of a mapper class, found \['.*made'\]",
    ),
    refused(
        "YAML that makes an object",
        "_mapper: !!python/object/new:os.mkdir ['{tmp}/made']\n",
        r"the YAML tag !!python/object/new:os\.mkdir \(line 1\) is not one that a Gen2 repository uses; the file is refused",
    ),
    refused(
        "YAML with a tag of another language",
        "_mapper: !ruby/object:Gem::Installer x\n",
        r"the YAML tag !ruby/object:Gem::Installer \(line 1\) is not one that .*; the file is refused",
    ),
    refused(
        "YAML whose aliases explode", BOMB, r"aliases expand to more than 200000 nodes; the file is refused"
    ),
    refused(
        "YAML with an alias of itself", "_mapper: &a [*a]\n", r"an alias contains itself; the file is refused"
    ),
    refused(
        "YAML that is nested without end", "_mapper: " + "[" * 5000, r"nodes are nested deeper than 60; .*"
    ),
    refused(
        "YAML of five megabytes",
        "#" * 5_000_000,
        r"is larger than 4194304 bytes; a small YAML file was expected",
    ),
    called(
        "recipe that calls a function",
        recipe("root: !!python/object/apply:os.mkdir ['/nowhere']\n"),
        r"recipe\.yaml is not YAML: could not determine a constructor for the tag .*os\.mkdir.*",
        "--recipe",
        "{tmp}/recipe.yaml",
    ),
    called(
        "mapper file of five megabytes",
        lambda p: (p.root / "_mapper").write_text("a" * 5_000_000),
        r"unknown Gen2 mapper 'a{200}'; name the camera with --camera .*",
    ),
    BadInput(
        "pickle under the name of a master",
        lambda p: (p.calib / BIAS).write_bytes(pickle.dumps(Malicious(p.elsewhere / "made"))),
        r"BIAS-2014-10-02-049\.fits: is not a FITS file .*",
        lost=BIAS_LOST,
    ),
    BadInput(
        "pickle in a column",
        unconstrained(
            "calib_registry",
            "bias",
            "UPDATE bias SET validStart = ? WHERE ccd = 49 AND calibDate = '2014-09-30'",
            lambda p: pickle.dumps(Malicious(p.elsewhere / "made")),
        ),
        r"table bias row 1: .*BIAS-2014-09-30-049\.fits: validity b'.*mkdir.*' to 2014-10-01: .* is not YYYY-MM-DD .*",
        lost=(FIRST,),
    ),
    BadInput(
        "table with quotes and SQL in its name",
        quoted_table,
        r"calibRegistry\.sqlite3: table x\"; DROP TABLE bias; --: 1 row, of no dataset type of HSC",
        status=0,
        lines=0,
    ),
    BadInput(
        "column with quotes and SQL in its name",
        lambda p: (p.calib_sql('ALTER TABLE flat RENAME COLUMN filter TO "x""); DROP TABLE dark; --"'),),
        r"table flat: column filter is missing, found .*x\"\); DROP TABLE dark; --.*; is it the registry of another camera\?",
        lost=("flat *",),
        added=tuple(
            f"flat 2014-09-28 detector={d} physical_filter={f} not certified"
            for d in (49, 50)
            for f in ("HSC-R", "HSC-I")
        ),
    ),
    BadInput(
        "view without end in place of a table",
        endless_view,
        r"calibRegistry\.sqlite3: table sky: registry .* table sky has more than 1000 rows; "
        r"if they are meant, give --max-rows N with a larger number",
        options=("--max-rows", "1000"),
    ),
    called(
        "template that leads out of the source",
        nothing,
        r"templates: bias: template '\.\./.*' leads out of the root \('\.\.'\); give a path below the root",
        "--template",
        "bias=../%(calibDate)s-%(ccd)03d.fits",
    ),
    called(
        "template that is an absolute path",
        nothing,
        r"templates: bias: template '/etc/.*' is absolute; give a path below the root",
        "--template",
        "bias=/etc/%(calibDate)s-%(ccd)03d.fits",
    ),
    called(
        "template as wide as the memory",
        nothing,
        r"templates: bias: template '.*': %\(ccd\) is more than 255 characters wide",
        "--template",
        "bias=%(calibDate)s-%(ccd)0999999999d.fits",
    ),
    BadInput(
        "field of twenty megabytes",
        lambda p: p.raw_sql("UPDATE raw SET field = hex(zeroblob(10000000)) WHERE id = 1"),
        r"table raw row 1: template .* gives the path '0{500}\.\.\.', which has \d+ characters, more than 4096; refused; .*",
        lost=RAW_LOST,
    ),
    BadInput(
        "field with a NUL",
        lambda p: p.raw_sql("UPDATE raw SET field = 'a' || char(0) || 'b' WHERE id = 1"),
        r"table raw row 1: template .* gives the path 'a.*x00b/.*', which contains a NUL; refused; correct the registry",
        lost=RAW_LOST,
    ),
    BadInput(
        "field that forges a line of the output",
        lambda p: p.raw_sql(
            "UPDATE raw SET field = 'a' || char(10) || 'reject  b' || char(27) || '[2J' WHERE id = 1"
        ),
        r"table raw row 1: file not found: expected a reject  b\\x1b\[2J/.* below .*/source; restore the file.*",
        lost=RAW_LOST,
    ),
    BadInput(
        "visit that is infinite",
        unconstrained("registry", "raw", "UPDATE raw SET visit = 9e999 WHERE id = 1"),
        r"table raw row 1: visit=inf, ccd=49: expected two numbers; correct the registry",
        lost=RAW_LOST,
    ),
    BadInput(
        "detector beyond all numbers",
        lambda p: p.add_raw(9040, ccd=9223372036854775807),
        r"table raw row 5: STRIPE82L/.*: unknown detector 9223372036854775807: HSC has no such detector; .+",
    ),
    BadInput(
        "master that is a link to itself",
        replace_file("calib", BIAS, lambda path, p: path.symlink_to(path.name)),
        r"table bias row \d: "
        + FILE_NAME.replace(".", r"\.")
        + r" is a link to nothing; restore the file that it names",
        lost=BIAS_LOST,
    ),
    BadInput(
        "two links that name each other",
        lambda p: ((p.root / "a").symlink_to("b"), (p.root / "b").symlink_to("a")),
        r"/source/a: is a link to nothing; restore the file that it names",
        lines=2,
    ),
    BadInput(
        "master that is a link to a device",
        replace_file("calib", BIAS, lambda path, p: path.symlink_to("/dev/zero")),
        r"table bias row \d: .* is a link that leads out of the source; allow its target with --allow-outside DIR",
        lost=BIAS_LOST,
    ),
    BadInput(
        "master that is a link to a device, with leave",
        replace_file("calib", BIAS, lambda path, p: path.symlink_to("/dev/zero")),
        r"table bias row \d: .* is no regular file; remove it from the source",
        options=("--allow-outside", "/dev"),
        lost=BIAS_LOST,
    ),
    BadInput(
        "raw that is a link to the passwords",
        replace_file("root", RAW, lambda path, p: path.symlink_to("/etc/passwd")),
        r"table raw row 1: STRIPE82L/.*-049\.fits is a link that leads out of the source; allow .* --allow-outside",
        lost=RAW_LOST,
    ),
    BadInput(
        "raw whose header has 10 GB",
        endless_header,
        RAW_FILE + r": expected an END card within 2000000 bytes, found none; restore the file, .*",
        lost=RAW_LOST,
    ),
    BadInput(
        "raw that is a gzip bomb of 10 GB",
        lambda p: (p.root / RAW).write_bytes(gzip_bomb()),
        RAW_FILE + r": expected an END card within 2000000 bytes, found none; restore the file, .*",
        lost=RAW_LOST,
    ),
    BadInput(
        "file with a line break in its name",
        lambda p: bytes_named(p, b"a\nreject  b.fits", b"x"),
        r"/source/a\\nreject  b\.fits: .+",
        status=0,
        lines=0,
    ),
    BadInput(
        "file whose name is not UTF-8",
        lambda p: bytes_named(p, b"caf\xe9.fits", b"x"),
        r"/source/caf\\udce9\.fits: .+",
        status=0,
        lines=0,
    ),
    BadInput(
        "FIFO in place of the raw registry",
        lambda p: pipe(p.registry),
        r"/source: raw registry: registry .*/registry\.sqlite3 is not a regular file; a SQLite file was expected",
        lost=(ALL_RAWS,),
        lines=2,
    ),
    BadInput(
        "FIFO in place of the calibration registry",
        lambda p: pipe(p.calib_registry),
        r"/CALIB: calibration registry: registry .*/calibRegistry\.sqlite3 is not a regular file; a SQLite file was expected",
        lost=ALL_MASTERS,
        added=UNCERTIFIED,
        lines=2,
    ),
    called(
        "FIFO in place of the mapper file",
        lambda p: pipe(p.root / "_mapper"),
        r"/source/_mapper cannot be read: not a regular file",
    ),
    called(
        "FIFO in place of the configuration",
        lambda p: ((p.root / "_mapper").unlink(), pipe(p.root / "repositoryCfg.yaml")),
        r"/source/repositoryCfg\.yaml: is not a regular file; a YAML file was expected",
    ),
    called(
        "FIFO in place of the recipe",
        lambda p: pipe(p.tmp / "recipe.yaml"),
        r"recipe .*/recipe\.yaml cannot be read: not a regular file",
        "--recipe",
        "{tmp}/recipe.yaml",
    ),
    called(
        "device in place of the recipe",
        nothing,
        r"recipe /dev/zero cannot be read: not a regular file",
        "--recipe",
        "/dev/zero",
    ),
    called(
        "recipe of five megabytes",
        recipe("#" * 5_000_000),
        r"recipe .*/recipe\.yaml is larger than 4194304 bytes; a recipe was expected",
        "--recipe",
        "{tmp}/recipe.yaml",
    ),
    called(
        "FIFO in place of the ledger",
        lambda p: pipe(p.elsewhere / "ledger.sqlite3"),
        r"ledger .*/ledger\.sqlite3: .+; move the file away .*, or name another with --ledger",
        "--ledger",
        "{tmp}/elsewhere/ledger.sqlite3",
    ),
    called(
        "parent that is a link to itself",
        parent(lambda p: "_parent"),
        r"/source: no mapper is declared \(looked for _mapper and repositoryCfg\.yaml in: .*\)",
    ),
    called(
        "parent that is the repository itself",
        parent(lambda p: "."),
        r"/source: no mapper is declared \(looked for _mapper and repositoryCfg\.yaml in: .*\)",
    ),
    called(
        "parent that leads in a circle",
        lambda p: (
            parent(lambda p: p.elsewhere / "b")(p),
            (p.elsewhere / "b").symlink_to(p.root / "_parent"),
        ),
        r"/source: no mapper is declared \(looked for _mapper and repositoryCfg\.yaml in: .*\)",
    ),
    BadInput(
        "registry that is a link to a device",
        lambda p: (p.registry.unlink(), p.registry.symlink_to("/dev/zero")),
        r"/source: raw registry: registry .*/registry\.sqlite3 is not a regular file; a SQLite file was expected",
        lost=(ALL_RAWS,),
        lines=2,
    ),
]
