"""Reading the `export.yaml` of a Gen3 repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml


class ExportLoader(yaml.SafeLoader):
    """A safe loader that takes the content of every tag that it does not know."""


def _content(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


# The Butler teaches the safe loader to make astropy times; the text is wanted here.
ExportLoader.yaml_constructors = {
    tag: constructor
    for tag, constructor in yaml.SafeLoader.yaml_constructors.items()
    if tag is not None and tag.startswith("tag:yaml.org,2002:")
}
ExportLoader.add_constructor(None, _content)


def read_export(path: Path) -> list[dict[str, Any]]:
    """Items of an export."""
    return yaml.load(path.read_text(), Loader=ExportLoader)["data"]  # noqa: S506


def exported(export: list[dict[str, Any]], element: str, key: str) -> dict[Any, dict[str, Any]]:
    """Dimension records of an export."""
    rows = [row for item in export if item.get("element") == element for row in item["records"]]
    found = {row[key]: row for row in rows}
    assert len(found) == len(rows)
    return found


def nanoseconds(text: str) -> int:
    """TAI text of an export as TAI nanoseconds since 1970."""
    return int(np.datetime64(text.replace(" ", "T"), "ns").astype(np.int64))
