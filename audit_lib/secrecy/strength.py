"""How hard a value is to guess, and what kind of text it is: a secret, a placeholder, a setting."""

import math
import re
import tomllib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from audit_lib.base.bounded import matches_glob, url_parts

GUESSABLE_BITS = 80  # an upper estimate below this leaves a space that can be searched
WEAKEST_BITS = 40  # of a value that texts of other people are rid of; a weaker one is in them by chance
LONGEST = 72  # characters: zxcvbn takes time with the square of the length
SHORTEST_PIECE = 8  # characters: a shorter piece of a value is met by chance, and says little of it
PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^A-Za-z\d]+")
_LONG_PART = 16
_LONGEST_DRAWN = 512  # a longer text is a document: only how a provider begins it speaks for a secret
_PAIRS_TO_TELL = 9  # of fewer nothing follows
_FACTS = tomllib.loads(Path(__file__).with_name("strength.toml").read_text("utf-8"))
_WORDS, _PROVIDERS = (re.compile("|".join(_FACTS[kind])) for kind in ("words", "providers"))
_DATE, _OF_TEXT, _SETTING = (re.compile(_FACTS[kind]) for kind in ("date", "text", "setting"))
_PAIRS, _SHORT_WORDS = frozenset(_FACTS["pairs"].split()), frozenset(_FACTS["short_words"])
_RUNS = [  # four characters or more along a row of the alphabet or of the keyboard
    re.compile(f"(?:{'|'.join(f'{one}(?={next_})' for one, next_ in pairwise(row))}){{3,}}.")
    for forward in _FACTS["rows"]
    for row in (forward, forward[::-1])
]


def strength_bits(value: str) -> float:
    """At most so many bits: length times the characters' range, less its patterns (docs/rules.md#rule-38)."""
    unit = re.fullmatch(r"(?s)(.{1,64}?)\1+.{0,63}", value)
    text = unit[1] + "2" if unit and value == (unit[1] * len(value))[: len(value)] else value
    text = re.sub(r"(?s)(.)\1{2,}", r"\1\1", _DATE.sub("02", _WORDS.sub("aa", text.lower())))
    for run in _RUNS:
        text = run.sub(lambda found: found[0][0] + found[0][-1], text)
    return float(math.floor(len(text) * math.log2(max(range_of(value), 2))))


def range_of(value: str) -> int:
    """How many characters each place of the value may be chosen from."""
    distinct, symbols = len(set(value)), set(re.sub(r"[A-Za-z0-9]|[^\x00-\x7f]", "", value))
    size: int = sum(count for pattern, count in _FACTS["ranges"].items() if re.search(pattern, value))
    size += 0 if not symbols else 2 if symbols <= set("-_") else 33
    if re.fullmatch(r"[0-9a-f]+|[0-9A-F]+", value):
        size = 10 if value.isdigit() else 16
    return min(size, distinct) if distinct * 4 <= len(value) else size  # of few signs: no large set


def chosen_bits(value: str) -> float:
    """The bits of a strong value in which a person's words are found; infinite for any other."""
    if len(value) > LONGEST or strength_bits(value) < GUESSABLE_BITS or looks_generated(value):
        return math.inf
    from zxcvbn import zxcvbn  # noqa: PLC0415  90 ms that hardly any review needs

    parts = zxcvbn(value, max_length=LONGEST)["sequence"]
    # Shorter words occur by chance.
    words = [part for part in parts if part["pattern"] != "bruteforce" and len(part["token"]) >= 4]
    drawn = len(value) - sum(len(part["token"]) for part in words)
    bits = sum(math.log2(part["guesses"]) for part in words) + math.log2(math.factorial(len(parts)))
    return float(math.floor(bits + drawn * math.log2(max(range_of(value), 2)))) if words else math.inf


