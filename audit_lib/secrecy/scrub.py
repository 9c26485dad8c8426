"""Removes known values from text and messages, in every form, also if a stream cuts one in two."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from audit_lib.secrecy.forms import SHORTEST, WINDOW, forms, windows
from audit_lib.secrecy.matcher import Matcher
from audit_lib.secrecy.readings import before_joining, join_lines, readings, unpacked, without_colours
from audit_lib.secrecy.spelled import SpelledSearch

MARK = "[secret removed]"
DEEPEST = 100  # levels of a message: a display has a few
# So many characters of a value may end a message; more are removed, since the rest may follow.
_HARMLESS_PREFIX = 3

# Bytes of a line that are held back until it ends: a value may be spelled out in it.
_LONGEST_LINE = 1 << 14

Span = tuple[int, int]
_Breaks = list[tuple[int, int]]


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
        """Where known values are, as disjoint spans in order; those too that layout cuts."""
        merged: list[Span] = []
        found = [(hit.start, hit.end) for hit in (*self._matcher.find(data), *self._spelled.find(data))]
        found += [(start, end) for start, end, inside in unpacked(data) if self._matcher.find(inside)]
        for plain, breaks in _unlaid(data):
            hits = (*self._matcher.find(plain), *self._spelled.find(plain))
            found += [(_before(hit.start, breaks), _before(hit.end - 1, breaks) + 1) for hit in hits]
        for start, end in sorted(found):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((start, end))
        return merged

    def unfinished(self, data: bytes, spans: list[Span]) -> int:
        """Where the longest end of `data` starts that may begin a value; its length if there is none."""
        inside = {position for start, end in spans for position in range(start + 1, end)}
        return next((start for start in self._starts(data, 1) if start not in inside), len(data))

    def cut_by_layout(self, data: bytes, spans: list[Span]) -> int:
        """As `unfinished`, where colour codes or a line break follow more than a harmless beginning."""
        inside = {position for start, end in spans for position in range(start, end)}
        places = [
            place
            for plain, breaks in _unlaid(data)
            for start in self._starts(plain, _HARMLESS_PREFIX + 1)
            if (place := _before(start, breaks)) not in inside
        ]
        return min(places, default=len(data))

    def _starts(self, data: bytes, least: int) -> Iterator[int]:
        """Where ends of `data` of at least so many bytes begin that may begin a value, the longest first."""
        for start in range(max(0, len(data) - self._longest + 1), len(data) - least + 1):
            if data[start : start + 1] in self._heads and self._begins(data[start:]):
                yield start

    def _begins(self, end: bytes) -> bool:
        place = bisect_left(self._patterns, end)
        # The pattern itself sorts first; longer ones that begin with it follow at once.
        followers = self._patterns[place : place + 2]
        return any(len(pattern) > len(end) and pattern.startswith(end) for pattern in followers)

    def text(self, text: str) -> str:
        """The text without known values; also those that colour codes or line breaks cut are removed."""
        data = encode(text)
        spans = self.spans(data) if self._patterns else []
        return render(data, spans, 0, len(data)) if spans else text

    def cell(self, text: str) -> str:
        """The text as `text` gives it; the mark alone if a value is in it once it is unescaped."""
        clean = self.text(text)
        if self._patterns and any(self.spans(encode(one)) for one in readings(clean)):
            return MARK
        return clean

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
    """One stream's last line, in which a value may be spelled out, and what may begin one: held back."""

    def __init__(self) -> None:
        self._data = b""
        self._sent = 0  # so much of it has gone out already, when a flush forced it

    @property
    def pending(self) -> bool:
        """Whether text is held back."""
        return self._sent < len(self._data)

    def feed(self, scrubber: Scrubber, text: str) -> str:
        """What may go out of the text so far: whole lines."""
        data = self._data = self._data + encode(text)
        if not {"\n", "\r"} & set(text) and len(data) < _LONGEST_LINE:
            return ""
        spans = scrubber.spans(data)
        keep = self._keep(scrubber, data, spans)
        return self._emit(data, spans, keep, max(keep, self._sent))

    def unended(self, scrubber: Scrubber) -> str:
        """What may go out of a line that has not ended, for whoever waits to read it."""
        data = self._data
        spans = scrubber.spans(data)
        until = min(scrubber.unfinished(data, spans), scrubber.cut_by_layout(data, spans))
        return self._emit(data, spans, self._keep(scrubber, data, spans), max(until, self._sent))

    def _keep(self, scrubber: Scrubber, data: bytes, spans: list[Span]) -> int:
        """Where begins what further text may show to be a value."""
        line = max(data.rfind(b"\n") + 1, data.rfind(b"\r") + 1, len(data) - _LONGEST_LINE // 2)
        return min(line, scrubber.unfinished(data, spans), scrubber.cut_by_layout(data, spans))

    def flush(self, scrubber: Scrubber) -> str:
        """All that was held back; a longer beginning of a value goes out as the mark."""
        data = self._data
        spans = scrubber.spans(data)
        keep = scrubber.unfinished(data, spans)
        if len(data) - keep > _HARMLESS_PREFIX:
            spans = [*[span for span in spans if span[1] <= keep], (keep, len(data))]
        return self._emit(data, spans, self._keep(scrubber, data, spans), len(data))

    def _emit(self, data: bytes, spans: list[Span], keep: int, until: int) -> str:
        text = render(data, spans, self._sent, until)
        self._data = data[keep:]
        self._sent = until - keep
        return text


def _unlaid(data: bytes) -> Iterator[tuple[bytes, list[_Breaks]]]:
    """The text without colour codes, then without line breaks too, where there are any."""
    plain, codes = without_colours(data)
    if codes:
        yield plain, [codes]
    lines, breaks = join_lines(plain)
    if breaks:
        yield lines, [breaks, codes]


def _before(position: int, layers: Iterable[_Breaks]) -> int:
    for breaks in layers:
        position = before_joining(position, breaks)
    return position


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
