"""The names of the variables that a project's env files hold and its code reads; never a value."""

import ast
import re
import tomllib
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from io import StringIO
from pathlib import Path, PurePosixPath

from dotenv.parser import parse_stream

from audit_lib.base.errors import Fault
from audit_lib.base.files import Unreadable, read_source
from audit_lib.secrecy.strength import is_no_value
from audit_lib.settings.discover import Walk, files, shown
from audit_lib.settings.models import Project

MAX_BYTES = 1_000_000
MAX_CODE_FILES = 5_000
MAX_BYTES_IN_ALL = 128_000_000
_DATA = tomllib.loads(Path(__file__).with_name("code_reads.toml").read_text("utf-8"))
NOT_CONFIGURED = frozenset(_DATA["not_configured"].split())
_NAME = r"[A-Za-z_][A-Za-z0-9_]{1,127}"
_ONE_CASE = re.compile(r"(?:[A-Z][A-Z0-9_]{1,99}|[a-z][a-z0-9_]{1,99})$")
# An example's comments often show the variables that are optional: `# SENTRY_DSN=`.
_COMMENTED_LINE = re.compile(r"(?m)^[ \t]*#[ \t]?(?:export[ \t]+)?([A-Z][A-Z0-9_]{2,127})=")
_DESTRUCTURED = re.compile(
    r"\{([^{}]{1,4000})\}\s*=\s*(?:process|import\.meta)\.env\b"
    r"|import\s*\{([^{}]{1,4000})\}\s*from\s*[\"']\$env/static/\w+[\"']"
)
# A schema of zod over the environment: X: z.string().min(1),
_SCHEMA = re.compile(r"(?m)^[ \t]*([A-Z][A-Z0-9_]{1,127}):\s*z\s*\.([^,;]{1,2000})")
_MAY_LACK = re.compile(r"\.(?:optional|nullish|nullable|default|catch)\(")
_DEPLOYMENTS = re.compile(r"(docker-)?compose[\w.-]*\.ya?ml|render\.ya?ml")
_MAY_READ = re.compile(r"environ|getenv|BaseSettings|\benv\b|\bconfig\(")
# NAME: …, - NAME=…, - NAME alone, export NAME=…, ENV NAME=…
_SETS = r"(?m)^[ \t]*(?:-[ \t]+|(?:export|ENV|ARG)[ \t]+)?[\"']?{}[\"']?[ \t]*(?:[:=]|$)"


@dataclass(frozen=True)
class _Language:
    """How one language reads its environment."""

    named: re.Pattern[str]
    default: re.Pattern[str]
    demand: re.Pattern[str]
    unnamed: re.Pattern[str]


def _languages() -> Iterator[tuple[str, _Language]]:
    for table in _DATA["language"]:
        texts = {
            key: table[key].replace("\n", "").replace("NAME", _NAME) for key in table if key != "suffixes"
        }
        language = _Language(**{key: re.compile(text) for key, text in texts.items()})
        suffixes = table["suffixes"]
        yield from ((suffix, language) for suffix in (suffixes.split() if "." in suffixes else [suffixes]))


_LANGUAGES = dict(_languages())
_SCRIPTS = frozenset(suffix for suffix, one in _LANGUAGES.items() if one is _LANGUAGES[".js"])


@dataclass(frozen=True, order=True)
class Mention:
    """One place that names a variable. `needed`: code fails without a value, or an example has a line for it;
    `optional`: there is a default, or the example has it without a value or in a comment."""

    name: str
    path: str
    line: int
    needed: bool = False
    optional: bool = False


def is_code(path: PurePosixPath) -> bool:
    """Whether it is known how a file of this name reads its environment."""
    known = path.suffix in _LANGUAGES
    return (known and not path.name.endswith((".min.js", ".d.ts"))) or is_deployment(path)


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
            empty = example and is_no_value(binding.value or "")
            yield Mention(binding.key, path, line, needed=not empty, optional=empty)
        elif example and binding.key is None and not binding.error:
            for found in _COMMENTED_LINE.finditer(binding.original.string):
                number = line + binding.original.string.count("\n", 0, found.start(1))
                yield Mention(found[1], path, number, optional=True)


