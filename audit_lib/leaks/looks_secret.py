"""Whether what is beside a secret's name is a secret, or a placeholder, a hash, code, a test value."""

import re
import unicodedata
from collections import Counter
from math import log2
from urllib.parse import unquote

from audit_lib.leaks.published_samples import is_published
from audit_lib.secrecy import value_questions as values
from audit_lib.secrecy.strength import range_of, strength_bits
from audit_lib.secrecy.wording import PARTS, is_of_no_language, pairs_of

_WEAKEST_BITS = 35
# Names that hold words such as token or key, and no secret.
_OTHER_NAMES = re.compile(
    r"(?i)-----|sha\d|digest|md5|encoded_?pass|hashed|sealed|checksum|integrity|hash|etag|commit|revision|fingerprint|nonce|public|cache_?key|[cx]srf|websocket|(?:alt|ctrl|shift|meta|win)_?keys?$"
    r"|(?:continuation|request|client|change|page|next|cursor|sync|idempoten\w*)[_-]?(?:token|key)|result_?key|last_?used"
    r"|(?:prefix|unique|restore)[_-]?key|^x-[\w-]*key-id$|(?:^|[_-])(?:fake|dummy|mock)[_-]"
    # what only another key opens, what a text or a number is listed by, what is asked of one
    r"|(?<!un)(?:encrypted|wrapped)[_-]?(?:\w{2,9}[_-]?)?(?:key|secret|token|pass\w*)$|^salt$|usersecretsid$"
    r"|(?:lang|i18n|label|message|menu|title|stats|event|(?<!bio)metric|attribute|property|(?<!plat)form|(?:^|[^a-z])id)[_-]?key$"
    r"|[.](?:decrypt\w*|ends_?with|starts_?with|contains|includes|index_?of|split|replace\w*)$"
    r"|primary|foreign|sort_?key|partition|max_?token|token_?(?:type|url|uri|count|limit|name|expir|ttl|address|ids?$)"
    r"|tokeni[sz]|key_?(?:name|word|code|ref|vault|path|file|board|size|length|type|press|down|up)|secret_?(?:name|ref)"
    r"|badge|identifiers?$|version$|(?:^|[_-])(?:apt|gpg|pgp|recv)[_-]key(?:[_-]?id)?s?$"
    r"|(?-i:(?:^|[.])(?:get|find|has|is|remove|delete|load)[A-Z_]\w*$)"  # what is asked for
    r"|(?:name|path|file|url|uri|type|ref|min|max|length|expir\w*|ttl|count|policy|field|header|prefix|at|date|supported|alg(?:orithm)?s?)$"
)
# Words that begin or end like a key.
_NO_KEY = re.compile(r"(?i)key(?:cloak|board|int|frame|note|stone|space|gen)|(?:mon|tur|don|hoc|joc|whis)key")
_SECRET = re.compile(r"(?i)secret|token|pass|pwd|key|credential|salt|ticket")
_OPENPGP = re.compile(r"[0-9A-F]{40}")  # the fingerprint of a public key
_WORDS = re.compile(
    r"(?i)example|dummy-|sample|api-?key|change|placeholder|insert|replace|secret|password|passwd|default|invalid|redact|"
    r"removed|hidden|undefined|development|production|localhost|generate|foobar|hunter2|1234567|abcdefg|a1b2c3|1a2b3c|qwerty|"
    r"deadbeef|\b(?:x{3,}|xyz)\b|^[\w-]{1,14}\.{2,}[\w-]{1,14}$|^\$[a-z]+\$$|\[A-Z|\[a-z|\[0-9|\[\\w|\{\d+[,}]"
)
# So short that they stand in one of some thousand generated values: they count where they stand alone.
_SHORT_WORDS = r"test|tests|testing|dummy|fake|mock|your|my|todo|token|lorem|null|none|key|user|foo|bar"
_ALONE = re.compile(rf"(?i)(?:^|[^a-z0-9])(?:{_SHORT_WORDS})(?:[^a-z0-9]|[0-9]{{0,4}}$)")
_WITHIN = re.compile(rf"(?i)(?:{_SHORT_WORDS.replace('|my', '').replace('|key|user|foo|bar', '')})")
_CODE = re.compile(
    r"[A-Za-z_$][\w$]*(?:(?:\.|::|->)[A-Za-z_$][\w$]*)+"  # an attribute, a property, a module
    r"|.*(?:\$\{|\{\{|%\(|%[dsv]|<|\(\)|\.\.\.|…|\*\*\*|\|\||&&).*"
    r"|[~.]{0,2}/.*|[a-z]+://[^:@]*(?::\d+[^:@]*)?"  # a path, an address
    r"|[\w.-]+\.(?:py|js|ts|tsx|json|ya?ml|toml|pem|key|crt|cer|der|p8|p12|pfx|jks|pub|sec|asc|gpg|xml|txt|md|sh|env|log|html|css|com|org|net|io|dev)"
    r"|[\w$.]+\[\w*\][\w$.\[\]]*"  # an element
    r"|[.+]\s?[$\w(].*\(.*|[.#][a-z]+(?:-[a-z0-9]+)+"  # what is joined to a text, a selector
    r"|(?:[0-9A-Fa-f]{2}:){7,}[0-9A-Fa-f]{2}"  # a fingerprint
    # a hash at rest
    r"|(?:\{[A-Za-z0-9@_-]+\})?\$(?:2[abxy]|1|5|6|y|argon2\w*|P|pbkdf2[\w-]*)\$.*|\*[0-9A-F]{40}|\$[a-z][a-z\d-]*\$.+\$.+"
    # what is put there later
    r"|\$[A-Za-z_]\w*(?:\[\w+\])?[:@/.-]\$[A-Za-z_].*|.*[/:=]\$[A-Za-z_]{3}.*|.*\{[a-z_]\w*(?::\d+[a-z]?)?\}.*"
    r"|(?i:[a-z]+:(?:host|server|dbname|database|unix_socket)=.*)"  # an address without its password
    r"|ENC[(\[].*|A[gQ][A-D][A-Za-z0-9+/]{300,}={0,2}"  # what only its key opens: jasypt, a sealed secret
    r"|(?:MFkwEwYHKoZIzj0|MIGfMA0GCSqGSIb3|MII[BC]IjANBgkqhkiG9w0|MCowBQYDK2VwAyEA).*"  # a public key
    r"|\{(?:S?SHA|S?MD5|SHA-\d+|bcrypt|noop|ldap|pbkdf2|argon2|crypt)[\w@-]*\}.*"
    r"|(?i:sha\d{1,3}[-:].*)|ssh-(?:rsa|ed25519).*|AAAA[BC]3NzaC1.*|urn:.*|.*(?:/|%2[fF])(?:aws|goog)4_request.*"
    # an algorithm, a list of names, a migration, a package and its version
    r"|A(?:128|192|256)(?:CBC-HS\d{3}|GCM(?:KW)?|KW)|(?:ECDH-ES|PBES2-HS\d{3}|RSA-OAEP)(?:[+-]\w+)?"
    r"|!?[a-z][a-z\d-]*(?:,!?[a-z][a-z\d-]*)+|\d{3,4}_[a-z]+(?:_[a-z\d]+)+"
    r"|[a-z][\w-]*(?:\.[\w-]+)+:[\w.-]+:\d[\w.-]*|[a-z][\w-]*(?:[:/]|[=~<>!]=)v?\d+(?:\.\d+)+"
    # a version or a range of them, a number, a price, a date
    r"|[\^~<>=$€£]{0,2}v?\d+(?:[.:/_-]\d+)*(?:[a-z]{0,2}|-(?:[a-z]{2,8}|SNAPSHOT))|\d{4}-\d\d-\d\d[T_ ].*"
    r"|v?\d+(?:\.\d+){2}-[a-z]{2,10}(?:[.-]?\d+)+|\d+(?:\.\d+)?[eE][+-]?\d{1,3}"
    r"|(?i:[a-z]{2,}\d{0,3}(?:[._-](?:[a-z]+\d{0,4}|\d{1,4}[a-z]?))+)"  # a region, a model, a host
    r"|(?=.*:.*:)[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}"  # an address
    r"|0x[0-9a-fA-F]+|[0-9a-fA-F]{8,20}"  # the beginning of a hash
)
_PATH = re.compile(r"@?[\w.-]+/[\w./-]*[a-z]{3,}[\w./-]*")  # or a package, with a word in it
# A UUID, or an identifier of fewer groups.
_UUID = re.compile(r"[0-9a-fA-F]{4,12}(?:-[0-9a-fA-F]{4,12}){1,4}")
_CONSTANT = re.compile(r"(?=.*[A-Z]{4})[A-Z][A-Z\d]*(?:_[A-Z\d]+)+")
# What a provider gives as a UUID: a name of something else may hold these words, but does not end in them.
_HOLDS_UUID = re.compile(r"(?i)(?:secret|token|[a-z_-]passw(?:or)?d)(?:[_-]?(?:key|value))?[_-]?\d*$")
# A key of anything: an entry's, a cache's. A generated one has letters beyond hexadecimal, and many numbers.
_ANY_KEY = re.compile(r"(?:^|[.])key$")
_OF_A_GENERATOR = re.compile(r"(?=.*[g-zG-Z])(?:[^\d\s]*\d+){3}.*")
_REPEATED = re.compile(r"(.)\1{4}|(..)\2{3}|(...)\3{2}")
_SHORTEST_WORDS = 2.3  # mean length in a path, whose folders may be as short as src or v2
_MOST_OF_WORDS = 0.6  # of the pairs of letters in a name those that are frequent, at least
_LONG = 20  # of a value whose name says little
_SHORTEST_LETTERS = 20  # of a generated value without a digit
_NUMBERS_IN_A_NAME = 2
_FEW_DIGITS, _NAMES = 4, 3.5  # at most one sign in four; mean length of a word in the name of a class


