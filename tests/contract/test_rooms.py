"""Which room imports which: the contract is the one exception."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import adapters

ROOT = Path(adapters.__file__).parent
ALLOWED = {"converter.nouns", "converter.statements", "converter.timespans"}


def imported(path: Path) -> Iterator[str]:
    """Full names of the modules that a module of adapters imports, at its top or elsewhere."""
    package = ["adapters", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            # A module may be what is imported from a package.
            yield from [module, *(f"{module}.{alias.name}" for alias in node.names)]


def modules() -> dict[Path, set[str]]:
    return {path: set(imported(path)) for path in ROOT.rglob("*.py")}


def test_adapters_import_nouns_and_times_only() -> None:
    for path, names in modules().items():
        if ROOT / "contract" in path.parents:
            continue
        used = {".".join(n.split(".")[:2]) for n in names if n.split(".")[0] == "converter"}
        assert used <= ALLOWED, path
        assert not any(n.startswith("adapters.contract") for n in names), path
        assert not {n.split(".")[0] for n in names} & {"pytest", "hypothesis", "_pytest"}, path


def test_only_the_module_of_conversions_needs_more() -> None:
    contract = ROOT / "contract"
    users = {
        path.name
        for path, names in modules().items()
        if contract in path.parents and any(n in ("converter.convert", "converter.recipe") for n in names)
    }
    assert users == {"__init__.py", "conversion.py"}


def test_the_converter_does_not_need_the_contract() -> None:
    for path in (ROOT.parent / "converter").rglob("*.py"):
        assert "adapters.contract" not in path.read_text(encoding="utf-8"), path
