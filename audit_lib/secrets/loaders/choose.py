"""Says by which loader a service reads an env file: as declared, else as the file and its neighbours say.

Nothing here is certain but a declaration. If neighbours speak for several loaders, or for none, all that are
plausible are given, and a value is known only if they agree on it.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from audit_lib.base.files import Unreadable, read_source
from audit_lib.settings import EnvSource

UNDECLARED = ("python-dotenv", "dotenv", "next", "compose", "docker", "systemd")
MAX_NAMES = 2_000
MAX_BYTES = 1_048_576
_NEXT_NAMES = re.compile(rb"(?m)^[ \t]*(?:export[ \t]+)?NEXT_PUBLIC_")
_PYTHON = re.compile(r"requirements[\w.-]*\.txt|pyproject\.toml|setup\.(py|cfg)|Pipfile|manage\.py")
# Their own readers have rules of their own, as has Vite, which puts references in.
_OTHER_LANGUAGE = re.compile(r"composer\.json|Gemfile|go\.mod|Cargo\.toml|pom\.xml|mix\.exs|vite\.config\..+")
_COMPOSE = re.compile(r"(docker-)?compose[\w.-]*\.ya?ml")
_ENV_FILE = re.compile(r"(?m)^([ \t]*)(?:-[ \t]+)?env_file:[ \t]*(.*)$")
_UNIT_FILE = re.compile(r"(?m)^[ \t]*EnvironmentFile[ \t]*=[ \t]*-?(.+)$")


def loaders_of(root: Path, source: EnvSource, content: bytes) -> tuple[str, ...]:
    """The loader of a file if it is known, else all that are plausible."""
    if source.loader:
        return (source.loader,)
    if source.export:
        return ("render",)
    path = PurePosixPath(source.path)
    found = [*_of_application(root, path.parent, content), *_that_name(root, path)]
    return tuple(dict.fromkeys(found)) or UNDECLARED


def _of_application(root: Path, folder: PurePosixPath, content: bytes) -> Iterator[str]:
    names = _names(root / folder)
    if any(_PYTHON.fullmatch(name) for name in names):
        yield "python-dotenv"
    if _NEXT_NAMES.search(content) or any(name.startswith("next.config.") for name in names):
        yield "next"
    elif "package.json" in names and not _other_readers(names):
        yield "next" if _depends_on_next(_text(root, folder / "package.json")) else "dotenv"


def _other_readers(names: list[str]) -> bool:
    """Whether a package.json may be of a frontend's build alone, and something else reads the env file."""
    return any(_OTHER_LANGUAGE.fullmatch(name) for name in names)


def _that_name(root: Path, path: PurePosixPath) -> Iterator[str]:
    """The loaders of the compose files and units, beside the file or above it, that name it."""
    for folder in path.parents:
        for name in _names(root / folder):
            if _COMPOSE.fullmatch(name) and path in _env_files(_text(root, folder / name), folder):
                yield "compose"
            if name.endswith(".service"):
                named = _UNIT_FILE.findall(_text(root, folder / name))
                if any(PurePosixPath(text.strip().strip("\"'")).name == path.name for text in named):
                    yield "systemd"


def _env_files(text: str, folder: PurePosixPath) -> set[PurePosixPath]:
    """What `env_file` names in a compose file: a path, a list of them, or a list with `path:`."""
    found: set[PurePosixPath] = set()
    for key in _ENV_FILE.finditer(text):
        listed = [key[2].strip("[] \t\r")] if key[2].strip() else list(_items(text[key.end() :], len(key[1])))
        for item in ",".join(listed).split(","):
            plain = re.sub(r"\s+#.*", "", item).strip().strip("\"'")
            if plain:
                found.add(PurePosixPath(os.path.normpath(folder / plain)))
    return found


def _items(text: str, indent: int) -> Iterator[str]:
    """The items of the list that follows a key, up to the first line that is none of it."""
    for line in text.splitlines()[1:]:
        item = re.fullmatch(r"([ \t]*)(?:-[ \t]+)?(?:path:[ \t]*)?(.*)", line)
        if (
            line.strip()
            and item
            and (len(item[1]) < indent or not re.match(r"[ \t]*(-|path:|required:|format:)", line))
        ):
            return
        if item and not re.match(r"[ \t]*(-[ \t]+)?(required|format):", line):
            yield item[2]


def _depends_on_next(text: str) -> bool:
    try:
        package = json.loads(text)
    except (ValueError, RecursionError):
        return False
    kinds = ("dependencies", "devDependencies")
    held = [package.get(kind) for kind in kinds] if isinstance(package, dict) else []
    return any(isinstance(names, dict) and "next" in names for names in held)


def _names(folder: Path) -> list[str]:
    """The names in a folder, in order; none of one that cannot be listed, or that holds too many."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for _, entry in zip(range(MAX_NAMES + 1), entries, strict=False)]
    except OSError:
        return []
    return sorted(names) if len(names) <= MAX_NAMES else []


def _text(root: Path, path: PurePosixPath) -> str:
    try:
        return read_source(root, str(path), MAX_BYTES).content.decode("utf-8", "replace")
    except Unreadable:
        return ""
