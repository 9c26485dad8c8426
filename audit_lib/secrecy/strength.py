"""How hard a value is to guess, and what kind of text it is: a secret, a placeholder, a setting.

`strength_bits` estimates from above: length times the characters' range, less its patterns. Shannon's entropy
of the characters is useless on strings this short (docs/rules.md#rule-38).
"""

import math
import re
import tomllib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from audit_lib.base.bounded import matches_glob, url_parts

GUESSABLE_BITS = 80  # an upper estimate below this leaves a space that can be searched
LONGEST = 72  # characters: zxcvbn takes time with the square of the length
_FACTS = tomllib.loads(Path(__file__).with_name("strength.toml").read_text("utf-8"))
_STEPS = [dict(pairwise(row)) for forward in _FACTS["rows"] for row in (forward, forward[::-1])]
_WORDS, _DATE = re.compile("|".join(_FACTS["words"])), re.compile(_FACTS["date"])
_PROVIDERS, _OF_TEXT = re.compile("|".join(_FACTS["providers"])), re.compile(_FACTS["text"])
_REPEATED = re.compile(r"(.)\1{2,}", re.DOTALL)
_UNIT = re.compile(r"(.{1,64}?)\1+.{0,63}", re.DOTALL)
_MASKED = re.compile(r"\*{3}.*\*{3}", re.DOTALL)  # as in *** REPLACE ***
_SHORTEST_RUN = _SHORTEST_WORD = 4  # characters: shorter ones occur in random text by chance
_LONG_MARKER = 8  # fixed characters of one that does not occur in random values (docs/rules.md#rule-36)
_LONG_PART = 16
_LONGEST_DRAWN = (
    512  # beyond it a text is a document: only what a provider begins it with speaks for a secret
)
_CHANGES = 3
SHORTEST_PIECE = 8  # characters: a shorter piece of a value is met by chance, and says little of it
PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^A-Za-z\d]+")
_PAIRS, _SHORT_WORDS = frozenset(_FACTS["pairs"].split()), frozenset(_FACTS["short_words"])
_PAIRS_TO_TELL = 9  # of fewer nothing follows


def strength_bits(value: str) -> float:
    """At most so many bits, rounded down; 0.0 for an empty value."""
    if not value:
        return 0.0
    unit = _UNIT.fullmatch(value)
    text = unit[1] + "2" if unit and value == (unit[1] * len(value))[: len(value)] else value
    text = _REPEATED.sub(r"\1\1", _DATE.sub("02", _WORDS.sub("aa", text.lower())))
    for step in _STEPS:
        text = _without_runs(text, step)
    return float(math.floor(len(text) * math.log2(max(range_of(value), 2))))


def range_of(value: str) -> int:
    """How many characters each place of the value may be chosen from."""
    distinct = len(set(value))
    if re.fullmatch(r"[0-9a-f]+|[0-9A-F]+", value):
        size = 10 if value.isdigit() else 16
    else:
        size = sum(count for pattern, count in _FACTS["ranges"].items() if re.search(pattern, value))
        symbols = set(re.sub(r"[A-Za-z0-9]|[^\x00-\x7f]", "", value))
        size += 0 if not symbols else 2 if symbols <= set("-_") else 33
    # A long value of few characters was not drawn from a large set.
    return min(size, distinct) if distinct * 4 <= len(value) else size


def _without_runs(text: str, step: dict[str, str]) -> str:
    """Each run along one row of the alphabet or the keyboard is its first and last character."""
    kept: list[str] = []
    run = 1
    for index, sign in enumerate(text):
        run = run + 1 if index and step.get(text[index - 1]) == sign else 1
        if run >= _SHORTEST_RUN:
            # The characters between the ends go; a longer run only moves its end.
            del kept[-(2 if run == _SHORTEST_RUN else 1) :]
        kept.append(sign)
    return "".join(kept)


def chosen_bits(value: str) -> float:
    """The bits of a value in which a person's words are found, rounded down; infinite for any other value.

    Only asked of what `strength_bits` holds for strong. What is not a word counts as drawn at random.
    """
    if len(value) > LONGEST or strength_bits(value) < GUESSABLE_BITS or looks_generated(value):
        return math.inf
    from zxcvbn import zxcvbn  # noqa: PLC0415  90 ms that hardly any review needs

    parts = zxcvbn(value, max_length=LONGEST)["sequence"]
    guessed = [part for part in parts if part["pattern"] != "bruteforce"]
    words = [part for part in guessed if len(part["token"]) >= _SHORTEST_WORD]
    if not words:
        return math.inf
    drawn = len(value) - sum(len(part["token"]) for part in words)
    order = math.log2(math.factorial(len(parts)))
    bits = sum(math.log2(part["guesses"]) for part in words)
    return float(math.floor(bits + order + drawn * math.log2(max(range_of(value), 2))))


