"""Attackers' texts: all that makes a browser, a spreadsheet or a terminal do something, and stolen values."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator

from tests.support.paths import rows_beside

_SHAPES = rows_beside(__file__)
MARKUP, OTHER = tuple(_SHAPES["markup"]), tuple(_SHAPES["other"])


def payloads(base: str, start: int, only: tuple[str, ...] = MARKUP + OTHER) -> Iterator[str]:
    """One text for each shape, each with its own number from `start` in its address under `base`."""
    for number, shape in enumerate(only, start):
        yield shape.replace("«u»", f"{base}/{number}").replace("«n»", str(number))


def stolen(value: str) -> list[str]:
    """The value in the ways in which a thief sends it: as it is, and in escapes of several kinds."""
    every = "".join(f"%{byte:02X}" for byte in value.encode())
    other = "".join(f"%{ord(char):02x}" if number % 2 else char for number, char in enumerate(value))
    return [value, every, other, every.replace("%", "%25"), urlsafe_b64encode(every.encode()).decode()]
