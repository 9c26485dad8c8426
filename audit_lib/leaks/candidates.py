"""What names, values and files are by the words of words.toml: whether a value is generated or chosen."""

import re
import tomllib
from functools import cache, lru_cache
from hashlib import sha256
from math import log2
from pathlib import Path
from urllib.parse import unquote

from audit_lib.secrecy import strength as values
from audit_lib.secrecy.strength import PARTS, is_of_no_language, range_of, strength_bits

_MEAN_OF_NAMES = 3.5  # characters in a word of a name; in a generated value about 1.6
_WEAKEST_BITS = 35
_KEY = re.compile(r"(?:^|[.])key$")  # a key of anything: an entry's, a cache's
IN_USE = 3  # of `use_of`
_LONG, _LONGEST = 20, 120  # characters: its name says little of a value; of a password that somebody chose
_WORDS = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))


def looks_secret(value: str, name: str, markers: tuple[str, ...]) -> bool:
    """Whether a value that a rule found beside a name is generated, or chosen as a password."""
    other = (
        not value.isascii()
        or _names_other(name)
        or looks_made_up(value, markers)
        or reads_as_words(value)
        or (_KEY.search(name) and not expression("drawn").fullmatch(value))
        or (expression("code").fullmatch(value) and not value.startswith("eyJ"))
        or (expression("path").fullmatch(value) and _mean_word(value) >= 2.3)
        or (expression("uuid").fullmatch(value) and not expression("name of a uuid").search(name))
        or (expression("name of a key").fullmatch(value) and name.lower().endswith(("key_id", "default-key")))
        or 3 * len(re.findall("[A-Za-z0-9]", value)) < len(value)
        or len(set(value)) < (9 if len(value) >= 16 else 6)
    )
    return not other and strength_bits(unquote(value)) >= _WEAKEST_BITS


def _names_other(name: str) -> bool:
    bare = expression("word like key").sub("", name)
    return is_kind("name of no secret", name) or (bare != name and not is_kind("secret's name", bare))


def looks_made_up(value: str, markers: tuple[str, ...]) -> bool:
    """Whether a value is a placeholder, or made for a test or a text: words, sequences, repetitions."""
    return bool(
        expression("made up").search(value)
        or is_published(value)
        or _is_patterned(value)
        or expression("test word").search(value)
        or values.is_placeholder(value, markers)
        or len(set(value)) < 5
    )


def _is_patterned(value: str) -> bool:
    """Whether more than a third of a long value are sequences, repetitions, words and dates."""
    return len(value) >= _LONG and strength_bits(value) * 3 < 2 * len(value) * log2(max(range_of(value), 2))


def is_published(value: str) -> bool:
    """Whether a value is in a standard or a manual, or is a JSON Web Token of their sample person."""
    digest = sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return digest in _WORDS["published"] or expression("sample token").fullmatch(value) is not None


def looks_chosen(value: str, name: str, shortest: int = 4) -> bool:
    """Whether a value may be a password that somebody chose, or a default: it is no type, code, path or hash,
    and its name is no other thing's. That of a token or a key has signs of two kinds or is no word."""
    phrase = re.search("(?:^|_)SECRET(?:_KEY)?$", name) and re.fullmatch("[a-z0-9]+(?: [a-z0-9]+)+", value)
    if (
        not (phrase or re.fullmatch(rf"[!-~]{{{shortest},{_LONGEST}}}", value))
        or not re.search(r"[A-Za-z0-9]{2}", unquote(value))
        or expression("no value").fullmatch(value)
        or expression("name of no password").search(name.rpartition(".")[2])
    ):
        return False
    if expression("password's name").search(name):
        return not _names_itself(value, name)
    other = _KEY.search(name.lower()) and (re.fullmatch("[0-9a-f]+", value) or reads_as_words(value))
    mixed = re.fullmatch(r"(?=.*[A-Za-z])(?=.*\d.*\d)(?![A-Z]{1,3}\d+[A-Z]?$)[A-Za-z0-9%]{10,}={0,2}", value)
    return not (other or _names_other(name)) and bool(
        (mixed and expression("token's name").search(name))
        or (expression("credential's name").search(name) and is_of_no_language(value))
    )


