"""Reads every object of a git repository once, reachable or not, in batches (spec leak_search.md)."""

import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from subprocess import Popen
from typing import IO

from audit_lib.sources.git import GitFailed, git_process, run_git
from audit_lib.sources.object_stream import BATCH, Batch, batches
from audit_lib.sources.scan_cache import Memory, packed

_PIPE = 1 << 20
_MOST_FAULTS = 20  # objects that git cannot read, before the search gives up
_SET_PIPE_SIZE = 1031  # Linux's F_SETPIPE_SZ, which fcntl names from Python 3.10 on, on Linux only


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
            if asked is None:
                # How far git came in an order of its own is not known: all are asked for again, in ours.
                asked = self.ids.decode("ascii").split()
                continue
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
        yield from batches(stream, missing if missing is not None else [])


def read_object(root: Path, oid: str) -> Iterator[bytes]:
    """The content of one object, in pieces that follow each other without overlap."""
    with _running(root, ("cat-file", "--batch", "--buffer"), [oid]) as stream:
        header = stream.readline().split()
        left = int(header[2]) if len(header) == 3 else 0
        while left and (piece := stream.read(min(BATCH, left))):
            left -= len(piece)
            yield piece
        # git still has a line end to write; with nobody to read it, it would fail.
        stream.read()


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
