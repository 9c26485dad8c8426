"""Removes known values from text and messages, and whatever stands beside the name of a secret."""

import html
import re
from base64 import b64decode
from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

from audit_lib.secrecy.forms import SHORTEST, WINDOW, forms
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.matcher import Matcher
from audit_lib.secrecy.strength import strength_bits

MARK = "[secret removed]"
WEAKEST_BITS = 40  # of a value that texts of other people are rid of; a weaker one is in them by chance
DEEPEST = 100  # levels of a message: a display has a few
_HARMLESS = 3  # so many characters of a value may end a stream; more are removed, since the rest may follow
_LAYERS = 3  # of escapes
# Colour codes, and the breaks of lines that a writer wrapped.
_BETWEEN = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|(?<=[\w+/=-])[ \t]*\r?\n[ \t]*(?=\x1b?[\w+/=-])")
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|([\\/\"']))")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_LAYOUT_END = re.compile(rb"(?:\x1b\[[0-?]*[ -/]*[@-~]|[ \t\r\n])+\Z")
_BASE64_END = re.compile(rb"[A-Za-z0-9+/_=-]{0,4}")
# Values that the audit does not know either: a parameter named like a secret, a refused input, a credential.
_NAME = (
    r"(?:token|secret|passw(?:or)?d|passphrase|passcode|pwd|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|credential|signature|jwt|authorization|cookie|input_value)[\w.-]{0,64}"
)
# A text in quotes, perhaps escaped ones; a list; or what ends at a blank, a quote or the next assignment.
_QUOTED = r"""(?P<quote>\\+["'])(?:(?!(?P=quote)).)*|"(?:\\.|[^"\\])*|'(?:\\.|[^'\\])*|`[^`]*"""
_NEXT = r"""[&,;)\]}"'](?=$|[\s&,;)\]}"'<>|:]|[&"']?[\w.-]{1,64}["']?\s?[=:])"""
_BARE = rf"""(?:(?!{_NEXT}|</|[<>]\s)\S)+"""
_VALUES = (
    re.compile(
        rf"""(?i)({_NAME}\\*["'`]?\s{{0,8}}(?:=>|:=|[=:])\s{{0,8}}(?:[bru]{{1,2}}(?=["']))?)"""
        rf"""(?P<value>{_QUOTED}|\[[^\]]*\]?|\{{[^}}]*\}}?|(?:(?:bearer|basic|token)\s+)?{_BARE})"""
    ),
    re.compile(rf"(?i)(<[\w-]{{0,64}}{_NAME}>)(?P<value>[^<]+)"),
    re.compile(rf"""(?i)((?<![\w-])--?[\w-]{{0,64}}{_NAME}\s)(?P<value>{_QUOTED}|[^\s"'-][^\s"']*)"""),
    re.compile(r"(?i)((?:bearer|basic)\s+)(?P<value>[\w.~+/=-]{8,})"),
    re.compile(r"(://[^/\s:@]*:)(?P<value>[^/\s@]+)(?=@)"),
)
_OPENING = re.compile(r"""\\*["'`]""")

Span = tuple[int, int]


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
        self._strong, self._public = [name for name in strong if name in self._values], public
        self._matcher = Matcher(self._values, self._strong, public)
        self._beginnings: list[bytes] | None = None

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

    @property
    def is_empty(self) -> bool:
        """Whether no value is known."""
        return not self._values

    def text(self, text: str) -> str:
        """The text without known values; of a line that holds one in layers of escapes nothing is left."""
        if not self._values or not text:
            return text
        data = encode(text)
        clean = render(data, self.spans(data), 0, len(data))
        if not any(self._matcher.holds(encode(reading)) for reading in _readings(clean)):
            return clean
        return "".join(
            MARK + line[len(line.rstrip("\r\n")) :]
            if any(self._matcher.holds(encode(reading)) for reading in _readings(line))
            else line
            for line in clean.splitlines(keepends=True)
        )

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
        is_value = isinstance(node, int | float) and self._matcher.holds(repr(node).encode())
        return MARK if is_value else node

    def spans(self, data: bytes) -> list[Span]:
        """Where known values are, those cut by colour codes or line breaks too, as disjoint spans."""
        found = list(self._spans(data))
        text = decode(data)
        if encode(text) == data and (plain := _joined(text)):
            joined, at, origin = plain
            for start, end in self._spans(joined):
                found.append((_origin(start, at, origin), _origin(end - 1, at, origin) + 1))
        merged: list[Span] = []
        for start, end in sorted(found):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((start, end))
        return merged

    def _spans(self, data: bytes) -> Iterator[Span]:
        for hit in self._matcher.find(data, 1 << 30):
            if hit.form.startswith("base64"):
                # The groups at both ends share bits with what stands beside the value.
                before = _BASE64_END.match(data[max(0, hit.start - 4) : hit.start][::-1])
                after = _BASE64_END.match(data, hit.end)
                yield hit.start - (before.end() if before else 0), after.end() if after else hit.end
            else:
                yield hit.start, hit.end

    def unfinished(self, data: bytes, spans: list[Span]) -> int:
        """Where the longest end of `data` starts that may begin a value; its length if there is none."""
        if self._beginnings is None:
            begins = {form for value in self._values.values() for _, form in forms(value)}
            for name in self._strong:
                value = self._values[name]
                runs = (value[at : at + WINDOW] for at in range(len(value) - WINDOW + 1))
                begins.update(encode(run) for run in runs if run not in self._public)
            self._beginnings = sorted(begins)
        longest = max(map(len, self._beginnings), default=0)
        inside = {position for start, end in spans for position in range(start + 1, end)}
        ending = _LAYOUT_END.search(data)
        stop = ending.start() if ending else len(data)  # a value may go on behind a break or a colour code
        for start in range(max(0, stop - longest + 1), stop):
            if start not in inside and self._begins(data[start:stop], self._beginnings):
                return start if stop == len(data) or stop - start > _HARMLESS else len(data)
        return len(data)

    def _begins(self, end: bytes, beginnings: list[bytes]) -> bool:
        place = bisect_left(beginnings, end)
        # The form itself sorts first; longer ones that begin with it follow at once.
        return any(len(form) > len(end) and form.startswith(end) for form in beginnings[place : place + 2])


class Tail:
    """One stream's end that is held back: a line that goes on, and what may begin a value."""

    def __init__(self) -> None:
        self._data = b""
        self._sent = 0  # so much of it has gone out already, when a flush forced it

    @property
    def pending(self) -> bool:
        """Whether text is held back."""
        return self._sent < len(self._data)

    def feed(self, redactor: Redactor, text: str, *, lines: bool = False) -> str:
        """What may go out of the text so far; with `lines` only up to the last end of a line."""
        data = self._data + encode(text)
        whole = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1 if lines else len(data)
        spans = redactor.spans(data)
        cut = (start for start, end in spans if start < whole < end)
        keep = min(redactor.unfinished(data, spans), whole, *cut)
        return self._emit(redactor, data, spans, keep, max(keep, self._sent))

    def flush(self, redactor: Redactor) -> str:
        """All that was held back; a longer beginning of a value goes out as the mark."""
        data = self._data
        spans = redactor.spans(data)
        keep = redactor.unfinished(data, spans)
        if len(data) - keep > _HARMLESS:
            spans = [*[span for span in spans if span[1] <= keep], (keep, len(data))]
        return self._emit(redactor, data, spans, keep, len(data))

    def _emit(self, redactor: Redactor, data: bytes, spans: list[Span], keep: int, until: int) -> str:
        text = render(data, spans, self._sent, until)
        self._data = data[keep:]
        self._sent = until - keep
        return redactor.text(text)


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


def _joined(text: str) -> tuple[bytes, list[int], list[int]] | None:
    """The text without colour codes and breaks, and its positions with those before; None if it has none."""
    parts, at, origin = [], [0], [0]
    end = joined = 0
    for found in _BETWEEN.finditer(text):
        parts.append(encode(text[end : found.start()]))
        joined += len(parts[-1])
        at.append(joined)
        origin.append(origin[-1] + len(parts[-1]) + len(encode(found[0])))
        end = found.end()
    return (b"".join([*parts, encode(text[end:])]), at, origin) if parts else None


def _origin(position: int, at: list[int], origin: list[int]) -> int:
    place = bisect_right(at, position) - 1
    return origin[place] + position - at[place]


def _readings(text: str) -> Iterator[str]:
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
