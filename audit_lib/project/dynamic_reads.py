"""Reads of the environment that name no variable: os.environ[name], process.env[key], or the whole of it."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from audit_lib.project.variables_in_text import OTHERS, SCRIPTS, last_name, may_read, parsed

# In a script whatever is not `.NAME` or `["NAME"]`: it may be a key in a variable, or all of them at once.
_SCRIPT = re.compile(
    r"\b(?:process|import\.meta|Bun)\.env\b(?!\s*(?:\??\.[A-Za-z_]|(?:\?\.)?\[\s*[\"'`]\w+[\"'`]\s*\]))"
    r"|\bDeno\.env\.(?:get\((?!\s*[\"'`]\w+[\"'`])|toObject\()"
)
_OTHER = re.compile(
    r"(?:os\.(?:Getenv|LookupEnv)|System\.getenv|\bgetenv|\benv(?:::var)?)\((?=\s*[$\w&@)])"
    r"|\bENV(?:\.fetch\(|\[)(?=\s*[\w:@])|\bENV\.(?:to_h|each|slice)\b|os\.Environ\(|\$_ENV\[(?=\s*[$\w])"
)
_SHELL = re.compile(r"\$\{!\w")
_HOLDERS = frozenset(("settings", "config", "env", "environ"))
_GIVES = frozenset(("get", "pop", "setdefault"))


def dynamic_reads(text: str, path: str) -> Iterator[int]:
    """The line of each read in a code file whose variable cannot be told from the text."""
    suffix = PurePosixPath(path).suffix
    if suffix == ".py":
        yield from _in_python(text)
        return
    pattern = _SCRIPT if suffix in SCRIPTS else _OTHER if suffix in OTHERS else _SHELL
    for found in pattern.finditer(text):
        if not _destructured(text, found.start()):
            yield text.count("\n", 0, found.start()) + 1


def _destructured(text: str, at: int) -> bool:
    """Whether `{ A, B } = ` stands before a place, without a rest that takes all others."""
    before = text[max(0, at - 4_000) : at].rstrip()
    bare = before.removesuffix("=").rstrip()
    return before != bare and bare.endswith("}") and "..." not in bare[bare.rfind("{") :]


def _in_python(text: str) -> Iterator[int]:
    tree = parsed(text) if may_read(text) else None
    if tree is None:
        return
    keyed: set[int] = set()  # the expressions of the environment that are asked for one key
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _of_any_name(node):
            yield node.lineno
        owner, key = _asked(node)
        if owner is None or key is None or last_name(owner) != "environ":
            continue
        keyed.add(id(owner))
        written = isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load)
        if not isinstance(key, ast.Constant) and not written:
            yield key.lineno
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in keyed and ast.unparse(node) == "os.environ":
            yield node.lineno


def _asked(node: ast.AST) -> tuple[ast.expr | None, ast.expr | None]:
    """What is asked for a key, and the key: `x[key]`, `x.get(key)`, `key in x`."""
    if isinstance(node, ast.Subscript):
        return node.value, node.slice
    if isinstance(node, ast.Compare):
        return node.comparators[0], node.left
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _GIVES:
        return node.func.value, node.args[0] if node.args else None
    return None, None


def _of_any_name(call: ast.Call) -> bool:
    """`getenv(name)`, and `getattr(settings, name)`."""
    called, given = last_name(call.func), call.args
    if called == "getenv":
        return bool(given) and not isinstance(given[0], ast.Constant)
    if called != "getattr" or len(given) < 2:
        return False
    return last_name(given[0]).lower() in _HOLDERS and not isinstance(given[1], ast.Constant)
