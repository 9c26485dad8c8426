"""What names, values and files are by their words: the expressions of words.yml, and how words are spelled."""

import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any
from urllib.parse import unquote

import yaml

# A script or style that is packed has lines which nobody writes.
_SCRIPT = re.compile(r"(?i)\.(?:[cm]?js|css)$")
_PACKED, _LONGEST_LINE = 10_000, 500
_ELSEWHERE = ("assistant", "shell history", "chat export")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^A-Za-z\d]+")
_ENOUGH_PAIRS, _LEAST_OF_WORDS = 9, 0.4  # of fewer pairs of letters nothing follows
_LONG = 20  # characters of a value whose name says little
_MEAN_OF_NAMES = 3.5  # characters in a word of a name; in a generated value about 1.6
_SHORT_WORDS = frozenset({"api", "aws", "db", "id", "ids", "jwt", "key", "keys", "uri", "url"})


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


def deploys(path: str) -> bool:
    """Whether what the file says may be in use: it is no test or build, no example and no document."""
    return not is_kind("test or document", path)


def place_elsewhere(path: str) -> str:
    """What kind of place a file outside the project is: assistant, shell history, chat export or other."""
    return next((place for place in _ELSEWHERE if is_kind(place, path)), "outside")


# ---- How words are spelled ----


@cache
def _frequent_pairs() -> frozenset[str]:
    """The most frequent pairs of letters in English: four in five of a word's, one in five of random text."""
    return frozenset(re.findall("..", words()["frequent pairs"]["letters"]))


def pairs_of(value: str) -> tuple[int, int]:
    """How many pairs of letters are frequent in words, and of how many."""
    parts = [part.lower() for part in _PARTS.findall(value) if part.isalpha()]
    pairs = [part[at : at + 2] for part in parts for at in range(len(part) - 1)]
    return sum(pair in _frequent_pairs() for pair in pairs), len(pairs)


def is_of_no_language(value: str) -> bool:
    """Whether too few of a value's pairs of letters are those of words, as if the letters were drawn."""
    common, pairs = pairs_of(value)
    return pairs >= _ENOUGH_PAIRS and common < _LEAST_OF_WORDS * pairs


def mean_word(value: str) -> float:
    """The mean length of the words in a name, path or sentence; 0.0 if there is none."""
    letters = [len(part) for part in _PARTS.findall(value) if part.isalpha()]
    return sum(letters) / len(letters) if letters else 0.0


def reads_as_words(value: str) -> bool:
    """Whether a value reads as words: an identifier or a sentence has longer parts than a generated value."""
    text = unquote(value)
    if re.search(r"\w\s\w", text):
        return True
    numbers, mean = re.findall(r"\d+", text), mean_word(text)
    if len(numbers) <= 1 and mean:
        short = not numbers and len(text) < _LONG
        return short or (not is_of_no_language(text) and (mean >= _MEAN_OF_NAMES or _is_joined(text, 0)))
    return not is_of_no_language(text) and _is_joined(text, sum(map(len, numbers)))


def _is_joined(text: str, digits: int) -> bool:
    """Whether a text is a name with few numbers: words in small letters between signs, or capitalised."""
    joined = re.fullmatch(r"[a-z0-9]+(?:[-_.][a-z0-9]+){2,}-?", text) is not None
    capitalised = re.search("[a-z]", text) and re.search("[A-Z]", text) and mean_word(text) >= _MEAN_OF_NAMES
    return 4 * digits <= len(text) and (joined or bool(capitalised))


def reads_as_name(text: str) -> bool:
    """Whether a text is what a variable is called, and no piece of a generated value, in which letters and
    digits and both cases change at every second sign. It takes few pieces for names."""
    return expression("variable").fullmatch(text) is not None and not any(map(_is_drawn, text.split(".")))


def _is_drawn(text: str) -> bool:
    parts = [part for part in _PARTS.findall(text) if part.isalnum()]
    sizes = [max(len(part), 4) if part.lower() in _SHORT_WORDS else len(part) for part in parts]
    mean = sum(sizes) / max(1, len(sizes))
    common, pairs = pairs_of(text)
    mixed = re.search("[a-z]", text) and re.search("[A-Z]", text)
    of_no_words = pairs >= (3 if mixed else _ENOUGH_PAIRS) and common < 0.3 * pairs  # acronyms have few
    numbers = len(re.findall(r"\d+", text)) > 1
    return len(text) >= 8 and (of_no_words or mean < (3 if mixed else 2.5 if numbers else 0))
