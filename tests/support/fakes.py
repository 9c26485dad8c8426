"""Fake values made at run time from a seed, and the ways in which one can stand in a file."""

import base64
import html
import json
import random
import string
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

URL_SAFE = string.ascii_letters + string.digits + "-_"


def fake_value(seed: object, length: int = 43, alphabet: str = URL_SAFE) -> str:
    """A random-looking value: the same seed gives the same value."""
    return "".join(random.Random(str(seed)).choices(alphabet, k=length))


def encodings(value: str) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of a value in each encoding, those under 8 bytes left out."""
    raw = value.encode()
    found = {
        "plain": raw, "URL": quote(value, safe="").encode(),
        "URL, lower case": quote(value, safe="").lower().encode() if "%" in quote(value, safe="") else raw,
        "form": quote_plus(value).encode(), "JSON": json.dumps(value)[1:-1].encode(),
        "JSON, UTF-8": json.dumps(value, ensure_ascii=False)[1:-1].encode(),
        "HTML": html.escape(value).encode(), "repr": repr(value)[1:-1].encode(), "hex": raw.hex().encode(),
        "hex, upper case": raw.hex().upper().encode(), "UTF-16 LE": value.encode("utf-16-le"),
        "UTF-16 BE": value.encode("utf-16-be"), "reversed": value[::-1].encode(),
        "first 16 characters": value[:16].encode(),
    }  # fmt: skip
    for shift in range(3):
        # The first characters share bits with what stands before, the last with what follows.
        inner = raw[(3 - shift) % 3 :]
        inner = inner[: len(inner) // 3 * 3]
        found[f"base64 at {shift}"] = base64.b64encode(inner)
        found[f"base64url at {shift}"] = base64.urlsafe_b64encode(inner)
    yield from ((name, form) for name, form in found.items() if len(form) >= 8)
