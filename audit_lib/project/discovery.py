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

MAX_DEPTH = 24
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
    apps services packages projects src config deploy deployment deployments env envs .envs
    environments docker
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
# A folder called live is as often a service as an environment: there the word says nothing.
_IN_FOLDERS = {
    "production": words("prod production"),
    "staging": words("staging stage stg preview preprod uat qa"),
}
_IN_NAMES = _IN_FOLDERS | {"production": _IN_FOLDERS["production"] | {"live"}}
_FOR_TESTS = words("test tests testing ci")
# What a copied example keeps of its name beside the environment.
_OF_A_COPY = frozenset().union(*_IN_NAMES.values(), _FOR_TESTS, words("env envrc local dev development"))
# In these folders each hidden file is an env file, named by its service: .envs/.production/.django.
_ENV_FOLDERS = words(".envs .env envs env.d .env.d")
_SERVICE_FILE = re.compile(r"\.(?!git|docker|editor|ds_store|keep)[a-z][\w-]*", re.IGNORECASE)
_LOG = re.compile(r"(?is)[^/]+\.log([.-][\w.:-]+)?(\.(gz|zst|bz2|xz))?")
# As Apache names them: access_log, error_log.1, ssl_access_log-20261101.gz.
_LOG_WITHOUT_DOT = re.compile(r"(?is)([\w-]*(?:access|error)_log)([.-]\d[\w.:-]*)?(\.(gz|zst|bz2|xz))?")


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
    env_like = [path for path in found if is_env_like(path.name) or _is_of_a_service(path)]
    copies = [copy for path in env_like if (copy := live_copy(path)) is not None]
    env = {str(path): env_source(path) for path in [*env_like, *copies]}
    in_folders = {pattern: path for path in found if (pattern := _log_pattern(path))}
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


def _bounded(sources: list[Source], word: str, walk: Walk) -> tuple[Source, ...]:
    if len(sources) > MAX_SOURCES:
        left = len(sources) - MAX_SOURCES
        walk.left_out.append(Fault("discovery", f"left out {left} {word} beyond the first {MAX_SOURCES}"))
    return tuple(sources[:MAX_SOURCES])


def files(root: Path, walk: "Walk | None" = None) -> Iterator[PurePosixPath]:
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


def _is_of_a_service(path: PurePosixPath) -> bool:
    """Whether a file is one service's env file by its folder, as .envs/.production/.django is."""
    return bool(_ENV_FOLDERS & set(path.parts[:-1])) and bool(_SERVICE_FILE.fullmatch(path.name))


def _log_pattern(path: PurePosixPath) -> str:
    """The pattern of the log files that one belongs to; "" for a file that is not a log."""
    if _LOG.fullmatch(path.name):
        return str(path.parent / "*.log*")
    found = _LOG_WITHOUT_DOT.fullmatch(path.name)
    return str(path.parent / f"{found[1]}*") if found else ""


def live_copy(path: PurePosixPath) -> PurePosixPath | None:
    """Of an example file the file that people copy it to; None of any other file, and of one whose name
    says no more than that the example is another, such as .env.example.complete.
    """
    example = _EXAMPLE.search(path.name)
    rest = re.split(r"[^a-z]+", path.name[example.end() :].lower()) if example else []
    if not example or not _OF_A_COPY.issuperset(filter(None, rest)):
        return None
    name = _EXAMPLE.sub("", path.name, count=1)
    return path.with_name(f".{name}" if name.startswith("env") else name or ".env")


def env_source(path: PurePosixPath) -> EnvSource:
    """The env source that a file's name and folder say it is."""
    example = bool(_EXAMPLE.search(path.name)) or _is_of_tests(path.name)
    return EnvSource(
        environment="" if example else environment_of(path),
        service=service_of(path),
        path=str(path),
        example=example,
        backup=not example and bool(_BACKUP.search(path.name)),
    )


def _is_of_tests(name: str) -> bool:
    """Whether a file holds what tests run with, such as .env.test: no environment has its values in force."""
    said = set(re.split(r"[^a-z]+", name.lower()))
    return bool(_FOR_TESTS & said) and not _named(name, _IN_NAMES) and not file_words(PurePosixPath(name))


def environment_of(path: PurePosixPath) -> str:
    """The environment by a word in the file's name, else in its folder's; else development."""
    return _named(path.name, _IN_NAMES) or _named(path.parent.name, _IN_FOLDERS) or ENVIRONMENTS[0]


def _named(text: str, marks: dict[str, frozenset[str]]) -> str:
    """The environment that a word of a name stands for; "" if none does."""
    found = set(re.split(r"[^a-z]+", text.lower()))
    return next((environment for environment, names in marks.items() if found & names), "")


def service_of(path: PurePosixPath) -> str:
    """The service by the first folder that is not a mere grouping; `backend` at the top.

    Of a file that only its folder makes an env file, the file's own name: .envs/.production/.django.
    """
    if _is_of_a_service(path) and not is_env_like(path.name):
        return path.name.lstrip(".")
    folders = [
        part
        for part in path.parts[:-1]
        if part.lower() not in GROUPING_FOLDERS
        and part.lower() not in ("log", "logs", ".logs")
        and not _named(part, _IN_FOLDERS)
    ]
    return re.sub(r"[^\w.-]", "-", folders[0]).lstrip(".-") or "backend" if folders else "backend"


def file_words(path: PurePosixPath) -> str:
    """What a name says beside env, example and the environment: redis of redis.env; "" if nothing."""
    parts = re.split(r"[.]", _EXAMPLE.sub("", path.name).lower())
    left = [part for part in parts if part and not _OF_A_COPY.issuperset(re.split(r"[^a-z]+", part))]
    return re.sub(r"[^\w-]", "-", "-".join(left)).strip("-_")
