"""Private keys by their structure: which text is one, and which of its lines tells it from others."""

import re
from base64 import b64decode
from binascii import Error

PRIVATE_KEY = "private-key"  # the rule, and for want of a name the variable
_LABEL = re.compile(r"-----BEGIN ((?:[A-Z0-9]{2,10} )?(?:ENCRYPTED )?PRIVATE KEY(?: BLOCK)?)-----")
_PUTTY = re.compile(r"(?s)PuTTY-User-Key-File-\d.*?Private-Lines: \d+\s+([A-Za-z0-9+/=]{16,})")
_END = re.compile(r"-----END |\\?-----$")
_HEADER = re.compile(r"(?m)(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|MessageID): ?[^\\\n\"']*")
_LINE = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
_SHORTEST = 40  # bytes of a key; an example in a document has a line at most
_OPENSSH, _SEQUENCE, _PACKET = b"openssh-key-v1\0", 0x30, 0x80
# The algorithm in PKCS #8 of a key on a curve, whose private number comes soon, and of DSA, where it is last.
_EC, _DSA = bytes.fromhex("2a8648ce3d0201"), bytes.fromhex("2a8648ce380401")
_PRIVATE_PART = 0.7  # of any other key: past what the public key shares, before the padding
_SHARED = 24  # characters of base64 with which keys of a kind begin
# A version of PKCS #1, PKCS #8 or SEC 1, then the modulus, an algorithm or the key.
_BARE = re.compile(rb"(?s)\x02\x01[\x00\x01]([\x02\x30\x04])")


def key_line(text: str) -> str:
    """The text that tells a private key from every other, of one that begins as a key; "" if it is none.

    It stands alike in a file, in a text with escaped line breaks and in pieces in quotes. What the kind of
    key begins with, which many keys share, is left out.
    """
    if putty := _PUTTY.match(text):
        return putty[1]
    label = _LABEL.match(text)
    if label is None:
        return ""
    body = _END.split(text[label.end() :])[0]
    lines = _LINE.findall(_HEADER.sub("", body).replace("\\n", "\n").replace("\\r", "\n"))
    start = _decoded("".join(lines)[:64])
    if "OPENSSH" in label[1]:
        is_key = start.startswith(_OPENSSH)
    else:
        is_key = bool(start) and (start[0] >= _PACKET if "PGP" in label[1] else start[0] == _SEQUENCE)
    whole = sum(map(len, lines)) * 3 // 4 >= _SHORTEST
    return _telling_line(lines, label[1]) if whole and (is_key or "ENCRYPTED" in body) else ""


def bare_key(text: str) -> str:
    """As `key_line`, of base64 without a header that is a private key of PKCS #1, PKCS #8 or SEC 1."""
    content = _decoded(text)
    if len(content) < _SHORTEST or content[0] != _SEQUENCE:
        return ""
    # The length of the sequence takes 1 byte, or as many more as its first one says.
    found = _BARE.match(content, 2 + (content[1] & 0x7F if content[1] & 0x80 else 0))
    return _telling_line(re.findall(".{1,64}", text), "EC " if found[1] == b"\x04" else "") if found else ""


def _telling_line(lines: list[str], label: str) -> str:
    """A line that holds some of the private number, which is elsewhere in each kind of key."""
    start, last = _decoded("".join(lines)[:64]), len(lines) - 1
    index = int(_PRIVATE_PART * last)
    if "EC " in label or _EC in start:
        index = 0 if "EC " in label else min(1, last)
    elif "DSA " in label or _DSA in start:
        index = last
    return lines[index] if index else lines[0][_SHARED:]


def _decoded(base64: str) -> bytes:
    try:
        return b64decode(base64[: len(base64) // 4 * 4])
    except (Error, ValueError):
        return b""
