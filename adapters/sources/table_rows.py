"""Rows of a table in CSV, ECSV or YAML, each with the line on which it begins.

Cells stay the texts that are in the file; what they mean is for
`adapters.sources.validity_table`.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from converter.nouns import Gen2to3Error, Reject

from ..gen2.files import printable
from .text_files import read_text
from .yaml_nodes import Node, read_nodes

SUFFIXES = (".csv", ".ecsv", ".yaml", ".yml")

_WHAT = "a validity table (CSV, ECSV or YAML)"


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: cells by column, each a list of texts, empty for an empty cell."""

    line: int
    cells: dict[str, tuple[str, ...]]


@dataclass
class TableRows:
    """What was read: rows, and lines that cannot be rows."""

    rows: list[TableRow] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


def read_rows(path: str | os.PathLike[str], columns: Collection[str]) -> TableRows:
    """Read a table.

    Parameters
    ----------
    path
        The file; its suffix says what it is.
    columns
        Names that a column may have.

    Returns
    -------
    rows
        Where a name in the heading of CSV or ECSV is unknown, no line can be
        trusted: then there is one reject and no row.

    Raises
    ------
    Gen2to3Error
        The file cannot be read, or has no row.
    """
    name = printable(Path(path))
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise Gen2to3Error(f"{name}: the suffix is expected to be one of {', '.join(SUFFIXES)}")
    text = read_text(path, _WHAT)
    result = TableRows()
    if suffix in (".yaml", ".yml"):
        _read_yaml(text, name, columns, result)
    else:
        comma = _check_ecsv(text, name) if suffix == ".ecsv" else ","
        _read_csv(text, name, comma, columns, result)
    if not result.rows and not result.rejects:
        raise Gen2to3Error(f"{name} is empty; {_WHAT} with at least one row was expected")
    return result


def _check_ecsv(text: str, name: str) -> str:
    """Let astropy judge the file; the delimiter."""
    import warnings

    from astropy.io import ascii as tables

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = tables.read(text.splitlines(), format="ecsv")
    except Exception as exc:
        # Whatever astropy stumbles over, it is the file that the user gave.
        reason = printable(" ".join(str(exc).split())[:300])
        raise Gen2to3Error(f"{name} is not valid ECSV: {reason}") from exc
    for column in table.columns.values():
        if type(column).__name__ not in ("Column", "MaskedColumn"):
            raise Gen2to3Error(
                f"{name}: column {column.info.name} holds {type(column).__name__} objects; write times as ISO text"
            )
    for line in text.splitlines():
        if line.startswith("# delimiter:"):
            return "," if "," in line else " "  # the two that there are
        if not line.startswith("#"):
            break
    return " "


def _records(text: str, comma: str) -> Iterator[tuple[int, list[str] | str]]:
    """Records with the line on which each begins, or why there is none; comments and blank lines left out."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=comma, skipinitialspace=True, strict=True)
    end = 0
    while True:
        begin = end + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            # The reader begins anew on the line after.
            end = max(reader.line_num, begin)
            reach = f", up to line {end}" if end > begin else ""
            yield begin, f"is not valid CSV{reach}: {exc}; check the quotes"
            continue
        end = reader.line_num
        if record and not record[0].lstrip().startswith("#") and any(cell.strip() for cell in record):
            yield begin, [cell.strip() for cell in record]


def _read_csv(text: str, name: str, comma: str, columns: Collection[str], result: TableRows) -> None:
    heading: list[str] | None = None
    for line, record in _records(text, comma):
        if isinstance(record, str):
            if heading is None:
                raise Gen2to3Error(f"{name} line {line}: {record}")
            result.rejects.append(Reject(f"{name} line {line}", record))
        elif heading is None:
            heading = record
            if problem := _wrong_heading(heading, columns):
                result.rejects.append(
                    Reject(f"{name} line {line}", f"{problem}; no line of the table is read")
                )
                return
        elif len(record) != len(heading):
            found = f"{len(record)} cell{'' if len(record) == 1 else 's'}"
            result.rejects.append(
                Reject(
                    f"{name} line {line}",
                    f"{len(heading)} cells were expected ({', '.join(heading)}), found {found}; "
                    "quote cells that contain the delimiter",
                )
            )
        else:
            cells = {
                column: tuple(part for p in cell.split(";") if (part := p.strip()))
                for column, cell in zip(heading, record, strict=True)
            }
            result.rows.append(TableRow(line, cells))


def _wrong_heading(heading: list[str], columns: Collection[str]) -> str:
    for column in heading:
        if column not in columns:
            return f"unknown column {printable(column)!r}; the columns are {', '.join(columns)}"
        if heading.count(column) > 1:
            return f"column {column} is there twice"
    return "" if "dataset_type" in heading else f"column dataset_type is missing, found {', '.join(heading)}"


def _read_yaml(text: str, name: str, columns: Collection[str], result: TableRows) -> None:
    root = read_nodes(text, name)
    if root is None or (root.kind == "scalar" and root.text is None):
        return
    if root.kind != "sequence":
        raise Gen2to3Error(f"{name} line {root.line}: a list of mappings was expected, found a {root.kind}")
    for item in root.items:
        cells: dict[str, tuple[str, ...]] = {}
        problem = _read_mapping(item, columns, cells)
        if problem:
            result.rejects.append(Reject(f"{name} line {item.line}", problem))
        else:
            result.rows.append(TableRow(item.line, cells))


def _read_mapping(item: Node, columns: Collection[str], cells: dict[str, tuple[str, ...]]) -> str:
    """Read one mapping into cells; why that cannot be, ``""`` if it can."""
    if item.kind != "mapping":
        return f"a mapping was expected, found a {item.kind}"
    for key, value in item.pairs:
        column = key.text
        if column is None or column not in columns:
            return f"unknown key {printable(column)!r}; the keys are {', '.join(columns)}"
        if column in cells:
            return f"key {column} is there twice"
        values = value.items if value.kind == "sequence" else [value]
        if value.kind == "mapping" or any(v.kind != "scalar" for v in values):
            return f"{column} is expected to be a value or a list of values"
        if tags := [v.tag for v in (value, *values) if v.tag]:
            return f"{column} has the tag {printable(tags[0])}; a plain value was expected"
        if value.kind == "sequence" and (not values or any(v.text is None for v in values)):
            return f"{column} is a list with nothing in it, or with an empty value; leave it out to mean any"
        cells[column] = tuple(text for v in values if (text := (v.text or "").strip()))
    return ""
