"""What a text that no format knows says: perhaps of a failed login, of another refusal, and its shape."""

import re
from collections.abc import Mapping

from audit_lib.logs.templates import ADDRESS
from audit_lib.logs.values import clean_client

# Small letters for capitals; what that does to other signs changes no word of letters and spaces.
SMALL = bytes(value | 0x20 for value in range(256))
LONGEST_SHAPE = 60  # characters
Words = Mapping[str, tuple[str, ...]]  # lists of a table of log_formats.toml, where they are described
# At most four signs may stand between a word and the address.
_ADDRESS = rb"[ =:\[('\"<@]{0,4}?(?P<address>" + ADDRESS + rb")"
_LETTERS, _DIGITS = re.compile(r"[A-Za-z]+"), re.compile(r"[0-9]+")
_MIXED, _OTHER = re.compile(r"(?:a0|0a)[a0]*"), re.compile(r"[^ -~]+")
# Of an answer; no part of a time, a decimal, or what stands behind a process's name.
_REFUSED_STATUS = re.compile(rb"(?<![\w.-])(?<!\d[,:])(?<!\w\[)40[13](?![\w:-]|[.,]\d)")
_WARNING = re.compile(
    rb"(?<![A-Za-z/])(?:WARN(?:ING)?|ERROR|CRITICAL|FATAL|SEVERE)(?![A-Za-z])"
    rb"|\[(?i:warn|warning|error|crit|alert|emerg)\]"
    rb"|(?:level|severity|lvl)\"?[:=] ?\"?(?i:warn|err|crit|fatal)"
)
_LEVEL_WITHIN = 160  # bytes of a line


class PossibleFailure:
    """Words, in small letters, by which a text that no message matches is a possible login failure."""

    def __init__(self, words: Words) -> None:
        self._words = [[word.encode() for word in words.get(name, ())] for name in ("about", "failing")]
        before = (re.escape(word.encode()) for word in words.get("before_address", ()))
        self._before = [re.compile(rb"(?i)(?<![A-Za-z0-9])" + word + _ADDRESS) for word in before]

    def client_in(self, text: bytes) -> str | None:
        """The client of a possible login failure, "" if it names none; None if the text is none."""
        small = text.translate(SMALL)
        if not all(any(map(small.__contains__, words)) for words in self._words):
            return None
        found = next(filter(None, (pattern.search(text) for pattern in self._before)), None)
        return clean_client(found["address"]) if found else ""


class Refusal:
    """Words, in small letters, of any language by which a text that is no event speaks of a refusal."""

    def __init__(self, words: Words) -> None:
        given = words.get("words", ())
        self._plain = [word.encode() for word in given if word.isascii()]
        self._others = [word.encode().translate(SMALL) for word in given if not word.isascii()]

    def is_in(self, text: bytes) -> bool:
        """Whether a text holds a status 401 or 403, or one of the words."""
        if (b"401" in text or b"403" in text) and _REFUSED_STATUS.search(text):
            return True
        words = self._plain if text.isascii() else self._plain + self._others
        return any(map(text.translate(SMALL).__contains__, words))


def is_warning(text: bytes) -> bool:
    """Whether a line has the level of a warning or of something worse."""
    return bool(_WARNING.search(text, 0, _LEVEL_WITHIN))


def shape_of(text: bytes) -> str:
    """The shape of a text: runs of letters as `a`, of digits as `0`, of both as `a0`, of others as `?`."""
    shown = text[: 4 * LONGEST_SHAPE].decode("ascii", "replace")
    shown = _DIGITS.sub("0", _LETTERS.sub("a", _OTHER.sub("?", shown)))
    return _MIXED.sub("a0", shown)[:LONGEST_SHAPE]
