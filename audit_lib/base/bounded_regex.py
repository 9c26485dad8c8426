"""Regular expressions that a policy brings: checked when it is read, bounded in time when they search."""

import re

import regex

SECONDS = 5.0  # a sound expression takes microseconds on a value
SLOW = f"does not finish within {SECONDS:.0f} seconds: do not nest repetitions"
_SWAPPED = re.compile(r"\\([|(){}+?])|([|(){}+?])")


class TooSlow(Exception):
    """An expression did not come to an end, as nested repetition does on some texts."""


def is_expression(pattern: str) -> bool:
    """Whether a text is a regular expression; a flag is written (?i:…), since one for all has no place."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def matches_whole(pattern: str, text: str) -> bool:
    """Whether a text as a whole is what the expression says; `TooSlow` after some seconds."""
    try:
        return regex.fullmatch(pattern, text, timeout=SECONDS) is not None
    except TimeoutError:
        raise TooSlow from None


def is_found(pattern: str, text: str, *, ignore_case: bool) -> bool:
    """Whether the expression matches anywhere in a text; `TooSlow` after some seconds."""
    try:
        return (
            regex.search(pattern, text, regex.IGNORECASE if ignore_case else 0, timeout=SECONDS) is not None
        )
    except TimeoutError:
        raise TooSlow from None


def from_basic(basic: str) -> str:
    r"""A basic regular expression as Python reads it: there \| ( ) + ? { } mean what \-escapes mean here."""
    swapped = _SWAPPED.sub(lambda found: found[1] or "\\" + found[2], basic)
    return swapped if not swapped.startswith("*") else "\\" + swapped
