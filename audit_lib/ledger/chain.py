"""The ledger: a chain of signed entries for each writer, read whole and written one entry at a time."""

import hmac
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b, sha256
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, PlainSerializer, StringConstraints

from audit_lib.base.cache import recall_state, remember_state
from audit_lib.base.clock import LAST, iso, parse_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import Unreadable, read_source, sync_folder
from audit_lib.base.in_words import counted
from audit_lib.secrecy.keeper import Key

END_OF_TIME = datetime.max.replace(tzinfo=UTC)
GENESIS = "0" * 64
LONGEST_LINE = 8 * 2**20
LARGEST_CHAIN = 512 * 2**20
WRITER = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")  # others would stand in what people copy to a shell
_HEAD = re.compile("([1-9][0-9]{0,9}):[0-9a-f]{64}")  # 0 is of no entry: a chain not yet begun
# Ledgers before 0.3.0 had a kind for each verdict, and other names for the fields.
_EARLIER = {"acceptance": "accept", "assignment": "assign", "closure": "close", "attestation": "attest"}
_NAMES = {"id": "subject", "rule": "subject", "due": "until", "proof": "reason"}
Heads = tuple[tuple[str, str], ...]  # writer, and "number:hash" of an entry
Name = Annotated[str, StringConstraints(pattern=f"^{WRITER.pattern}$")]
Digest = Annotated[str, StringConstraints(pattern="^([0-9a-f]{64})?$")]
At = Annotated[datetime, BeforeValidator(lambda text: parse_instant(str(text), "at")), PlainSerializer(iso)]


class Draft(NamedTuple):
    """What is to be recorded: a kind, and what it holds."""

    kind: str
    body: Mapping[str, Any]


class Entry(BaseModel, frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, defer_build=True):
    """One entry of one writer's chain, in canonical JSON; its body is believed under the MAC alone."""

    v: Literal[1, 2]
    writer: Name
    seq: int
    at: At  # the instant of recording, by the command line's clock
    kind: Annotated[str, StringConstraints(pattern="^.{1,40}$")]
    key_id: Annotated[str, StringConstraints(pattern="^[0-9a-f]{8}$")]
    body: dict[str, Any]
    prev: Digest = GENESIS  # the hash of the entry before
    project: Annotated[str, StringConstraints(pattern="^([0-9a-f]{32})?$")] = ""  # version 1 had none
    heads: dict[Name, str] = {}  # of the other chains, as their last entries were then
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
        # Version 1 had neither a project nor heads.
        return self.model_dump(exclude={"mac", "hash"} | ({"project", "heads"} if self.v == 1 else set()))


def _canonical(content: Any) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


class Chain(NamedTuple):
    """What one file holds."""

    entries: tuple[Entry, ...] = ()  # those whose own hash holds, also beyond a break
    faults: tuple[Fault, ...] = ()  # what is broken, in order, then the torn end
    torn: bytes = b""  # what follows the last newline: a write that never ended
    end: str = ""  # the place of its last whole line, by which a fault names it


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


def chain_files(ledger_dir: Path) -> list[Path]:
    """The files of a ledger folder; `BadInput` for one that cannot be listed, or is a link in a project."""
    for folder in (ledger_dir.parent, ledger_dir):  # a link could lead to another project's ledger
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
    place = end = f"ledger {path.stem}"
    entries: list[Entry] = []
    faults: list[Fault] = []
    try:
        *lines, torn = read_source(path.parent, path.name, LARGEST_CHAIN).content.split(b"\n")
    except Unreadable as error:
        return Chain(faults=(Fault(place, f"cannot be read: {error.reason}"),), end=end)
    for number, line in enumerate(lines, start=1):
        entry, text = _read_line(line, path.stem, entries[-1] if entries else None)
        end = entry.place if entry else f"{place}#{number}"
        entries += [entry] if entry else []
        faults += [Fault(f"{place}#{number}", text)] if text else []
    if torn:
        faults += [
            Fault(f"{place}#{len(lines) + 1}", f"is torn: {len(torn)} bytes; the next entry repairs it")
        ]
    return Chain(tuple(entries), tuple(faults), torn, end)


