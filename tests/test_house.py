"""The house holds: imports point one way, values stay with the keeper."""

import ast
import re
from functools import cache
from pathlib import Path

from tests.support.paths import ROOT

MODULES = sorted((ROOT / "audit_lib").rglob("*.py"))

# Rooms, and the programs between them, from bytes to the reader: each may import from its own and from those
# before it.
ROOMS = (
    "base", "secrecy", "settings", "ledger", "logs", "secrets", "logins", "leaks", "rotation", "findings",
    "incident", "sample", "report", "audit", "investigation", "cli", "__main__",
)  # fmt: skip
VALUE_READERS = {"keeper.py", "matcher.py", "redact.py", "guard.py"}


@cache
def _nodes(module: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(module.read_text("utf-8"))))


def _imports(module: Path) -> set[str]:
    """What a module imports when it runs, also within functions."""
    names: set[str] = set()
    typing = (
        node for node in _nodes(module) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
    )
    left_out = {inner for node in typing for inner in ast.walk(node)}
    for node in (node for node in _nodes(module) if node not in left_out):
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


def test_imports_point_one_way() -> None:
    """No room imports from a room that comes after it."""
    named = {_name(module): _imports(module) for module in MODULES}
    late = {name: {one for one in imports if _room(name) < _room(one)} for name, imports in named.items()}
    assert {name: imports for name, imports in late.items() if imports} == {}


def test_only_the_trusted_few_take_values_from_the_keeper() -> None:
    """`keeper.values()` is called by the matchers, guard, seal and hand-over alone."""
    calls = re.compile(r"keeper.*\.values\(")
    nodes = ((module, node) for module in MODULES for node in _nodes(module) if isinstance(node, ast.Call))
    callers = {module for module, node in nodes if calls.search(ast.unparse(node.func) + "(")}
    assert callers
    assert [_name(module) for module in callers if module.name not in VALUE_READERS] == []
