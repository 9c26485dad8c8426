"""Whether what stands beside a secret's name is a value: generated, chosen, or nothing of both."""

import json
import re
import unicodedata
from base64 import urlsafe_b64decode
from binascii import Error
from collections import Counter
from functools import cache
from hashlib import sha256
from math import log2
from urllib.parse import unquote

from zxcvbn import zxcvbn

from audit_lib.leaks.words import expression, is_of_no_language, mean_word, pairs_of, reads_as_words, words
from audit_lib.secrecy import value_questions as values
from audit_lib.secrecy.strength import range_of, strength_bits

_WEAKEST_BITS = 35
# A generated value that is long has letters beyond hexadecimal, and many numbers.
_GENERATED = re.compile(r"(?=.{20})(?=.*[g-zG-Z])(?:[^\d\s]*\d+){3}.*")
_TOKEN = re.compile(r"eyJ[\w-]+\.(eyJ[\w-]+)\.[\w-]*")
_PERSON = re.compile(r"John Doe|Jane Doe|1234567890")  # of the tokens that jwt.io and its like show
_SAME = ("password", "passwd", "pwd", "passphrase")
SHORTEST, LONGEST = 4, 120  # characters of a password that somebody chose
_SHORTEST_TOKEN = 10


def looks_secret(value: str, name: str, markers: tuple[str, ...]) -> bool:
    """Whether a value that a rule found beside a name is generated, or chosen as a password."""
    if names_no_secret(name) or looks_made_up(value, markers) or reads_as_words(value):
        return False
    if re.search(r"(?:^|[.])key$", name) and not _GENERATED.fullmatch(value):
        return False
    if expression("code").fullmatch(value) and not value.startswith("eyJ"):
        return False
    if expression("path").fullmatch(value) and mean_word(value) >= 2.3:
        return False
    return not _is_identifier(name, value) and strength_bits(unquote(value)) >= _WEAKEST_BITS and _is_drawn(value)


def names_no_secret(name: str) -> bool:
    """Whether a name holds a word such as token or key, and is that of something else."""
    bare = expression("word like key").sub("", name)
    other = expression("name of no secret").search(name) is not None
    return other or (bare != name and not expression("secret's name").search(bare))


def looks_made_up(value: str, markers: tuple[str, ...]) -> bool:
    """Whether a value is a placeholder, or made for a test or a text: words, sequences, repetitions."""
    if expression("made up").search(value) or is_published(value) or is_patterned(value):
        return True
    if values.is_placeholder(value, markers) or len(set(value)) < 5:
        return True
    mixed = all(re.search(kind, value) for kind in ("[a-z]", "[A-Z]", "[0-9].*[0-9]"))
    return not (mixed and len(value) >= 16) and expression("test word").search(value) is not None


def is_patterned(value: str) -> bool:
    """Whether more than a third of a long value are sequences, repetitions, words and dates."""
    return len(value) >= 20 and strength_bits(value) * 3 < 2 * len(value) * log2(max(range_of(value), 2))


def is_published(value: str) -> bool:
    """Whether a value is in a standard or a manual, or is a JSON Web Token of their sample person."""
    if sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:12] in _published():
        return True
    token = _TOKEN.fullmatch(value)
    try:
        claims = json.loads(urlsafe_b64decode(token[1] + "=" * (-len(token[1]) % 4))) if token else {}
    except (Error, ValueError):
        return False
    claimed = claims.values() if isinstance(claims, dict) else ()
    return any(isinstance(claim, str) and _PERSON.fullmatch(claim) for claim in claimed)


@cache
def _published() -> frozenset[str]:
    return frozenset(re.findall(r"\b[0-9a-f]{12}\b", words()["published"]["digests"]))


def _is_identifier(name: str, value: str) -> bool:
    """Whether a value is a UUID that no provider gives as a secret, or names a public key or a constant."""
    if expression("constant").fullmatch(value):
        common, pairs = pairs_of(value)
        return len(re.findall(r"\d+", value)) <= 2 and common >= 0.6 * pairs
    uuid = expression("uuid").fullmatch(value) and not expression("name of a uuid").search(name)
    return bool(uuid or (re.fullmatch("[0-9A-F]{40}", value) and name.lower().endswith("key_id")))


def _is_drawn(value: str) -> bool:
    """Whether the characters are spread as in a generated value, of the Latin script and no list of signs."""
    letters = [sign for sign in value if sign.isalpha()]
    if 2 * sum("LATIN" not in unicodedata.name(sign, "") for sign in letters) > len(letters):
        return False  # a translated text, since generated values are ASCII
    if 3 * len(re.findall("[A-Za-z0-9]", value)) < len(value):
        return False
    if len(value) < 16:
        return len(set(value)) >= 6
    counts = Counter(value).values()
    return -sum(n / len(value) * log2(n / len(value)) for n in counts) >= 3.0


def looks_chosen(value: str, name: str, shortest: int = SHORTEST) -> bool:
    """Whether a value may be a password that somebody chose, be it a default."""
    if not shortest <= len(value) <= LONGEST or _is_no_value(value):
        return False
    if expression("name of no password").search(name.rpartition(".")[2]):
        return False
    if expression("password's name").search(name):
        return not _names_itself(value, name)
    any_key = re.search(r"(?i)(?:^|[.])key$", name)
    if names_no_secret(name) or (any_key and (re.fullmatch("[0-9a-f]+", value) or reads_as_words(value))):
        return False
    if expression("credential's name").search(name) and is_of_no_language(value):
        return True
    mixed = re.search(r"[A-Za-z]", value) and re.search(r"\d.*\d", value) and len(value) >= _SHORTEST_TOKEN
    token = expression("token's name").search(name) and re.fullmatch(r"[A-Za-z0-9%]+={0,2}", value)
    return bool(token and mixed)


def _is_no_value(value: str) -> bool:
    """Whether a text is a type, code, a path, a name, a hash or no word at all."""
    if not value.isascii() or re.search(r"\s", value) or not value.strip("\"'`.,;:"):
        return True
    return bool(expression("no value").fullmatch(value)) or not re.search(r"[A-Za-z0-9]{2}", unquote(value))


def _names_itself(value: str, name: str) -> bool:
    """Whether a value is its own name, that of the object which holds it, or that of a parameter: an option
    or a constant is called as its name ends."""
    plain, bare = (re.sub(r"[^a-z0-9]", "", text.lower()) for text in (name, value))
    if name.lower().endswith("secret") and expression("object's name").fullmatch(value):
        return True
    if plain in (bare, f"{bare}key"):
        return True
    several = re.fullmatch(r"(?i)[a-z0-9]+(?:[-_.][a-z0-9]+)+", value) and plain.endswith(bare)
    ends = _SAME if bare in _SAME else (bare, bare.removesuffix("s"))
    return bool(several or (expression("field's name").search(name) and plain.endswith(ends)))


def is_word(value: str) -> bool:
    """Whether a value reads as a name, which beside a password's name in a call it is rather than a value."""
    return re.fullmatch(r"(?:[A-Z]?[a-z_-]+|[A-Z_-]+|[a-z]+(?:[A-Z][a-z]+)+)\d?", value) is not None


def is_default(value: str) -> bool:
    """Whether a chosen value is one that many choose: by its words, or since few guesses find it."""
    easy = 0 < len(value) <= values.LONGEST and zxcvbn(value)["guesses_log10"] < 3
    return expression("default").search(value) is not None or is_patterned(value) or easy


def is_placeholder(value: str) -> bool:
    """Whether a value stands for one that will be."""
    return expression("placeholder").search(value) is not None
