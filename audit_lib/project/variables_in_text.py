"""The variables that a text mentions: an env file's lines, or what code reads from its environment."""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from io import StringIO
from pathlib import PurePosixPath

from dotenv.parser import parse_stream

from audit_lib.secrecy.value_questions import is_no_value

_NAME = r"[A-Za-z_][A-Za-z0-9_]{1,127}"
_UPPER = re.compile(r"[A-Z][A-Z0-9_]{1,127}")
_ONE_CASE = re.compile(r"[A-Z][A-Z0-9_]{2,99}|[a-z][a-z0-9_]{2,99}")
# An example's comments often show the variables that are optional: `# SENTRY_DSN=`.
_COMMENTED_LINE = re.compile(r"^[ \t]*#[ \t]?(?:export[ \t]+)?([A-Z][A-Z0-9_]{2,127})=", re.MULTILINE)
_SCRIPT = re.compile(
    rf"\b(?:process|import\.meta|Bun)\.env(?:\??\.({_NAME})|(?:\?\.)?\[\s*[\"'`]({_NAME})[\"'`]\s*\])"
    rf"|\bDeno\.env\.get\(\s*[\"'`]({_NAME})[\"'`]"
)
_DESTRUCTURED = re.compile(
    r"\{([^{}]{1,4000})\}\s*=\s*(?:process|import\.meta)\.env\b"
    r"|import\s*\{([^{}]{1,4000})\}\s*from\s*[\"']\$env/static/\w+[\"']"
)
_OTHER = re.compile(
    rf"(?:os\.(?:Getenv|LookupEnv)\(|System\.getenv\(|\bgetenv\(|\benv(?:::var)?\(|\bENV(?:\.fetch\(|\[)|\$_ENV\[)"
    rf"\s*[\"']({_NAME})[\"']"
)
_DEPLOYMENT = re.compile(
    rf"(?m)\$\{{({_NAME})(?=[:?+}}-])|^[ \t]*-[ \t]*key:[ \t]*[\"']?({_NAME})[\"']?[ \t]*$"
)
# A script asks for what its environment may lack by an operator: ${X:-default}, ${X+x}, ${X:?message}.
_SHELL = re.compile(r"\$\{([A-Z][A-Z0-9_]{1,127})(?=:?[-=?+])")
# What follows a name if the read gives a default; in a deployment file also what demands a value.
_OR = r"[\"'`]?\s*[\])]?\s*(?:\?\?|\|\||\?:)"
_DEFAULTS = {
    _SCRIPT: re.compile(_OR),
    _OTHER: re.compile(rf"[\"']\s*,|{_OR}"),
    _DEPLOYMENT: re.compile(r":?-"),
    _SHELL: re.compile(r":?[-=+]"),
}
_DEMAND = re.compile(r":?\?")

_MAY_READ = re.compile(r"environ|getenv|BaseSettings|\benv\b|\bconfig\(")
_BROKEN_PYTHON = re.compile(rf"(?:environ\[|environ\.get\(|getenv\()\s*[\"']({_NAME})[\"']")

SCRIPTS = frozenset((".js", ".mjs", ".cjs", ".ts", ".mts", ".tsx", ".jsx", ".vue", ".svelte", ".astro"))
OTHERS = frozenset((".rb", ".go", ".java", ".kt", ".php", ".rs"))
_DEPLOYMENTS = re.compile(r"(docker-)?compose[\w.-]*\.ya?ml|render\.ya?ml")
_READERS = frozenset(("env", "config", "getenv"))


@dataclass(frozen=True, order=True)
class Mention:
    """One place that names a variable. `needed`: the code fails to load, or the example has a line, without
    it; `optional`: there is a default, or the example has it without a value or in a comment."""

    name: str
    path: str
    line: int
    needed: bool = False
    optional: bool = False


def is_code(path: PurePosixPath) -> bool:
    """Whether `in_code` knows how a file of this name reads its environment."""
    known = path.suffix in SCRIPTS | OTHERS | {".py", ".sh"} and not path.name.endswith((".min.js", ".d.ts"))
    return known or is_deployment(path)


def is_deployment(path: PurePosixPath) -> bool:
    """Whether a file's name says that it describes containers or a platform's services."""
    return bool(_DEPLOYMENTS.fullmatch(path.name))


def in_env_text(text: str, path: str, *, example: bool) -> Iterator[Mention]:
    """The variables of an env file, of an example also those that are in a comment.

    Only names in one letter case: a stray line of a multi-line value must not pass for a name.
    """
    for binding in parse_stream(StringIO(text)):
        line = binding.original.line
        if binding.key and _ONE_CASE.fullmatch(binding.key):
            empty = is_no_value(binding.value or "")
            yield Mention(binding.key, path, line, needed=not (example and empty), optional=example and empty)
        elif example and binding.key is None and not binding.error:
            for found in _matches(_COMMENTED_LINE, binding.original.string, path):
                yield replace(found, line=line + found.line - 1, optional=True)


