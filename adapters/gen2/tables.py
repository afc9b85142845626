"""The tables of a calibration registry that a camera knows."""

from __future__ import annotations

from collections.abc import Collection

from converter.nouns import Gen2to3Error, Reject, Skip

from ..camera import Camera
from .lookup import Table
from .registries import MAX_ROWS, Registry, open_registry
from .repository import RegistryLocation


def read_tables(
    location: RegistryLocation,
    camera: Camera,
    rejects: list[Reject],
    skips: list[Skip],
    max_rows: int = MAX_ROWS,
) -> tuple[str, dict[str, Table], tuple[str, ...]]:
    """Read the tables of a calibration registry that the camera knows.

    Parameters
    ----------
    location
        Where the registry is.
    camera
        The camera's declaration.
    rejects, skips
        What tables that cannot be read, and those that nothing reads, are added to.
    max_rows
        Most rows to read of one table.

    Returns
    -------
    source
        Name of the registry, for messages.
    tables
        Tables by name.
    missing
        Tables that the camera knows and the registry lacks.

    Raises
    ------
    Gen2to3Error
        The registry cannot be opened.
    """
    main = [c for c in camera.calibrations if c.registry is None]
    wanted = {c.table for c in main} | {c.lookup_table for c in main}
    tables: dict[str, Table] = {}
    missing: list[str] = []
    with open_registry(location, max_rows) as registry:
        for name in sorted(wanted):
            if registry.has_table(name):
                try:
                    tables[name] = read_table(registry, name)
                except Gen2to3Error as exc:
                    rejects.append(Reject(f"{registry.source}: table {name}", str(exc)))
            else:
                missing.append(name)
        try:
            report_unknown_tables(registry, wanted, camera, skips)
        except Gen2to3Error as exc:
            rejects.append(Reject(f"{location.path.parent}: calibration registry", str(exc)))
        return registry.source, tables, tuple(missing)


def report_unknown_tables(
    registry: Registry, wanted: Collection[str], camera: Camera, skips: list[Skip]
) -> None:
    """Rows that no dataset type of the camera reads: named, so that none vanishes."""
    for name in registry.tables():
        # The companion tables repeat what the others say.
        if name in wanted or name.endswith("_visit"):
            continue
        if rows := registry.count(name):
            number = f"more than {registry.max_rows}" if rows > registry.max_rows else str(rows)
            why = f"{number} row{'s' if rows > 1 else ''}, of no dataset type of {camera.instrument.name}"
            skips.append(Skip(f"{registry.source}: table {name}", why))


def read_table(registry: Registry, name: str) -> Table:
    """One table as it is."""
    columns = tuple(registry.columns(name))
    return Table(name, columns, registry.rows(name, columns))
