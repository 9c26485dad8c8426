"""Unpacks gzip that a text holds in base64, as `gzip | base64` writes it."""

import re
import zlib
from base64 import b64decode
from collections.abc import Iterator
from functools import cache

from audit_lib.secrecy.matcher import Gate

_START = b"H4sI"  # gzip's first three bytes
_RUN = re.compile(rb"H4sI(?:[A-Za-z0-9+/_-]|\\?[\r\n][ \t]*|\\[rn])*={0,2}")
_PLAIN = bytes.maketrans(b"-_", b"+/")
_LARGEST = 1 << 22  # bytes, of what is unpacked


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
