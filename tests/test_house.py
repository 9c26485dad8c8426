"""The house holds: imports point one way, modules stay small, values stay with the keeper."""

import ast
import re
import subprocess
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import nbformat
import pytest

from tests.support.paths import ROOT

MODULES = sorted((ROOT / "audit_lib").rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

# Rooms, and the programs between them, from bytes to the reader: each may import from its own and from those
# before it.
ROOMS = (
    "base",
    "secrecy",
    "project",
    "ledger",
    "logs",
    "secrets",
    "logins",
    "leaks",
    "rotation",
    "findings",
    "incident",
    "audit",
    "investigation",
    "report",
    "sample",
    "opening",
    "notebook",
    "incident_notebook",
    "rotation_notebook",
    "cli",
    "__main__",
)
TOP = {
    *("audit_lib", "docs", "notebooks", "reports", "tests"),
    *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "SECURITY.md"),
    *("conftest.py", "pyproject.toml"),
}
VALUE_READERS = {"keeper.py", "matcher.py", "guard.py", "seal.py", "kernel_pipe.py", "spelled.py"}


@cache
def _nodes(module: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(module.read_text("utf-8"))))


def _imports(module: Path) -> set[str]:
    names: set[str] = set()
    for node in _nodes(module):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return {name for name in names if name.startswith("audit_lib")} - {"audit_lib.__version__"}


def _room(name: str) -> int:
    """The room's place in the order; of the package itself, that of `base`."""
    return ROOMS.index(name.split(".")[1]) if "." in name else 0


def _name(module: Path) -> str:
    return ".".join(module.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_every_room_has_a_place() -> None:
    """The folders and modules at the top of the package are those of the order, and no other."""
    top = {
        path.stem for path in (ROOT / "audit_lib").iterdir() if path.suffix == ".py" or any(path.glob("*.py"))
    }
    assert top - {"__init__"} == set(ROOMS)


def test_the_top_level_holds_what_is_expected_there() -> None:
    """Nothing that was downloaded or made beside the work is kept: folders, and what is conventional."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    top = {path.split("/")[0] for path in listed.stdout.splitlines()}
    assert {name for name in top if not name.startswith((".", "requirements"))} == TOP


def test_imports_point_one_way() -> None:
    """No room imports from a room that comes after it."""
    named = {_name(module): _imports(module) for module in MODULES}
    late = {name: {one for one in imports if _room(name) < _room(one)} for name, imports in named.items()}
    assert {name: imports for name, imports in late.items() if imports} == {}


def test_no_modules_go_in_a_circle() -> None:
    """Following imports from a module never leads back to it, also not by those within functions."""
    known = {_name(module): module for module in MODULES}
    graph = {name: (_imports(module) & known.keys()) - {name} for name, module in known.items()}
    for name in graph:  # a package re-exports what its modules define: those are no circles of their own
        graph[name] -= {parent for parent in graph if name.startswith(f"{parent}.")}
    assert next(iter(TopologicalSorter(graph).static_order()))


def test_a_module_is_small_and_says_its_job() -> None:
    """A module stays within 260 lines and its first line is a sentence."""
    lines = {_name(module): module.read_text("utf-8").splitlines() for module in MODULES}
    assert {name: len(text) for name, text in lines.items() if len(text) > 260} == {}
    assert [name for name, text in lines.items() if not text[0].startswith('"""')] == []


def test_a_room_says_where_to_begin() -> None:
    """The names in backticks of a room's docstring are its modules and folders."""
    for room in (ROOT / "audit_lib").glob("*/__init__.py"):
        inside = {path.stem for path in room.parent.iterdir()}
        named = re.findall(r"`(\w+)`", ast.get_docstring(ast.parse(room.read_text("utf-8"))) or "")
        assert set(named) <= inside, room.parent.name


def test_only_the_trusted_few_take_values_from_the_keeper() -> None:
    """`keeper.values()` is called by the matchers, guard, seal and hand-over alone."""
    callers = {
        module
        for module in MODULES
        for node in _nodes(module)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "values"
        and "keeper" in ast.unparse(node.func.value)
    }
    assert callers
    assert [_name(module) for module in callers if module.name not in VALUE_READERS] == []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_thin(notebook: Path) -> None:
    """Cells hold at most 8 lines, no logic, no outputs; one cell holds the parameters."""
    cells = [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    logic = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.Try, ast.With)
    assert len(cells) <= 25
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in cells) == 1
    for cell in cells:
        assert len(cell.source.splitlines()) <= 8
        assert cell.outputs == []
        assert not [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, logic)]
