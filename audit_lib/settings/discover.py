"""Finds env-like files and logs in a project that has no audit.toml; bounded, and no link is followed."""

import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

from audit_lib.base.errors import Fault
from audit_lib.settings.fields import ENVIRONMENTS
from audit_lib.settings.models import EnvSource, LogSource, Project

Source = TypeVar("Source", EnvSource, LogSource)

MAX_DEPTH = 24
MAX_ENTRIES = 50_000
MAX_SOURCES = 200
_DATA = tomllib.loads(Path(__file__).with_name("discover.toml").read_text("utf-8"))
_WORDS = {key: frozenset(text.split()) for key, text in _DATA.items() if key != "patterns"}
_PATTERNS = {key: re.compile(text) for key, text in _DATA["patterns"].items()}
_IN_FOLDERS = {"production": _WORDS["production"], "staging": _WORDS["staging"]}
_IN_NAMES = _IN_FOLDERS | {"production": _WORDS["production_in_names"]}
_OF_A_COPY = _WORDS["of_a_copy"].union(*_IN_NAMES.values(), _WORDS["tests"])


@dataclass
class Walk:
    """What one walk has seen: its count is bounded, what it left out is reported."""

    entries: int = 0
    left_out: list[Fault] = field(default_factory=list)


def discover(project: Project) -> Project:
    """The project with the env-like files and log folders that were found beside its layout.

    An example file's environment is ""; a file's own name gives the environment, else development.
    Links and what is beyond the bounds are not searched; `not_searched` says what.
    """
    walk = Walk()
    found = list(files(project.root, walk))
    env = {str(path): env_source(path) for path in found if is_env_like(path) and not _is_aside(path)}
    own = [path for path in found if _WORDS["test_folders"].isdisjoint(path.parts[:-1])]
    logs = {pattern: LogSource(pattern, service_of(path)) for path in own if (pattern := _log_pattern(path))}
    env = _beside({source.path: source for source in project.env_sources}, env)
    logs = _beside({source.pattern: source for source in project.log_sources}, logs)
    for word, sources in (("env files", len(env)), ("log folders", len(logs))):
        if sources > MAX_SOURCES:
            beyond = f"left out {sources - MAX_SOURCES} {word} beyond the first {MAX_SOURCES}"
            walk.left_out.append(Fault("discovery", beyond))
    return replace(
        project,
        env_sources=tuple(env.values())[:MAX_SOURCES],
        log_sources=tuple(logs.values())[:MAX_SOURCES],
        not_searched=tuple(walk.left_out),
    )


def _beside(layout: dict[str, Source], found: dict[str, Source]) -> dict[str, Source]:
    # A layout of which nothing is there belongs to another application: its gaps would be noise.
    assumed = layout if not found or set(layout) & set(found) else {}
    return assumed | {place: source for place, source in found.items() if place not in assumed}


def files(root: Path, walk: Walk | None = None) -> Iterator[PurePosixPath]:
    """Every file below a folder, relative to it and in sorted order, links to files among them."""
    yield from _below(root, PurePosixPath(), 0, walk or Walk())


def _below(root: Path, folder: PurePosixPath, depth: int, walk: Walk) -> Iterator[PurePosixPath]:
    try:
        entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
    except OSError as error:
        walk.left_out.append(Fault(f"{shown(folder)}/", f"cannot be read ({type(error).__name__})"))
        return
    for entry in entries:
        if walk.entries >= MAX_ENTRIES:
            note = Fault("discovery", f"left out all after the first {MAX_ENTRIES:,} files and folders")
            walk.left_out += [note] if note not in walk.left_out else []
            return
        walk.entries += 1
        path = folder / entry.name
        if entry.is_symlink() and (root / path).is_dir():
            walk.left_out.append(Fault(f"{shown(path)}/", "is a symbolic link, which is not followed"))
        elif not entry.is_dir(follow_symlinks=False):
            yield path
        elif entry.name not in _WORDS["skipped_folders"]:
            if depth < MAX_DEPTH:
                yield from _below(root, path, depth + 1, walk)
            else:
                walk.left_out.append(Fault(f"{shown(path)}/", f"is deeper than {MAX_DEPTH} folders"))


