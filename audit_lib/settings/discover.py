"""Finds the env-like files and logs of a project that has no audit.toml: where they are and whose.

Also which service a variable is of, by the env file that is nearest to the code that reads it.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from audit_lib.base.errors import Fault
from audit_lib.settings.code_reads import Mention, files
from audit_lib.settings.models import ENVIRONMENTS, EnvSource, LogSource, Project

MAX_SOURCES = 200
_DATA = tomllib.loads(Path(__file__).with_name("discover.toml").read_text("utf-8"))
_PATTERNS = {key: re.compile(text) for key, text in _DATA.pop("patterns").items()}
_WORDS = {key: frozenset(text.split()) for key, text in _DATA.items()}
_IN_FOLDERS = {"production": _WORDS["production"], "staging": _WORDS["staging"]}
_IN_NAMES = _IN_FOLDERS | {"production": _WORDS["production_in_names"]}
_NO_SERVICE = _WORDS["no_service"].union(*_IN_NAMES.values(), _WORDS["tests"])


def discover(project: Project) -> Project:
    """The project with the env-like files and log folders that were found beside its layout.

    An example file's environment is ""; a file's own name gives the environment, else development.
    Links and what is beyond the bounds are not searched; `not_searched` says what.
    """
    left_out: list[Fault] = []
    found = files(project.root, left_out)
    env = {str(path): env_source(path) for path in found if is_env_like(path) and not _is_aside(path)}
    own = [path for path in found if _WORDS["test_folders"].isdisjoint(path.parts[:-1])]
    logs = {pattern: LogSource(pattern, service_of(path)) for path in own if (pattern := _log_pattern(path))}
    env = _beside({source.path: source for source in project.env_sources}, env)
    logs = _beside({source.pattern: source for source in project.log_sources}, logs)
    for word, sources in (("env files", len(env)), ("log folders", len(logs))):
        if sources > MAX_SOURCES:
            beyond = f"left out {sources - MAX_SOURCES} {word} beyond the first {MAX_SOURCES}"
            left_out.append(Fault("discovery", beyond))
    return replace(
        project,
        env_sources=tuple(env.values())[:MAX_SOURCES],
        log_sources=tuple(logs.values())[:MAX_SOURCES],
        not_searched=tuple(left_out),
    )


def _beside(layout: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    # A layout of which nothing is there belongs to another application: its gaps would be noise.
    assumed = layout if not found or set(layout) & set(found) else {}
    return assumed | {place: found[place] for place in found if place not in assumed}


# ---- What a file's name and folder say ----


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
    by_name = _environment_in(path.name, _IN_NAMES) or _environment_in(path.parent.name, _IN_FOLDERS)
    environment = "" if example else by_name or ENVIRONMENTS[0]
    service = ("" if backup else file_words(path)) or service_of(path)
    return EnvSource(environment, service, str(path), example, backup=backup)


def is_example(path: PurePosixPath) -> bool:
    """Whether a file is a template, or what tests run with (.env.test): no environment has it in force."""
    of_tests = not _WORDS["tests"].isdisjoint(_words_of(path.name))
    named = _environment_in(path.name, _IN_NAMES) or file_words(path)
    return bool(_PATTERNS["example"].search(path.name)) or (of_tests and not named)


def _environment_in(text: str, marks: Mapping[str, frozenset[str]]) -> str:
    """The environment that a word of a name stands for; "" if none does."""
    return next((environment for environment, names in marks.items() if _words_of(text) & names), "")


def _words_of(text: str) -> set[str]:
    return set(filter(None, re.split(r"[^a-z]+", text.lower())))


def file_words(path: PurePosixPath) -> str:
    """The service that a file's name says, as redis.env and .env.redis do; "" if it says none."""
    parts = _PATTERNS["example"].sub("", path.name).lower().split(".")
    left = [part for part in parts if part and not _words_of(part) <= _NO_SERVICE]
    return re.sub(r"[^\w-]", "-", "-".join(left)).strip("-_") if not _is_of_a_service(path) else ""


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


# ---- Whose a variable is ----


def service_of_variable(places: Iterable[Mention], set_in: Mapping[str, int], project: Project) -> str:
    """The service of a variable: of the env file that names it and is nearest above the code that reads it,
    of several the one with the most variables; else of any env file that is nearest above it.

    `set_in` gives for each env file that names it how many variables the file names.
    """
    path = PurePosixPath(min(places).path)
    by_path = {source.path: source for source in project.env_sources}
    depths = {one: _depth(PurePosixPath(one), path) for one in by_path}
    if set_in:
        nearest = max(sorted(set_in), key=lambda one: (depths[one], set_in[one]))
        return by_path[nearest].service
    if above := [one for one in by_path if depths[one] >= 0]:
        nearest = max(above, key=lambda one: (depths[one], not file_words(PurePosixPath(one))))
        return by_path[nearest].service
    # Of code that no env file serves: a folder of its own build, else the whole.
    for folder in list(path.parents)[:-1]:
        if any((project.root / folder / name).is_file() for name in _WORDS["manifests"]):
            return service_of(folder / path.name)
    return service_of(PurePosixPath(path.name))


def _depth(env_file: PurePosixPath, path: PurePosixPath) -> int:
    """How near the folder that an env file serves, as that above env/, is above another file; else -1."""
    folder = env_file.parent
    while folder.name.lower() in _WORDS["grouping_folders"] or folder.name.startswith("."):
        folder = folder.parent
    return len(folder.parts) if path.is_relative_to(folder) else -1