def in_code(text: str, path: str) -> Iterator[Mention]:
    """The variables that a code or deployment file reads from its environment."""
    suffix = PurePosixPath(path).suffix
    if suffix == ".py":
        yield from _in_python(text, path)
    elif suffix in SCRIPTS:
        yield from _matches(_SCRIPT, text, path)
        yield from _destructured(text, path)
    else:
        read = _OTHER if suffix in OTHERS else _SHELL if suffix == ".sh" else _DEPLOYMENT
        yield from _matches(read, text, path)


def _matches(pattern: re.Pattern[str], text: str, path: str) -> Iterator[Mention]:
    line, counted, default = 1, 0, _DEFAULTS.get(pattern)
    for found in pattern.finditer(text):
        name = next(group for group in found.groups() if group)
        at, end = found.span(found.lastindex or 0)
        line, counted = line + text.count("\n", counted, at), at
        needed = pattern in (_DEPLOYMENT, _SHELL) and bool(_DEMAND.match(text, end))
        yield Mention(name, path, line, needed, optional=bool(default and default.match(text, end)))


def _destructured(text: str, path: str) -> Iterator[Mention]:
    for found in _DESTRUCTURED.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        for part in (found[1] or found[2]).split(","):
            name = re.match(rf"\s*({_NAME})[^=]*(=)?", part)
            if name:
                yield Mention(name[1], path, line, optional=bool(name[2]))


def may_read(text: str) -> bool:
    """Whether Python code may read its environment: few files do, and parsing one takes milliseconds."""
    return bool(_MAY_READ.search(text))


@lru_cache(maxsize=1)
def parsed(text: str) -> ast.Module | None:
    """The syntax tree of Python code; None if it cannot be parsed."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _in_python(text: str, path: str) -> Iterator[Mention]:
    if not may_read(text):
        return
    tree = parsed(text)
    if tree is None:
        # Python 2, a template, a broken file: what looks like a read still counts.
        yield from _matches(_BROKEN_PYTHON, text, path)
        return
    settings, in_functions = {"BaseSettings"}, _in_functions(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and last_name(node.value) == "environ":
            needed = isinstance(node.ctx, ast.Load) and node not in in_functions
            yield from _named(node.slice, path, needed=needed)
        elif isinstance(node, ast.Compare) and last_name(node.comparators[0]) == "environ":
            yield from _named(node.left, path, optional=True)
        elif isinstance(node, ast.Call):
            yield from _in_call(node, path)
        elif isinstance(node, ast.ClassDef) and settings & {last_name(base) for base in node.bases}:
            settings.add(node.name)
            yield from _settings_fields(node, path)


def _in_functions(tree: ast.Module) -> set[ast.AST]:
    """What runs only if a function is called: of many providers' keys an application uses one."""
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {inner for function in functions for part in function.body for inner in ast.walk(part)}


def _in_call(call: ast.Call, path: str) -> Iterator[Mention]:
    """os.environ.get("X"), os.getenv("X"), env("X"), env.str("X"), config("X")."""
    function = call.func
    owner = last_name(function.value) if isinstance(function, ast.Attribute) else ""
    called = last_name(function)
    if not call.args:
        return
    optional = len(call.args) > 1 or any(word.arg == "default" for word in call.keywords)
    if called == "getenv" or (owner == "environ" and called in ("get", "pop", "setdefault")):
        yield from _named(call.args[0], path, optional=optional)
    elif called in _READERS or owner == "env":
        found = _named(call.args[0], path, needed=not optional, optional=optional)
        yield from (one for one in found if _UPPER.fullmatch(one.name))


def _settings_fields(settings: ast.ClassDef, path: str) -> Iterator[Mention]:
    """The fields of a pydantic settings class, by alias or by prefix and upper-case name."""
    prefix = next(
        (
            word.value.value
            for word in ast.walk(settings)
            if isinstance(word, ast.keyword)
            and word.arg == "env_prefix"
            and isinstance(word.value, ast.Constant)
            and isinstance(word.value.value, str)
        ),
        "",
    )
    for field in settings.body:
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if field.target.id.startswith(("_", "model_")):
            continue
        words = field.value.keywords if isinstance(field.value, ast.Call) else []
        alias = [word.value for word in words if word.arg in ("alias", "validation_alias", "env")]
        found = list(_named(alias[0], path)) if alias else []
        name, needed = (prefix + field.target.id).upper(), field.value is None
        optional = not needed and (not words or any(word.arg == "default" for word in words))
        yield from found or [Mention(name, path, field.lineno, needed, optional)]


def _named(node: ast.expr, path: str, *, needed: bool = False, optional: bool = False) -> Iterator[Mention]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(_NAME, node.value):
        yield Mention(node.value, path, node.lineno, needed, optional)


def last_name(node: ast.expr) -> str:
    """`environ` of `os.environ` and of `environ`; "" of what has no name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