def shown(path: PurePosixPath | str) -> str:
    """A path for a person to read on one line, whatever characters are in it."""
    return str(path) if str(path).isprintable() else ascii(str(path))


def is_env_like(path: PurePosixPath) -> bool:
    """Whether a file's name, or its folder, says that it holds environment variables."""
    named = _PATTERNS["env"].fullmatch(path.name) and not _PATTERNS["not_env"].fullmatch(path.name)
    return bool(named) or _is_of_a_service(path)


def _is_of_a_service(path: PurePosixPath) -> bool:
    """Whether a file is one service's env file by its folder, as .envs/.production/.django is."""
    in_env_folder = not _WORDS["env_folders"].isdisjoint(path.parts[:-1])
    return in_env_folder and bool(_PATTERNS["service_file"].fullmatch(path.name))


def _is_aside(path: PurePosixPath) -> bool:
    """Whether an example file is one of a tool or of an example, and not of the application."""
    folders = path.parts[:-1]
    hidden = any(part.startswith(".") and part not in _WORDS["env_folders"] for part in folders)
    return is_example(path) and (hidden or not _WORDS["aside_folders"].isdisjoint(folders))


def _log_pattern(path: PurePosixPath) -> str:
    """The pattern of the log files that one belongs to; "" for a file that is not a log."""
    if _PATTERNS["log"].fullmatch(path.name):
        return str(path.parent / "*.log*")
    found = _PATTERNS["log_without_dot"].fullmatch(path.name)
    return str(path.parent / f"{found[1]}*") if found else ""


def env_source(path: PurePosixPath) -> EnvSource:
    """The env source that a file's name and folder say it is."""
    example = is_example(path)
    backup = not example and bool(_PATTERNS["backup"].search(path.name))
    return EnvSource(
        environment="" if example else environment_of(path),
        service=("" if backup else file_words(path)) or service_of(path),
        path=str(path),
        example=example,
        backup=backup,
    )


def is_example(path: PurePosixPath) -> bool:
    """Whether a file is a template, or what tests run with (.env.test): no environment has it in force."""
    of_tests = not _WORDS["tests"].isdisjoint(_words_of(path.name))
    named = _environment_in(path.name, _IN_NAMES) or file_words(path)
    return bool(_PATTERNS["example"].search(path.name)) or (of_tests and not named)


def environment_of(path: PurePosixPath) -> str:
    """The environment by a word in the file's name, else in its folder's; else development."""
    named = _environment_in(path.name, _IN_NAMES) or _environment_in(path.parent.name, _IN_FOLDERS)
    return named or ENVIRONMENTS[0]


def _environment_in(text: str, marks: dict[str, frozenset[str]]) -> str:
    """The environment that a word of a name stands for; "" if none does."""
    return next((environment for environment, names in marks.items() if _words_of(text) & names), "")


def _words_of(text: str) -> set[str]:
    return set(filter(None, re.split(r"[^a-z]+", text.lower())))


def service_of(path: PurePosixPath) -> str:
    """The service by the first folder that is not a mere grouping; `backend` at the top.

    Of a file that only its folder makes an env file, the file's own name: .envs/.production/.django.
    """
    if _is_of_a_service(path) and not _PATTERNS["env"].fullmatch(path.name):
        return path.name.lstrip(".")
    folders = (
        part
        for part in path.parts[:-1]
        if part.lower() not in _WORDS["grouping_folders"] and not _environment_in(part, _IN_FOLDERS)
    )
    return re.sub(r"[^\w.-]", "-", next(folders, "")).lstrip(".-") or "backend"


def served_folder(path: PurePosixPath) -> PurePosixPath:
    """The folder whose code an env file serves: that above env/ and its like."""
    folder = path.parent
    while folder.name.lower() in _WORDS["grouping_folders"] or folder.name.startswith("."):
        folder = folder.parent
    return folder


def file_words(path: PurePosixPath) -> str:
    """The service that a file's name says, as redis.env and .env.redis do; "" if it says none."""
    parts = re.split(r"[.]", _PATTERNS["example"].sub("", path.name).lower())
    left = [part for part in parts if part and not _words_of(part) <= _OF_A_COPY | _WORDS["no_service"]]
    return re.sub(r"[^\w-]", "-", "-".join(left)).strip("-_") if not _is_of_a_service(path) else ""
