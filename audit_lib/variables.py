"""The names of the variables that a project's env files hold and its code reads; never a value."""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from audit_lib.project.discovery import files, words
from audit_lib.project.layout import leads_out
from audit_lib.project.places import Project

MAX_BYTES = 1_000_000
MAX_CODE_FILES = 5_000

_NAME = r"[A-Za-z_][A-Za-z0-9_]{1,127}"
_ENV_LINE = re.compile(rf"(?m)^[ \t]*(?:export[ \t]+)?({_NAME})[ \t]*=")
# An example's comments often show the variables that are optional: `# SENTRY_DSN=`.
_COMMENTED_LINE = re.compile(r"(?m)^[ \t]*#[ \t]?(?:export[ \t]+)?([A-Z][A-Z0-9_]{2,127})=")
_QUOTED = rf"[\"'`]({_NAME})[\"'`]"
_CALLS = (
    r"os\.environ(?:\.get|\.pop|\.setdefault)?[(\[]|os\.getenv\(|environ\.get\(|\bgetenv\(|"
    r"\benv(?:\.\w+)?\(|\bconfig\(|os\.LookupEnv\(|os\.Getenv\(|ENV(?:\.fetch)?[(\[]|System\.getenv\(|"
    r"\b(?:process|import\.meta)\.env\[|env::var\(|validation_alias\s*=|alias\s*="
)
_PYTHON = re.compile(rf"(?:{_CALLS})\s*{_QUOTED}")
_MEMBER = re.compile(rf"\b(?:process|import\.meta|Bun|Deno)\.env\.({_NAME})|\$env/[\w/]+[\"'];?")
_SETTINGS = re.compile(r"^class\s+\w+\([^)]*\bBaseSettings\b[^)]*\)\s*:", re.MULTILINE)
_FIELD = re.compile(r"^[ \t]+([A-Za-z]\w{1,127})\s*:\s*[^=\n]+(?:=|$)", re.MULTILINE)
CODE = words(
    """
    .py .js .mjs .cjs .ts .mts .tsx .jsx .vue .svelte .astro .rb .go .java .kt .php .rs
    """
)
# What the machine or the build sets, not the application's owner.
NOT_CONFIGURED = words(
    """
    PATH HOME USER SHELL PWD TERM LANG TZ TMPDIR TEMP TMP CI NODE_ENV MODE DEV PROD SSR BASE_URL
    PORT HOSTNAME PYTHONPATH DJANGO_SETTINGS_MODULE VIRTUAL_ENV EDITOR PAGER NO_COLOR FORCE_COLOR
    DISPLAY
    """
)


@dataclass(frozen=True, order=True)
class Mention:
    """One place that names a variable."""

    name: str
    path: str
    line: int


def env_variables(project: Project) -> dict[str, tuple[Mention, ...]]:
    """Name: where the project's env files and examples have it, commented-out lines of examples too."""
    found: list[Mention] = []
    for source in project.env_sources:
        text = _text(project.root, source.path)
        patterns = (_ENV_LINE, _COMMENTED_LINE) if source.example else (_ENV_LINE,)
        found += [mention for pattern in patterns for mention in _mentions(pattern, text, source.path)]
    return _by_name(found)


def code_variables(project: Project) -> dict[str, tuple[Mention, ...]]:
    """Name: where the project's code reads it, of the first 5,000 code files."""
    found: list[Mention] = []
    for path in _code_files(project.root):
        text = _text(project.root, str(path))
        found += [*_mentions(_PYTHON, text, str(path)), *_mentions(_MEMBER, text, str(path))]
        if path.suffix == ".py":
            found += _settings_fields(text, str(path))
    return _by_name([mention for mention in found if mention.name not in NOT_CONFIGURED])


def _code_files(root: Path) -> Iterator[PurePosixPath]:
    code = (
        path for path in files(root) if path.suffix in CODE and not path.name.endswith((".min.js", ".d.ts"))
    )
    for _, path in zip(range(MAX_CODE_FILES), code, strict=False):
        yield path


def _settings_fields(text: str, path: str) -> Iterator[Mention]:
    for settings in _SETTINGS.finditer(text):
        body = re.split(r"(?m)^(?=[^\s#])", text[settings.end() :].lstrip("\n"), maxsplit=1)[0]
        start = text.count("\n", 0, settings.end()) + 1
        for field in _FIELD.finditer(body):
            if field[1] not in ("model_config",):
                line = start + 1 + body.count("\n", 0, field.start(1))
                yield Mention(field[1].upper(), path, line)


def _mentions(pattern: re.Pattern[str], text: str, path: str) -> Iterator[Mention]:
    for found in pattern.finditer(text):
        name = next((group for group in found.groups() if group), "")
        if name:
            yield Mention(name, path, text.count("\n", 0, found.start()) + 1)


def _by_name(mentions: list[Mention]) -> dict[str, tuple[Mention, ...]]:
    names = sorted({mention.name for mention in mentions})
    return {name: tuple(sorted({m for m in mentions if m.name == name})) for name in names}


def _text(root: Path, path: str) -> str:
    """A file's first million bytes as text; "" where it is no regular file or a link leads to it."""
    if leads_out(path, root):
        return ""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with os.fdopen(os.open(root / path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return ""
            return file.read(MAX_BYTES).decode("utf-8-sig", "replace")
    except (OSError, ValueError):
        return ""
