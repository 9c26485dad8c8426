"""Sees in a text that no message matches whether it may speak of a failed login, and of whose."""

import re

from audit_lib.logs.fields import clean_client
from audit_lib.logs.names_and_words import SMALL, PossibleFailure
from audit_lib.logs.templates import ADDRESS

_ADDRESS = re.compile(ADDRESS)
_BETWEEN = b" =:[('\"<@"  # may stand between a word and the address
_MOST_BETWEEN = 4


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
