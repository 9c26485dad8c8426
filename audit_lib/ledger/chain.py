"""The ledger: a chain of signed entries for each writer, read whole and written one entry at a time."""

import hmac
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b, sha256
from itertools import takewhile
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

from audit_lib.base.cache import recall_state, remember_state
from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import Unreadable, read_source, sync_folder
from audit_lib.base.in_words import counted
from audit_lib.secrecy.keeper import Key

END_OF_TIME = datetime.max.replace(tzinfo=UTC)
GENESIS = "0" * 64
LONGEST_LINE = 8 * 2**20
_LARGEST_CHAIN = 512 * 2**20
LOCK_SECONDS = 60
WRITER = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_HEAD = re.compile("([0-9]{1,10}):[0-9a-f]{64}")
Heads = tuple[tuple[str, str], ...]  # writer, and "number:hash" of an entry
Name = Annotated[str, StringConstraints(pattern=f"^{WRITER.pattern}$")]
Digest = Annotated[str, StringConstraints(pattern="^([0-9a-f]{64})?$")]


@dataclass(frozen=True)
class Draft:
    """What is to be recorded: a kind, and what it holds."""

    kind: str
    body: Mapping[str, Any]


class Entry(BaseModel):
    """One entry of one writer's chain, in canonical JSON; its body is believed under the MAC alone."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    v: Literal[1, 2]
    writer: Name
    seq: int
    # The instant of recording, by the command line's clock.
    at: Annotated[datetime, BeforeValidator(lambda text: parse_instant(str(text), "at"))]
    kind: Annotated[str, StringConstraints(pattern="^.{1,40}$")]
    key_id: Annotated[str, StringConstraints(pattern="^[0-9a-f]{8}$")]
    body: dict[str, Any]
    prev: Digest = GENESIS  # the hash of the entry before
    project: Annotated[str, StringConstraints(pattern="^([0-9a-f]{32})?$")] = ""  # version 1 had none
    heads: dict[Name, str] = {}
    mac: Digest = ""
    hash: Digest = ""

    @property
    def place(self) -> str:
        """How reports name the entry: writer, then number within the writer's chain."""
        return f"ledger {self.writer}#{self.seq}"

    @property
    def head(self) -> str:
        """Number and hash, by which other chains and what is kept outside name it: `12:9f…`."""
        return f"{self.seq}:{self.hash}"

    @property
    def order(self) -> tuple[datetime, str, int]:
        """Orders the entries of all chains: by time, writer and number."""
        return self.at, self.writer, self.seq

    def mac_under(self, key: Key) -> str:
        """The MAC of the entry if the key's holder writes it."""
        return hmac.digest(key.derive("ledger"), _canonical(self._content()), sha256).hex()

    def is_under(self, key: Key) -> bool:
        """Whether the key's holder wrote it."""
        return self.key_id == key.key_id and hmac.compare_digest(self.mac_under(key), self.mac)

    def line(self) -> bytes:
        """The entry as a chain holds it, without the newline: its hash, made anew, is over all the rest."""
        content = self._content() | {"mac": self.mac}
        return _canonical(content | {"hash": sha256(_canonical(content)).hexdigest()})

    def _content(self) -> dict[str, Any]:
        left_out = {"mac", "hash"} if self.v == 2 else {"mac", "hash", "project", "heads"}
        names = Entry.model_fields.keys() - left_out
        return {name: getattr(self, name) for name in names} | {"at": iso(self.at)}


def _canonical(content: Any) -> bytes:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii")


