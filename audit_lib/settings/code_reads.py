"""The files of a project, and the names of the variables that they hold, read or set; never a value."""

import ast
import os
import re
import tomllib
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from io import StringIO
from itertools import groupby
from operator import attrgetter
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from dotenv.parser import parse_stream

from audit_lib.base.errors import Fault
from audit_lib.base.files import Unreadable, read_source
from audit_lib.settings.kinds import form_of
from audit_lib.settings.models import Project

MAX_DEPTH = 24
MAX_ENTRIES = 50_000
MAX_BYTES = 1_000_000
MAX_CODE_FILES = 5_000
MAX_BYTES_IN_ALL = 128_000_000
_FAR = 200  # characters of a line before a read that tell where it is
_DATA = tomllib.loads(Path(__file__).with_name("code_reads.toml").read_text("utf-8"))
_WORDS = {key: frozenset(text.split()) for key, text in _DATA["words"].items()}
NOT_CONFIGURED = _WORDS["not_configured"]
Patterns = dict[str, re.Pattern[str]]


def _compiled(texts: Mapping[str, str]) -> Patterns:
    whole = {key: text.replace("\n", "").replace("NAME", _DATA["NAME"]) for key, text in texts.items()}
    return {key: re.compile(text) for key, text in whole.items()}


_PATTERNS = _compiled(_DATA["patterns"])
_LANGUAGES: dict[str, list[Patterns]] = defaultdict(list)  # by the ending of a file's name
for _language in _DATA["language"]:
    for _suffix in _language["suffixes"].split():
        _LANGUAGES[_suffix].append(_compiled({"if": "", **_language}))


class Mention(NamedTuple):
    """One place that names a variable. `needed`: code fails without a value, or an example has a line for it;
    `optional`: there is a default, or the example has it without a value or in a comment."""

    name: str
    path: str
    line: int
    needed: bool = False
    optional: bool = False
    form: str = ""  # of the value that an env file gives it


# ---- The files of a project ----


def files(root: Path, left_out: list[Fault] | None = None) -> list[PurePosixPath]:
    """Every file below a folder, in sorted order, links to files among them; notes what is not searched."""
    faults: list[Fault] = [] if left_out is None else left_out
    found: list[PurePosixPath] = []
    entries = 0

    def note(path: object, reason: str) -> None:
        faults.append(Fault(f"{shown(os.path.relpath(str(path), root))}/", reason))

    def unlisted(error: OSError) -> None:
        note(error.filename, f"cannot be read ({type(error).__name__})")

    for folder, folders, names in os.walk(root, onerror=unlisted):
        at = PurePosixPath(os.path.relpath(folder, root))
        found += [at / name for name in sorted(names)][: MAX_ENTRIES - entries]
        entries += len(folders) + len(names)
        if entries > MAX_ENTRIES:
            text = f"left out all after the first {MAX_ENTRIES:,} files and folders"
            faults.append(Fault("discovery", text))
            break
        links = sorted(name for name in folders if Path(folder, name).is_symlink())
        below = sorted({*folders} - {*links} - _WORDS["skipped_folders"])
        folders[:] = below if len(at.parts) < MAX_DEPTH else []
        for name in links:
            note(root / at / name, "is a symbolic link, which is not followed")
        for name in sorted({*below} - {*folders}):
            note(root / at / name, f"is deeper than {MAX_DEPTH} folders")
    return sorted(found)


def shown(path: PurePosixPath | str) -> str:
    """A path for a person to read on one line, whatever characters are in it."""
    return str(path) if str(path).isprintable() else ascii(str(path))


def texts(project: Project, paths: Iterable[str], faults: list[Fault]) -> Iterator[tuple[str, str]]:
    """Each path with the text of its file, bounded in all; what cannot be read is among the faults."""
    left = MAX_BYTES_IN_ALL
    for path in paths:
        try:
            content = read_source(project.root, path, min(MAX_BYTES, left)).content
        except Unreadable as error:
            faults.append(Fault(shown(path), error.reason))
            continue
        left -= len(content)
        yield path, content.decode("utf-8-sig", "replace")


