"""Reads every object of a git repository once, reachable or not, in batches (spec leak_search.md)."""

import re
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from subprocess import Popen
from typing import IO, NamedTuple

from audit_lib.sources.git import GitFailed, git_process, run_git
from audit_lib.sources.scan_cache import Memory, packed

AT_ONCE = 256 << 10  # bytes read at a time: what is searched is then still in the processor's cache
BATCH = 4 << 20  # bytes; larger objects come in windows of this size
OVERLAP = 1 << 16  # bytes that two windows of one object share, so that a value over their border is met
_PIPE = 1 << 20
_NEWLINE = 10
_HEADER = re.compile(rb"([0-9a-f]{40,64}) (blob|tree|commit|tag) ([0-9]{1,19})\n")
_KINDS = {b"blob": "blob", b"tree": "tree", b"commit": "commit", b"tag": "tag"}
_MOST_FAULTS = 20  # objects that git cannot read, before the search gives up
_OUT_OF_STEP = "gave less of an object than its size: it is broken"
_SET_PIPE_SIZE = 1031  # Linux's F_SETPIPE_SZ, which fcntl names from Python 3.10 on, on Linux only


class Span(NamedTuple):
    """Where an object, or a window of a large one, lies in its batch's data."""

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

    def content(self, span: Span) -> bytes:
        """A copy of one object's content."""
        return bytes(self.data[span.start : span.end])


@dataclass(frozen=True)
class Listing:
    """All objects of a repository, and those of them that a search has to read."""

    digest: str  # of the list: the same objects in the same packs give the same
    ids: bytes  # of all objects, one a line, in the order in which git reads them
    to_read: list[str] | None  # None: all of them

    @property
    def count(self) -> int:
        """How many objects there are."""
        return self.ids.count(b"\n")

    def read(self, root: Path, missing: list[str], faults: list[str]) -> Iterator[Batch]:
        """The objects to be read; past one that git cannot read it goes on, and `faults` says so."""
        asked = self.to_read
        while asked is None or asked:
            last = ""
            try:
                for batch in read_objects(root, asked, missing):
                    last = batch.spans[-1].oid
                    yield batch
                return
            except GitFailed as failed:
                faults.append(str(failed))
            if len(faults) >= _MOST_FAULTS:
                return
            asked = asked if asked is not None else self.ids.decode("ascii").split()
            # What follows the last that came is what git gave up on, or known to be missing.
            gone = set(missing)
            left = [oid for oid in asked[asked.index(last) + 1 if last else 0 :] if oid not in gone]
            missing += left[:1]
            asked = left[1:]

    def clean(self, marked: Collection[str], memory: Memory) -> bytes:
        """The packed ids of all objects but the marked ones."""
        if self.digest == memory.listing and set(marked) == set(memory.marked):
            return memory.packed
        return packed(set(self.ids.split()).difference(oid.encode("ascii") for oid in marked))


def list_objects(root: Path, memory: Memory) -> Listing:
    """Which objects there are and which of them are new or marked. `GitFailed` where git cannot say."""
    every = ("--batch-all-objects", "--batch-check=%(objectname)", "--unordered", "--buffer")
    listed = run_git(root, "cat-file", *every)
    digest = sha256(listed).hexdigest()
    if digest == memory.listing:
        return Listing(digest, listed, list(memory.marked))
    known = memory.clean
    # All are asked for at once where nothing is known: git then reads in the order of its packs.
    new = [oid.decode("ascii") for oid in listed.split() if oid not in known] if known else None
    return Listing(digest, listed, new)


def read_objects(
    root: Path, oids: Iterable[str] | None = None, missing: list[str] | None = None
) -> Iterator[Batch]:
    """Batches of all objects, or of those named; ids of objects that are not there go into `missing`.

    Raises `GitFailed` at the end where git failed: what came before is then incomplete.
    """
    every = ("--batch-all-objects", "--unordered") if oids is None else ()
    with _running(root, ("cat-file", "--batch", "--buffer", *every), oids) as stream:
        yield from _batches(stream, missing if missing is not None else [])


