"""The names of the variables that a project's env files hold and its code reads; never a value."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from audit_lib.base.errors import Fault
from audit_lib.base.files import Unreadable, read_source
from audit_lib.project.discovery import Walk, files, shown, words
from audit_lib.project.dynamic_reads import dynamic_reads
from audit_lib.project.places import Project
from audit_lib.project.variables_in_text import (
    Mention,
    in_code,
    in_env_text,
    is_code,
    is_deployment,
    may_read,
    parsed,
)

MAX_BYTES = 1_000_000
MAX_CODE_FILES = 5_000
MAX_BYTES_IN_ALL = 128_000_000

# What the machine or the build sets, not the application's owner.
NOT_CONFIGURED = words(
    """
    PATH HOME USER SHELL PWD TERM LANG TZ TMPDIR TEMP TMP CI NODE_ENV MODE DEV PROD SSR BASE_URL
    PORT HOSTNAME PYTHONPATH DJANGO_SETTINGS_MODULE VIRTUAL_ENV EDITOR PAGER NO_COLOR FORCE_COLOR
    DISPLAY
    """
)
BUILT = words("dist build out .output coverage public static")
# NAME: …, - NAME=…, - NAME alone, export NAME=…, ENV NAME=…
_SETS = r"(?m)^[ \t]*(?:-[ \t]+|(?:export|ENV|ARG)[ \t]+)?[\"']?{}[\"']?[ \t]*(?:[:=]|$)"
# Code of which nobody here knows how it reads its environment.
OTHER_LANGUAGES = words(
    ".cs .fs .vb .ex .exs .erl .scala .clj .groovy .pl .pm .lua .c .cc .cpp .swift .dart .hs .jl .ps1 .r"
)
# What they name is not used by that.
DOCUMENTS = words(
    ".md .rst .txt .adoc .log .pdf .png .jpg .jpeg .gif .webp .ico .woff .woff2 .ttf .mp4 .webm"
)


def env_variables(project: Project, paths: Collection[str] | None = None) -> dict[str, tuple[Mention, ...]]:
    """Name: where the project's env files and examples have it, commented-out lines of examples too.

    With `paths` only those files are looked at.
    """
    return _by_name(
        mention
        for source in project.env_sources
        if paths is None or source.path in paths
        for mention in in_env_text(text_of(project, source.path), source.path, example=source.example)
    )


def text_of(project: Project, path: str) -> str:
    """The text of a file of the project; "" of one that cannot be read."""
    # What cannot be read has no names here; coverage names it where it is a source.
    return _Texts(project).of(path)


@dataclass(frozen=True)
class CodeRead:
    """What a project's code reads from its environment, and what of it is not known.

    `dynamic` are the lines of reads that name no variable; `unread` what could not be read or understood.
    """

    variables: Mapping[str, tuple[Mention, ...]]
    files: int = 0
    dynamic: tuple[str, ...] = ()
    unread: tuple[Fault, ...] = ()


def code_variables(project: Project, among: Collection[str] = ()) -> dict[str, tuple[Mention, ...]]:
    """Name: where the project's code reads it, without what the machine or the build sets.

    With `among` only files with one of these names are looked at, which is much faster.
    """
    found = read_code(project, among).variables
    return {name: places for name, places in found.items() if name not in NOT_CONFIGURED}


def read_code(project: Project, among: Collection[str] = ()) -> CodeRead:
    """What is read in the first 5,000 code files of at most 1 MB each; `among` as in `code_variables`, and
    then it is not looked for reads that name no variable."""
    walk = Walk()
    there = list(files(project.root, walk))
    paths = _code_among(there)
    found: list[Mention] = []
    dynamic: list[str] = []
    texts = _Texts(project)
    for path in paths[:MAX_CODE_FILES]:
        text = texts.of(path)
        if not among or any(name in text for name in among):
            found += in_code(text, path)
        if not among:
            dynamic += [f"{shown(path)}:{line}" for line in sorted(set(dynamic_reads(text, path)))]
            if path.endswith(".py") and may_read(text) and parsed(text) is None:
                texts.faults.append(Fault(shown(path), "is not Python that can be parsed"))
    others = [path for path in there if path.suffix.lower() in OTHER_LANGUAGES]
    unread = [*walk.left_out, *texts.faults]
    unread += [
        Fault(shown(path), "is beyond the number of files that are read") for path in paths[MAX_CODE_FILES:]
    ]
    unread += [Fault(shown(path), "is in a language whose reads are not known") for path in others]
    return CodeRead(_by_name(found), len(paths), tuple(dynamic), tuple(unread))


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
    for path in map(str, files(project.root, walk)):
        if PurePosixPath(path).suffix.lower() in DOCUMENTS or any(
            fnmatchcase(path, one) for one in leave_out
        ):
            continue
        text = texts.of(path)
        for name in names:
            if name in text:
                _note(at, name, rf"(?<!\w){name}(?!\w)", text, path)
                if not _assigns(path):
                    _note(set_at, name, _SETS.format(name), text, path)
    return Named(at, set_at, (*walk.left_out, *texts.faults))


def _assigns(path: str) -> bool:
    """Whether `NAME =` in a file is a variable of its own: in code it is, in a script it may be exported."""
    file = PurePosixPath(path)
    return is_code(file) and not is_deployment(file) and file.suffix != ".sh"


def _note(places: dict[str, str], name: str, pattern: str, text: str, path: str) -> None:
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


def code_files(project: Project) -> list[str]:
    """All code files of a project, in sorted order, without what a build wrote."""
    return _code_among(files(project.root))


def _code_among(found: Iterable[PurePosixPath]) -> list[str]:
    return [str(path) for path in found if is_code(path) and not BUILT.intersection(path.parts)]


def _by_name(mentions: Iterable[Mention]) -> dict[str, tuple[Mention, ...]]:
    found: dict[str, set[Mention]] = {}
    for mention in mentions:
        found.setdefault(mention.name, set()).add(mention)
    return {name: tuple(sorted(places)) for name, places in sorted(found.items())}
