"""What a text says once it is unescaped: a request may hold a value in several layers of escapes."""

import html
import re
from base64 import b64decode
from collections.abc import Iterator
from urllib.parse import unquote

_LAYERS = 3
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|([\\/\"']))")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")


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
