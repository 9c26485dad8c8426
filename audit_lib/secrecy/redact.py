"""Removes known values from text and messages, and whatever stands beside the name of a secret."""

import re
import tomllib
from collections.abc import Container, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from audit_lib.secrecy.forms import SHORTEST, decode, encode, readings
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.matcher import Matcher
from audit_lib.secrecy.strength import strength_bits

MARK = "[secret removed]"
WEAKEST_BITS = 40  # of a value that texts of other people are rid of; a weaker one is in them by chance
DEEPEST = 100  # levels of a message: a display has a few
_LAYERS = 3  # of escapes
_HARMLESS = 3  # characters of a value that say nothing of it
_BASE64_END = re.compile(rb"[A-Za-z0-9+/_=-]{0,4}")
_OPENING = re.compile(r"""\\*["'`]""")
_BESIDE = tomllib.loads(Path(__file__).with_name("beside_names.toml").read_text("utf-8"))


def _pattern(text: str) -> re.Pattern[str]:
    for name, fragment in _BESIDE["fragments"].items():
        text = text.replace(f"{{{name}}}", fragment)
    return re.compile(f"(?i){text}")


_VALUES = [_pattern(place["value"]) for place in _BESIDE["place"]]


def redact_named(text: str) -> str:
    """The text without what stands beside the name of a secret, in JSON, a dict or an assignment, after
    `Bearer` or `Basic`, or as the password of a URL: values that nobody knows."""
    for pattern in _VALUES:
        text = pattern.sub(_redact, text)
    return text


def _redact(found: re.Match[str]) -> str:
    quote = _OPENING.match(found["value"])
    return f"{found[1]}{quote[0] if quote else ''}{MARK}"


class Redactor:
    """Known values by name: all are removed in every form, and of the strong ones any 12 characters."""

    def __init__(self, values: Mapping[str, str], strong: Iterable[str] = (), public: str = "") -> None:
        """Characters that are in the public text are no part of a secret."""
        self._values = {name: value for name, value in values.items() if len(value) >= SHORTEST}
        self._matcher = Matcher(self._values, strong, public)

    @classmethod
    def of(cls, keeper: Keeper, names: Container[str] | None = None) -> "Redactor":
        """Removes the values that the keeper holds now: those named, or all that no text has by chance."""
        known = {
            name: value
            for name, value in keeper.values()
            if (strength_bits(value) >= WEAKEST_BITS if names is None else name in names)
        }
        return cls(known, known)

    @property
    def digest(self) -> str:
        """Names what is removed, by fingerprints: another value gives another digest."""
        return sha256("\n".join(sorted(self._values)).encode()).hexdigest()

    def text(self, text: str) -> str:
        """The text without known values; of lines that hold one in layers of escapes nothing is left."""
        if not self._values or not text:
            return text
        data, pieces, at = encode(text), [], 0
        for start, end in self._spans(data):
            pieces += [data[at:start], MARK.encode()]
            at = end
        clean = decode(b"".join([*pieces, data[at:]]))
        return self._without_hidden(clean) if self._is_hidden_in(clean) else clean

    def texts(self, texts: Iterable[str]) -> dict[str, str]:
        """Those of many texts that hold a value, with what is left of each."""
        known = list(texts)
        together = "\n".join(known)
        if self.text(together) == together:
            return {}
        return {text: clean for text in known if (clean := self.text(text)) != text}

    def binary(self, data: bytes) -> bytes:
        """The bytes with known values overwritten, so that lengths and offsets stay."""
        clean = bytearray(data)
        for start, end in self._spans(data):
            clean[start:end] = b"*" * (end - start)
        return bytes(clean)

    def tree(self, node: Any, depth: int = 0) -> Any:
        """A copy of a message's part: each text in it, keys too, without known values.

        What is nested deeper than `DEEPEST` is removed as a whole: nobody can have looked at it.
        """
        if depth > DEEPEST:
            return MARK
        if isinstance(node, str):
            return self.text(node)
        if isinstance(node, Mapping):
            return {self.tree(key, depth + 1): self.tree(value, depth + 1) for key, value in node.items()}
        if isinstance(node, list | tuple):
            return [self.tree(item, depth + 1) for item in node]
        if isinstance(node, bytes | bytearray | memoryview):
            return self.binary(bytes(node))
        is_value = isinstance(node, int | float) and self._matcher.find(repr(node).encode(), 1)
        return MARK if is_value else node

    def unfinished(self, data: bytes) -> int:
        """Where the longest end of some bytes starts that may go on as a value; their length if none may."""
        start, behind = (self._spans(data) or [(0, 0)])[-1]
        if start < behind == len(data):  # a part of a value, and the rest may follow
            return start
        places = range(max(behind, len(data) - self._matcher.longest), len(data))
        return next((at for at in places if self._matcher.may_begin(data[at:])), len(data))

    def _spans(self, data: bytes) -> list[tuple[int, int]]:
        """Where known values are, as disjoint spans in order."""
        spans: list[tuple[int, int]] = []
        for hit in self._matcher.find(data, len(data)):
            start, end = hit.start, hit.end
            if hit.form.startswith("base64"):
                # The groups at both ends share bits with what stands beside the value.
                before = _BASE64_END.match(data[max(0, start - 4) : start][::-1])
                after = _BASE64_END.match(data, end)
                start, end = start - (before.end() if before else 0), after.end() if after else end
            if spans and start < spans[-1][1]:
                start, end = min(start, spans[-1][0]), max(end, spans.pop()[1])
            spans.append((start, end))
        return spans

    def _without_hidden(self, text: str) -> str:
        """The text with a mark for lines that hide a value alone, else for pairs of them, else for all."""
        lines = text.splitlines(keepends=True)
        for size in (1, 2):
            places = [at for at in range(len(lines)) if self._is_hidden_in("".join(lines[at : at + size]))]
            for at in places:
                lines[at : at + size] = [
                    MARK + line[len(line.rstrip("\r\n")) :] for line in lines[at : at + size]
                ]
            if places and not self._is_hidden_in("".join(lines)):
                return "".join(lines)
        return f"{MARK}\n"

    def _is_hidden_in(self, text: str) -> bool:
        layer = [encode(text)]
        seen = set(layer)
        for _ in range(_LAYERS):
            layer = [read for content in layer for _, read in readings(content) if read not in seen]
            if any(self._matcher.find(read, 1) for read in layer):
                return True
            seen.update(layer)
            layer = [read for read in layer if b"\0" not in read]  # a picture holds no text
        return False


class Tail:
    """The line of a stream that goes on, which is held back: a value may go on with it."""

    def __init__(self) -> None:
        self._held = ""

    @property
    def is_question(self) -> bool:
        """Whether somebody waits for an answer in the line, which ends with no part of a word."""
        return self._held.endswith((" ", ":", "?", "]"))

    def feed(self, redactor: Redactor, text: str) -> str:
        """What may go out: all whole lines so far."""
        self._held += text
        end = max(self._held.rfind("\n"), self._held.rfind("\r")) + 1
        whole, self._held = self._held[:end], self._held[end:]
        return redactor.text(whole)

    def flush(self, redactor: Redactor, *, last: bool = False) -> str:
        """What was held back, but for an end that may begin a value: it waits for what follows.

        If nothing follows any more, up to three characters of it go out, and more as the mark.
        """
        data = encode(self._held)
        start = redactor.unfinished(data)
        end, self._held = decode(data[start:]), "" if last else decode(data[start:])
        out = redactor.text(decode(data[:start]))
        return out + (MARK if len(end) > _HARMLESS else end) if last else out