def looks_generated(value: str) -> bool:
    """Whether a value looks as if a generator or a provider made it as a secret, whatever its name says."""
    text = value.strip()
    if _PROVIDERS.match(text):
        return True
    if not _LONG_PART <= len(text) <= _LONGEST_DRAWN or _OF_TEXT.search(text):
        return False
    if strength_bits(text) < GUESSABLE_BITS:
        return False
    if len(text) >= 2 * _LONG_PART and re.search(r"[!#$%^&*()].*[!#$%^&*()]", text):
        return True
    longest = max(re.split(r"[-_.:@/+=]", text), key=len)
    # Words and identifiers change between letters and digits once or twice; random text does all the time.
    changes = len(re.findall(r"(?i)(?=[a-z]\d|\d[a-z])", longest))
    return len(longest) >= _LONG_PART and changes >= _CHANGES


def pairs_of(text: str) -> tuple[int, int]:
    """How many pairs of letters are frequent in words (four in five, in random text one in five), of all."""
    parts = [part.lower() for part in PARTS.findall(text) if part.isalpha()]
    pairs = [part[at : at + 2] for part in parts for at in range(len(part) - 1)]
    return sum(pair in _PAIRS for pair in pairs), len(pairs)


def is_of_no_language(text: str) -> bool:
    """Whether too few of a text's pairs of letters are those of words, as if the letters were drawn."""
    common, pairs = pairs_of(text)
    return pairs >= _PAIRS_TO_TELL and common < 0.4 * pairs


def could_be_a_piece(name: str) -> bool:
    """Whether a text in a name's place is more likely a piece of a generated value: it must not be shown.

    Letters, digits and both cases change in such a piece at every second sign, and its letters are not those
    of words.
    """
    return any(map(_is_drawn, name.split(".")))  # no alphabet of generators has a dot


def _is_drawn(text: str) -> bool:
    common, pairs = pairs_of(text)
    of_no_words = common < 0.3 * pairs  # names hold acronyms, so fewer than other texts
    if len(text) < SHORTEST_PIECE:
        return False
    if re.search("[a-z]", text) and re.search("[A-Z]", text):
        return _mean_part(text) < 3 or (pairs >= 3 and of_no_words)
    # Generators that use one case use no sign: what is between the signs of a name has to be long enough.
    longest = max(re.split("[_-]", text), key=len)
    numbers = len(re.findall(r"\d+", longest))
    if len(longest) >= SHORTEST_PIECE and numbers > 1 and _mean_part(longest) < 2.5:
        return True
    return pairs >= _PAIRS_TO_TELL and of_no_words


def _mean_part(text: str) -> float:
    """The mean length of a name's parts, in a drawn text 1.6; a short word such as `id` counts as four."""
    parts = [part for part in PARTS.findall(text) if part.isalnum()]
    signs = (max(len(part), 4) if part.lower() in _SHORT_WORDS else len(part) for part in parts)
    return sum(signs) / max(1, len(parts))


def is_placeholder(value: str, markers: tuple[str, ...]) -> bool:
    """Whether a value stands for one still to be set. A short marker with wildcards is found in random
    values too, so it does not count in what looks generated."""
    text = value.strip()
    if len(text) >= _LONG_PART and all(
        re.search(part, text) for part in (r"^\S+$", "[a-z]", "[A-Z]", "[0-9]")
    ):
        long = (mark for mark in markers if "*" not in mark or len(mark.replace("*", "")) >= _LONG_MARKER)
        markers = tuple(long)
    return bool(_MASKED.fullmatch(text)) or matches_glob(text, markers)


def is_no_value(value: str) -> bool:
    """Whether a value says that there is none: empty, null, none or false."""
    return value.strip().lower() in _FACTS["no_values"]


def is_plain(value: str) -> bool:
    """Whether a value can only be a setting: a switch, a number, a path, an address without a password."""
    parts = url_parts(value.strip())
    if parts:
        return not parts.password and not parts.user
    return re.fullmatch(_FACTS["setting"], value.strip()) is not None


def has_password(value: str) -> bool:
    """Whether a value is a connection URL that carries a password."""
    return component("password")(value) is not None


def component(name: str) -> Callable[[str], str | None]:
    """A cut for `Keeper.part`: takes one component out of a connection URL."""
    return lambda value: str(getattr(url_parts(value), name, "")) or None
