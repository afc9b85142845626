"""The registries of a Gen2 repository, read-only.

A registry is a SQLite file or, for ``*.pgsql``, a PostgreSQL database. Rows
come back as the database driver gives them: what a column was declared to be
converts nothing, since Gen2 compared validity as text and so must we.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.elements import quoted_name

from adapters.gen2.files import printable
from adapters.gen2.repository import RegistryLocation
from adapters.gen2.safe_yaml import load_yaml
from adapters.gen2.sqlite_files import open_sqlite
from converter.nouns import Gen2to3Error

MAX_ROWS = 5_000_000
"""Most rows read of one table by default: tables are kept in memory, and the largest known has some 10^6 rows."""
_PGSQL_KEYS = frozenset({"host", "port", "user", "database", "password"})


class Registry:
    """An open registry.

    Parameters
    ----------
    engine
        Engine to read with; disposed of at the end.
    source
        Name of the registry, for messages and provenance.
    snapshot
        Private copy that the engine reads, if one had to be made.
    max_rows
        Most rows that `rows` reads of one table.

    Notes
    -----
    Names of tables and columns are matched as SQL would have matched Gen2's
    unquoted ones: exactly, or else without regard to case.
    """

    def __init__(
        self,
        engine: sa.Engine,
        source: str,
        snapshot: tempfile.TemporaryDirectory[str] | None = None,
        max_rows: int = MAX_ROWS,
    ) -> None:
        self.source = source
        self.max_rows = max_rows
        self._engine = engine
        self._snapshot = snapshot
        self._columns: dict[str, dict[str, str]] = {}
        self._closed = False
        try:
            with self._reading("opened"):
                self._connection = engine.connect()
                self._tables = tuple(self._read_table_names())
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Registry:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and remove the private copy; may be called again."""
        if self._closed:
            return
        self._closed = True
        connection = getattr(self, "_connection", None)
        if connection is not None:
            connection.close()
        self._engine.dispose()
        if self._snapshot is not None:
            self._snapshot.cleanup()

    @property
    def _is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        """Say a database error in one line; a damaged file shows itself anywhere."""
        try:
            yield
        except SQLAlchemyError as exc:
            reason = " ".join(str(getattr(exc, "orig", None) or exc).split())
            advice = ""
            if "malformed" in reason or "disk I/O error" in reason:
                advice = ": the file is damaged or truncated; copy it again from its origin"
            raise Gen2to3Error(
                f"registry {self.source} cannot be {what}: {printable(reason)}{advice}"
            ) from exc

    def _read_table_names(self) -> list[str]:
        if self._is_sqlite:
            master = sa.table("sqlite_master", sa.column("name"), sa.column("type"))
            select = sa.select(master.c.name).where(master.c.type.in_(["table", "view"]))
            names = [row[0] for row in self._connection.execute(select)]
            return sorted(name for name in names if not name.startswith("sqlite_"))
        inspector = sa.inspect(self._connection)
        return sorted([*inspector.get_table_names(), *inspector.get_view_names()])

    def tables(self) -> list[str]:
        """Names of all tables and views but SQLite's own, sorted."""
        return list(self._tables)

    def has_table(self, table: str) -> bool:
        """Whether `rows` would find a table of this name."""
        return _match(table, self._tables) is not None

    def _table_name(self, table: str) -> str:
        name = _match(table, self._tables)
        if name is None:
            there = ", ".join(map(printable, self._tables)) or "none"
            raise Gen2to3Error(
                f"registry {self.source} has no table {printable(table)}; tables there: {there}"
            )
        return name

    def columns(self, table: str) -> dict[str, str]:
        """Columns of a table.

        Parameters
        ----------
        table
            Name of the table.

        Returns
        -------
        columns
            Declared type of each column, in the order of the table; ``""``
            if none was declared.

        Raises
        ------
        Gen2to3Error
            If there is no such table.
        """
        name = self._table_name(table)
        if name not in self._columns:
            with self._reading(f"read (columns of table {printable(name)})"):
                if self._is_sqlite:
                    # The name is bound as data, and the declared text comes
                    # back as it was written.
                    query = sa.text("SELECT name, type FROM pragma_table_info(:name)")
                    found = {row[0]: row[1] for row in self._connection.execute(query, {"name": name})}
                else:
                    described = sa.inspect(self._connection).get_columns(name)
                    found = {str(c["name"]): str(c["type"]) for c in described}
            self._columns[name] = found
        return dict(self._columns[name])

    def _reflect(self, table: str) -> sa.Table:
        """Table object with untyped columns: no type means that no value is converted."""
        name = self._table_name(table)
        columns = [sa.Column(quoted_name(c, True), sa.types.NullType()) for c in self.columns(name)]
        return sa.Table(quoted_name(name, True), sa.MetaData(), *columns)

    def count(self, table: str) -> int:
        """Number of rows in a table, counted up to one more than ``max_rows``: a view need not end."""
        some = sa.select(sa.literal(1)).select_from(self._reflect(table)).limit(self.max_rows + 1).subquery()
        with self._reading(f"read (table {printable(table)})"):
            return self._connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()

    def rows(self, table: str, columns: Sequence[str] | None = None) -> list[tuple[Any, ...]]:
        """Read all rows of a table.

        Parameters
        ----------
        table
            Name of the table.
        columns
            Names of the columns wanted, in the order wanted; all by default.

        Returns
        -------
        rows
            One tuple per row, ordered by ``id`` if there is one and by the
            order of insertion otherwise; where neither exists (views), by all
            columns.

        Raises
        ------
        Gen2to3Error
            If there is no such table or column, it cannot be read, or has too
            many rows. The text names what was expected and what is there.
        """
        reflected = self._reflect(table)
        if (number := self.count(table)) > self.max_rows:
            raise Gen2to3Error(
                f"registry {self.source} table {printable(reflected.name)} has more than {self.max_rows} "
                "rows; if they are meant, give --max-rows N with a larger number"
            )
        names = list(self.columns(table))
        wanted: list[sa.Label[Any]] = []
        for column in names if columns is None else columns:
            name = _match(column, names)
            if name is None:
                raise Gen2to3Error(
                    f"registry {self.source} table {printable(reflected.name)} has no column "
                    f"{printable(column)}; columns there: {', '.join(map(printable, names))}"
                )
            # Labels keep two requests for one column apart.
            wanted.append(reflected.c[name].label(f"c{len(wanted)}"))
        if not wanted:
            return [()] * number
        with self._reading(f"read (table {printable(reflected.name)})"):
            query = sa.select(*wanted).select_from(reflected).order_by(*self._order(reflected, names))
            return self._fetch(query)

    def _order(self, table: sa.Table, names: Sequence[str]) -> list[Any]:
        identity = _match("id", names)
        order: list[Any] = [table.c[identity]] if identity else []
        if self._is_sqlite and self._has_rowid(table.name):
            # ``id`` need not be unique, and then insertion decides.
            return [*order, sa.literal_column("rowid")]
        return order or [table.c[name] for name in names]

    def _has_rowid(self, table: str) -> bool:
        query = sa.text("SELECT type, wr FROM pragma_table_list(:name) WHERE schema = 'main'")
        row = self._connection.execute(query, {"name": table}).first()
        return row is not None and row[0] == "table" and not row[1]

    def _fetch(self, query: sa.Select[Any]) -> list[tuple[Any, ...]]:
        try:
            return self._shared(self._connection.execute(query))
        except SQLAlchemyError as exc:
            if not self._is_sqlite or "Could not decode to UTF-8" not in str(exc):
                raise
        # Old ingests copied Latin-1 header text as it was. Such bytes are kept
        # as surrogate escapes; only then is the slower decoding paid for.
        driver: Any = self._connection.connection.dbapi_connection
        strict = driver.text_factory
        driver.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
        try:
            return self._shared(self._connection.execute(query))
        finally:
            driver.text_factory = strict

    @staticmethod
    def _shared(rows: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
        """Rows in which equal texts are one: dates and filters are the same in a hundred rows."""
        texts: dict[str, str] = {}
        share = texts.setdefault
        return [tuple([share(v, v) if type(v) is str else v for v in row]) for row in rows]


def _match(name: str, there: Sequence[str]) -> str | None:
    if name in there:
        return name
    alike = [other for other in there if other.lower() == name.lower()]
    return alike[0] if len(alike) == 1 else None


def open_registry(location: RegistryLocation, max_rows: int = MAX_ROWS) -> Registry:
    """Open a registry for reading.

    Parameters
    ----------
    location
        Where it is.
    max_rows
        Most rows to read of one table.

    Returns
    -------
    registry
        The open registry; close it or use it in a ``with`` statement.

    Raises
    ------
    Gen2to3Error
        If it is missing, empty, truncated, a Git LFS pointer, no SQLite file,
        or the PostgreSQL database cannot be reached.

    Notes
    -----
    Nothing is created, changed or removed beside a SQLite file. One with an
    unfinished transaction or a write-ahead log beside it cannot be read in
    place without that, so it is read from a private copy: SQLite itself would
    leave files beside it, or roll the transaction back there.
    """
    if location.kind == "pgsql":
        engine = _pgsql_engine(location.path)
        return Registry(engine, printable(location.path), max_rows=max_rows)
    engine, source, snapshot = open_sqlite(location.path)
    return Registry(engine, source, snapshot, max_rows)


def pgsql_url(path: Path) -> sa.URL:
    """Database URL for SQLAlchemy from a ``registry.pgsql`` file."""
    data = load_yaml(path, max_bytes=65536)
    source = printable(path)
    if not isinstance(data, dict) or not data.get("database"):
        raise Gen2to3Error(
            f"{source} is malformed: expected YAML with host, port, user, database and optionally password"
        )
    # Values are left out of messages: one of them is a password.
    if unknown := sorted(printable(key) for key in data if key not in _PGSQL_KEYS):
        raise Gen2to3Error(f"{source} is malformed: unknown keys {', '.join(unknown)}")
    text = {key: str(data[key]) for key in _PGSQL_KEYS if data.get(key) is not None}
    port = text.get("port")
    if port is not None and not port.isdecimal():
        raise Gen2to3Error(f"{source} is malformed: port is expected to be a number")
    return sa.URL.create(
        "postgresql+psycopg",
        username=text.get("user"),
        password=text.get("password"),
        host=text.get("host"),
        port=int(port) if port else None,
        database=text["database"],
    )


def _pgsql_engine(path: Path) -> sa.Engine:
    url = pgsql_url(path)
    try:
        engine = sa.create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 15})
    except ImportError as exc:
        raise Gen2to3Error(
            f"registry {printable(path)} is in PostgreSQL and its driver is not installed: "
            "run `pip install 'psycopg[binary]'`"
        ) from exc
    return engine.execution_options(postgresql_readonly=True)