def looks_secret(value: str, name: str, markers: tuple[str, ...]) -> bool:
    """Whether a value that a shape found beside a name is generated, or chosen as a password."""
    if names_no_secret(name) or _is_any_key(name, value) or looks_made_up(value, markers):
        return False
    if _CODE.fullmatch(value) and not value.startswith("eyJ"):
        return False
    if _PATH.fullmatch(value) and _mean_word(value) >= _SHORTEST_WORDS:
        return False
    if _is_identifier(name, value):
        return False
    if reads_as_words(value) or _is_of_another_script(value):
        return False
    return strength_bits(unquote(value)) >= _WEAKEST_BITS and _is_varied(value)


def _is_identifier(name: str, value: str) -> bool:
    """Whether a value is a UUID that no provider gives as a secret, or names a public key or a constant."""
    if _CONSTANT.fullmatch(value):
        few = len(re.findall(r"\d+", value)) <= _NUMBERS_IN_A_NAME
        common, pairs = pairs_of(value)
        return few and common >= _MOST_OF_WORDS * pairs
    uuid = _UUID.fullmatch(value) and not _HOLDS_UUID.search(name)
    return bool(uuid or (_OPENPGP.fullmatch(value) and name.lower().endswith("key_id")))


def names_no_secret(name: str) -> bool:
    """Whether a name holds a word such as token or key, and is that of something else."""
    said = _NO_KEY.sub("", name)
    return _OTHER_NAMES.search(name) is not None or (said != name and not _SECRET.search(said))


