"""The sample's values, made at run time from a seed: the repository holds none that looks like a key."""

import string
from dataclasses import dataclass
from hashlib import shake_256

ALPHANUMERIC = string.ascii_letters + string.digits
URL_SAFE = ALPHANUMERIC + "-_"
UPPER = string.ascii_uppercase + string.digits
HEX = "0123456789abcdef"


@dataclass(frozen=True)
class SampleValue:
    """What stands in an env file, and the part of it that is the secret."""

    text: str
    secret: str


def drawn(seed: str, length: int, alphabet: str = URL_SAFE) -> str:
    """A text that looks random; the same seed gives the same one everywhere."""
    numbers = shake_256(f"audit_lib sample: {seed}".encode()).digest(2 * length)
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return "".join(alphabet[(256 * high + low) % len(alphabet)] for high, low in pairs)


def plain(text: str) -> SampleValue:
    """A value that is a secret as a whole."""
    return SampleValue(text, text)
