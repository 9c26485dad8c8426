"""Removes known values from text and messages, and whatever stands beside the name of a secret."""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

from audit_lib.secrecy.matcher import Matcher, encode, readings

MARK = "[secret removed]"
DEEPEST = 100  # levels of a message: a display has a few
_LAYERS = 3  # of escapes
_HARMLESS = 3  # characters of a value that say nothing of it
_BASE64_END = re.compile(rb"[A-Za-z0-9+/_=-]{0,4}")
_OPENING = re.compile(r"""(?:\\*["'`])?""")
_BESIDE = tomllib.loads(Path(__file__).with_name("beside_names.toml").read_text("utf-8"))
_VALUES = [
    re.compile("(?i)" + re.sub(r"\{([a-z]+)\}", lambda named: _BESIDE["fragments"][named[1]], place["value"]))
    for place in _BESIDE["place"]
]


def redact_named(text: str) -> str:
    """The text without what stands beside the name of a secret, in JSON, a dict or an assignment, after
    `Bearer` or `Basic`, or as the password of a URL: values that nobody knows."""
    for pattern in _VALUES:
        text = pattern.sub(lambda at: f"{at[1]}{''.join(_OPENING.findall(at['value'])[:1])}{MARK}", text)
    return text


class Redactor(Matcher):
    """A matcher that removes what it finds."""

    @property
    def digest(self) -> str:
        """Names what is removed, by fingerprints: another value gives another digest."""
        return sha256("\n".join(sorted(self._values)).encode()).hexdigest()

    def text(self, text: str) -> str:
        """The text without known values, and lines, pairs of them or all that hide one in escapes."""
        if not self._values or not text:
            return text
        data = encode(text)
        redacted = self._without(data, lambda size: MARK.encode())
        clean = text if redacted == data else redacted.decode("utf-8", "replace")
        if not self._hides_value(clean):
            return clean
        lines = clean.splitlines(keepends=True)
        for size, at in product((1, 2), range(len(lines))):
            some = lines[at : at + size]
            if self._hides_value("".join(some)):
                lines[at : at + size] = [MARK + line[len(line.rstrip("\r\n")) :] for line in some]
        return f"{MARK}\n" if self._hides_value("".join(lines)) else "".join(lines)

    def texts(self, texts: Iterable[str]) -> dict[str, str]:
        """Those of many texts that hold a value, with what is left of each."""
        known = list(texts)
        together = "\n".join(known)
        suspects = known if self.text(together) != together else []
        return {text: clean for text in suspects if (clean := self.text(text)) != text}

    def binary(self, data: bytes) -> bytes:
        """The bytes with known values overwritten, so that lengths and offsets stay."""
        return self._without(data, lambda size: b"*" * size)

    def tree(self, node: Any, depth: int = 0) -> Any:
        """A copy of a message's part without known values, keys too; a mark for what lies too deep."""
        if depth > DEEPEST:
            return MARK
        if isinstance(node, Mapping):
            return {self.tree(key, depth + 1): self.tree(value, depth + 1) for key, value in node.items()}
        if isinstance(node, list | tuple):
            return [self.tree(item, depth + 1) for item in node]
        if isinstance(node, bytes | bytearray | memoryview):
            return self.binary(bytes(node))
        text = node if isinstance(node, str) else repr(node)
        return clean if (clean := self.text(text)) != text else node

    def unfinished(self, data: bytes) -> int:
        """Where the longest end of some bytes starts that may go on as a value; their length if none may."""
        start, behind = (self._spans(data) or [(0, 0)])[-1]
        if start < behind == len(data):  # a part of a value, and the rest may follow
            return start
        longest = max(map(len, self.contents), default=0)
        for at in range(max(behind, len(data) - longest), len(data)):
            following = bisect_right(self.contents, data[at:])
            if any(content.startswith(data[at:]) for content in self.contents[following : following + 1]):
                return at
        return len(data)

    def _without(self, data: bytes, mark: Callable[[int], bytes]) -> bytes:
        clean = bytearray(data)
        for start, end in reversed(self._spans(data)):
            clean[start:end] = mark(end - start)
        return bytes(clean)

    def _spans(self, data: bytes) -> list[tuple[int, int]]:
        """Where known values are, as disjoint spans in order."""
        covered = bytearray(len(data))
        for hit in self.find(data, len(data)):
            start, end = hit.start, hit.end
            if hit.form.startswith("base64"):  # its groups at both ends hold bits of what is beside the value
                start -= len(_BASE64_END.findall(data[max(0, start - 4) : start][::-1])[0])
                end += len(_BASE64_END.findall(data[end : end + 4])[0])
            covered[start:end] = b"\1" * (end - start)
        return [found.span() for found in re.finditer(rb"\x01+", covered)]

    def _hides_value(self, text: str) -> bool:
        layer = [encode(text)]
        seen = set(layer)
        for _ in range(_LAYERS):
            found = (read for content in layer for _, read in readings(content) if read not in seen)
            layer = [*dict.fromkeys(found)]
            if any(self.find(read, 1) for read in layer):
                return True
            seen.update(layer)
            layer = [read for read in layer if b"\0" not in read]  # a picture holds no text
        return False


class Tail:
    """The line of a stream that goes on, which is held back: a value may go on with it."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, redactor: Redactor, text: str) -> str:
        """What may go out: all whole lines so far."""
        self._held += text
        end = max(self._held.rfind("\n"), self._held.rfind("\r")) + 1
        whole, self._held = self._held[:end], self._held[end:]
        return redactor.text(whole)

    def flush(self, redactor: Redactor, *, last: bool = False) -> str:
        """What was held back, but for an end that may begin a value: it waits for what follows, and if that
        is nothing, up to three characters of it go out, and more as the mark."""
        data = encode(self._held)
        start = redactor.unfinished(data)
        out, rest = (part.decode("utf-8", "replace") for part in (data[:start], data[start:]))
        self._held = "" if last else rest
        return redactor.text(out) + ("" if not last else MARK if len(rest) > _HARMLESS else rest)