@dataclass(frozen=True)
class Chain:
    """What one file holds: the entry of each line, or why it is none."""

    writer: str
    lines: tuple[Entry | Fault, ...] = ()
    torn: bytes = field(default=b"", repr=False)  # what follows the last newline: a write that never ended

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Those whose own hash holds, also beyond a break."""
        return tuple(entry for entry in self.lines if isinstance(entry, Entry))

    def faults(self) -> Iterator[Fault]:
        """What is broken, in order, and the torn end."""
        before: Entry | Fault | None = None
        for number, entry in enumerate(self.lines, start=1):
            if isinstance(entry, Fault):
                yield entry
            else:
                wrong = _broken_links(self.writer, number, entry, before)
                yield from (Fault(f"ledger {self.writer}#{number}", text) for text in wrong)
            before = entry
        if self.torn:
            text = f"is torn: {len(self.torn)} bytes of an unfinished write; the next entry repairs it"
            yield Fault(f"ledger {self.writer}#{len(self.lines) + 1}", text)


def _broken_links(writer: str, number: int, entry: Entry, before: Entry | Fault | None) -> Iterator[str]:
    if entry.writer != writer:
        yield "belongs to another writer's chain"
    if entry.seq != number:
        yield f"has the number {entry.seq}: an entry was deleted, inserted or moved"
    if entry.prev != (GENESIS if before is None else getattr(before, "hash", entry.prev)):
        yield "does not follow the entry above it: one was changed, deleted or inserted"
    if isinstance(before, Entry) and entry.at < before.at:
        yield "is dated before the entry above it"


@dataclass(frozen=True)
class Ledger:
    """Every entry dated by `as_of`, in order of time, writer and number."""

    entries: tuple[Entry, ...] = ()
    heads: Heads = ()  # of each writer's last entry by as_of up to which all are vouched for
    faults: tuple[Fault, ...] = ()  # breaks and torn lines, place then fault; the first break first
    later: tuple[Entry, ...] = ()  # dated after as_of: left out, and counted
    macs_checked: int = 0
    lost: tuple[Fault, ...] = ()  # chains that were longer, or are gone, by what is known elsewhere
    broken: frozenset[str] = frozenset()  # writers whose chain has a break: it proves no "not before"

    def of_kind(self, *kinds: str) -> tuple[Entry, ...]:
        """The entries of these kinds, in order."""
        return tuple(entry for entry in self.entries if entry.kind in kinds)


def read_ledger(
    ledger_dir: Path, key: Key | None, as_of: datetime = END_OF_TIME, known: Iterable[tuple[str, str]] = ()
) -> Ledger:
    """The ledger in a folder, or in one chain's file; an empty one where there is none.

    An entry that is itself changed, that the key does not vouch for, or that is of another project, is a
    fault and is left out. `known` are heads that were seen before: one that is no longer there is lost.
    `BadInput` for a folder that cannot be listed, or is a link in a project.
    """
    alone, known = ledger_dir.is_file(), tuple(known)
    chains = [read_chain(ledger_dir)] if alone else read_chains(ledger_dir)
    unsound = _unsound_entries(chains, key, _project_of(chains, key, known))
    faults: list[Fault] = []
    broken: set[str] = set()
    heads: dict[str, str] = {}
    for chain in chains:
        own, wrong = list(chain.faults()), [unsound[e.hash] for e in chain.entries if e.hash in unsound]
        faults += [*own, *wrong]
        broken |= {chain.writer} if wrong or len(own) > bool(chain.torn) else set()
        vouched = takewhile(lambda entry: entry.hash not in unsound and entry.at <= as_of, chain.entries)
        heads |= {entry.writer: entry.head for entry in vouched}
    every = sorted((entry for chain in chains for entry in chain.entries), key=attrgetter("order"))
    good = [entry for entry in every if entry.hash not in unsound]
    points = {(chain.writer, entry.head) for chain in chains for entry in chain.entries}
    faults += [] if alone else [*_missing_heads(good, points), *_unread_files(ledger_dir)]
    return Ledger(
        entries=tuple(entry for entry in good if entry.at <= as_of),
        heads=tuple(heads.items()),
        faults=tuple(faults),
        later=tuple(entry for entry in good if entry.at > as_of),
        macs_checked=sum(key is not None and entry.key_id == key.key_id for entry in good),
        lost=tuple(_lost(points, known)),
        broken=frozenset(broken),
    )


def read_chains(ledger_dir: Path) -> list[Chain]:
    """Every writer's chain; `BadInput` as `read_ledger` raises it."""
    return [read_chain(path) for path in chain_files(ledger_dir)]


def chain_files(ledger_dir: Path) -> list[Path]:
    """The files of a ledger folder, one a writer, in order; none if there is no folder."""
    # A name that is no writer's would stand in what people copy to a shell.
    return [path for path in _listed(ledger_dir) if WRITER.fullmatch(path.stem)]


def _unread_files(ledger_dir: Path) -> Iterator[Fault]:
    if strange := sum(not WRITER.fullmatch(path.stem) for path in _listed(ledger_dir)):
        text = f"has {counted(strange, 'file')} whose names are no writer's: they are not read"
        yield Fault("ledger", text)


def _listed(ledger_dir: Path) -> list[Path]:
    """The chains; `BadInput` for a link in a project, which could lead to another project's ledger."""
    for folder in (ledger_dir.parent, ledger_dir):
        if ledger_dir.parent.name == ".audit" and folder.is_symlink():
            raise BadInput.at(str(folder), "is a symbolic link: put the ledger's own folder in its place")
    try:
        return sorted(path for path in ledger_dir.iterdir() if path.suffix == ".jsonl")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BadInput.at(str(ledger_dir), f"is not a ledger folder ({error.strerror})") from None