def _read_line(line: bytes, writer: str, before: Entry | None) -> tuple[Entry | None, str]:
    try:
        entry = Entry.model_validate_json(line[:LONGEST_LINE])  # what is longer ends too early to be JSON
        edited = entry.line() != line
    except (BadInput, ValueError, RecursionError, MemoryError):
        return None, "is no entry of a ledger"
    if edited or entry.writer != writer:
        return None, "was edited: hash mismatch" if edited else "belongs to another writer's chain"
    link = (before.seq + 1, before.hash) if before else (1, GENESIS)
    if (entry.seq, entry.prev) == link and not (before and entry.at < before.at):
        return entry, ""
    return entry, f"has the number {entry.seq}, is of {iso(entry.at)} and does not follow the entry above it"


def read_ledger(
    ledger_dir: Path,
    key: Key | None,
    as_of: datetime = END_OF_TIME,
    known: Iterable[tuple[str, str]] = (),
    bridges: Iterable[Mapping[str, Any]] = (),
) -> Ledger:
    """The ledger in a folder, or in one chain's file; an empty one where there is none.

    An entry that is itself changed, that the key does not vouch for, or that is of another project, is a
    fault and left out; without a key no MAC is checked. `known` are heads seen before: what is gone of them
    is lost. `bridges`: bodies of changes to this key, about to be written. `BadInput` as of `chain_files`.
    """
    alone, known = ledger_dir.is_file(), tuple(known)
    files = [ledger_dir] if alone else chain_files(ledger_dir)
    chains = {path.stem: read_chain(path) for path in files if WRITER.fullmatch(path.stem)}
    every = [entry for chain in chains.values() for entry in chain.entries]
    every.sort(key=lambda entry: (entry.at, entry.writer, entry.seq))
    doubts = _doubts(every, key, known, bridges)
    good = [entry for entry in every if entry.hash not in doubts]
    faults = {
        writer: [*chain.faults, *(doubts[one.hash] for one in chain.entries if one.hash in doubts)]
        for writer, chain in chains.items()
    }
    heads = {
        entry.writer: entry.head
        for chain in chains.values()
        for entry in takewhile(lambda one: one.hash not in doubts and one.at <= as_of, chain.entries)
    }
    broken = {writer for writer, found in faults.items() if len(found) > bool(chains[writer].torn)}
    # Entries name heads of the other chains, and in the body of a sign-off or a key bridge.
    named = [(one.place, heads) for one in good for heads in (one.heads, one.body.get("heads"))]
    there = {(entry.writer, entry.head) for entry in every}
    more = [] if alone else _gone(named, there, "refers to entry {} of {}, which is missing or was replaced")
    if strange := len(files) - len(chains):
        more.append(Fault("ledger", f"does not read {counted(strange, 'file')} whose names are no writer's"))
    last_seen = [(f"ledger {writer}", {writer: head}) for writer, head in known]
    lost = _gone(last_seen, there, "had an entry {} when it was last seen, which is gone or was replaced")
    return Ledger(
        entries=tuple(entry for entry in good if entry.at <= as_of),
        heads=tuple(heads.items()),
        faults=tuple(fault for found in (*faults.values(), more) for fault in found),
        later=tuple(entry for entry in good if entry.at > as_of),
        macs_checked=sum(key is not None and entry.key_id == key.key_id for entry in good),
        lost=tuple(lost),
        broken=frozenset(broken),
    )


def _doubts(entries: list[Entry], key: Key | None, known: Heads, bridges: Iterable[Any]) -> dict[str, Fault]:
    """Why entries are left out, by their hash. A key bridge vouches for the heads in it, and what is linked
    before them, under other keys; the project is that of a `known` head, else of the first entry with one."""
    vouched = {entry.hash for entry in entries if key is None or entry.is_under(key)}
    written = [one.body for one in entries if key and one.kind == "key bridge" and one.hash in vouched]
    linked = {str(head).partition(":")[2] for body in (*bridges, *written) for head in body["heads"].values()}
    for entry in reversed(entries):
        linked |= {entry.prev} if entry.hash in linked else set()
    vouched |= linked
    named = [entry for entry in entries if entry.project and entry.hash in vouched]
    project = min(named, key=lambda entry: (entry.writer, entry.head) not in known).project if named else ""
    doubts: dict[str, Fault] = {}
    for entry in entries:
        if key and entry.hash not in vouched:
            text = f"is under key {entry.key_id}, but nothing under key {key.key_id} vouches for it"
            text = "was not written with the key (MAC mismatch)" if entry.key_id == key.key_id else text
            doubts[entry.hash] = Fault(entry.place, text)
        elif entry.project not in ("", project):
            doubts[entry.hash] = Fault(entry.place, "was written for another project")
    return doubts


