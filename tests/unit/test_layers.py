"""Imports point one way: cli → server → services → (sync, cache, store, nlq) → records → schema."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "src"

# A part may import the parts of lower rank, and itself. Parts of one rank do not know each other.
RANKS = {
    "pfa_rpc.cli": 6,
    "pfa_rpc.client": 0,
    "pfa_rpc.server": 5,
    "pfa_rpc.services": 4,
    "pfa_rpc.simulator": 4,
    "pfa_rpc.sync": 3,
    "pfa_rpc.cache": 2,
    "pfa_rpc.store": 2,
    "pfa_rpc.records": 1,
    "pfa_rpc.schema": 0,
    "pfa_rpc.fields": -1,
    "pfa_rpc.conventions": -1,
    "pfa_rpc.sayings": -2,
    "pfa_rpc.enum_values": -1,
    "pfa_rpc.errors": 0,
    "nlq": -3,
    "pfa": -1,
    "pfa_rpc": -1,  # the package itself holds its docstring only
}


def part_of(module: str) -> str:
    """Return the part that a module belongs to: a package or module of pfa_rpc, or a package beside it."""
    names = module.split(".")
    return ".".join(names[:2]) if names[0] == "pfa_rpc" else names[0]


def name_of(path: Path) -> str:
    """Return the module name of a file under src/."""
    names = path.relative_to(SOURCES).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def imports_of(path: Path) -> Iterator[tuple[str, int]]:
    """Yield (module, line) of everything that a file imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import; write the whole name"
            # `from pfa_rpc import store` imports pfa_rpc.store; `from pfa_rpc.store import x` may name no module.
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def ours(module: str) -> bool:
    """Tell whether a module belongs to this project."""
    return module.split(".", maxsplit=1)[0] in {"nlq", "pfa", "pfa_rpc"}


def modules() -> list[Path]:
    """Return the files whose imports are checked: all but the generated ones, which import what protoc says."""
    return [path for path in sorted(SOURCES.rglob("*.py")) if "pfa/v1" not in path.as_posix()]


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_point_downwards(path: Path) -> None:
    part = part_of(name_of(path))
    assert part in RANKS, f"{name_of(path)} belongs to no layer: give {part} a rank"
    for imported, line in imports_of(path):
        if not ours(imported) or (target := part_of(imported)) == part:
            continue
        assert target in RANKS, f"{path}:{line}: {imported} belongs to no layer: give {target} a rank"
        assert RANKS[target] < RANKS[part], f"{path}:{line}: {part} must not import {imported}"


@pytest.mark.parametrize("path", [path for path in modules() if name_of(path).startswith("nlq")], ids=name_of)
def test_the_language_knows_neither_service_nor_database(path: Path) -> None:
    forbidden = {"pfa", "pfa_rpc", "grpc", "google", "sqlalchemy", "alembic"}
    found = {imported for imported, _ in imports_of(path) if imported.split(".")[0] in forbidden}
    assert not found, f"nlq is given a schema and a vocabulary; it imports {', '.join(sorted(found))}"


def test_only_the_command_line_knows_the_simulator() -> None:
    knowing = [
        name_of(path)
        for path in modules()
        if any(part_of(imported) == "pfa_rpc.simulator" for imported, _ in imports_of(path))
        and part_of(name_of(path)) != "pfa_rpc.simulator"
    ]
    assert knowing
    assert {part_of(name) for name in knowing} == {"pfa_rpc.cli"}


def test_every_module_is_seen() -> None:
    """The checks above would also pass on an empty folder."""
    seen = {part_of(name_of(path)) for path in modules()}
    assert {"pfa_rpc.cli", "pfa_rpc.server", "pfa_rpc.services", "pfa_rpc.store", "pfa_rpc.records", "nlq"} <= seen
