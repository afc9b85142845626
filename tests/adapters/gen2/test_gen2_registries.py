from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy.exc

from adapters.gen2.registries import Registry, open_registry, pgsql_url
from adapters.gen2.repository import RegistryLocation
from converter.nouns import Gen2to3Error


def sqlite(path: Path, *statements: str | tuple) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(*([statement] if isinstance(statement, str) else statement))
        connection.commit()
    return path


def opened(path: Path) -> Registry:
    return open_registry(RegistryLocation(path, "sqlite"))


def snapshot(directory: Path) -> dict[str, tuple[str, int]]:
    return {
        p.name: (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns)
        for p in directory.iterdir()
    }


@pytest.fixture
def private_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory in which private copies are made."""
    (tmp_path / "private").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "private"))
    yield tmp_path / "private"


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    (tmp_path / "reg").mkdir()
    return sqlite(
        tmp_path / "reg" / "registry.sqlite3",
        "CREATE TABLE raw "
        "(dateObs text, id integer primary key, visit int, day DATE, at TIMESTAMP, n NUMERIC)",
        "INSERT INTO raw VALUES ('2015-07-21', 2, 20, '2015-07-21', 'None', '1.50')",
        "INSERT INTO raw VALUES ('2015-07-20', 1, 10, '2015-02-31', '', NULL)",
    )


def test_real_registries(real_data: Path) -> None:
    with opened(real_data / "jointcal_hsc" / "gen2" / "registry.sqlite3") as hsc:
        assert hsc.tables() == ["raw", "raw_visit"]
        assert hsc.count("raw") == 30
        assert hsc.columns("raw")["taiObs"].upper() == "TEXT"
        rows = hsc.rows("raw", ["id", "ccd", "visit", "taiObs", "filter"])
        assert len(rows) == 30
        assert [row[0] for row in rows] == sorted(row[0] for row in rows)
        assert (304284, 13, 36260, "2015-07-21", "HSC-I") in rows
    with opened(real_data / "imsim" / "gen2" / "CALIB" / "calibRegistry.sqlite3") as imsim:
        assert imsim.rows("bias", ["validStart", "validEnd", "detector"]) == [
            ("1748-03-19", "2295-10-16", 42)
        ]
        assert imsim.count("bias_visit") == 0


def test_values_are_the_drivers_own(registry: Path) -> None:
    with opened(registry) as found:
        assert found.source == str(registry)
        assert found.rows("raw", ["visit", "id", "day", "at", "n"]) == [
            (10, 1, "2015-02-31", "", None),
            (20, 2, "2015-07-21", "None", 1.5),
        ]
        assert found.rows("raw")[1] == ("2015-07-21", 2, 20, "2015-07-21", "None", 1.5)
        assert type(found.rows("raw", ["n"])[1][0]) is float
        assert found.rows("raw", ["visit", "visit"]) == [(10, 10), (20, 20)]
        assert found.rows("raw", []) == [(), ()]
        columns = found.columns("raw")
        assert list(columns) == ["dateObs", "id", "visit", "day", "at", "n"]
        assert (columns["day"], columns["at"]) == ("DATE", "TIMESTAMP")


def test_order_without_id(tmp_path: Path) -> None:
    path = sqlite(
        tmp_path / "r.sqlite3",
        "CREATE TABLE plain (x, wide)",
        "CREATE TABLE twice (id int, x)",
        "CREATE TABLE keyed (x PRIMARY KEY, y) WITHOUT ROWID",
        *(("INSERT INTO plain VALUES (?, ?)", (x, "w" * 500)) for x in (3, 1, 2)),
        *(("INSERT INTO twice VALUES (1, ?)", (x,)) for x in (3, 1, 2)),
        *(("INSERT INTO keyed VALUES (?, 0)", (x,)) for x in (3, 1, 2)),
        "CREATE INDEX i ON plain (x)",
        "CREATE VIEW seen AS SELECT x FROM plain",
    )
    with opened(path) as found:
        # The index alone could answer this, in another order.
        assert found.rows("plain", ["x"]) == [(3,), (1,), (2,)]
        assert found.rows("twice", ["x"]) == [(3,), (1,), (2,)]
        assert found.rows("keyed", ["x"]) == [(1,), (2,), (3,)]
        assert found.rows("seen") == [(1,), (2,), (3,)]


def test_hostile_names(tmp_path: Path) -> None:
    table, column = 'a"b\'; DROP TABLE "raw', 'x"] %(y)s :z ?'
    quoted = '"{}"'.format(table.replace('"', '""')), '"{}"'.format(column.replace('"', '""'))
    path = sqlite(
        tmp_path / "r.sqlite3",
        f'CREATE TABLE {quoted[0]} ({quoted[1]} text, "select" int)',
        f"INSERT INTO {quoted[0]} VALUES ('v', 1)",  # noqa: S608
        "CREATE TABLE raw (x)",
    )
    with opened(path) as found:
        assert found.tables() == sorted([table, "raw"])
        assert found.columns(table) == {column: "TEXT", "select": "INT"}
        assert found.rows(table, ["select", column]) == [(1, "v")]
        assert found.count(table) == 1
        assert not found.has_table("x'; DROP TABLE raw; --")
        with pytest.raises(Gen2to3Error, match="has no table sqlite_master"):
            found.rows("sqlite_master")


def test_names_match_as_in_sql(registry: Path) -> None:
    with opened(registry) as found:
        assert found.has_table("RAW")
        assert found.rows("RAW", ["DATEOBS"]) == [("2015-07-20",), ("2015-07-21",)]


def test_missing_names(registry: Path) -> None:
    with opened(registry) as found:
        with pytest.raises(Gen2to3Error) as error:
            found.rows("flat", ["id"])
        assert str(error.value) == f"registry {registry} has no table flat; tables there: raw"
        with pytest.raises(Gen2to3Error, match="has no table flat"):
            found.columns("flat")
        with pytest.raises(Gen2to3Error, match="has no table flat"):
            found.count("flat")
        with pytest.raises(Gen2to3Error) as error:
            found.rows("raw", ["visit", "ccd"])
        assert str(error.value) == (
            f"registry {registry} table raw has no column ccd; columns there: dateObs, id, visit, day, at, n"
        )
        assert not found.has_table("flat")


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    path = sqlite(
        tmp_path / "r.sqlite3",
        "CREATE TABLE raw (object text, visit int)",
        "INSERT INTO raw VALUES ('plain é', 1)",
        "INSERT INTO raw VALUES (CAST(x'e9746f696c65' AS TEXT), 2)",
    )
    with opened(path) as found:
        assert found.rows("raw") == [("plain é", 1), ("\udce9toile", 2)]
        assert found.rows("raw", ["visit"]) == [(1,), (2,)]


def test_nothing_is_created_or_changed(registry: Path) -> None:
    before = snapshot(registry.parent)
    with opened(registry) as found:
        found.rows("raw")
        found.count("raw")
        assert snapshot(registry.parent) == before
        with pytest.raises(sqlalchemy.exc.OperationalError, match="readonly"):
            found._connection.exec_driver_sql("DELETE FROM raw")
    assert snapshot(registry.parent) == before
    assert list(before) == ["registry.sqlite3"]


def wal_registry(directory: Path) -> Path:
    """A registry with a row that is only in its write-ahead log."""
    directory.mkdir()
    path = directory / "live.sqlite3"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("CREATE TABLE raw (x)")
        writer.execute("INSERT INTO raw VALUES (1)")
        writer.commit()
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        writer.execute("INSERT INTO raw VALUES (2)")
        writer.commit()
        copy = directory / "registry.sqlite3"
        shutil.copy(path, copy)
        shutil.copy(f"{path}-wal", f"{copy}-wal")
    path.unlink(missing_ok=True)
    return copy


def test_write_ahead_log(tmp_path: Path, private_tmp: Path) -> None:
    path = wal_registry(tmp_path / "wal")
    before = snapshot(path.parent)
    assert sorted(before) == ["registry.sqlite3", "registry.sqlite3-wal"]
    with opened(path) as found:
        assert found.rows("raw") == [(1,), (2,)]
        assert found.source == str(path)
        assert snapshot(path.parent) == before
        assert len(list(private_tmp.iterdir())) == 1
    assert snapshot(path.parent) == before
    assert list(private_tmp.iterdir()) == []
    # Without its log, the same file is read in place and lacks the row.
    Path(f"{path}-wal").unlink()
    with opened(path) as found:
        assert found.rows("raw") == [(1,)]
    assert os.listdir(path.parent) == ["registry.sqlite3"]


def test_unfinished_transaction(tmp_path: Path, private_tmp: Path) -> None:
    live = sqlite(tmp_path / "live.sqlite3", "CREATE TABLE raw (x)", "INSERT INTO raw VALUES (1)")
    copied = tmp_path / "hot"
    copied.mkdir()
    with closing(sqlite3.connect(live)) as writer:
        writer.execute("PRAGMA cache_size=1")
        writer.execute("PRAGMA cache_spill=1")
        writer.executemany("INSERT INTO raw VALUES (?)", [("x" * 900,) for _ in range(200)])
        shutil.copy(live, copied / "registry.sqlite3")
        shutil.copy(f"{live}-journal", copied / "registry.sqlite3-journal")
        writer.rollback()
    before = snapshot(copied)
    assert len(before) == 2
    with opened(copied / "registry.sqlite3") as found:
        assert found.rows("raw") == [(1,)]
    assert snapshot(copied) == before
    assert list(private_tmp.iterdir()) == []


@pytest.mark.parametrize("name", ["a?mode=rwc", "b#c", "d%20e", "f g", "ü", "\udcff"])
def test_special_paths(tmp_path: Path, name: str) -> None:
    source = sqlite(tmp_path / "r.sqlite3", "CREATE TABLE raw (x)", "INSERT INTO raw VALUES (7)")
    directory = tmp_path / name
    directory.mkdir()
    shutil.copy(source, directory / "registry.sqlite3")
    with opened(directory / "registry.sqlite3") as found:
        assert found.rows("raw") == [(7,)]
        assert found.source.isprintable()
    assert len(list(tmp_path.iterdir())) == 2


def test_link_to_a_registry_with_a_log(tmp_path: Path, private_tmp: Path) -> None:
    real = wal_registry(tmp_path / "wal")
    (tmp_path / "registry.sqlite3").symlink_to(real)
    with opened(tmp_path / "registry.sqlite3") as found:
        assert found.count("raw") == 2


def fail(path: Path) -> str:
    with pytest.raises(Gen2to3Error) as error, opened(path) as found:
        for table in found.tables():
            found.rows(table)
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"registry {path} ")


def test_distinct_errors(tmp_path: Path, registry: Path) -> None:
    path = tmp_path / "x.sqlite3"
    assert fail(path) == "does not exist"
    assert not path.exists()
    path.symlink_to("nowhere")
    assert fail(path) == "does not exist"
    path.unlink()
    path.touch()
    assert fail(path) == "is empty (0 bytes): copy it again from its origin"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 24576\n")
    assert fail(path) == (
        "is a Git LFS pointer, not the registry itself: run `git lfs pull` in the source repository"
    )
    path.write_text("visit,filter\n1,g\n")
    assert fail(path) == "is not a SQLite database: copy it again from its origin"
    path.write_bytes(registry.read_bytes()[:50])
    assert fail(path) == "is truncated: 50 bytes, at least 100 were expected; copy it again from its origin"
    path.write_bytes(registry.read_bytes()[:4096])
    assert fail(path) == (
        f"is truncated: 4096 bytes, at least {registry.stat().st_size} were expected; "
        "copy it again from its origin"
    )
    path.unlink()
    path.mkdir()
    assert fail(path) == "is not a regular file; a SQLite file was expected"
    assert not any(p.name.startswith("x.sqlite3-") for p in tmp_path.iterdir())


def test_damage_inside(tmp_path: Path) -> None:
    path = sqlite(
        tmp_path / "r.sqlite3",
        "CREATE TABLE raw (x)",
        *(("INSERT INTO raw VALUES (?)", ("x" * 500,)) for _ in range(200)),
    )
    size = path.stat().st_size
    with open(path, "r+b") as stream:
        stream.seek(8192)
        stream.write(b"\xff" * (size - 8192))
    with opened(path) as found, pytest.raises(Gen2to3Error) as error:
        found.rows("raw")
    assert str(error.value) == (
        f"registry {path} cannot be read (table raw): database disk image is malformed: "
        "the file is damaged or truncated; copy it again from its origin"
    )
    # A header that does not say its size: cut short is only found by reading.
    with open(path, "r+b") as stream:
        stream.truncate(8192)
        stream.seek(92)
        stream.write(bytes(4))
    assert "the file is damaged or truncated" in fail(path)


def test_pgsql_url(tmp_path: Path) -> None:
    path = tmp_path / "registry.pgsql"
    path.write_text("host: db.example\nport: 5432\nuser: me\ndatabase: pfs\npassword: 'p@ss/word'\n")
    url = pgsql_url(path)
    assert url.drivername == "postgresql+psycopg"
    assert (url.host, url.port, url.username, url.password, url.database) == (
        "db.example",
        5432,
        "me",
        "p@ss/word",
        "pfs",
    )
    path.write_text("database: pfs\n")
    assert str(pgsql_url(path)) == "postgresql+psycopg:///pfs"
    for text, reason in [
        ("host: x\n", "expected YAML with host, port, user, database"),
        ("[1]", "expected YAML with host"),
        ("database: x\nport: secret\n", "port is expected to be a number"),
        ("database: x\nsslmode: y\n", "unknown keys sslmode"),
    ]:
        path.write_text(text)
        with pytest.raises(Gen2to3Error, match=reason) as error:
            pgsql_url(path)
        assert "secret" not in str(error.value)


def test_pgsql_without_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    path = tmp_path / "registry.pgsql"
    path.write_text("host: db.example\ndatabase: pfs\npassword: secret\n")
    with pytest.raises(Gen2to3Error) as error:
        open_registry(RegistryLocation(path, "pgsql"))
    assert str(error.value) == (
        f"registry {path} is in PostgreSQL and its driver is not installed: "
        "run `pip install 'psycopg[binary]'`"
    )
