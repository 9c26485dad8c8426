"""Takes the stream that `git cat-file --batch` writes apart into objects, in batches of bounded memory."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from audit_lib.base.git import GitFailed

AT_ONCE = 256 << 10  # bytes read at a time: what is searched is then still in the processor's cache
BATCH = 4 << 20  # bytes; larger objects come in windows of this size
OVERLAP = 1 << 16  # bytes that two windows of one object share, so that a value over their border is met
_NEWLINE = 10
_HEADER = re.compile(rb"([0-9a-f]{40,64}) (blob|tree|commit|tag) ([0-9]{1,19})\n")
_KINDS = {b"blob": "blob", b"tree": "tree", b"commit": "commit", b"tag": "tag"}
_new = tuple.__new__
_OUT_OF_STEP = "returned less of an object than its size: it is broken"


class Span(NamedTuple):
    """The position of an object, or of a window of a large one, in its batch's data."""

    start: int
    end: int
    oid: str
    kind: str  # blob | tree | commit | tag
    size: int  # of the whole object
    whole: bool


@dataclass(frozen=True)
class Batch:
    """Objects as they came. `data` is overwritten by the next batch, so that nothing is copied."""

    data: memoryview
    spans: list[Span]

    @property
    def begun(self) -> int:
        """How many objects begin in it: a later window of a large one has no header."""
        return sum(span.start > 0 for span in self.spans)

    def content(self, span: Span) -> bytes:
        """A copy of one object's content."""
        return bytes(self.data[span.start : span.end])


def batches(stream: io.BufferedReader, missing: list[str]) -> Iterator[Batch]:
    """The objects as they come; ids of those that are not there go into `missing`.

    Raises `GitFailed` if the stream ends in the middle of an object or is out of step.
    """
    buffer = bytearray(2 * BATCH)
    view = memoryview(buffer)
    filled = 0
    while True:
        spans, end = _spans(buffer, filled, missing)
        if spans:
            yield Batch(view[:end], spans)
        # What is left is the beginning of an object: it moves to the front.
        filled = _keep(view, end, filled)
        large = _span(_HEADER.match(buffer, 0, filled))
        if large and large.end >= len(buffer):
            yield from _windows(stream, view, filled, large)
            filled = 0
            continue
        read = stream.readinto1(view[filled : filled + AT_ONCE])
        if not read and not filled:
            return
        if not read:
            raise GitFailed.at("git cat-file", "ended in the middle of an object")
        filled += read


def _windows(stream: io.BufferedReader, view: memoryview, filled: int, large: Span) -> Iterator[Batch]:
    """An object that is larger than the buffer, in windows that overlap; reads up to the object's end."""
    left = large.end + 1 - filled
    start = large.start
    while left:
        read = _fill(stream, view[filled : filled + left])
        filled, left = filled + read, left - read
        yield Batch(view[:filled], [large._replace(start=start, end=filled, whole=False)])
        filled = _keep(view, max(filled - OVERLAP, start), filled)
        start = 0


def _fill(stream: io.BufferedReader, view: memoryview) -> int:
    filled = 0
    while filled < len(view):
        read = stream.readinto1(view[filled:])
        if not read:
            raise GitFailed.at("git cat-file", "ended in the middle of an object")
        filled += read
    return filled


def _keep(view: memoryview, start: int, end: int) -> int:
    view[: end - start] = bytes(view[start:end])
    return end - start


def _spans(buffer: bytearray, filled: int, missing: list[str]) -> tuple[list[Span], int]:
    """The objects that are whole in the buffer, and where the first one begins that does not."""
    spans: list[Span] = []
    at = 0
    while True:
        span = _span(_HEADER.match(buffer, at, filled))
        if span is None:
            line_end = buffer.find(b"\n", at, filled)
            if line_end < 0:
                break
            missing.append(_missing(bytes(buffer[at:line_end])))
            at = line_end + 1
            continue
        if span.end >= filled:
            break
        if buffer[span.end] != _NEWLINE:
            # What came before counts: it is handed on first.
            if spans:
                break
            raise GitFailed.at("git cat-file", _OUT_OF_STEP)
        spans.append(span)
        at = span.end + 1
    return spans, at


def _span(header: re.Match[bytes] | None) -> Span | None:
    """The position of the object that a header announces."""
    if header is None:
        return None
    oid, kind, digits = header.groups()
    start, size = header.end(), int(digits)
    # As `Span(…)`, in half the time: there are as many as objects.
    return _new(Span, (start, start + size, oid.decode("ascii"), _KINDS[kind], size, True))


def _missing(line: bytes) -> str:
    """The id of an object that git does not have; any other line is content out of step."""
    oid, _, state = line.partition(b" ")
    if state != b"missing" or not re.fullmatch(rb"[0-9a-f]{40,64}", oid):
        raise GitFailed.at("git cat-file", _OUT_OF_STEP)
    return oid.decode("ascii")
