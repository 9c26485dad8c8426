"""Removes known values from text and messages, in every form, also if a stream cuts one in two."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any

from audit_lib.secrecy.forms import SHORTEST, WINDOW, forms, windows
from audit_lib.secrecy.matcher import Matcher
from audit_lib.secrecy.readings import readings, unpacked
from audit_lib.secrecy.spelled import SpelledSearch

MARK = "[secret removed]"
DEEPEST = 100  # levels of a message: a display has a few
# So many characters of a value may end a message; more are removed, since the rest may follow.
_HARMLESS_PREFIX = 3

_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# Lines of base64 or of a long value that a writer wrapped.
_WRAPPED = re.compile(r"(?<=[\w+/=-])[ \t]*\r?\n[ \t]*(?=[\w+/=-])")

Span = tuple[int, int]


class Scrubber:
    """Known values as patterns: all in every form, and of the strong ones any 12 characters."""

    def __init__(self, values: Iterable[str] = (), strong: Iterable[str] = (), public: str = "") -> None:
        values = [value for value in values if len(value) >= SHORTEST]
        patterns = {form for value in values for _, form in forms(value)}
        strong = list(strong)
        for value in strong:
            patterns.update(run for run in windows(value, WINDOW) if decode(run) not in public)
        self._patterns = sorted(patterns)
        self._longest = max(map(len, self._patterns), default=0)
        self._heads = frozenset(pattern[:1] for pattern in self._patterns)
        self._matcher = Matcher(("value", pattern) for pattern in self._patterns)
        self._spelled = SpelledSearch(
            (("value", value) for value in values), (("value", value) for value in strong)
        )

    @property
    def is_empty(self) -> bool:
        """Whether no value is known."""
        return not self._patterns

    def spans(self, data: bytes) -> list[Span]:
        """Where known values are, as disjoint spans in order."""
        merged: list[Span] = []
        found = [(hit.start, hit.end) for hit in (*self._matcher.find(data), *self._spelled.find(data))]
        found += [(start, end) for start, end, inside in unpacked(data) if self._matcher.find(inside)]
        for start, end in sorted(found):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((start, end))
        return merged

    def unfinished(self, data: bytes, spans: list[Span]) -> int:
        """Where the longest end of `data` starts that may begin a value; its length if there is none."""
        inside = {position for start, end in spans for position in range(start + 1, end)}
        for start in range(max(0, len(data) - self._longest + 1), len(data)):
            if data[start : start + 1] in self._heads and start not in inside and self._begins(data[start:]):
                return start
        return len(data)

    def _begins(self, end: bytes) -> bool:
        place = bisect_left(self._patterns, end)
        # The pattern itself sorts first; longer ones that begin with it follow at once.
        followers = self._patterns[place : place + 2]
        return any(len(pattern) > len(end) and pattern.startswith(end) for pattern in followers)

    def text(self, text: str) -> str:
        """The text without known values; also those that colour codes or line breaks cut are removed."""
        if not self._patterns:
            return text
        clean = self._once(text)
        for between in (_ANSI, _WRAPPED):
            plain = between.sub("", clean)
            if plain != clean and self.spans(encode(plain)):
                clean = self._once(plain)
        return clean

    def cell(self, text: str) -> str:
        """The text as `text` gives it; the mark alone if a value is in it once it is unescaped."""
        clean = self.text(text)
        if self._patterns and any(self.spans(encode(one)) for one in readings(clean)):
            return MARK
        return clean

    def _once(self, text: str) -> str:
        data = encode(text)
        spans = self.spans(data)
        return render(data, spans, 0, len(data)) if spans else text

    def binary(self, data: bytes) -> bytes:
        """The bytes with known values overwritten, so that lengths and offsets stay."""
        clean = bytearray(data)
        for start, end in self.spans(data):
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
        is_value = isinstance(node, int | float) and self.spans(repr(node).encode())
        return MARK if is_value else node


class Tail:
    """One stream's end that may be the beginning of a value: held back until more text decides."""

    def __init__(self) -> None:
        self._data = b""
        self._sent = 0  # so much of it has gone out already, when a flush forced it

    @property
    def pending(self) -> bool:
        """Whether text is held back."""
        return self._sent < len(self._data)

    def feed(self, scrubber: Scrubber, text: str) -> str:
        """What may go out of the text so far."""
        data = self._data + encode(text)
        spans = scrubber.spans(data)
        keep = scrubber.unfinished(data, spans)
        return self._emit(data, spans, keep, max(keep, self._sent))

    def flush(self, scrubber: Scrubber) -> str:
        """All that was held back; a longer beginning of a value goes out as the mark."""
        data = self._data
        spans = scrubber.spans(data)
        keep = scrubber.unfinished(data, spans)
        if len(data) - keep > _HARMLESS_PREFIX:
            spans = [*[span for span in spans if span[1] <= keep], (keep, len(data))]
        return self._emit(data, spans, keep, len(data))

    def _emit(self, data: bytes, spans: list[Span], keep: int, until: int) -> str:
        text = render(data, spans, self._sent, until)
        self._data = data[keep:]
        self._sent = until - keep
        return text


def render(data: bytes, spans: list[Span], start: int, end: int) -> str:
    """The text of data[start:end] with the mark in place of each span that reaches into it."""
    pieces: list[bytes] = []
    for first, last in spans:
        if last <= start or first >= end:
            continue
        pieces += [data[start : max(first, start)], MARK.encode()]
        start = min(last, end)
    return decode(b"".join([*pieces, data[start:end]]))


def encode(text: str) -> bytes:
    """UTF-8, lone surrogates kept."""
    return text.encode("utf-8", "surrogatepass")


def decode(data: bytes) -> str:
    """The text of UTF-8; where a cut left no valid text, with replacement characters."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")