def looks_generated(value: str) -> bool:
    """Whether a value looks as if a generator or a provider made it as a secret, whatever its name says."""
    text = value.strip()
    if _PROVIDERS.match(text):
        return True
    if not _LONG_PART <= len(text) <= _LONGEST_DRAWN or _OF_TEXT.search(text):
        return False
    longest = max(re.split(r"[-_.:@/+=]", text), key=len)
    # Words and identifiers change between letters and digits once or twice; random text does all the time.
    changes = len(re.findall(r"(?i)(?=[a-z]\d|\d[a-z])", longest))
    signs = len(text) >= 2 * _LONG_PART and re.search(r"[!#$%^&*()].*[!#$%^&*()]", text)
    drawn = bool(signs) or (len(longest) >= _LONG_PART and changes >= 3)
    return drawn and strength_bits(text) >= GUESSABLE_BITS


def pairs_of(text: str) -> tuple[int, int]:
    """How many pairs of letters are frequent in words (four in five, in random text one in five), of all."""
    parts = (part.lower() for part in PARTS.findall(text) if part.isalpha())
    pairs = ["".join(pair) for part in parts for pair in pairwise(part)]
    return sum(pair in _PAIRS for pair in pairs), len(pairs)


def is_of_no_language(text: str, least: int = _PAIRS_TO_TELL, share: float = 0.4) -> bool:
    """Whether too few of a text's pairs of letters are those of words, as if the letters were drawn."""
    common, pairs = pairs_of(text)
    return pairs >= least and common < share * pairs


def could_be_a_piece(name: str) -> bool:
    """Whether a text in a name's place is more likely a piece of a generated value: it must not be shown."""
    return any(map(_is_drawn, name.split(".")))  # no alphabet of generators has a dot


def _is_drawn(text: str) -> bool:
    mixed = re.search("[a-z]", text) and re.search("[A-Z]", text)
    # Generators that use one case use no sign: what is between the signs of a name has to be long enough.
    part = text if mixed else max(re.split("[_-]", text), key=len)
    words = [word for word in PARTS.findall(part) if word.isalnum()]
    # In a drawn text the mean is 1.6; a short word such as `id` counts as four.
    signs = (max(len(word), 4) if word.lower() in _SHORT_WORDS else len(word) for word in words)
    mean = sum(signs) / max(1, len(words))
    numbers = len(part) >= SHORTEST_PIECE and len(re.findall(r"\d+", part)) > 1
    # Names hold acronyms, so fewer than other texts.
    of_no_words = is_of_no_language(text, 3 if mixed else _PAIRS_TO_TELL, share=0.3)
    return len(text) >= SHORTEST_PIECE and ((mean < 3 if mixed else numbers and mean < 2.5) or of_no_words)


def is_placeholder(value: str, markers: tuple[str, ...]) -> bool:
    """Whether a value stands for one still to be set: whether it is one of the markers, which are globs, in
    any case of letters, or a comment. A random value may hold a short marker (rule 36)."""
    text = re.sub(r"(?<=\s)<[^<>@\s]+@[^<>@\s]+>$", "", value.strip())  # a sender's, behind a name
    mixed = all(re.search(part, text) for part in (r"^\S{16,}$", "[a-z]", "[A-Z]", "[0-9]"))
    globs = [mark for mark in markers if not mixed or "*" not in mark or len(mark.replace("*", "")) >= 8]
    return bool(re.fullmatch(r"(?s)\*{3}.*\*{3}|#\s.*", text)) or matches_glob(text, globs)


def is_no_value(value: str) -> bool:
    """Whether a value says that there is none: empty, null, none, false, or a comment behind its name."""
    return value.strip().lower() in _FACTS["no_values"] or re.match(r"\s*#\s", value) is not None


def is_plain(value: str) -> bool:
    """Whether a value can only be a setting: a switch, a number, a path, an address without a password."""
    parts = url_parts(value)
    return not (parts.password or parts.user) if parts else _SETTING.fullmatch(value.strip()) is not None


def has_password(value: str) -> bool:
    """Whether a value is a connection URL that carries a password."""
    return component("password")(value) is not None


def component(name: str) -> Callable[[str], str | None]:
    """A cut for `Keeper.part`: takes one component out of a connection URL."""
    return lambda value: str(getattr(url_parts(value), name, "")) or None