def _is_any_key(name: str, value: str) -> bool:
    """Whether a name says key and no more, and the value has too few signs of a generator."""
    generated = len(value) >= _LONG and _OF_A_GENERATOR.fullmatch(value) is not None
    return _ANY_KEY.search(name) is not None and not generated


def looks_made_up(value: str, markers: tuple[str, ...]) -> bool:
    """Whether a value is a placeholder, or made for a test or a text: words, sequences, repetitions."""
    words = _WORDS.search(value) or _ALONE.search(value) or is_published(value)
    if words or _REPEATED.search(value) or values.is_placeholder(value, markers) or len(set(value)) < 5:
        return True
    if is_patterned(value):
        return True
    mixed = all(re.search(kind, value) for kind in ("[a-z]", "[A-Z]", "[0-9].*[0-9]"))
    return not (mixed and len(value) >= 16) and _WITHIN.search(value) is not None


def is_patterned(value: str) -> bool:
    """Whether more than a third of a long value are sequences, repetitions, words and dates."""
    return len(value) >= _LONG and strength_bits(value) * 3 < 2 * len(value) * log2(max(range_of(value), 2))


def reads_as_words(value: str) -> bool:
    """Whether a value reads as words: an identifier or a sentence has longer parts than a generated value."""
    text = unquote(value)
    if re.search(r"\w\s\w", text):
        return True
    numbers = re.findall(r"\d+", text)
    mean = _mean_word(text)
    if len(numbers) > 1 or not mean:
        return _is_joined(text, sum(map(len, numbers)))
    short = not numbers and len(text) < _SHORTEST_LETTERS
    return short or (mean >= 3.5 and not is_of_no_language(text)) or _is_joined(text, 0)


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
