"""The names of the variables that a project's env files hold and its code reads; never a value."""

import ast
import re
import tomllib
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from dotenv.parser import parse_stream

from audit_lib.base.errors import Fault
from audit_lib.base.files import Unreadable, read_source
from audit_lib.secrecy.strength import is_no_value
from audit_lib.settings.discover import Walk, files, shown
from audit_lib.settings.models import Project

MAX_BYTES = 1_000_000
MAX_CODE_FILES = 5_000
MAX_BYTES_IN_ALL = 128_000_000
_FAR = 200  # characters of a line before a read that tell where it is
_DATA = tomllib.loads(Path(__file__).with_name("code_reads.toml").read_text("utf-8"))
_WORDS = {key: frozenset(text.split()) for key, text in _DATA.items() if key != "language"}
NOT_CONFIGURED = _WORDS["not_configured"]
_NAME = r"[A-Za-z_][A-Za-z0-9_]{1,127}"
_ONE_CASE = re.compile(r"(?:[A-Z][A-Z0-9_]{1,99}|[a-z][a-z0-9_]{1,99})$")
# An example's comments often show the variables that are optional: `# SENTRY_DSN=`.
_COMMENTED_LINE = re.compile(r"(?m)^[ \t]*#[ \t]?(?:export[ \t]+)?([A-Z][A-Z0-9_]{2,127})=")
_DESTRUCTURED = re.compile(
    r"\{([^{}]{1,4000})\}\s*=\s*(?:process|import\.meta)\.env\b"
    r"|import\s*\{([^{}]{1,4000})\}\s*from\s*[\"']\$env/static/\w+[\"']"
)
_DEPLOYMENTS = re.compile(r"(docker-)?compose[\w.-]*\.ya?ml|render\.ya?ml")
_TEST_NAMES = re.compile(r"(?:^test_|_test\.|\.test\.|\.spec\.|_spec\.|conftest)")
# NAME: …, - NAME=…, - NAME alone, export NAME=…, ENV NAME=…
_SETS = r"(?m)^[ \t]*(?:-[ \t]+|(?:export|ENV|ARG)[ \t]+)?[\"']?{}[\"']?[ \t]*(?:[:=]|$)"


def _languages() -> Mapping[str, list[dict[str, re.Pattern[str]]]]:
    """The patterns of code_reads.toml by the ending of a file's name."""
    found = defaultdict(list)
    for table in _DATA["language"]:
        texts = {key: text.replace("\n", "").replace("NAME", _NAME) for key, text in table.items()}
        for suffix in texts.pop("suffixes").split():
            found[suffix].append({key: re.compile(text) for key, text in {"if": "", **texts}.items()})
    return found


_LANGUAGES = _languages()


class Mention(NamedTuple):
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
    for language in _of(path):
        line, counted = 1, 0  # from match to match: a line of a megabyte may hold 100,000
        for found in language["named"].finditer(text) if language["if"].search(text) else ():
            at, end = found.span(found.lastindex or 0)
            line, counted = line + text.count("\n", counted, at), at
            # What runs only if a function is called is not needed: of many providers an application uses one.
            begin = text.rfind("\n", max(0, at - _FAR), at) + 1
            inner = path.endswith(".py") and text[begin].isspace() and found[0].startswith("environ[")
            needed = not inner and bool(language["demand"].match(text, end))
            optional = bool(language["default"].match(text, end))
            yield Mention(text[at:end], path, line, needed, optional)
    if "BaseSettings" in text and path.endswith(".py"):
        yield from _settings_fields(text, path)
    for found in _DESTRUCTURED.finditer(text):
        for part in (found[1] or found[2]).split(","):
            if name := re.match(rf"\s*({_NAME})[^=]*(=)?", part):
                line = text.count("\n", 0, found.start()) + 1
                yield Mention(name[1], path, line, optional=bool(name[2]))


def _of(path: str) -> list[dict[str, re.Pattern[str]]]:
    return _LANGUAGES.get(PurePosixPath(path).suffix, _LANGUAGES["deployment"])


def _settings_fields(text: str, path: str) -> Iterator[Mention]:
    """The fields of pydantic's settings classes, by alias or by prefix and upper-case name."""
    settings = {"BaseSettings"}
    try:
        with warnings.catch_warnings(action="ignore"):
            classes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for made in classes:
        if settings.isdisjoint(ast.unparse(base).rpartition(".")[2] for base in made.bases):
            continue
        settings.add(made.name)
        prefix = re.search(r"env_prefix=['\"](\w*)", ast.unparse(made))
        for field in (field for field in made.body if isinstance(field, ast.AnnAssign)):
            name, given = ast.unparse(field.target), ast.unparse(field.value) if field.value else ""
            if not name.startswith(("_", "model_")):
                alias = re.search(rf"\b(?:alias|validation_alias|env)=['\"]({_NAME})['\"]", given)
                optional = bool(given) and ("default" in given or not re.match(r"\w+\(", given))
                own = ((prefix[1] if prefix else "") + name).upper()
                yield Mention(alias[1] if alias else own, path, field.lineno, not given, optional)