def text_of(project: Project, path: str) -> str:
    """The text of a file of the project; "" of one that cannot be read: coverage names it as a source."""
    return next((text for _, text in texts(project, [path], [])), "")


def is_code(path: PurePosixPath) -> bool:
    """Whether it is known how a file of this name reads its environment."""
    known = path.suffix in _LANGUAGES and not path.name.endswith((".min.js", ".d.ts"))
    return known or is_deployment(path)


def is_deployment(path: PurePosixPath) -> bool:
    """Whether a file's name says that it describes containers or a platform's services."""
    return bool(_PATTERNS["deployment"].fullmatch(path.name))


def is_of_tests(path: str) -> bool:
    """Whether a file is of the tests: what it reads is not asked of the application."""
    file = PurePosixPath(path)
    return bool(_PATTERNS["test"].search(file.name)) or not _WORDS["tests"].isdisjoint(file.parts[:-1])


def code_files(project: Project, there: Iterable[PurePosixPath] | None = None) -> list[str]:
    """All code files of a project, in sorted order, without what a build wrote and what is beside it."""
    found = (path for path in (files(project.root) if there is None else there) if is_code(path))
    aside = _WORDS["built"] | _WORDS["aside"]
    return [
        str(path) for path in found if not any(part in aside or part[0] == "." for part in path.parts[:-1])
    ]


# ---- One text ----


def in_env_text(text: str, path: str, *, example: bool) -> Iterator[Mention]:
    """The variables of an env file, of an example also those that are in a comment.

    Only names in one letter case: a stray line of a multi-line value must not pass for a name.
    """
    for binding in parse_stream(StringIO(text)):
        line, form = binding.original.line, form_of(binding.value or "")
        if binding.key and _PATTERNS["one_case"].fullmatch(binding.key):
            empty = example and form == "no value"
            yield Mention(binding.key, path, line, not empty, empty, "" if binding.error else form)
        elif example and binding.key is None and not binding.error:
            for found in _PATTERNS["commented"].finditer(binding.original.string):
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
            yield Mention(text[at:end], path, line, needed, bool(language["default"].match(text, end)))
    if "BaseSettings" in text and path.endswith(".py"):
        yield from _settings_fields(_classes(text) or [], path)
    for found in _PATTERNS["destructured"].finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        for name in filter(None, map(_PATTERNS["part"].match, (found[1] or found[2]).split(","))):
            yield Mention(name[1], path, line, optional=bool(name[2]))


def _of(path: str) -> list[Patterns]:
    return _LANGUAGES.get(PurePosixPath(path).suffix, _LANGUAGES["deployment"])


def _classes(text: str) -> list[ast.ClassDef] | None:
    """The classes of a Python text; None of one that cannot be parsed."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _settings_fields(classes: list[ast.ClassDef], path: str) -> Iterator[Mention]:
    """The fields of pydantic's settings classes, by alias or by prefix and upper-case name."""
    settings = {"BaseSettings"}
    for made in classes:
        if settings.isdisjoint(ast.unparse(base).rpartition(".")[2] for base in made.bases):
            continue
        settings.add(made.name)
        prefix = _PATTERNS["prefix"].search(ast.unparse(made))
        for field in (field for field in made.body if isinstance(field, ast.AnnAssign)):
            name, given = ast.unparse(field.target), ast.unparse(field.value) if field.value else ""
            if not name.startswith(("_", "model_")):
                alias = _PATTERNS["alias"].search(given)
                optional = bool(given) and ("default" in given or not re.match(r"\w+\(", given))
                own = ((prefix[1] if prefix else "") + name).upper()
                yield Mention(alias[1] if alias else own, path, field.lineno, not given, optional)


def dynamic_reads(text: str, path: str) -> Iterator[int]:
    """The line of each read in a code file whose variable cannot be known from the text."""
    for found in (found for language in _of(path) for found in language["unnamed"].finditer(text)):
        # `{ A, B } = ` before it names them, without a rest that takes all others.
        before = text[max(0, found.start() - 4_000) : found.start()].rstrip()
        bare = before.removesuffix("=").rstrip()
        if before == bare or not bare.endswith("}") or "..." in bare[bare.rfind("{") :]:
            yield text.count("\n", 0, found.start()) + 1


