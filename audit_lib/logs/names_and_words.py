"""By which names a structured line's fields are known, and by which words a possible login failure."""

import re
from dataclasses import dataclass, replace
from functools import cached_property

from audit_lib.logs.fields import clean_client
from audit_lib.logs.templates import ADDRESS
from audit_lib.logs.units import LONGEST_NAME

# Small letters for capitals; what that does to other signs changes no word of letters and spaces.
SMALL = bytes(value | 0x20 for value in range(256))
_NAME = re.compile(rb"[0-9A-Za-z ._:/()-]{1,%d}" % LONGEST_NAME)  # of an event; what has other signs is none
_SIGNS = b" ._:/()-"
_ADDRESS = re.compile(ADDRESS)
_BETWEEN = b" =:[('\"<@"  # may stand between a word and the address
_MOST_BETWEEN = 4


@dataclass(frozen=True)
class LoginOutcome:
    """How the fields of a structured line say that a login was refused. Words are in small letters."""

    ended: tuple[str, ...] = ()  # names of fields that say how something ended
    refused: tuple[str, ...] = ()  # what they say of a login that failed
    granted: tuple[str, ...] = ()  # and of another
    event: tuple[str, ...] = ()  # names of fields that say what it was
    login: tuple[str, ...] = ()  # words, one of which stands in that
    aside: tuple[str, ...] = ()  # and of which none does: what is done about logins
    failed: tuple[str, ...] = ()  # ends of an event's name, without its signs, that say both
    examples: tuple[str, ...] = ()
    counter_examples: tuple[str, ...] = ()

    def is_refused(self, value: bytes) -> bool | None:
        """Whether a value says that something was refused; None if it says neither."""
        small = value.translate(SMALL).decode("latin-1")
        return True if small in self.refused else False if small in self.granted else None

    def is_login(self, value: bytes) -> bool:
        """Whether a value speaks of a login."""
        small = value.translate(SMALL).decode("latin-1")
        return any(word in small for word in self.login) and not any(word in small for word in self.aside)

    def is_failed(self, value: bytes) -> bool:
        """Whether the name of an event says by itself that a login failed, as user.login_failed does."""
        if not _NAME.fullmatch(value):
            return False
        return value.translate(SMALL, _SIGNS).decode("latin-1").endswith(self.failed)


@dataclass(frozen=True)
class JsonFields:
    """Names of a structured line's fields, in order of preference; a dotted name counts by its last part."""

    time: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    client: tuple[str, ...] = ()
    method: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    level: tuple[str, ...] = ()
    cause: tuple[str, ...] = ()  # of what stands behind a text and says why
    labels: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()  # of objects that hold what a client writes
    wrapper: tuple[str, ...] = ()  # of those among them that may be all that a line is
    records: tuple[str, ...] = ()  # of lists of objects, each of which is a line of its own
    examples: tuple[str, ...] = ()
    counter_examples: tuple[str, ...] = ()
    outcome: LoginOutcome = LoginOutcome()

    @cached_property
    def ranks(self) -> dict[str, list[tuple[str, int]]]:
        """For each name the fields that it may be, by NamedFields, and its place among their names."""
        found: dict[str, list[tuple[str, int]]] = {}
        for kind in ("time", "text", "status", "client", "method", "path", "level", "cause"):
            for rank, name in enumerate(getattr(self, kind)):
                found.setdefault(name, []).append(("at" if kind == "time" else kind, rank))
        ended, event = self.outcome.ended, self.outcome.event
        for kind, named in (("is_refused", ended), ("is_login", event), ("is_failed", event)):
            for rank, name in enumerate(named):
                found.setdefault(name, []).append((kind, rank))
        return found

    @cached_property
    def within_records(self) -> "JsonFields":
        """The names of a record's fields: what its `name` says is an event, since a record is one."""
        return replace(self, outcome=replace(self.outcome, event=(*self.outcome.event, "name")))


@dataclass(frozen=True)
class PossibleFailure:
    """Words, in small letters, by which a text that no message matches is a possible login failure."""

    about: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()
    before_address: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    counter_examples: tuple[str, ...] = ()


def possible_client(text: bytes, words: PossibleFailure) -> str | None:
    """The client of a possible login failure, "" if it names none; None if the text is none."""
    small = text.translate(SMALL)
    if not any(word.encode() in small for word in words.about):
        return None
    if not any(word.encode() in small for word in words.failing):
        return None
    for word in words.before_address:
        at = small.find(word.encode())
        while at >= 0:
            end = at + len(word)
            if (at == 0 or not small[at - 1 : at].isalnum()) and (found := _address_at(text, end)):
                return clean_client(found)
            at = small.find(word.encode(), at + 1)
    return ""


def _address_at(text: bytes, at: int) -> bytes:
    """The address that follows at a place, after at most four signs; b"" if none does."""
    for _ in range(_MOST_BETWEEN):
        if text[at : at + 1] and text[at : at + 1] in _BETWEEN:
            at += 1
    found = _ADDRESS.match(text, at)
    return found[0] if found else b""
