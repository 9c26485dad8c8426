"""Writing to the ledger: one entry at a time, under a lock, on the disk before it counts."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from audit_lib.base.clock import iso
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import sync_folder
from audit_lib.ledger.anchor import anchor_of
from audit_lib.ledger.chain import WRITER, refuse_links, torn_facts
from audit_lib.ledger.entry import LONGEST_LINE, Draft, Entry, check_draft, mac_holds, parse_line, sealed_line
from audit_lib.ledger.read import all_heads
from audit_lib.secrecy.keeper import Key

LOCK_SECONDS = 60


def append(ledger_dir: Path, key: Key, draft: Draft, at: datetime, writer: str) -> Entry:
    """The entry as it is on the disk, at the end of the writer's chain.

    A torn last line (a crash in the middle of a write, never acknowledged) is cut off, and a repair
    entry says so first.

    Raises:
        BadInput: a body that the schema refuses; a throw-away key; a writer's name that is not a plain
            name; an instant before the last entry's; a last entry that is itself broken, or that the key
            does not vouch for; a full disk.
    """
    if key.origin == "throw-away":
        raise BadInput.at("key", "does not exist yet: create one first (init, or a first snapshot)")
    if not WRITER.fullmatch(writer):
        raise BadInput.at("writer", "must have the form alice-laptop: lower-case letters, digits, . _ -")
    check_draft(draft, f"ledger {writer}")
    refuse_links(ledger_dir)
    with _chain_file(ledger_dir, writer) as handle:
        last, torn = _tail(handle, writer)
        if last is not None:
            _refuse_after(last, ledger_dir, key, draft, at=at, writer=writer)
        # Two chains that begin at once would each begin a ledger, and name two projects.
        begins = last is None or last.key_id != key.key_id
        with _locked(ledger_dir / ".ledger.lock") if begins else nullcontext():
            anchor = anchor_of(ledger_dir, key, draft, at, writer)
            seal = partial(sealed_line, key, at=at, writer=writer, project=anchor.project, heads=anchor.heads)
            if torn:
                os.ftruncate(handle, os.fstat(handle).st_size - len(torn))
                repair = Draft("repair", torn_facts(torn))
                last = _write(handle, seal(last, repair), writer)
            return _write(handle, seal(last, draft), writer)


def refuse_writing(ledger_dir: Path, key: Key, draft: Draft, at: datetime, writer: str) -> None:
    """`BadInput` if `append` would raise it for what stands in the writer's chain; nothing is written."""
    if (ledger_dir / f"{writer}.jsonl").exists():
        with _chain_file(ledger_dir, writer) as handle:
            last, _ = _tail(handle, writer)
            if last is not None:
                _refuse_after(last, ledger_dir, key, draft, at=at, writer=writer)


def _write(handle: int, line: bytes, writer: str) -> Entry:
    if len(line) > LONGEST_LINE:
        raise BadInput.at(f"ledger {writer}", f"an entry must not be larger than {LONGEST_LINE >> 20} MiB")
    size = os.fstat(handle).st_size
    try:
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    except OSError as error:
        os.ftruncate(handle, size)
        raise BadInput.at(f"ledger {writer}", f"cannot be written ({error.strerror})") from None
    entry, faults = parse_line(line[:-1], f"ledger {writer}")
    if entry is None:
        raise BadInput(faults)
    return entry


@contextmanager
def _chain_file(ledger_dir: Path, writer: str) -> Iterator[int]:
    """The open chain, locked against every other process for as long as it is open."""
    path = ledger_dir / f"{writer}.jsonl"
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    try:
        ledger_dir.mkdir(parents=True, exist_ok=True)
        _ignore_locks(ledger_dir / ".gitignore")
        with _locked(ledger_dir / f"{writer}.lock"):
            handle = os.open(path, flags, 0o644)
            try:
                sync_folder(ledger_dir)
                yield handle
            finally:
                os.close(handle)
    except OSError as error:
        raise BadInput.at(str(path), f"cannot be written ({error.strerror})") from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Within it no other process holds the lock."""
    from filelock import FileLock, Timeout  # noqa: PLC0415  most commands only read

    lock = FileLock(path, timeout=LOCK_SECONDS)
    try:
        lock.acquire()
    except Timeout:
        raise BadInput.at(str(path), f"has been held by another process for {LOCK_SECONDS} s") from None
    try:
        yield
    finally:
        lock.release()


def _ignore_locks(path: Path) -> None:
    """Write the folder's .gitignore, unless something has that name: a link is not followed."""
    with suppress(FileExistsError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write("*.lock\n")


def _tail(handle: int, writer: str) -> tuple[Entry | None, bytes]:
    """The last whole entry and the torn bytes after it."""
    size = os.fstat(handle).st_size
    start = max(0, size - 2 * LONGEST_LINE)
    os.lseek(handle, start, os.SEEK_SET)
    content = b""
    while chunk := os.read(handle, size - start - len(content) or 1):
        content += chunk
    *lines, torn = content.split(b"\n")
    if not lines:
        return None, torn
    entry, faults = parse_line(lines[-1], f"ledger {writer}, last entry")
    if entry is None:
        raise _not_built_upon(writer, faults)
    return entry, torn


def _refuse_after(
    last: Entry, ledger_dir: Path, key: Key, draft: Draft, *, at: datetime, writer: str
) -> None:
    if fault := _tail_fault(ledger_dir, key, draft, last, writer):
        raise _not_built_upon(writer, [fault])
    if at < last.at:
        text = f"ends at {iso(last.at)}, after {iso(at)}: set the clock, or name another writer"
        raise BadInput.at(f"ledger {writer}", text)


def _tail_fault(ledger_dir: Path, key: Key, draft: Draft, last: Entry, writer: str) -> Fault | None:
    """Why the last entry of a chain is not to be built upon: the next one would seem to vouch for it."""
    if last.writer != writer:
        return Fault(f"ledger {writer}, last entry", "belongs to another writer's chain")
    if last.key_id == key.key_id:
        holds = mac_holds(key, last)
        return None if holds else Fault(last.place, "was not written with the key (MAC mismatch)")
    heads = draft.body["heads"] if draft.kind == "key bridge" else all_heads(ledger_dir, key)
    if heads.get(writer) == last.head:
        return None
    return Fault(last.place, f"is under key {last.key_id}, but nothing under key {key.key_id} vouches for it")


def _not_built_upon(writer: str, faults: list[Fault]) -> BadInput:
    way = BadInput.at(f"ledger {writer}", "run verify, and continue with another writer (--writer)")
    return BadInput([*faults, *way.faults])