def dynamic_reads(text: str, path: str) -> Iterator[int]:
    """The line of each read in a code file whose variable cannot be known from the text."""
    for language in _of(path):
        for found in language["unnamed"].finditer(text):
            # `{ A, B } = ` before it names them, without a rest that takes all others.
            before = text[max(0, found.start() - 4_000) : found.start()].rstrip()
            bare = before.removesuffix("=").rstrip()
            if before == bare or not bare.endswith("}") or "..." in bare[bare.rfind("{") :]:
                yield text.count("\n", 0, found.start()) + 1


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

    With `among` only files with one of these names are read, which is much faster.
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
            dynamic += [f"{shown(path)}:{line}" for line in sorted(set(dynamic_reads(text, path)))]
    unread = [*walk.left_out, *texts.faults]
    unread += [
        Fault(shown(path), "is beyond the number of files that are read") for path in paths[MAX_CODE_FILES:]
    ]
    others = (path for path in there if path.suffix.lower() in _WORDS["other_languages"])
    unread += [Fault(shown(path), "is in a language whose reads are not known") for path in others]
    return CodeRead(_by_name(found), len(paths), tuple(dynamic), tuple(unread))


def code_variables(project: Project, among: Collection[str] = ()) -> dict[str, tuple[Mention, ...]]:
    """Name: where the project's code reads it, without what the machine or the build sets."""
    found = read_code(project, among).variables
    return {name: found[name] for name in found if name not in NOT_CONFIGURED and _ONE_CASE.match(name)}


def env_variables(project: Project, paths: Collection[str] | None = None) -> dict[str, tuple[Mention, ...]]:
    """Name: where the project's env files and examples, or those of these paths, have it."""
    return _by_name(
        mention
        for source in project.env_sources
        if paths is None or source.path in paths
        for mention in in_env_text(text_of(project, source.path), source.path, example=source.example)
    )


class Named(NamedTuple):
    """Where the files of a project that are not documents have names as words, and where they set them."""

    at: Mapping[str, str]  # name: its first line
    set_at: Mapping[str, str]  # name: the first line that sets it, as compose files and scripts do
    unread: tuple[Fault, ...]


def named_in(project: Project, names: Collection[str], leave_out: Collection[str]) -> Named:
    """Where the names are; `leave_out` are globs of paths that are not searched."""
    walk, texts = Walk(), _Texts(project)
    at: dict[str, str] = {}
    set_at: dict[str, str] = {}
    for path in files(project.root, walk):
        if path.suffix.lower() in _WORDS["documents"] or any(
            fnmatchcase(str(path), glob) for glob in leave_out
        ):
            continue
        text = texts.of(str(path))
        # `NAME =` is in code a variable of its own; in a script it may be exported.
        assigns = is_code(path) and not is_deployment(path) and path.suffix != ".sh"
        for name in (name for name in names if name in text):
            for places, pattern in ((at, rf"(?<!\w){name}(?!\w)"), (set_at, _SETS.format(name))):
                found = None if name in places or (places is set_at and assigns) else re.search(pattern, text)
                if found:
                    places[name] = f"{shown(path)}:{text.count(chr(10), 0, found.end()) + 1}"
    return Named(at, set_at, (*walk.left_out, *texts.faults))


class _Texts:
    """The texts of files one after another, bounded in all; what cannot be read is noted and has no text."""

    def __init__(self, project: Project) -> None:
        self._root, self._left = project.root, MAX_BYTES_IN_ALL
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
    left_out = _WORDS["built"] | _WORDS["aside"]
    hidden = (path for path in found if is_code(path))
    return [
        str(path)
        for path in hidden
        if not any(part in left_out or part[0] == "." for part in path.parts[:-1])
    ]


def is_of_tests(path: str) -> bool:
    """Whether a file is of the tests: what it reads is not asked of the application."""
    file = PurePosixPath(path)
    return bool(_TEST_NAMES.search(file.name)) or not _WORDS["tests"].isdisjoint(file.parts[:-1])


def _by_name(mentions: Iterable[Mention]) -> dict[str, tuple[Mention, ...]]:
    found = defaultdict(set)
    for mention in mentions:
        found[mention.name].add(mention)
    return {name: tuple(sorted(found[name])) for name in sorted(found)}
