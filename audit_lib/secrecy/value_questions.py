"""Questions of one user each, until it asks them itself."""

import re
from hashlib import sha256

from audit_lib.base.bounded import matches_whole
from audit_lib.base.connection_url import url_parts
from audit_lib.secrecy.strength import strength_bits

_CLASSES = {"lower": r"[a-z]", "upper": r"[A-Z]", "digit": r"[0-9]", "symbol": r"[^A-Za-z0-9]"}


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