def read_chain(path: Path) -> Chain:
    """The chain in a file. Whatever the file holds ends as entries, faults or the torn last line."""
    place = f"ledger {path.stem}"
    try:
        *lines, torn = read_source(path.parent, path.name, _LARGEST_CHAIN).content.split(b"\n")
    except Unreadable as error:
        return Chain(path.stem, (Fault(place, f"cannot be read: {error.reason}"),))
    parsed = (_parse_line(line, f"{place}#{number}") for number, line in enumerate(lines, start=1))
    return Chain(path.stem, tuple(parsed), torn)


def _parse_line(line: bytes, place: str) -> Entry | Fault:
    if len(line) > LONGEST_LINE:
        return Fault(place, "is too long")
    try:
        entry = Entry.model_validate_json(line)
        edited = entry.line() != line
    except (BadInput, ValueError, RecursionError, MemoryError):
        return Fault(place, "is no entry of a ledger")
    return Fault(place, "was edited: hash mismatch") if edited else entry


def _unsound_entries(chains: list[Chain], key: Key | None, project: str) -> dict[str, Fault]:
    """The faults, by the entry's hash, of those that are of another project, or that nothing vouches for.

    With the key, each entry is held against its MAC. An entry under an earlier key is vouched for by the
    heads in a key bridge under the present key, along the links alone.
    """
    every = [entry for chain in chains for entry in chain.entries]
    bridges = [entry for entry in every if key and entry.kind == "key bridge" and entry.is_under(key)]
    unsound: dict[str, Fault] = {}
    for chain in chains:
        vouched = {str(bridge.body["heads"].get(chain.writer, "")).partition(":")[2] for bridge in bridges}
        for entry in reversed(chain.entries):
            vouched |= {entry.prev} if entry.hash in vouched else set()
        for entry in chain.entries:
            text = "" if entry.project in ("", project) else "was written for another project"
            if key and entry.key_id != key.key_id and entry.hash not in vouched:
                text = f"is under key {entry.key_id}, but nothing under key {key.key_id} vouches for it"
            elif key and entry.key_id == key.key_id and not entry.is_under(key):
                text = "was not written with the key (MAC mismatch)"
            unsound |= {entry.hash: Fault(entry.place, text)} if text else {}
    return unsound


def _project_of(chains: Iterable[Chain], key: Key | None, known: Iterable[tuple[str, str]] = ()) -> str:
    """The id of the project that a ledger is of: that of a `known` head, else the first; "" without one."""
    named = [entry for chain in chains for entry in chain.entries if entry.project]
    own = [entry for entry in named if key is None or entry.is_under(key)]
    seen = set(known)
    own.sort(key=lambda entry: ((entry.writer, entry.head) not in seen, entry.order))
    return own[0].project if own else ""


def current_key_ids(ledger_dir: Path, available: Mapping[str, Key]) -> set[str]:
    """The ids of the keys that the ledger names, without those that an available key has bridged away."""
    entries = [entry for chain in read_chains(ledger_dir) for entry in chain.entries]
    bridges = [entry for entry in entries if entry.kind == "key bridge" and entry.key_id in available]
    left = {str(entry.body["from_key_id"]) for entry in bridges if entry.is_under(available[entry.key_id])}
    return {entry.key_id for entry in entries} - left


def all_heads(ledger_dir: Path, key: Key | None = None) -> dict[str, str]:
    """The `heads` of a ledger by writer."""
    return dict(read_ledger(ledger_dir, key).heads)


def known_heads(ledger_dir: Path) -> tuple[str, Heads]:
    """The key id and the heads of a ledger as this reviewer last wrote to it, kept outside the project."""
    state = recall_state(_state(ledger_dir))
    heads = state.get("heads")
    if not isinstance(heads, dict):
        return "", ()
    return str(state.get("key_id", "")), tuple(sorted((str(who), str(head)) for who, head in heads.items()))


def heads_of(ledger_dir: Path, key: Key) -> Heads:
    """The heads that are remembered of a ledger, if it was written under this key then."""
    key_id, heads = known_heads(ledger_dir)
    return heads if key_id == key.key_id else ()


def _state(ledger_dir: Path) -> str:
    place = str(ledger_dir.resolve()).encode("utf-8", "surrogateescape")
    return f"ledger-{blake2b(place, digest_size=16).hexdigest()}"


def _head_number(head: Any) -> int:
    """The number in a head (`12:9f…`); -1 for what is none."""
    named = _HEAD.fullmatch(head) if isinstance(head, str) else None
    return int(named[1]) if named else -1