def _names_itself(value: str, name: str) -> bool:
    plain, bare, last = (re.sub("[^a-z0-9]", "", it.lower()) for it in (name, value, name.rpartition(".")[2]))
    same = ("password", "passwd", "pwd", "passphrase")
    ends = same if bare in same else (bare, bare[:-1])
    return bool(
        (name.lower().endswith("secret") and expression("object's name").fullmatch(value))
        or (re.fullmatch(r"(?i)[a-z0-9]+(?:[-_.][a-z0-9]+)+", value) and plain.endswith(bare))
        or (expression("field's name").search(name) and plain.endswith(ends))
        or plain in (bare, f"{bare}key")
        or (last == bare and not is_kind("general word", name))
    )


@lru_cache(maxsize=100_000)
def is_default(value: str) -> bool:
    """Whether a chosen value is one that many choose: by its words, or since few guesses find it."""
    from zxcvbn import zxcvbn  # noqa: PLC0415  takes a while, and a hook for commits needs none

    return bool(
        expression("default").search(value)
        or _is_patterned(value)
        or (0 < len(value) <= values.LONGEST and zxcvbn(value)["guesses_log10"] < 3)
    )


@cache
def expression(name: str) -> re.Pattern[str]:
    """One of the expressions of words.toml, compiled when it is first used."""
    return re.compile("|".join(_WORDS[name].splitlines()))


def _mean_word(value: str) -> float:
    letters = [len(part) for part in PARTS.findall(value) if part.isalpha()]
    return sum(letters) / len(letters) if letters else 0.0


def reads_as_words(value: str) -> bool:
    """Whether a value reads as words: an identifier or a sentence has longer parts than a generated value. A
    name with numbers has words in small letters between signs, or capitalised ones."""
    text = unquote(value)
    numbers, mean = re.findall(r"\d+", text), _mean_word(text)
    few = len(numbers) <= 1 or 4 * sum(map(len, numbers)) <= len(text)
    joined = re.fullmatch(r"[a-z0-9]+(?:[-_.:][a-z0-9]+){2,}-?", text)
    capitalised = len(numbers) <= 1 or (re.search("[a-z]", text) and re.search("[A-Z]", text))
    return bool(
        re.search(r"\w\s\w", text)
        or (mean and not numbers and len(text) < _LONG)
        or (few and (joined or (capitalised and mean >= _MEAN_OF_NAMES)) and not is_of_no_language(text))
    )


def is_drawn(part: bytes) -> bool:
    """Whether a part of a document is more than names and syntax: whether a generator may have made it."""
    return any(map(values.could_be_a_piece, re.findall(r"[\w+-]+", part.decode("latin-1"))))


def reads_as_name(text: str) -> bool:
    """Whether a text is what a variable is called, and no piece of a generated value."""
    mixed = len(text) >= 8 and re.search("[a-z]", text) and re.search("[A-Z]", text)
    return bool(
        expression("variable").fullmatch(text)
        and reads_as_words(text)
        and not (mixed and (_mean_word(text) < 2.3 or is_of_no_language(text, 0, 0.5)))
    )


@lru_cache(maxsize=100_000)
def is_kind(kind: str, path: str) -> bool:
    """Whether a path is of a kind that words.toml names, such as a lock file."""
    return expression(kind).search(path) is not None


def is_others(*paths: str) -> bool:
    """Whether no file is the project's own: all are packages' or git's."""
    return bool(paths) and all(is_kind("installed", path) for path in paths)


def is_generated(path: str, content: bytes = b"") -> bool:
    """Whether a program or a translator wrote the file, or packed a script: who writes one indents lines."""
    flat = is_kind("script", path) and 10_000 < len(content) > 500 * len(re.findall(rb"\n[ \t]| = ", content))
    own = content.startswith(b'{\n  "schema": "audit_lib/')  # a report of this tool lists names as values
    return own or flat or is_kind("generated", path) or is_kind("lock file", path)


def use_of(path: str, name: str = "", provider: str = "") -> int:
    """How near to use a file is: a test 0, a document 1, a pipeline 2; all else, and a token of that, 3. What
    a provider issued may be in use, though settings of development alone show it, which are as documents."""
    shown = is_kind("text or example", path) or (not provider and is_kind("of development", path))
    told = 0 if is_kind("test file", path) else 1 if shown else IN_USE
    return told if not is_kind("pipeline", path) else IN_USE if is_kind("pipeline's token", name) else 2
