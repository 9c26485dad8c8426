"""The house holds: imports point one way, modules stay small, values stay with the keeper."""

import ast
from pathlib import Path

import nbformat
import pytest

from tests.support.paths import ROOT

MODULES = sorted((ROOT / "audit_lib").rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

# Rooms from bytes to the reader: a room may import from its own and from those before it.
ROOMS = (
    "base",
    "secrecy",
    "project",
    "ledger",
    "logs",
    "secrets",
    "logins",
    "leaks",
    "findings",
    "incident",
    "report",
    "sample",
    "cli",
)
VALUE_READERS = {"keeper.py", "matcher.py", "guard.py", "seal.py", "kernel_pipe.py"}


def _imports(module: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return {name for name in names if name.startswith("audit_lib")}


def _room(name: str) -> int:
    """The room's place in the order; what is in no room wires them together and may import all."""
    part = name.split(".")[1] if "." in name else ""
    return ROOMS.index(part) if part in ROOMS else len(ROOMS)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(module: Path) -> None:
    """No room imports from a room that comes after it."""
    here = _room(".".join(module.relative_to(ROOT).with_suffix("").parts))
    later = {name for name in _imports(module) if here < _room(name) < len(ROOMS)}
    assert later == set()


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_small_and_says_its_job(module: Path) -> None:
    """A module stays within 260 lines and its first line is a sentence."""
    lines = module.read_text("utf-8").splitlines()
    assert len(lines) <= 260
    assert lines[0].startswith('"""')


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_trusted_few_take_values_from_the_keeper(module: Path) -> None:
    """`keeper.values()` is called by matcher, guard, seal and hand-over alone."""
    calls = [
        node
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "values"
        and "keeper" in ast.unparse(node.func.value)
    ]
    assert not calls or module.name in VALUE_READERS


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