def _gone(named: Iterable[tuple[str, Any]], there: Collection[tuple[str, str]], text: str) -> list[Fault]:
    """A fault for each writer of whom a named head is not there; the last one, in the place that names it."""
    gone = {
        writer: Fault(place, text.format(found[1], writer))
        for place, heads in named
        for writer, head in (heads.items() if isinstance(heads, dict) else ())
        if (found := _HEAD.fullmatch(str(head))) and (writer, head) not in there
    }
    return [fault for _, fault in sorted(gone.items())]


def current_key_ids(ledger_dir: Path, available: Mapping[str, Key]) -> set[str]:
    """The ids of the keys that the ledger names, without those that an available key has bridged away."""
    entries = [entry for path in chain_files(ledger_dir) for entry in read_chain(path).entries]
    bridges = (entry for entry in entries if entry.kind == "key bridge" and entry.key_id in available)
    left = {str(entry.body["from_key_id"]) for entry in bridges if entry.is_under(available[entry.key_id])}
    return {entry.key_id for entry in entries} - left


def all_heads(ledger_dir: Path, key: Key | None = None) -> dict[str, str]:
    """The `heads` of a ledger by writer; without a key no MAC is checked."""
    return dict(read_ledger(ledger_dir, key).heads)


def heads_of(ledger_dir: Path, key: Key) -> Heads:
    """The heads of a ledger as this reviewer last wrote to it; () if never, or under another key."""
    state = recall_state(_state(ledger_dir))
    return tuple(sorted(state["heads"].items())) if state.get("key_id") == key.key_id else ()


def write_entry(ledger_dir: Path, key: Key, draft: Draft, at: datetime, writer: str) -> Entry:
    """The entry that `append` writes; how far every chain goes that the key vouches for is remembered."""
    entry = append(ledger_dir, key, draft, at, writer)
    if key.origin == "file":
        heads = recall_state(_state(ledger_dir)).get("heads", {}) | all_heads(ledger_dir, key)
        remember_state(_state(ledger_dir), {"key_id": key.key_id, "heads": heads})
    return entry


def _state(ledger_dir: Path) -> str:
    return f"ledger-{blake2b(os.fsencode(ledger_dir.resolve()), digest_size=16).hexdigest()}"


def append(ledger_dir: Path, key: Key, draft: Draft, at: datetime, writer: str) -> Entry:
    """The entry as it is on the disk, at the end of the writer's chain; before it a repair entry if a crash
    left a torn line, which was never acknowledged and is cut off. `BadInput` for a throw-away key, a name
    that no writer may have, a disk or a lock that does not allow it, and as `sound_chain` raises it."""
    BadInput.unless(key.origin != "throw-away", "key", "does not exist yet: create one first by init")
    BadInput.unless(WRITER.fullmatch(writer), "writer", "must have the form alice-laptop: a-z, digits, . _ -")
    chain_files(ledger_dir)  # refuses a link before anything is made behind it
    with _locked(ledger_dir, writer) as handle:
        chain, ledger = sound_chain(ledger_dir, key, draft, at, writer)
        # All writers agree on the project: a ledger that names none is known by its first entry.
        text = json.dumps([writer, iso(at), draft.kind, draft.body], sort_keys=True)
        named = [one.project for one in ledger.entries if one.project] or [one.hash for one in ledger.entries]
        project = (*named, hmac.digest(key.derive("project"), text.encode(), sha256).hex())[0][:32]
        others = {other: head for other, head in ledger.heads if other != writer}
        seal = partial(sealed_line, key, at=at, writer=writer, project=project, heads=others)
        last = chain.entries[-1] if chain.entries else None
        if torn := chain.torn:
            os.ftruncate(handle, os.fstat(handle).st_size - len(torn))
            removed = {"removed_bytes": len(torn), "removed_sha256": sha256(torn).hexdigest()}
            last = _write(handle, seal(last, Draft("repair", removed)))
        return _write(handle, seal(last, draft))


