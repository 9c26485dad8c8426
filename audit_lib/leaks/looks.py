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

from audit_lib.leaks.kinds import expression, words
from audit_lib.secrecy import strength
from audit_lib.secrecy.strength import range_of, strength_bits
from audit_lib.secrecy.wording import PARTS, is_of_no_language, pairs_of

_WEAKEST_BITS = 35
# Words that begin or end like a key.
_NO_KEY = re.compile(r"(?i)key(?:cloak|board|int|frame|note|stone|space|gen)|(?:mon|tur|don|hoc|joc|whis)key")
_SECRET = re.compile(r"(?i)secret|token|pass|pwd|key|credential|salt|ticket")
# So short that they stand in one of some thousand generated values: they count where they stand alone.
_SHORT_WORDS = r"test|tests|testing|dummy|fake|mock|your|my|todo|token|lorem|null|none|key|user|foo|bar"
_ALONE = re.compile(rf"(?i)(?:^|[^a-z0-9])(?:{_SHORT_WORDS})(?:[^a-z0-9]|[0-9]{{0,4}}$)")
_WITHIN = re.compile(rf"(?i)(?:{_SHORT_WORDS.replace('|my', '').replace('|key|user|foo|bar', '')})")
_PATH = re.compile(r"@?[\w.-]+/[\w./-]*[a-z]{3,}[\w./-]*")  # or a package, with a word in it
_UUID = re.compile(r"[0-9a-fA-F]{4,12}(?:-[0-9a-fA-F]{4,12}){1,4}")  # or an identifier of fewer groups
_OPENPGP = re.compile(r"[0-9A-F]{40}")  # the fingerprint of a public key
_CONSTANT = re.compile(r"(?=.*[A-Z]{4})[A-Z][A-Z\d]*(?:_[A-Z\d]+)+")
# What a provider gives as a UUID: a name of something else may hold these words, but does not end in them.
_HOLDS_UUID = re.compile(r"(?i)(?:secret|token|[a-z_-]passw(?:or)?d)(?:[_-]?(?:key|value))?[_-]?\d*$")
# A key of anything: an entry's, a cache's. A generated one has letters beyond hexadecimal, and many numbers.
_ANY_KEY, _ID = re.compile(r"(?i)(?:^|[.])key$"), re.compile(r"[0-9a-f]+")
_OF_A_GENERATOR = re.compile(r"(?=.*[g-zG-Z])(?:[^\d\s]*\d+){3}.*")
_REPEATED = re.compile(r"(.)\1{4}|(..)\2{3}|(...)\3{2}")
_LONG = 20  # signs of a value whose name says little, and of a generated one without a digit
_SHORTEST_WORDS, _NAMES = 2.3, 3.5  # mean length of a word in a path, and in the name of a class
_MOST_OF_WORDS = 0.6  # of the pairs of letters in a name those that are frequent, at least
_NUMBERS_IN_A_NAME, _FEW_DIGITS = 2, 4  # at most one sign in four
_TOKEN = re.compile(r"eyJ[\w-]+\.(eyJ[\w-]+)\.[\w-]*")
_PERSON = re.compile(r"John Doe|Jane Doe|1234567890")  # of the tokens that jwt.io and its like show
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")  # the name of a secret
# A hash at rest, or an identifier.
_HASH = re.compile(r"[0-9a-f]{32,}|[0-9A-F]{32,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SAME = ("password", "passwd", "pwd", "passphrase")
_SEVERAL_WORDS = re.compile(r"(?i)[a-z0-9]+(?:[-_.][a-z0-9]+)+")
_SHORTEST, LONGEST = 4, 120  # signs of a password that somebody chose
_SHORTEST_TOKEN = 10
_EASY = 3  # powers of ten of the guesses after which a value is what many choose


def looks_secret(value: str, name: str, markers: tuple[str, ...]) -> bool:
    """Whether a value that a shape found beside a name is generated, or chosen as a password."""
    if names_no_secret(name) or looks_made_up(value, markers):
        return False
    generated = len(value) >= _LONG and _OF_A_GENERATOR.fullmatch(value) is not None
    if re.search(r"(?:^|[.])key$", name) and not generated:
        return False
    if expression("code").fullmatch(value) and not value.startswith("eyJ"):
        return False
    if _PATH.fullmatch(value) and _mean_word(value) >= _SHORTEST_WORDS:
        return False
    if _is_identifier(name, value) or reads_as_words(value) or _is_of_another_script(value):
        return False
    return strength_bits(unquote(value)) >= _WEAKEST_BITS and _is_varied(value)


def names_no_secret(name: str) -> bool:
    """Whether a name holds a word such as token or key, and is that of something else."""
    bare = _NO_KEY.sub("", name)
    other = expression("name of no secret").search(name) is not None
    return other or (bare != name and not _SECRET.search(bare))


def looks_made_up(value: str, markers: tuple[str, ...]) -> bool:
    """Whether a value is a placeholder, or made for a test or a text: words, sequences, repetitions."""
    if expression("made up").search(value) or _ALONE.search(value) or is_published(value):
        return True
    if _REPEATED.search(value) or strength.is_placeholder(value, markers) or len(set(value)) < 5:
        return True
    if is_patterned(value):
        return True
    mixed = all(re.search(kind, value) for kind in ("[a-z]", "[A-Z]", "[0-9].*[0-9]"))
    return not (mixed and len(value) >= 16) and _WITHIN.search(value) is not None


def is_patterned(value: str) -> bool:
    """Whether more than a third of a long value are sequences, repetitions, words and dates."""
    return len(value) >= _LONG and strength_bits(value) * 3 < 2 * len(value) * log2(max(range_of(value), 2))


def is_published(value: str) -> bool:
    """Whether a value is in a standard or a manual, or is a JSON Web Token of their sample person."""
    digest = sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    if digest in _published():
        return True
    token = _TOKEN.fullmatch(value)
    if not token:
        return False
    try:
        claims = json.loads(urlsafe_b64decode(token[1] + "=" * (-len(token[1]) % 4)))
    except (Error, ValueError):
        return False
    claimed = claims.values() if isinstance(claims, dict) else ()
    return any(isinstance(claim, str) and _PERSON.fullmatch(claim) for claim in claimed)


@cache
def _published() -> frozenset[str]:
    return frozenset(re.findall(r"\b[0-9a-f]{12}\b", words()["published"]["digests"]))


def _is_identifier(name: str, value: str) -> bool:
    """Whether a value is a UUID that no provider gives as a secret, or names a public key or a constant."""
    if _CONSTANT.fullmatch(value):
        common, pairs = pairs_of(value)
        return len(re.findall(r"\d+", value)) <= _NUMBERS_IN_A_NAME and common >= _MOST_OF_WORDS * pairs
    uuid = _UUID.fullmatch(value) and not _HOLDS_UUID.search(name)
    return bool(uuid or (_OPENPGP.fullmatch(value) and name.lower().endswith("key_id")))


def reads_as_words(value: str) -> bool:
    """Whether a value reads as words: an identifier or a sentence has longer parts than a generated value."""
    text = unquote(value)
    if re.search(r"\w\s\w", text):
        return True
    numbers = re.findall(r"\d+", text)
    mean = _mean_word(text)
    if len(numbers) > 1 or not mean:
        return _is_joined(text, sum(map(len, numbers)))
    short = not numbers and len(text) < _LONG
    return short or (mean >= _NAMES and not is_of_no_language(text)) or _is_joined(text, 0)


def _is_joined(text: str, digits: int) -> bool:
    """Whether a text with several numbers is a name: words in small letters between signs, or capitalised."""
    if digits > len(text) / _FEW_DIGITS or is_of_no_language(text):
        return False
    joined = re.fullmatch(r"[a-z0-9]+(?:[-_.][a-z0-9]+){2,}-?", text) is not None
    capitalised = re.search("[a-z]", text) and re.search("[A-Z]", text)
    return joined or (capitalised is not None and _mean_word(text) >= _NAMES)


def _is_of_another_script(value: str) -> bool:
    """Whether most letters are of no Latin script: a translated text, since generated values are ASCII."""
    letters = [sign for sign in value if sign.isalpha()]
    return 2 * sum("LATIN" not in unicodedata.name(sign, "") for sign in letters) > len(letters)


def _mean_word(value: str) -> float:
    """The mean length of the words in a name, path or sentence; in a generated value about 1.6."""
    letters = [part for part in PARTS.findall(value) if part.isalpha()]
    return sum(map(len, letters)) / len(letters) if letters else 0.0


def _is_varied(value: str) -> bool:
    """Whether the signs are spread as in a generated value. A short password has too few to tell."""
    if 3 * len(re.findall("[A-Za-z0-9]", value)) < len(value):
        return False  # signs that a text about signs lists
    if len(value) < 16:
        return len(set(value)) >= 6
    counts = Counter(value).values()
    return -sum(n / len(value) * log2(n / len(value)) for n in counts) >= 3.0


def looks_chosen(value: str, name: str, shortest: int = _SHORTEST) -> bool:
    """Whether a value may be a password that somebody chose, be it a default."""
    if not shortest <= len(value) <= LONGEST or _is_no_value(value):
        return False
    if expression("name of no password").search(name.rpartition(".")[2]):
        return False
    if expression("password's name").search(name):
        return not _names_itself(value, name) and not _is_of_a_field(value, name)
    if names_no_secret(name) or (_ANY_KEY.search(name) and (_ID.fullmatch(value) or reads_as_words(value))):
        return False
    if expression("credential's name").search(name) and is_of_no_language(value):
        return True
    mixed = re.search(r"[A-Za-z]", value) and re.search(r"\d.*\d", value)
    token = expression("token's name").search(name) and re.fullmatch(r"[A-Za-z0-9%]+={0,2}", value)
    return bool(token and mixed and len(value) >= _SHORTEST_TOKEN)


def _is_no_value(value: str) -> bool:
    """Whether a text is a type, code, a path, a name, a hash or no word at all."""
    if not value.isascii() or re.search(r"\s", value) or value.strip("\"'`.,;:") == "":
        return True
    kinds = (expression("no value"), _VARIABLE, _HASH)
    return any(kind.fullmatch(value) for kind in kinds) or not re.search(r"[A-Za-z0-9]{2}", unquote(value))


def _names_itself(value: str, name: str) -> bool:
    """Whether a value is its own name, or that of the object which holds it."""
    if name.lower().endswith("secret") and expression("object's name").fullmatch(value):
        return True
    if _plain(name) in (_plain(value), f"{_plain(value)}key"):
        return True
    # It may begin with more: the option db-password of KEY_DB_PASSWORD.
    return _SEVERAL_WORDS.fullmatch(value) is not None and _plain(name).endswith(_plain(value))


def _is_of_a_field(value: str, name: str) -> bool:
    """Whether a constant says how a parameter or an option is called: its name ends alike."""
    bare = _plain(value)
    ends = _SAME if bare in _SAME else (bare, bare.removesuffix("s"))
    return expression("field's name").search(name) is not None and _plain(name).endswith(ends)


def is_word(value: str) -> bool:
    """Whether a value reads as a name, which beside a password's name in a call it is rather than a value."""
    return re.fullmatch(r"(?:[A-Z]?[a-z_-]+|[A-Z_-]+|[a-z]+(?:[A-Z][a-z]+)+)\d?", value) is not None


def is_default(value: str) -> bool:
    """Whether a chosen value is one that many choose: by its words, or since few guesses find it."""
    return expression("default").search(value) is not None or is_patterned(value) or _is_easy(value)


def _is_easy(value: str) -> bool:
    return 0 < len(value) <= 72 and zxcvbn(value)["guesses_log10"] < _EASY


def is_placeholder(value: str) -> bool:
    """Whether a value stands for one that will be."""
    return expression("placeholder").search(value) is not None


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