# ---- All texts of a project ----


@dataclass(frozen=True)
class CodeRead:
    """What a project's code reads from its environment, and what of it is not known."""

    variables: Mapping[str, tuple[Mention, ...]]
    files: int = 0
    dynamic: tuple[str, ...] = ()  # the lines of reads that name no variable
    unread: tuple[Fault, ...] = ()  # what could not be read or understood


def read_code(project: Project, among: Collection[str] = ()) -> CodeRead:
    """What is read in the first 5,000 code files; with `among` in those that have one of these names."""
    unread: list[Fault] = []
    there = files(project.root, unread)
    paths = code_files(project, there)
    found: list[Mention] = []
    dynamic: list[str] = []
    for path, text in texts(project, paths[:MAX_CODE_FILES], unread):
        if not among or any(name in text for name in among):
            found += in_code(text, path)
            dynamic += [f"{shown(path)}:{line}" for line in sorted(set(dynamic_reads(text, path)))]
            if path.endswith(".py") and not among and _classes(text) is None:
                unread.append(Fault(shown(path), "is not Python that can be parsed"))
    others = [str(path) for path in there if path.suffix.lower() in _WORDS["other_languages"]]
    reasons = dict.fromkeys(paths[MAX_CODE_FILES:], "is beyond the number of files that are read")
    reasons |= dict.fromkeys(others, "is in a language whose reads are not known")
    unread += [Fault(shown(path), reason) for path, reason in reasons.items()]
    return CodeRead(_by_name(found), len(paths), tuple(dynamic), tuple(unread))


def code_variables(project: Project, among: Collection[str] = ()) -> dict[str, tuple[Mention, ...]]:
    """Name: where the project's code reads it, without what the machine or the build sets."""
    found, one_case = read_code(project, among).variables, _PATTERNS["one_case"]
    return {name: found[name] for name in found if name not in NOT_CONFIGURED and one_case.fullmatch(name)}


def env_variables(project: Project, paths: Collection[str] | None = None) -> dict[str, tuple[Mention, ...]]:
    """Name: where the project's env files and examples, or those of these paths, have it."""
    sources = [source for source in project.env_sources if paths is None or source.path in paths]
    found = (in_env_text(text_of(project, one.path), one.path, example=one.example) for one in sources)
    return _by_name(mention for mentions in found for mention in mentions)


def _by_name(mentions: Iterable[Mention]) -> dict[str, tuple[Mention, ...]]:
    return {name: tuple(places) for name, places in groupby(sorted({*mentions}), attrgetter("name"))}


class Named(NamedTuple):
    """Where the files of a project that are not documents have names as words, and where they set them."""

    at: Mapping[str, str]  # name: its first line
    set_at: Mapping[str, str]  # name: the first line that sets it, as compose files and scripts do
    unread: tuple[Fault, ...]


def named_in(project: Project, names: Collection[str], leave_out: Collection[str]) -> Named:
    """Where the names are; `leave_out` are globs of paths that are not searched."""
    unread: list[Fault] = []
    at: dict[str, str] = {}
    set_at: dict[str, str] = {}
    there = [path for path in files(project.root, unread) if path.suffix.lower() not in _WORDS["documents"]]
    paths = (str(path) for path in there if not any(fnmatchcase(str(path), glob) for glob in leave_out))
    for path, text in texts(project, paths, unread):
        # `NAME =` is in code a variable of its own; in a script it may be exported.
        file = PurePosixPath(path)
        assigns = is_code(file) and not is_deployment(file) and file.suffix != ".sh"
        for name in (name for name in names if name in text):
            for key, places in [("word", at)] if assigns else [("word", at), ("set", set_at)]:
                found = None if name in places else re.search(_DATA["of"][key].replace("NAME", name), text)
                if found:
                    places[name] = f"{shown(path)}:{text.count(chr(10), 0, found.end()) + 1}"
    return Named(at, set_at, tuple(unread))
