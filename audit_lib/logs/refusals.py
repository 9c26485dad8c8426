"""What a text that no format knows says: perhaps of a failed login, of another refusal, and its shape."""

import re
from dataclasses import dataclass
from functools import cached_property

from pydantic import ConfigDict

from audit_lib.logs.templates import ADDRESS
from audit_lib.logs.values import clean_client

# Small letters for capitals; what that does to other signs changes no word of letters and spaces.
SMALL = bytes(value | 0x20 for value in range(256))
LONGEST_SHAPE = 60  # characters
WORDS = ConfigDict(extra="forbid", hide_input_in_errors=True)
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


@dataclass(frozen=True)
class PossibleFailure:
    """Words, in small letters, by which a text that no message matches is a possible login failure."""

    about: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()
    before_address: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    counter_examples: tuple[str, ...] = ()
    __pydantic_config__ = WORDS

    @cached_property
    def _words(self) -> tuple[tuple[bytes, ...], ...]:
        return tuple(tuple(word.encode() for word in words) for words in (self.about, self.failing))

    @cached_property
    def _before(self) -> tuple[re.Pattern[bytes], ...]:
        words = (re.escape(word.encode()) for word in self.before_address)
        return tuple(re.compile(rb"(?i)(?<![A-Za-z0-9])" + word + _ADDRESS) for word in words)

    def client_in(self, text: bytes) -> str | None:
        """The client of a possible login failure, "" if it names none; None if the text is none."""
        small = text.translate(SMALL)
        if not all(any(map(small.__contains__, words)) for words in self._words):
            return None
        found = next(filter(None, (pattern.search(text) for pattern in self._before)), None)
        return clean_client(found["address"]) if found else ""


@dataclass(frozen=True)
class Refusal:
    """Words, in small letters, of any language by which a text that is no event speaks of a refusal."""

    words: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    counter_examples: tuple[str, ...] = ()
    __pydantic_config__ = WORDS

    @cached_property
    def _words(self) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        plain = tuple(word.encode() for word in self.words if word.isascii())
        return plain, tuple(word.encode().translate(SMALL) for word in self.words if not word.isascii())

    def is_in(self, text: bytes) -> bool:
        """Whether a text holds a status 401 or 403, or one of the words."""
        if (b"401" in text or b"403" in text) and _REFUSED_STATUS.search(text):
            return True
        plain, others = self._words
        return any(map(text.translate(SMALL).__contains__, plain if text.isascii() else plain + others))


def is_warning(text: bytes) -> bool:
    """Whether a line has the level of a warning or of something worse."""
    return bool(_WARNING.search(text, 0, _LEVEL_WITHIN))


def shape_of(text: bytes) -> str:
    """The shape of a text: runs of letters as `a`, of digits as `0`, of both as `a0`, of others as `?`."""
    shown = text[: 4 * LONGEST_SHAPE].decode("ascii", "replace")
    shown = _DIGITS.sub("0", _LETTERS.sub("a", _OTHER.sub("?", shown)))
    return _MIXED.sub("a0", shown)[:LONGEST_SHAPE]
