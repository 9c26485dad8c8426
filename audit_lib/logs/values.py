"""What a line's fields become in a frame: client, method, route, subject. No other text of it does."""

import ipaddress
import re
from functools import lru_cache

NOT_AN_ADDRESS = "(not an address)"
_IDENTIFIER = b"{id}"
_KEPT = 1 << 16  # entries of a cache
_ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")
_EMAIL = re.compile(rb"([^@\s])[^@]*@([A-Za-z0-9-]{1,30}(?:\.[A-Za-z0-9-]{1,30}){1,3})")
_WORDS = re.compile(rb"[a-z_-]*")
_SEGMENTS = 12  # what lies deeper is an attacker's or an identifier, not a route


@lru_cache(maxsize=_KEPT)
def clean_client(raw: bytes) -> str:
    """The address in its one spelling; "" if none was logged, and NOT_AN_ADDRESS for a name in its place."""
    text = raw.decode("ascii", "replace")
    if text in ("", "-", "None", "unix:"):
        return ""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return NOT_AN_ADDRESS
    return str(getattr(address, "ipv4_mapped", None) or address)


def strip_port(raw: bytes, always: bool = False) -> bytes:
    """The address without port and brackets. `always`: a port follows the last colon, as uvicorn writes.

    It does so, too, where an address of four numbers stands before it: ::ffff:203.0.113.7:443.
    """
    if raw.startswith(b"[") and b"]" in raw:
        return raw[1 : raw.rindex(b"]")]
    host, colon, port = raw.rpartition(b":")
    if colon and port.isdigit() and (always or b":" not in host or b"." in host.rpartition(b":")[2]):
        return host
    return raw


@lru_cache(maxsize=_KEPT)
def client_of(raw: bytes) -> str:
    """The address of a field that may have a port, in its one spelling."""
    return clean_client(strip_port(raw))


@lru_cache(maxsize=1 << 10)
def clean_method(raw: bytes) -> str:
    """The method in capitals; "" for what is none."""
    return raw.decode("ascii").upper() if len(raw) <= 16 and raw.isalpha() and raw.isascii() else ""


@lru_cache(maxsize=_KEPT)
def clean_route(path: bytes) -> str:
    """A path as a route: query dropped, needless encoding undone, identifiers collapsed, printable."""
    decoded = _ENCODED.sub(_decode, _collapse(path))
    text = _collapse(decoded).decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def _collapse(path: bytes) -> bytes:
    """The path without query, each identifier in it as `{id}`.

    An absolute form (http://host/path) loses scheme and host, since the host is the client's text.
    """
    path = re.split(rb"[?#;]", path, maxsplit=1)[0]
    if not path.startswith(b"/"):
        scheme, mark, rest = path.partition(b"://")
        _, slash, below = rest.partition(b"/")
        if mark and scheme.isalpha() and slash:
            return _collapse(slash + below)
        return b"*" if path == b"*" else b"/" if mark else b""
    segments = path.split(b"/")
    kept = [_IDENTIFIER if _is_identifier(segment) else segment for segment in segments[:_SEGMENTS]]
    return b"/".join(kept if len(segments) <= _SEGMENTS else [*kept, _IDENTIFIER])


def _is_identifier(segment: bytes) -> bool:
    """Numbers, dates, UUIDs, hashes, tokens, addresses of people: whatever names one thing, not a kind."""
    size = len(segment)
    digits = sum(48 <= byte <= 57 for byte in segment)
    if size >= 40 or b"@" in segment or b"%40" in segment:
        return True
    if digits and not segment.strip(b"0123456789-_.,:+"):
        return True
    if digits and size >= 8 and not segment.strip(b"0123456789abcdefABCDEF-"):
        return True
    return (size >= 16 and digits > 0) or (size >= 24 and not _WORDS.fullmatch(segment))


def _decode(found: re.Match[bytes]) -> bytes:
    byte = bytes([int(found[1], 16)])
    return byte if byte.isalnum() or byte in b"-._~@" else found[0].upper()


@lru_cache(maxsize=_KEPT)
def mask_email(raw: bytes) -> str:
    """First character and domain of an address; "***" for what is none (it could be a password)."""
    found = _EMAIL.fullmatch(raw.rstrip(b".,;"))
    return f"{found[1].decode('ascii', 'replace')}***@{found[2].decode().lower()}" if found else "***"


class SecretParameters:
    """Names of query parameters that are secrets, in small letters; `*` at the beginning is any text."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        ends = (name.encode() for name in names)
        known = (
            rb"([^&=]*" + re.escape(end[1:]) if end[:1] == b"*" else b"(" + re.escape(end) for end in ends
        )
        self._pattern = re.compile(
            rb"(?i)(?:\A|&)(?:" + b"|".join(each + b")" for each in known) + rb")=[^&]"
        )

    def first_in(self, query: bytes) -> str:
        """What says that a parameter is a secret, of the first one with a value; "" if none is."""
        found = self._pattern.search(query)
        return self._names[(found.lastindex or 0) - 1] if found else ""