def in_code(text: str, path: str) -> Iterator[Mention]:
    """The variables that a code or deployment file reads from its environment."""
    suffix = PurePosixPath(path).suffix
    if suffix == ".py":
        yield from _in_python(text, path)
        return
    yield from _matches(_language(path), text, path)
    if suffix in _SCRIPTS:
        yield from _destructured(text, path)
        yield from _in_schema(text, path)


def _language(path: str) -> _Language:
    return _LANGUAGES.get(PurePosixPath(path).suffix, _LANGUAGES["deployment"])


def _matches(language: _Language, text: str, path: str) -> Iterator[Mention]:
    line, counted = 1, 0
    for found in language.named.finditer(text):
        group = found.lastindex or 0
        at, end = found.span(group)
        line, counted = line + text.count("\n", counted, at), at
        needed = bool(language.demand.match(text, end))
        yield Mention(found[group], path, line, needed, bool(language.default.match(text, end)))


def _destructured(text: str, path: str) -> Iterator[Mention]:
    for found in _DESTRUCTURED.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        for part in (found[1] or found[2]).split(","):
            if name := re.match(rf"\s*({_NAME})[^=]*(=)?", part):
                yield Mention(name[1], path, line, optional=bool(name[2]))


def _in_schema(text: str, path: str) -> Iterator[Mention]:
    """The keys of a schema of zod in a file that reads its environment."""
    for found in _SCHEMA.finditer(text) if re.search(r"process\.env|createEnv\(", text) else ():
        optional = bool(_MAY_LACK.search(found[2]))
        yield Mention(found[1], path, text.count("\n", 0, found.start(1)) + 1, not optional, optional)