def _missing_heads(sound: Iterable[Entry], points: set[tuple[str, str]]) -> Iterator[Fault]:
    """A fault for each chain of which an entry recorded a head that is no longer there: the last of them."""
    last: dict[str, tuple[int, Entry]] = {}
    for entry in sound:
        anchored = entry.body.get("heads")
        for writer, head in (entry.heads | (anchored if isinstance(anchored, dict) else {})).items():
            if (writer, head) not in points and _head_number(head) >= last.get(writer, (0, entry))[0]:
                last[writer] = _head_number(head), entry
    for writer, (number, entry) in sorted(last.items()):
        yield Fault(entry.place, f"refers to entry {number} of {writer}, which is missing or was replaced")


def _lost(points: set[tuple[str, str]], known: Iterable[tuple[str, str]]) -> Iterator[Fault]:
    for writer, head in sorted(set(known) - points):
        if number := _head_number(head):  # 0: a review dated before the chain's first entry saw none
            text = f"had an entry {number} when it was last seen, which is gone or was replaced"
            yield Fault(f"ledger {writer}", text)


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
    _listed(ledger_dir)
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
        heads = dict(known_heads(ledger_dir)[1]) | all_heads(ledger_dir, key)
        remember_state(_state(ledger_dir), {"key_id": key.key_id, "heads": heads})
    return entry


def refuse_writing(ledger_dir: Path, key: Key, draft: Draft, at: datetime, writer: str) -> None:
    """`BadInput` if `append` would raise it for what stands in the writer's chain; nothing is written."""
    _sound_end(read_chains(ledger_dir), key, draft, at, writer)


def sealed_line(
    key: Key, after: Entry | None, draft: Draft, at: datetime, writer: str, *, project: str, heads: Any
) -> bytes:
    """The line, with its newline, of an entry that follows another."""
    link = {"seq": after.seq + 1, "prev": after.hash} if after else {"seq": 1}
    facts = {"writer": writer, "at": at, "key_id": key.key_id, "project": project, "heads": dict(heads)}
    entry = Entry(v=2, kind=draft.kind, body=dict(draft.body), **link, **facts)  # type: ignore[arg-type]
    return entry.model_copy(update={"mac": entry.mac_under(key)}).line() + b"\n"


def _sound_end(chains: list[Chain], key: Key, draft: Draft, at: datetime, writer: str) -> Entry | None:
    """The last entry of a chain; `BadInput` if it is not to be built upon: the next would vouch for it."""
    own = next((chain for chain in chains if chain.writer == writer), Chain(writer))
    last = own.lines[-1] if own.lines else None
    fault = last if isinstance(last, Fault) else None
    if isinstance(last, Entry):
        bridged = draft.kind == "key bridge" and draft.body["heads"].get(writer) == last.head
        unsound = _unsound_entries(chains, key, _project_of(chains, key) or last.project)
        fault = None if bridged else unsound.get(last.hash)
        if last.writer != writer:
            fault = Fault(f"ledger {writer}, last entry", "belongs to another writer's chain")
        elif not fault and at < last.at:
            text = f"ends at {iso(last.at)}, after {iso(at)}: set the clock, or name another writer"
            raise BadInput.at(f"ledger {writer}", text)
    if fault:
        way = Fault(f"ledger {writer}", "run verify, and continue with another writer (--writer)")
        raise BadInput([fault, way])
    return last if isinstance(last, Entry) else None


def _anchor(
    chains: list[Chain], key: Key, draft: Draft, at: datetime, writer: str
) -> tuple[str, dict[str, str]]:
    """The project's id, and the heads of the other chains of it, of which an entry under the key vouches.

    The id goes on from before a change of key, or from before entries named one: it is then taken from the
    first entry, so that all writers agree.
    """
    ends = {chain.writer: chain.entries[-1] for chain in chains if chain.entries}
    own = ends.pop(writer, None)
    project = own.project if own and own.is_under(key) else _project_of(chains, key)
    if not project:
        left = draft.body["from_key_id"] if draft.kind == "key bridge" else ""
        every = [entry for chain in chains for entry in chain.entries]
        before = [entry for entry in every if entry.key_id == left or entry.is_under(key)]
        text = json.dumps([writer, iso(at), draft.kind, draft.body], sort_keys=True)
        new = hmac.digest(key.derive("project"), text.encode(), sha256).hex()[:32]
        first = min(before, key=attrgetter("order"), default=None)
        project = (first.project or first.hash[:32]) if first else new
    vouched = [end for end in ends.values() if end.is_under(key) and end.project in ("", project)]
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
    return Entry.model_validate_json(line)


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