def read_object(root: Path, oid: str) -> Iterator[bytes]:
    """The content of one object, in pieces that follow each other without overlap."""
    with _running(root, ("cat-file", "--batch", "--buffer"), [oid]) as stream:
        header = stream.readline().split()
        left = int(header[2]) if len(header) == 3 else 0
        while left and (piece := stream.read(min(BATCH, left))):
            left -= len(piece)
            yield piece


def stream_lines(root: Path, args: tuple[str, ...], lines: Iterable[str]) -> Iterator[bytes]:
    """What a plumbing command writes for the lines it is given, in fields that end in a zero byte."""
    with _running(root, args, lines) as stream:
        rest = b""
        while piece := stream.read(_PIPE):
            *fields, rest = (rest + piece).split(b"\0")
            yield from fields


@contextmanager
def _running(root: Path, args: tuple[str, ...], lines: Iterable[str] | None) -> Iterator[IO[bytes]]:
    """A plumbing command's output; `GitFailed` at the end where its exit code is not 0."""
    process = git_process(root, *args)
    assert process.stdin is not None
    assert process.stdout is not None
    _widen(process.stdout)
    feeder = threading.Thread(target=_feed, args=(process, lines or ()), daemon=True)
    feeder.start()
    try:
        yield process.stdout
        process.stdout.close()
        if process.wait() != 0:
            raise GitFailed.at(f"git {args[0]}", f"ended with {process.returncode}")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
        feeder.join()


def _feed(process: "Popen[bytes]", lines: Iterable[str]) -> None:
    """Writes from a thread of its own: git answers while it is still being asked."""
    assert process.stdin is not None
    with suppress(OSError, ValueError):
        for line in lines:
            process.stdin.write(line.encode("ascii") + b"\n")
    with suppress(OSError, ValueError):
        process.stdin.close()


def _widen(pipe: IO[bytes]) -> None:
    """A wider pipe lets git go on while a batch is searched; where the system has none, it is only slower."""
    with suppress(ImportError, OSError):
        from fcntl import fcntl  # noqa: PLC0415  there is none on Windows

        fcntl(pipe.fileno(), _SET_PIPE_SIZE, _PIPE)


def _batches(stream: IO[bytes], missing: list[str]) -> Iterator[Batch]:
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
        read = _read(stream, view[filled : filled + AT_ONCE])
        if not read and not filled:
            return
        if not read:
            raise GitFailed.at("git cat-file", "ended in the middle of an object")
        filled += read


def _windows(stream: IO[bytes], view: memoryview, filled: int, large: Span) -> Iterator[Batch]:
    """An object that is larger than the buffer, in windows that overlap; reads up to the object's end."""
    left = large.end + 1 - filled
    start = large.start
    while left:
        read = _read(stream, view[filled : filled + left])
        if not read:
            raise GitFailed.at("git cat-file", "ended in the middle of an object")
        filled, left = filled + read, left - read
        yield Batch(view[:filled], [large._replace(start=start, end=filled, whole=False)])
        filled = _keep(view, max(filled - OVERLAP, start), filled)
        start = 0


def _read(stream: IO[bytes], into: memoryview) -> int:
    return int(stream.readinto(into))  # type: ignore[attr-defined]


def _keep(view: memoryview, start: int, end: int) -> int:
    view[: end - start] = bytes(view[start:end])
    return end - start


def _spans(buffer: bytearray, filled: int, missing: list[str]) -> tuple[list[Span], int]:
    """The objects that lie whole in the buffer, and where the first one begins that does not."""
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
    """Where the object lies that a header announces."""
    if header is None:
        return None
    oid, kind, digits = header.groups()
    start, size = header.end(), int(digits)
    return Span(start, start + size, oid.decode("ascii"), _KINDS[kind], size, True)


def _missing(line: bytes) -> str:
    """The id of an object that git does not have; any other line is content out of step."""
    oid, _, state = line.partition(b" ")
    if state != b"missing" or not re.fullmatch(rb"[0-9a-f]{40,64}", oid):
        raise GitFailed.at("git cat-file", _OUT_OF_STEP)
    return oid.decode("ascii")