@lru_cache(maxsize=1)
def _parsed(text: str) -> ast.Module | None:
    """The syntax tree of Python code that may read its environment; None if it cannot be parsed.

    Few files may, and parsing one takes milliseconds: of the others the tree is empty.
    """
    if not _MAY_READ.search(text):
        return ast.Module([], [])
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _in_python(text: str, path: str) -> Iterator[Mention]:
    tree = _parsed(text)
    if tree is None:
        yield from _matches(_LANGUAGES[".py"], text, path)
        return
    settings, in_functions = {"BaseSettings"}, _in_functions(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and _last_name(node.value) == "environ":
            needed = isinstance(node.ctx, ast.Load) and node not in in_functions
            yield from _constant(node.slice, path, needed=needed)
        elif isinstance(node, ast.Compare) and _last_name(node.comparators[0]) == "environ":
            yield from _constant(node.left, path, optional=True)
        elif isinstance(node, ast.Call):
            yield from _in_call(node, path)
        elif isinstance(node, ast.ClassDef) and settings & {_last_name(base) for base in node.bases}:
            settings.add(node.name)
            yield from _settings_fields(node, path)


def _in_functions(tree: ast.Module) -> set[ast.AST]:
    """What runs only if a function is called: of many providers' keys an application uses one."""
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {inner for function in functions for part in function.body for inner in ast.walk(part)}


def _in_call(call: ast.Call, path: str) -> Iterator[Mention]:
    """os.environ.get("X"), os.getenv("X"), env("X"), env.str("X"), config("X")."""
    function, called = call.func, _last_name(call.func)
    owner = _last_name(function.value) if isinstance(function, ast.Attribute) else ""
    if not call.args:
        return
    optional = len(call.args) > 1 or any(word.arg == "default" for word in call.keywords)
    if called == "getenv" or (owner == "environ" and called in ("get", "pop", "setdefault")):
        yield from _constant(call.args[0], path, optional=optional)
    elif called in ("env", "config", "getenv") or owner == "env":
        found = _constant(call.args[0], path, needed=not optional, optional=optional)
        yield from (one for one in found if one.name.isupper())


def _settings_fields(settings: ast.ClassDef, path: str) -> Iterator[Mention]:
    """The fields of a pydantic settings class, by alias or by prefix and upper-case name."""
    words = [
        word for word in ast.walk(settings) if isinstance(word, ast.keyword) and word.arg == "env_prefix"
    ]
    prefixes = [word.value.value for word in words if isinstance(word.value, ast.Constant)]
    prefix = next((value for value in prefixes if isinstance(value, str)), "")
    for field in settings.body:
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if field.target.id.startswith(("_", "model_")):
            continue
        given = field.value.keywords if isinstance(field.value, ast.Call) else []
        alias = [word.value for word in given if word.arg in ("alias", "validation_alias", "env")]
        needed = field.value is None
        optional = not needed and (not given or any(word.arg == "default" for word in given))
        own = Mention((prefix + field.target.id).upper(), path, field.lineno, needed, optional)
        yield from (list(_constant(alias[0], path)) if alias else []) or [own]


def _constant(
    node: ast.expr, path: str, *, needed: bool = False, optional: bool = False
) -> Iterator[Mention]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(_NAME, node.value):
        yield Mention(node.value, path, node.lineno, needed, optional)


def _last_name(node: ast.expr) -> str:
    """`environ` of `os.environ` and of `environ`; "" of what has no name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


# ---- Reads that name no variable ----


def dynamic_reads(text: str, path: str) -> Iterator[int]:
    """The line of each read in a code file whose variable cannot be known from the text."""
    for found in _language(path).unnamed.finditer(text):
        if not _is_destructured(text, found.start()):
            yield text.count("\n", 0, found.start()) + 1


def _is_destructured(text: str, at: int) -> bool:
    """Whether `{ A, B } = ` stands before a place, without a rest that takes all others."""
    before = text[max(0, at - 4_000) : at].rstrip()
    bare = before.removesuffix("=").rstrip()
    return before != bare and bare.endswith("}") and "..." not in bare[bare.rfind("{") :]


# ---- The files of a project ----


@dataclass(frozen=True)
class CodeRead:
    """What a project's code reads from its environment, and what of it is not known.

    `dynamic` are the lines of reads that name no variable; `unread` what could not be read or understood.
    """

    variables: Mapping[str, tuple[Mention, ...]]
    files: int = 0
    dynamic: tuple[str, ...] = ()
    unread: tuple[Fault, ...] = ()


def read_code(project: Project, among: Collection[str] = ()) -> CodeRead:
    """What is read in the first 5,000 code files of at most 1 MB each.

    With `among` only files with one of these names are read, which is much faster, and reads that name no
    variable are not looked for.
    """
    walk, texts = Walk(), _Texts(project)
    there = list(files(project.root, walk))
    paths = _code_among(there)
    found: list[Mention] = []
    dynamic: list[str] = []
    for path in paths[:MAX_CODE_FILES]:
        text = texts.of(path)
        if not among or any(name in text for name in among):
            found += in_code(text, path)
        if not among:
            dynamic += [f"{shown(path)}:{line}" for line in sorted(set(dynamic_reads(text, path)))]
            if path.endswith(".py") and _parsed(text) is None:
                texts.faults.append(Fault(shown(path), "is not Python that can be parsed"))
    others = [path for path in there if path.suffix.lower() in _DATA["other_languages"].split()]
    unread = [*walk.left_out, *texts.faults]
    beyond = paths[MAX_CODE_FILES:]
    unread += [Fault(shown(path), "is beyond the number of files that are read") for path in beyond]
    unread += [Fault(shown(path), "is in a language whose reads are not known") for path in others]
    return CodeRead(_by_name(found), len(paths), tuple(dynamic), tuple(unread))


def code_variables(project: Project, among: Collection[str] = ()) -> dict[str, tuple[Mention, ...]]:
    """Name: where the project's code reads it, without what the machine or the build sets."""
    found = read_code(project, among).variables
    return {
        name: places for name, places in found.items() if name not in NOT_CONFIGURED and _ONE_CASE.match(name)
    }


def env_variables(project: Project, paths: Collection[str] | None = None) -> dict[str, tuple[Mention, ...]]:
    """Name: where the project's env files and examples have it, commented-out lines of examples too.

    With `paths` only those files are read.
    """
    return _by_name(
        mention
        for source in project.env_sources
        if paths is None or source.path in paths
        for mention in in_env_text(text_of(project, source.path), source.path, example=source.example)
    )


@dataclass(frozen=True)
class Named:
    """Where the files of a project that are not documents have names as words, and where they set them."""

    at: Mapping[str, str]  # name: its first line
    set_at: Mapping[str, str]  # name: the first line that sets it, as compose files and scripts do
    unread: tuple[Fault, ...]


def named_in(project: Project, names: Collection[str], leave_out: Collection[str]) -> Named:
    """Where the names are; `leave_out` are globs of paths that are not searched."""
    walk, texts = Walk(), _Texts(project)
    at: dict[str, str] = {}
    set_at: dict[str, str] = {}
    documents = frozenset(_DATA["documents"].split())
    for path in files(project.root, walk):
        if path.suffix.lower() in documents or any(fnmatchcase(str(path), glob) for glob in leave_out):
            continue
        text = texts.of(str(path))
        # `NAME =` is in code a variable of its own; in a script it may be exported.
        assigns = is_code(path) and not is_deployment(path) and path.suffix != ".sh"
        for name in names:
            if name in text:
                _note(at, name, rf"(?<!\w){name}(?!\w)", text, path)
                if not assigns:
                    _note(set_at, name, _SETS.format(name), text, path)
    return Named(at, set_at, (*walk.left_out, *texts.faults))


def _note(places: dict[str, str], name: str, pattern: str, text: str, path: PurePosixPath) -> None:
    found = None if name in places else re.search(pattern, text)
    if found:
        places[name] = f"{shown(path)}:{text.count(chr(10), 0, found.end()) + 1}"


class _Texts:
    """The texts of files one after another, bounded in all; what cannot be read is noted and has no text."""

    def __init__(self, project: Project) -> None:
        self._root = project.root
        self._left = MAX_BYTES_IN_ALL
        self.faults: list[Fault] = []

    def of(self, path: str) -> str:
        """The text of one file."""
        try:
            content = read_source(self._root, path, min(MAX_BYTES, self._left)).content
        except Unreadable as error:
            self.faults.append(Fault(shown(path), error.reason))
            return ""
        self._left -= len(content)
        return content.decode("utf-8-sig", "replace")


def text_of(project: Project, path: str) -> str:
    """The text of a file of the project; "" of one that cannot be read: coverage names it as a source."""
    return _Texts(project).of(path)


def code_files(project: Project) -> list[str]:
    """All code files of a project, in sorted order, without what a build wrote and what is beside it."""
    return _code_among(files(project.root))


def _code_among(found: Iterable[PurePosixPath]) -> list[str]:
    left_out = frozenset(f"{_DATA['built']} {_DATA['aside']}".split())
    return [
        str(path)
        for path in found
        if is_code(path) and not any(part in left_out or part.startswith(".") for part in path.parts[:-1])
    ]


def is_of_tests(path: str) -> bool:
    """Whether a file is of the tests: what it reads is not asked of the application."""
    file = PurePosixPath(path)
    named = re.search(r"(?:^test_|_test\.|\.test\.|\.spec\.|_spec\.|conftest)", file.name)
    return bool(named) or not frozenset(_DATA["tests"].split()).isdisjoint(file.parts[:-1])


def _by_name(mentions: Iterable[Mention]) -> dict[str, tuple[Mention, ...]]:
    found: dict[str, set[Mention]] = {}
    for mention in mentions:
        found.setdefault(mention.name, set()).add(mention)
    return {name: tuple(sorted(places)) for name, places in sorted(found.items())}
