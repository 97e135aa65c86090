"""The house: which module may import which. Imports inside functions and under TYPE_CHECKING count, too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

WRAPPER = Path(__file__).parents[2] / "wrapper"
PACKAGE = "upstash_workflow_dlq"

# From the ground up. A module imports from its own floor and from those below it; a room at the top from public names.
FLOORS = (
    (f"{PACKAGE}.errors", f"{PACKAGE}._redaction", f"{PACKAGE}._version"),
    (f"{PACKAGE}._core",),
    (f"{PACKAGE}._net",),
    (f"{PACKAGE}._base_client",),
    (f"{PACKAGE}._client", f"{PACKAGE}._async_client"),
    (PACKAGE,),
)
ROOMS = tuple(
    f"{PACKAGE}.{name}"
    for name in (
        *("emulator", "contract", "triage", "matching", "timelines", "harmless"),
        *("redrive", "archive", "report", "cli"),
    )
)


def modules() -> dict[str, Path]:
    found = {}
    for path in WRAPPER.rglob("*.py"):
        parts = path.relative_to(WRAPPER).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(module: str) -> Iterator[str]:
    """The modules of the package that this one imports names from, wherever the import stands."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(parents if node.level else []), *([node.module] if node.module else [])])
            if base.split(".")[0] == PACKAGE:
                # `from . import checks` names a module, `from .checks import text` a name in one.
                yield from {below if (below := f"{base}.{alias.name}") in MODULES else base for alias in node.names}


def floor(module: str) -> int:
    for number, names in enumerate(FLOORS):
        if any(module == name or (name != PACKAGE and module.startswith(f"{name}.")) for name in names):
            return number
    raise AssertionError(f"{module} has no floor: see CONTRIBUTING.md, Where things live")


def room(module: str) -> str | None:
    if module == f"{PACKAGE}.__main__":
        return f"{PACKAGE}.cli"
    return next((name for name in ROOMS if module == name or module.startswith(f"{name}.")), None)


CORE = sorted(module for module in MODULES if room(module) is None)


def test_there_is_something_to_look_at() -> None:
    assert f"{PACKAGE}._core.run" in set(imports(f"{PACKAGE}._core.reading"))
    assert f"{PACKAGE}._core.bulk" in set(imports(f"{PACKAGE}._client")), "under TYPE_CHECKING and in functions"
    assert len(CORE) > 20


@pytest.mark.parametrize("module", CORE)
def test_imports_point_down(module: str) -> None:
    for imported in imports(module):
        assert room(imported) is None, f"{module} imports the optional room {imported}"
        assert floor(imported) <= floor(module), f"{module} imports {imported}, which is above it"


def test_no_imports_make_a_circle() -> None:
    # Packages run before their modules, and only list names: what counts is who needs whose names.
    graph = {module: {imported for imported in imports(module) if imported != module} for module in MODULES}
    assert [*TopologicalSorter(graph).static_order()]


@pytest.mark.parametrize("module", sorted(module for module in MODULES if room(module)))
def test_optional_rooms_use_public_names_only(module: str) -> None:
    for imported in imports(module):
        beyond_the_room = imported.removeprefix(f"{room(module)}")
        if room(imported) != room(module):
            assert not any(part.startswith("_") for part in beyond_the_room.split(".")), f"{module} imports {imported}"