def sound_chain(ledger_dir: Path, key: Key, draft: Draft, at: datetime, writer: str) -> tuple[Chain, Ledger]:
    """The writer's chain and its ledger, if a draft may follow there: it will vouch for what is before it.
    `BadInput` for a last line that is no entry or that the key does not vouch for, and for an instant before
    the last entry's. Nothing is written."""
    bridges = [draft.body] if draft.kind == "key bridge" else []
    ledger = read_ledger(ledger_dir, key, known=heads_of(ledger_dir, key), bridges=bridges)
    chain = read_chain(ledger_dir / f"{writer}.jsonl")  # without entries if there is none yet
    place, last = f"ledger {writer}", chain.entries[-1].at if chain.entries else at
    if wrong := [fault for fault in ledger.faults if fault.place == chain.end]:
        raise BadInput([*wrong, Fault(place, "run verify, and continue with another writer (--writer)")])
    BadInput.unless(at >= last, place, f"ends at {iso(last)}, after {iso(at)}: set the clock or --writer")
    return chain, ledger


def sealed_line(
    key: Key, after: Entry | None, draft: Draft, at: datetime, writer: str, *, project: str, heads: Any
) -> bytes:
    """The line, with its newline, of an entry that follows another."""
    facts = {"writer": writer, "at": at, "key_id": key.key_id, "project": project, "heads": dict(heads)}
    facts |= {"seq": after.seq + 1, "prev": after.hash} if after else {"seq": 1}
    entry = Entry.model_validate({"v": 2, **draft._asdict(), **facts})
    return entry.model_copy(update={"mac": entry.mac_under(key)}).line() + b"\n"


def _write(handle: int, line: bytes) -> Entry:
    BadInput.unless(len(line) <= LONGEST_LINE, "entry", f"must not be larger than {LONGEST_LINE >> 20} MiB")
    entry = Entry.model_validate_json(line)
    size, rest = os.fstat(handle).st_size, memoryview(line)
    try:
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, size)
        raise
    return entry


@contextmanager
def _locked(ledger_dir: Path, writer: str) -> Iterator[int]:
    """The writer's open chain, under a lock: two that begin at once would name two projects."""
    from filelock import FileLock  # noqa: PLC0415  most commands only read

    try:
        ledger_dir.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), (ledger_dir / ".gitignore").open("x", encoding="ascii") as file:
            file.write("*.lock\n")  # whatever has that name stays: a link is not followed
        path, flags = ledger_dir / f"{writer}.jsonl", os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        lock = FileLock(ledger_dir / ".ledger.lock", timeout=60)  # seconds
        with lock, os.fdopen(os.open(path, flags, 0o644), "ab", buffering=0) as chain:
            sync_folder(ledger_dir)
            yield chain.fileno()
    except OSError as error:
        raise BadInput.at(f"ledger {writer}", f"cannot be written ({error.strerror or error})") from None


class Decision(NamedTuple):
    """One decision on a finding's id, or one answer to a question of the policy."""

    subject: str
    verdict: str  # accept | assign | close | attest | deny: the answer is no
    by: str
    reason: str  # of close: the proof
    until: datetime | None  # of assign: when it is due
    at: datetime
    place: str
    owner: str = ""  # of assign
    ticket: str = ""


def decisions(ledger: Ledger, *verdicts: str) -> tuple[Decision, ...]:
    """The decisions with these verdicts, or all, in order; also those of ledgers before 0.3.0."""
    made = map(_decision, ledger.of_kind("decision", *_EARLIER))
    return tuple(decision for decision in made if not verdicts or decision.verdict in verdicts)


def _decision(entry: Entry) -> Decision:
    body = entry.body | {new: entry.body[old] for old, new in _NAMES.items() if old in entry.body}
    return Decision(
        verdict="deny" if body.get("answer") == "no" else _EARLIER.get(entry.kind) or body["verdict"],
        until=parse_instant(min(body["until"], LAST), entry.place) if "until" in body else None,
        at=entry.at,
        place=entry.place,
        **{name: body.get(name, "") for name in ("subject", "by", "reason", "owner", "ticket")},
    )
