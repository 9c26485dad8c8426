"""Questions about a value, for `Keeper.ask`: each is answered by a truth or a number, never by text."""

import math
import re
from collections.abc import Callable
from functools import cache
from hashlib import sha256

from audit_lib.base.bounded import matches_glob, matches_whole
from audit_lib.base.connection_url import url_parts
from audit_lib.secrecy.strength import range_of, strength_bits

# A marker with less fixed text than this occurs in random values by chance (docs/rules.md#rule-36).
_LONG_MARKER = 8
# null and false switch a feature off, as an empty value does.
_NO_VALUES = ("", "null", "nil", "none", "undefined", "false")
_MASKED = re.compile(r"\*{3}.*\*{3}", re.DOTALL)  # as in *** REPLACE ***
_PROVIDERS = re.compile(
    r"(sk|pk|rk)[-_](live|test|ant|proj)[-_]|gh[pousr]_|github_pat_|glpat-|xox[abpr]-|AKIA|SG\.|eyJ[\w-]+\.eyJ"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
)
# Text, addresses, paths and lists have these; a value that a generator made has not.
_OF_TEXT = re.compile(r"\s|://|^[./~]|[,;{}<>|]|^sha\d+:")
_LONG_PART = 16
_LONGEST = 512  # beyond it a text is a document: only what a provider begins it with speaks for a secret
_CHANGES = 3
# An upper estimate below this leaves a space that can be searched.
GUESSABLE_BITS = 80
LONGEST = 72  # characters: zxcvbn takes time with the square of the length
_SHORTEST_WORD = 4  # characters: shorter words occur in random text by chance
_CLASSES = {"lower": r"[a-z]", "upper": r"[A-Z]", "digit": r"[0-9]", "symbol": r"[^A-Za-z0-9]"}


def is_placeholder(value: str, markers: tuple[str, ...]) -> bool:
    """Whether a value stands for one still to be set. A short marker with wildcards is found in random
    values too, so it does not count in what looks generated."""
    long, short = _by_length(markers)
    text = value.strip()
    masked = bool(_MASKED.fullmatch(text))
    return masked or matches_glob(text, long) or (not _is_long_and_mixed(text) and matches_glob(text, short))


@cache
def _by_length(markers: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    long = tuple(marker for marker in markers if "*" not in marker or _fixed(marker) >= _LONG_MARKER)
    return long, tuple(marker for marker in markers if marker not in long)


def is_no_value(value: str) -> bool:
    """Whether a value says that there is none: empty, null, none or false."""
    return value.strip().lower() in _NO_VALUES


def is_plain(value: str) -> bool:
    """Whether a value can only be a setting: a switch, a number, a path, an address without a password."""
    text = value.strip()
    if re.fullmatch(r"(?i)true|false|yes|no|on|off|\d[\d.,:/]*(\s*/?[a-z]{1,7})?", text):
        return True
    parts = url_parts(text)
    if parts:
        return not parts.password and not parts.user
    return bool(re.fullmatch(r"(\.{0,2}/|~/)[\w./-]*|[\w.-]+\.(pem|key|crt|cer|json|ya?ml|txt)", text))


def looks_generated(value: str) -> bool:
    """Whether a value looks as if a generator or a provider made it as a secret, whatever its name says."""
    text = value.strip()
    if _PROVIDERS.match(text):
        return True
    if (
        not _LONG_PART <= len(text) <= _LONGEST
        or _OF_TEXT.search(text)
        or strength_bits(text) < GUESSABLE_BITS
    ):
        return False
    if len(text) >= 2 * _LONG_PART and re.search(r"[!#$%^&*()].*[!#$%^&*()]", text):
        return True
    parts = [part for part in re.split(r"[-_.:@/+=]", text) if part]
    longest = max(parts, key=len, default="")
    # Words and identifiers change between letters and digits once or twice; random text does all the time.
    changes = len(re.findall(r"(?i)(?=[a-z]\d|\d[a-z])", longest))
    return len(longest) >= _LONG_PART and changes >= _CHANGES


def chosen_bits(value: str) -> float:
    """The bits of a value in which a person's words are found, rounded down; infinite for any other value.

    Only asked of what `strength_bits` holds for strong. What is no word counts as drawn at random.
    """
    if len(value) > LONGEST or strength_bits(value) < GUESSABLE_BITS or looks_generated(value):
        return math.inf
    from zxcvbn import zxcvbn  # noqa: PLC0415  90 ms that hardly any review needs

    parts = zxcvbn(value, max_length=LONGEST)["sequence"]
    words = [
        part for part in parts if part["pattern"] != "bruteforce" and len(part["token"]) >= _SHORTEST_WORD
    ]
    if not words:
        return math.inf
    drawn = len(value) - sum(len(part["token"]) for part in words)
    order = math.log2(math.factorial(len(parts)))
    guessed = sum(math.log2(part["guesses"]) for part in words)
    return float(math.floor(guessed + order + drawn * math.log2(max(range_of(value), 2))))


def is_listed(value: str, digests: tuple[str, ...]) -> bool:
    """Whether the SHA-256 of a value is in a list of values known to be public."""
    return sha256(value.encode("utf-8", "surrogatepass")).hexdigest() in digests


def has_format(value: str, pattern: str) -> bool:
    """Whether a value as a whole has the format of a regular expression; `TooSlow` if that has no end."""
    return matches_whole(pattern, value)


def has_classes(value: str, classes: tuple[str, ...], enough_bits: int) -> bool:
    """Whether a password holds these kinds of characters, or is strong without (docs/rules.md#rule-24)."""
    if enough_bits and strength_bits(value) >= enough_bits:
        return True
    return all(re.search(_CLASSES[name], value) for name in classes)


def equals_text(value: str, expected: str) -> bool:
    """Whether a setting is the text expected; a slash at its end does not matter (docs/rules.md#rule-9)."""
    return value.rstrip("/") == expected.rstrip("/")


def has_password(value: str) -> bool:
    """Whether a value is a connection URL that carries a password."""
    parts = url_parts(value)
    return parts is not None and parts.password != ""


def has_host(value: str) -> bool:
    """Whether a value is a connection URL that leads to a host, as one to a local file does not."""
    parts = url_parts(value)
    return parts is not None and parts.host != ""


def has_local_host(value: str) -> bool:
    """Whether a connection URL leads to the very machine that uses it."""
    parts = url_parts(value)
    return parts is not None and parts.host in ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104


def is_url(value: str) -> bool:
    """Whether a value is a connection URL at all."""
    return url_parts(value) is not None


def is_unambiguous_url(value: str) -> bool:
    """Whether every parser reads the same password out of a connection URL (docs/rules.md#rule-27)."""
    parts = url_parts(value)
    return parts is not None and parts.unambiguous


def component(name: str) -> Callable[[str], str | None]:
    """A cut for `Keeper.part`: takes one component out of a connection URL."""

    def cut(value: str) -> str | None:
        parts = url_parts(value)
        return (str(getattr(parts, name)) or None) if parts else None

    return cut


def _is_long_and_mixed(text: str) -> bool:
    classes = all(re.search(_CLASSES[name], text) for name in ("lower", "upper", "digit"))
    return len(text) >= _LONG_PART and classes and not re.search(r"\s", text)


def _fixed(marker: str) -> int:
    return len(marker.replace("*", ""))
