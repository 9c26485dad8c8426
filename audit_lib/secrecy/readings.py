"""What a text says once it is unescaped, unpacked and unwrapped: a value may be under several layers."""

import html
import re
import zlib
from base64 import b64decode
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from urllib.parse import unquote

from audit_lib.secrecy.matcher import Gate

# What stands between two lines of wrapped base64: in a file, a comment, a quoted mail, a JSON list of lines.
# The number of signs is bounded, so that a file of blanks costs no more than any other.
_LINE_BREAK = re.compile(rb"""[ \t"',]{0,8}(?:\\r)?(?:\r?\n|\\n)[ \t>#*"'|,]{0,64}""")
_ANSI = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")  # a colour, a move of the cursor
_START = b"H4sI"  # gzip's first three bytes
_RUN = re.compile(rb"H4sI(?:[A-Za-z0-9+/_-]|\\?[\r\n][ \t]*|\\[rn])*={0,2}")
_PLAIN = bytes.maketrans(b"-_", b"+/")
_LARGEST = 1 << 22  # bytes, of what is unpacked
_LAYERS = 3
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|([\\/\"']))")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")


def join_lines(data: bytes) -> tuple[bytes, list[tuple[int, int]]]:
    """The content without its line breaks; pairs of a position in it and how much was left out before it."""
    return _without(_LINE_BREAK, data)


def without_colours(data: bytes) -> tuple[bytes, list[tuple[int, int]]]:
    """As `join_lines`, without the codes for a terminal instead."""
    return _without(_ANSI, data)


def _without(pattern: re.Pattern[bytes], data: bytes) -> tuple[bytes, list[tuple[int, int]]]:
    parts, breaks = [], []
    end = left_out = 0
    for found in pattern.finditer(data):
        parts.append(data[end : found.start()])
        left_out += found.end() - found.start()
        end = found.end()
        breaks.append((end - left_out, left_out))
    parts.append(data[end:])
    return b"".join(parts), breaks


def before_joining(position: int, breaks: list[tuple[int, int]]) -> int:
    """A position in the joined content as it was before."""
    index = bisect_right(breaks, position, key=lambda pair: pair[0])
    return position + (breaks[index - 1][1] if index else 0)


def unpacked(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Start and end of each such part, and what is in it, as far as it is whole and within 4 MiB."""
    end = 0
    for _, after in _gate().ends(data):
        # What is within another such part is a part of what it packs.
        if after <= end or (found := _RUN.match(data, after - len(_START))) is None:
            continue
        end = found.end()
        letters = re.sub(rb"\\[rn]|[^A-Za-z0-9+/_-]", b"", found[0])[:_LARGEST]
        letters = letters[: len(letters) - (len(letters) % 4 == 1)].translate(_PLAIN)
        packed = b64decode(letters + b"=" * (-len(letters) % 4))
        yield found.start(), found.end(), _inflated(packed)


@cache
def _gate() -> Gate:
    return Gate([_START])


def _inflated(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(packed, _LARGEST)
    except zlib.error:
        return b""


def readings(text: str) -> Iterator[str]:
    """The text with its escapes resolved, layer by layer, and what its base64 holds; none that is equal."""
    for _ in range(_LAYERS):
        plain = _ESCAPE.sub(_sign, html.unescape(unquote(text, errors="surrogateescape")))
        decoded = "\n".join(_decoded(found[0]) for found in _BASE64.finditer(plain))
        if decoded:
            yield decoded
        if plain == text:
            return
        yield plain
        text = plain


def _sign(found: re.Match[str]) -> str:
    return chr(int(found[1] or found[2], 16)) if found[1] or found[2] else found[3]


def _decoded(run: str) -> str:
    letters = run.rstrip("=").replace("-", "+").replace("_", "/")
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return b64decode(letters + "=" * (-len(letters) % 4)).decode("utf-8", "replace")
