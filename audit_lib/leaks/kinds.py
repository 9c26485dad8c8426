"""What a name, a value or a file is by its words: the expressions of words.yml, and kinds of files."""

import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import yaml

# A script or style that is packed has lines which nobody writes.
_SCRIPT = re.compile(r"(?i)\.(?:[cm]?js|css)$")
_PACKED, _LONGEST_LINE = 10_000, 500
_ELSEWHERE = ("assistant", "shell history", "chat export")
# What begins and ends a text of several lines.
_LONG_QUOTES = (
    (re.compile(r"(?i)\.go$"), (b"`",)),
    (re.compile(r"(?i)\.(?:pyi?|java|kts?|scala|groovy|swift)$"), (b'"""', b"'''")),
)


@cache
def words() -> dict[str, Any]:
    """The entries of words.yml, by name."""
    entries: dict[str, Any] = yaml.safe_load(files(__package__).joinpath("words.yml").read_text("utf-8"))
    return entries


@cache
def expression(name: str) -> re.Pattern[str]:
    """One of the expressions of words.yml, compiled."""
    entry = words()[name]
    flags = re.IGNORECASE if entry.get("ignore_case") else 0
    return re.compile("|".join(entry["matches"].splitlines()), flags)


@lru_cache(maxsize=100_000)
def is_kind(kind: str, path: str) -> bool:
    """Whether a path is of a kind that words.yml names, such as a lock file."""
    return expression(kind).search(path) is not None


def is_others(path: str) -> bool:
    """Whether a file is not written by the project's people: a package's, git's, or a lock file."""
    return is_kind("installed", path) or is_kind("lock file", path)


def is_generated(path: str, content: bytes = b"") -> bool:
    """Whether a program or a translator wrote the file, or packed a script: only what is unmistakable
    counts there."""
    packed = len(content) > _PACKED and content.count(b"\n") * _LONGEST_LINE < len(content)
    by_path = is_kind("generated", path) or is_kind("translation", path)
    return by_path or (packed and _SCRIPT.search(path) is not None)


def is_code(path: str) -> bool:
    """Whether a text stands in quotes there, so that what does not is a name."""
    return is_kind("code file", path)


def deploys(path: str) -> bool:
    """Whether what the file says may be in use: it is no test or build, no example and no document."""
    return not is_kind("test or document", path)


def long_quotes(path: str) -> tuple[bytes, ...]:
    """What begins and ends a text of several lines in the language of a file; () if it is not known."""
    return next((quotes for language, quotes in _LONG_QUOTES if language.search(path)), ())


def place_elsewhere(path: str) -> str:
    """What kind of place a file outside the project is: assistant, shell history, chat export or other."""
    return next((place for place in _ELSEWHERE if is_kind(place, path)), "outside")
