"""Writing to the ledger: one entry at a time, under a lock, on the disk before it counts."""

import hmac
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from hashlib import sha256
from operator import attrgetter
from pathlib import Path

from audit_lib.base.clock import iso
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import sync_folder
from audit_lib.ledger.chain import (
    LONGEST_LINE,
    WRITER,
    Chain,
    Draft,
    Entry,
    is_under,
    parse_line,
    project_of,
    read_chains,
    refuse_links,
    remember_heads,
    sealed_line,
    unsound_entries,
)
from audit_lib.secrecy.keeper import Key

LOCK_SECONDS = 60


def append(ledger_dir: Path, key: Key, draft: Draft, at: datetime, writer: str) -> Entry:
    """The entry as it is on the disk, at the end of the writer's chain.

    A torn last line (a crash in the middle of a write, never acknowledged) is cut off, and a repair
    entry says so first. `BadInput` for a throw-away key; a writer's name that is not a plain one; an instant
    before the last entry's; a last entry that is broken, or that the key does not vouch for; a full disk.
    """
    if key.origin == "throw-away":
        raise BadInput.at("key", "does not exist yet: create one first (init, or a first snapshot)")
    if not WRITER.fullmatch(writer):
        raise BadInput.at("writer", "must have the form alice-laptop: lower-case letters, digits, . _ -")
    refuse_links(ledger_dir)
    with _locked(ledger_dir, writer) as handle:
        chains = read_chains(ledger_dir)
        last = _sound_end(chains, key, draft, at, writer)
        project, heads = _anchor(chains, key, draft, at, writer)
        seal = partial(sealed_line, key, at=at, writer=writer, project=project, heads=heads)
        if torn := next(chain.torn for chain in chains if chain.writer == writer):
            os.ftruncate(handle, os.fstat(handle).st_size - len(torn))
            removed = {"removed_bytes": len(torn), "removed_sha256": sha256(torn).hexdigest()}
            last = _write(handle, seal(last, Draft("repair", removed)), writer)
        return _write(handle, seal(last, draft), writer)


def write_entry(ledger_dir: Path, key: Key, draft: Draft, at: datetime, writer: str) -> Entry:
    """The entry that `append` writes; how far every chain goes that the key vouches for is remembered."""
    entry = append(ledger_dir, key, draft, at, writer)
    if key.origin == "file":
        remember_heads(ledger_dir, key)
    return entry


def refuse_writing(ledger_dir: Path, key: Key, draft: Draft, at: datetime, writer: str) -> None:
    """`BadInput` if `append` would raise it for what stands in the writer's chain; nothing is written."""
    _sound_end(read_chains(ledger_dir), key, draft, at, writer)


def _sound_end(chains: list[Chain], key: Key, draft: Draft, at: datetime, writer: str) -> Entry | None:
    """The last entry of a chain; `BadInput` if it is not to be built upon: the next would vouch for it."""
    own = next((chain for chain in chains if chain.writer == writer), Chain(writer))
    last = own.entries[-1] if own.entries else None
    fault = own.lines[-1] if own.lines and isinstance(own.lines[-1], Fault) else None
    if last and not fault:
        bridged = draft.kind == "key bridge" and draft.body["heads"].get(writer) == last.head
        unsound = unsound_entries(chains, key, project_of(chains, key) or last.project)
        if last.writer != writer:
            fault = Fault(f"ledger {writer}, last entry", "belongs to another writer's chain")
        elif not bridged:
            fault = unsound.get(last.hash)
    if fault:
        way = Fault(f"ledger {writer}", "run verify, and continue with another writer (--writer)")
        raise BadInput([fault, way])
    if last and at < last.at:
        text = f"ends at {iso(last.at)}, after {iso(at)}: set the clock, or name another writer"
        raise BadInput.at(f"ledger {writer}", text)
    return last


def _anchor(
    chains: list[Chain], key: Key, draft: Draft, at: datetime, writer: str
) -> tuple[str, dict[str, str]]:
    """The project's id, and the heads of the other chains of it, of which an entry under the key vouches.

    The id goes on from before a change of key, or from before entries named one: it is then taken from the
    first entry, so that all writers agree.
    """
    ends = {chain.writer: chain.entries[-1] for chain in chains if chain.entries}
    own = ends.pop(writer, None)
    project = own.project if own and is_under(key, own) else project_of(chains, key)
    if not project:
        left = draft.body["from_key_id"] if draft.kind == "key bridge" else ""
        every = [entry for chain in chains for entry in chain.entries]
        before = [entry for entry in every if entry.key_id == left or is_under(key, entry)]
        text = json.dumps([writer, iso(at), draft.kind, draft.body], sort_keys=True)
        new = hmac.digest(key.derive("project"), text.encode(), sha256).hex()[:32]
        first = min(before, key=attrgetter("order"), default=None)
        project = (first.project or first.hash[:32]) if first else new
    vouched = [end for end in ends.values() if is_under(key, end) and end.project in ("", project)]
    return project, {end.writer: end.head for end in vouched}


def _write(handle: int, line: bytes, writer: str) -> Entry:
    if len(line) > LONGEST_LINE:
        raise BadInput.at(f"ledger {writer}", f"an entry must not be larger than {LONGEST_LINE >> 20} MiB")
    size, rest = os.fstat(handle).st_size, memoryview(line)
    try:
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    except OSError as error:
        os.ftruncate(handle, size)
        raise BadInput.at(f"ledger {writer}", f"cannot be written ({error.strerror})") from None
    entry = parse_line(line[:-1], f"ledger {writer}")
    if isinstance(entry, Fault):
        raise BadInput([entry])
    return entry


@contextmanager
def _locked(ledger_dir: Path, writer: str) -> Iterator[int]:
    """The writer's open chain; while it is open no other process writes to the ledger.

    Two chains that begin at once would each begin a ledger, and name two projects.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415  most commands only read

    path = ledger_dir / f"{writer}.jsonl"
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    try:
        ledger_dir.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), (ledger_dir / ".gitignore").open("x", encoding="ascii") as file:
            file.write("*.lock\n")  # whatever has that name stays: a link is not followed
        with FileLock(ledger_dir / ".ledger.lock", timeout=LOCK_SECONDS):
            handle = os.open(path, flags, 0o644)
            try:
                sync_folder(ledger_dir)
                yield handle
            finally:
                os.close(handle)
    except Timeout:
        raise BadInput.at(str(ledger_dir), f"another process has held it for {LOCK_SECONDS} s") from None
    except OSError as error:
        raise BadInput.at(str(path), f"cannot be written ({error.strerror})") from None
