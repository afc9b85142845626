"""What is left of a Gen2 tree when rows and templates have been gone through.

Every file is in the result: handed off, or skipped for a stated reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from converter.nouns import Skip

from ..camera import Camera, HandOffRule
from .files import printable
from .templates import Template

# Glob of a relative path -> why it is no data to convert. First match counts.
KNOWN: Mapping[str, str] = {
    "_mapper": "names the Gen2 mapper; read as such",
    "_parent": "names the parent repository; read as such",
    "_parent/*": "parent repository; convert it on its own",
    "repositoryCfg.yaml": "Gen2 repository configuration; read as such",
    "*egistry.sqlite3": "Gen2 registry; read as such",
    "*egistry.sqlite3-*": "belongs to a Gen2 registry",
    "*egistry.pgsql": "Gen2 registry; read as such",
    "*egistry_created.sqlite3": "Gen2 registry, not used by lookups",
    "rerun/*": "output of Gen2 processing; not raw data or masters",
    "ref_cats/*": "reference catalogue; ingest it with `butler ingest-files`",
    "schema/*": "output of Gen2 processing; not raw data or masters",
    "config/*": "output of Gen2 processing; not raw data or masters",
    "deepCoadd*": "output of Gen2 processing; not raw data or masters",
    "focalplane/*": "mosaic of masters, made from them",
    # Filters may have a ~ in their names.
    "*~": "backup file",
    "*~[0-9]": "backup file",
    "*~[0-9][0-9]": "backup file",
}


def account_for(
    camera: Camera, root: str, relatives: Iterable[str]
) -> tuple[list[Skip], dict[HandOffRule, list[str]]]:
    """Say what every remaining file is.

    Parameters
    ----------
    camera
        The camera's declaration, for its hand-offs.
    root
        Directory that the paths are relative to.
    relatives
        Files (or directories not entered, with a slash at the end) that
        neither a row nor a template accounts for.

    Returns
    -------
    skips
        One per file.
    hand_offs
        Files that only the stack can convert, by rule.
    """
    skips: list[Skip] = []
    hand_offs: dict[HandOffRule, list[str]] = {}
    for relative in relatives:
        item = f"{root}/{printable(relative)}"
        rule = next((r for r in camera.hand_offs if r.pattern and fnmatchcase(relative, r.pattern)), None)
        if rule is not None:
            hand_offs.setdefault(rule, []).append(item)
            skips.append(Skip(item, f"handed off as {rule.dataset_type}: the stack has to write it"))
            continue
        why = next((reason for glob, reason in KNOWN.items() if fnmatchcase(relative, glob)), None)
        skips.append(Skip(item, why or _unknown(camera, relative)))
    return skips, hand_offs


def _unknown(camera: Camera, relative: str) -> str:
    bare = [c.table for c in camera.calibrations if Template(c.template).is_bare]
    if bare and ".fit" in relative:
        return (
            f"no row in table {', '.join(dict.fromkeys(bare))}, and the path does not tell detector and date"
        )
    return f"matches no template of {camera.instrument.name}"
