"""Finds env-like files and logs in a project that has no audit.toml; bounded, and no link is followed."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

from audit_lib.base.errors import Fault
from audit_lib.project.places import ENVIRONMENTS, EnvSource, LogSource, Project

Source = TypeVar("Source", EnvSource, LogSource)

MAX_DEPTH = 8
MAX_ENTRIES = 50_000
MAX_SOURCES = 200


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


SKIPPED_FOLDERS = words(
    """
    .git .hg .svn .audit .venv venv virtualenv node_modules bower_components site-packages
    __pycache__ .tox .nox .mypy_cache .pytest_cache .ruff_cache .next .nuxt .svelte-kit .turbo
    .gradle .idea .vscode vendor target
    """
)
GROUPING_FOLDERS = words(
    """
    apps services packages projects src config deploy env envs .envs docker
    """
)

# .env, .env.local, .env-prod, prod.env, .envrc, each also as an example or a backup.
_ENV_LIKE = re.compile(
    r"(?is)(\.env([._~-].*)?|\.envrc([._~-].*)?|[\w.-]+\.env([._~-].*)?|env\.[\w.-]+|\..*\.env\..*)"
)
_NOT_ENV = re.compile(r"(?is).*\.(py|pyc|js|ts|mjs|cjs|jsx|tsx|d\.ts|json|md|sh|html|css|go|rb|java|vue)")
_EXAMPLE = re.compile(
    r"(?i)(^|[._-])(example|examples|sample|template|tmpl|tpl|dist|defaults?|schema)(?=$|[._-])"
)
_BACKUP = re.compile(
    r"(?i)([._-](bak|backup|old|orig|save|saved|copy|prev|sw[op]|\d{1,14}|\d{4}-\d\d-\d\d.*)$|~$)"
)
_WORDS = {
    "production": ("prod", "production", "live"),
    "staging": ("staging", "stage", "stg", "preview", "preprod", "uat", "qa"),
}
_LOG = re.compile(r"(?is)[^/]+\.log([.-][\w.:-]+)?(\.(gz|zst|bz2|xz))?")


@dataclass
class _Walk:
    """What one walk has seen: its count is bounded, what it left out is reported."""

    entries: int = 0
    left_out: list[Fault] = field(default_factory=list)


def discover(project: Project) -> Project:
    """The project with the env-like files and log folders that were found beside its layout.

    An example file's environment is ""; a file's own name gives the environment, else development.
    Links and what is beyond the bounds are not searched; `not_searched` says what.
    """
    walk = _Walk()
    found = list(files(project.root, walk))
    env_like = [path for path in found if is_env_like(path.name)]
    copies = [copy for path in env_like if (copy := live_copy(path)) is not None]
    env = {str(path): env_source(path) for path in [*env_like, *copies]}
    in_folders = {str(path.parent / "*.log*"): path for path in found if _LOG.fullmatch(path.name)}
    logs = {pattern: LogSource(pattern, service_of(path)) for pattern, path in in_folders.items()}
    env = _beside({source.path: source for source in project.env_sources}, env)
    logs = _beside({source.pattern: source for source in project.log_sources}, logs)
    return replace(
        project,
        env_sources=_bounded(list(env.values()), "env files", walk),
        log_sources=_bounded(list(logs.values()), "log folders", walk),
        not_searched=tuple(walk.left_out),
    )


def _beside(layout: dict[str, Source], found: dict[str, Source]) -> dict[str, Source]:
    # A layout of which nothing is there belongs to another application: its gaps would be noise.
    assumed = layout if not found or set(layout) & set(found) else {}
    return assumed | {place: source for place, source in found.items() if place not in assumed}


def _bounded(sources: list[Source], word: str, walk: _Walk) -> tuple[Source, ...]:
    if len(sources) > MAX_SOURCES:
        left = len(sources) - MAX_SOURCES
        walk.left_out.append(Fault("discovery", f"left out {left} {word} beyond the first {MAX_SOURCES}"))
    return tuple(sources[:MAX_SOURCES])


def files(root: Path, walk: "_Walk | None" = None) -> Iterator[PurePosixPath]:
    """Every file below a folder, relative to it and in sorted order, links to files among them."""
    yield from _below(root, PurePosixPath(), 0, walk or _Walk())


def _below(root: Path, folder: PurePosixPath, depth: int, walk: _Walk) -> Iterator[PurePosixPath]:
    try:
        entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
    except OSError as error:
        walk.left_out.append(Fault(f"{shown(folder)}/", f"cannot be read ({type(error).__name__})"))
        return
    for entry in entries:
        if walk.entries >= MAX_ENTRIES:
            note = Fault("discovery", f"left out all after the first {MAX_ENTRIES:,} files and folders")
            if note not in walk.left_out:
                walk.left_out.append(note)
            return
        walk.entries += 1
        path = folder / entry.name
        if entry.is_symlink() and (root / path).is_dir():
            walk.left_out.append(Fault(f"{shown(path)}/", "is a symbolic link, which is not followed"))
        elif entry.is_dir(follow_symlinks=False):
            if entry.name in SKIPPED_FOLDERS:
                continue
            if depth == MAX_DEPTH:
                walk.left_out.append(Fault(f"{shown(path)}/", f"is deeper than {MAX_DEPTH} folders"))
            else:
                yield from _below(root, path, depth + 1, walk)
        else:
            yield path


def shown(path: PurePosixPath | str) -> str:
    """A path for a person to read on one line, whatever characters are in it."""
    return str(path) if str(path).isprintable() else ascii(str(path))


def is_env_like(name: str) -> bool:
    """Whether a file's name says that it holds environment variables."""
    return bool(_ENV_LIKE.fullmatch(name)) and not _NOT_ENV.fullmatch(name)


def live_copy(path: PurePosixPath) -> PurePosixPath | None:
    """Of an example file the file that people copy it to; None of any other file."""
    if not _EXAMPLE.search(path.name):
        return None
    name = _EXAMPLE.sub("", path.name, count=1)
    return path.with_name(f".{name}" if name.startswith("env") else name or ".env")


def env_source(path: PurePosixPath) -> EnvSource:
    """The env source that a file's name and folder say it is."""
    example = bool(_EXAMPLE.search(path.name))
    return EnvSource(
        environment="" if example else environment_of(path),
        service=service_of(path),
        path=str(path),
        example=example,
        backup=not example and bool(_BACKUP.search(path.name)),
    )


def environment_of(path: PurePosixPath) -> str:
    """The environment by a word in the file's name, else in its folder's; else development."""
    for text in (path.name, path.parent.name):
        words = set(re.split(r"[^a-z]+", text.lower()))
        for environment, marks in _WORDS.items():
            if words & set(marks):
                return environment
    return ENVIRONMENTS[0]


def service_of(path: PurePosixPath) -> str:
    """The service by the first folder that is not a mere grouping; `backend` at the top."""
    folders = [
        part
        for part in path.parts[:-1]
        if part.lower() not in GROUPING_FOLDERS
        and part.lower() not in ("log", "logs", ".logs")
        and environment_of(PurePosixPath(part)) == ENVIRONMENTS[0]
    ]
    return re.sub(r"[^\w.-]", "-", folders[0]).lstrip(".-") or "backend" if folders else "backend"
