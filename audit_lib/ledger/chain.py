"""The ledger: a chain of signed entries for each writer, read whole and written one entry at a time."""

import hmac
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b, sha256
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, StringConstraints

from audit_lib.base.cache import recall_state, remember_state
from audit_lib.base.clock import LAST, iso, parse_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import Unreadable, read_source, sync_folder
from audit_lib.base.in_words import counted
from audit_lib.secrecy.keeper import Key

END_OF_TIME = datetime.max.replace(tzinfo=UTC)
GENESIS = "0" * 64
LONGEST_LINE = 8 * 2**20
_LARGEST_CHAIN = 512 * 2**20
LOCK_SECONDS = 60
_APPENDING = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
WRITER = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")  # others would stand in what people copy to a shell
_HEAD = re.compile("([1-9][0-9]{0,9}):[0-9a-f]{64}")  # 0 is of no entry: a chain not yet begun
# Ledgers before 0.3.0 had a kind for each verdict, and other names for the fields.
_EARLIER = {"acceptance": "accept", "assignment": "assign", "closure": "close", "attestation": "attest"}
_NAMES = {"id": "subject", "rule": "subject", "due": "until", "proof": "reason"}
Heads = tuple[tuple[str, str], ...]  # writer, and "number:hash" of an entry
Bridges = tuple[Mapping[str, Any], ...]  # bodies of entries that change the key
Name = Annotated[str, StringConstraints(pattern=f"^{WRITER.pattern}$")]
Digest = Annotated[str, StringConstraints(pattern="^([0-9a-f]{64})?$")]
At = Annotated[datetime, BeforeValidator(lambda text: parse_instant(str(text), "at")), PlainSerializer(iso)]


class Draft(NamedTuple):
    """What is to be recorded: a kind, and what it holds."""

    kind: str
    body: Mapping[str, Any]


class Entry(BaseModel):
    """One entry of one writer's chain, in canonical JSON; its body is believed under the MAC alone."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, defer_build=True
    )

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
        added = {"project", "heads"} if self.v == 1 else set()  # since version 2
        return self.model_dump(exclude={"mac", "hash"} | added)


def _canonical(content: Any) -> bytes:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii")


class Chain(NamedTuple):
    """What one file holds."""

    entries: tuple[Entry, ...] = ()  # those whose own hash holds, also beyond a break
    faults: tuple[Fault, ...] = ()  # what is broken, in order, then the torn end
    torn: bytes = b""  # what follows the last newline: a write that never ended
    end: Entry | Fault | None = None  # the last line: its entry, or why it is none


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
    place = f"ledger {path.stem}"
    end: Entry | Fault | None = None
    entries: list[Entry] = []
    faults: list[Fault] = []
    try:
        *lines, torn = read_source(path.parent, path.name, _LARGEST_CHAIN).content.split(b"\n")
    except Unreadable as error:
        end = Fault(place, f"cannot be read: {error.reason}")
        return Chain(faults=(end,), end=end)
    for number, line in enumerate(lines, start=1):
        end = _parse_line(line, path.stem, f"{place}#{number}")
        if isinstance(end, Fault):
            faults.append(end)
            continue
        before = entries[-1] if entries else None
        link = (before.seq + 1, before.hash) if before else (1, GENESIS)
        if (end.seq, end.prev) != link or (before and end.at < before.at):
            text = f"has the number {end.seq}, is of {iso(end.at)} and does not follow the entry above it"
            faults.append(Fault(f"{place}#{number}", f"{text}: one was changed, deleted, inserted or moved"))
        entries.append(end)
    if torn:
        text = f"is torn: {len(torn)} bytes of an unfinished write; the next entry repairs it"
        faults.append(Fault(f"{place}#{len(lines) + 1}", text))
    return Chain(tuple(entries), tuple(faults), torn, end)


def _parse_line(line: bytes, writer: str, place: str) -> Entry | Fault:
    try:
        entry = Entry.model_validate_json(line[:LONGEST_LINE])  # what is longer ends too early to be JSON
        edited = entry.line() != line
    except (BadInput, ValueError, RecursionError, MemoryError):
        return Fault(place, "is no entry of a ledger")
    if edited or entry.writer != writer:
        return Fault(place, "was edited: hash mismatch" if edited else "belongs to another writer's chain")
    return entry


def read_ledger(
    ledger_dir: Path,
    key: Key | None,
    as_of: datetime = END_OF_TIME,
    known: Iterable[tuple[str, str]] = (),
    bridges: Bridges = (),
) -> Ledger:
    """The ledger in a folder, or in one chain's file; an empty one where there is none.

    An entry that is itself changed, that the key does not vouch for, or that is of another project, is a
    fault and is left out. `known` are heads that were seen before: one that is no longer there is lost.
    `bridges` are changes to this key that are about to be written. Raises `BadInput` as `chain_files` does.
    """
    alone, known = ledger_dir.is_file(), tuple(known)
    files = [ledger_dir] if alone else chain_files(ledger_dir)
    chains = {path.stem: read_chain(path) for path in files if WRITER.fullmatch(path.stem)}
    every = [entry for chain in chains.values() for entry in chain.entries]
    every.sort(key=lambda entry: (entry.at, entry.writer, entry.seq))
    doubts = _doubts(every, key, known, bridges)
    good = [entry for entry in every if entry.hash not in doubts]

    faults: list[Fault] = []
    broken: set[str] = set()
    heads: dict[str, str] = {}
    for writer, chain in chains.items():
        left_out = [doubts[entry.hash] for entry in chain.entries if entry.hash in doubts]
        faults += [*chain.faults, *left_out]
        broken |= {writer} if left_out or len(chain.faults) > bool(chain.torn) else set()
        sound = takewhile(lambda entry: entry.hash not in doubts and entry.at <= as_of, chain.entries)
        heads |= {entry.writer: entry.head for entry in sound}

    there = {(entry.writer, entry.head) for entry in every}
    named = [(*head, entry.place) for entry in good for head in _named_heads(entry)]
    for writer, number, place in [] if alone else _gone(named, there):
        faults.append(Fault(place, f"refers to entry {number} of {writer}, which is missing or was replaced"))
    if strange := len(files) - len(chains):
        text = f"has {counted(strange, 'file')} whose names are no writer's: they are not read"
        faults.append(Fault("ledger", text))
    lost = "had an entry {} when it was last seen, which is gone or was replaced"
    gone = _gone([(*head, f"ledger {head[0]}") for head in known], there)
    return Ledger(
        entries=tuple(entry for entry in good if entry.at <= as_of),
        heads=tuple(heads.items()),
        faults=tuple(faults),
        later=tuple(entry for entry in good if entry.at > as_of),
        macs_checked=sum(key is not None and entry.key_id == key.key_id for entry in good),
        lost=tuple(Fault(place, lost.format(number)) for _, number, place in gone),
        broken=frozenset(broken),
    )


def _doubts(entries: list[Entry], key: Key | None, known: Heads, bridges: Bridges) -> dict[str, Fault]:
    """Why entries are left out, by their hash. One under an earlier key is vouched for by the heads in a key
    bridge under the present one, along the links alone; the project is that of a `known` head, else of the
    first entry with one."""
    vouched = {entry.hash for entry in entries if key is None or entry.is_under(key)}
    if key:
        bridges += tuple(one.body for one in entries if one.kind == "key bridge" and one.hash in vouched)
    linked = {str(head).partition(":")[2] for body in bridges for head in body["heads"].values()}
    for entry in reversed(entries):
        linked |= {entry.prev} if entry.hash in linked else set()
    vouched |= linked
    named = [entry for entry in entries if entry.project and entry.hash in vouched]
    project = min(named, key=lambda entry: (entry.writer, entry.head) not in known).project if named else ""
    doubts: dict[str, Fault] = {}
    for entry in entries:
        text = "" if entry.project in ("", project) else "was written for another project"
        if key and entry.hash not in vouched:
            text = f"is under key {entry.key_id}, but nothing under key {key.key_id} vouches for it"
            text = "was not written with the key (MAC mismatch)" if entry.key_id == key.key_id else text
        doubts |= {entry.hash: Fault(entry.place, text)} if text else {}
    return doubts


def _named_heads(entry: Entry) -> Iterable[tuple[str, str]]:
    anchored = entry.body.get("heads")  # by a sign-off, or a key bridge
    return (entry.heads | (anchored if isinstance(anchored, dict) else {})).items()


def _gone(named: Iterable[tuple[str, str, str]], there: set[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """Of each writer, the number of the last named head that is no longer there, and who named it."""
    gone = {
        writer: (writer, found[1], by)
        for writer, head, by in named
        if (found := _HEAD.fullmatch(str(head))) and (writer, head) not in there
    }
    return sorted(gone.values())


def current_key_ids(ledger_dir: Path, available: Mapping[str, Key]) -> set[str]:
    """The ids of the keys that the ledger names, without those that an available key has bridged away."""
    entries = [entry for path in chain_files(ledger_dir) for entry in read_chain(path).entries]
    bridges = [entry for entry in entries if entry.kind == "key bridge" and entry.key_id in available]
    left = {str(entry.body["from_key_id"]) for entry in bridges if entry.is_under(available[entry.key_id])}
    return {entry.key_id for entry in entries} - left


def all_heads(ledger_dir: Path, key: Key | None = None) -> dict[str, str]:
    """The `heads` of a ledger by writer."""
    return dict(read_ledger(ledger_dir, key).heads)


def heads_of(ledger_dir: Path, key: Key) -> Heads:
    """The heads of a ledger as this reviewer last wrote to it, if that was under this key."""
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
    place = str(ledger_dir.resolve()).encode("utf-8", "surrogateescape")
    return f"ledger-{blake2b(place, digest_size=16).hexdigest()}"


def append(ledger_dir: Path, key: Key, draft: Draft, at: datetime, writer: str) -> Entry:
    """The entry as it is on the disk, at the end of the writer's chain; before it a repair entry if a crash
    left a torn line, which was never acknowledged and is cut off. `BadInput` for a throw-away key, a name
    that no writer may have, a disk or a lock that does not allow it, and as `sound_chain` raises it."""
    kept, named = key.origin != "throw-away", WRITER.fullmatch(writer)
    BadInput.unless(kept, "key", "does not exist yet: create one first (init, or a first snapshot)")
    BadInput.unless(named, "writer", "must have the form alice-laptop: lower-case letters, digits, . _ -")
    chain_files(ledger_dir)  # refuses a link before anything is made behind it
    with _locked(ledger_dir, writer) as handle:
        chain, ledger = sound_chain(ledger_dir, key, draft, at, writer)
        # All writers agree on the project: a ledger that names none is known by its first entry.
        text = json.dumps([writer, iso(at), draft.kind, draft.body], sort_keys=True)
        new = hmac.digest(key.derive("project"), text.encode(), sha256).hex()
        projects = [entry.project for entry in ledger.entries if entry.project]
        project = (*projects, *(entry.hash for entry in ledger.entries[:1]), new)[0][:32]
        heads = {other: head for other, head in ledger.heads if other != writer}
        seal = partial(sealed_line, key, at=at, writer=writer, project=project, heads=heads)
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
    bridges = (draft.body,) if draft.kind == "key bridge" else ()
    ledger = read_ledger(ledger_dir, key, known=heads_of(ledger_dir, key), bridges=bridges)
    place, path = f"ledger {writer}", ledger_dir / f"{writer}.jsonl"
    chain = read_chain(path) if path in chain_files(ledger_dir) else Chain()
    last = chain.end
    if wrong := [fault for fault in ledger.faults if last and fault.place == last.place]:
        raise BadInput([*wrong, Fault(place, "run verify, and continue with another writer (--writer)")])
    if isinstance(last, Entry):
        text = f"ends at {iso(last.at)}, after {iso(at)}: set the clock, or name another writer"
        BadInput.unless(at >= last.at, place, text)
    return chain, ledger


def sealed_line(
    key: Key, after: Entry | None, draft: Draft, at: datetime, writer: str, *, project: str, heads: Any
) -> bytes:
    """The line, with its newline, of an entry that follows another."""
    link = {"seq": after.seq + 1, "prev": after.hash} if after else {"seq": 1}
    facts = {"writer": writer, "at": at, "key_id": key.key_id, "project": project, "heads": dict(heads)}
    entry = Entry(v=2, kind=draft.kind, body=dict(draft.body), **link, **facts)  # type: ignore[arg-type]
    return entry.model_copy(update={"mac": entry.mac_under(key)}).line() + b"\n"


def _write(handle: int, line: bytes) -> Entry:
    """The entry of a line once it is on the disk; a chain that cannot take all of it stays as it was."""
    entry = Entry.model_validate_json(line)
    text = f"an entry must not be larger than {LONGEST_LINE >> 20} MiB"
    BadInput.unless(len(line) <= LONGEST_LINE, entry.place, text)
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
    from filelock import FileLock, Timeout  # noqa: PLC0415  most commands only read

    try:
        ledger_dir.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), (ledger_dir / ".gitignore").open("x", encoding="ascii") as file:
            file.write("*.lock\n")  # whatever has that name stays: a link is not followed
        path, lock = ledger_dir / f"{writer}.jsonl", FileLock(ledger_dir / ".ledger.lock", LOCK_SECONDS)
        with lock, os.fdopen(os.open(path, _APPENDING, 0o644), "ab", buffering=0) as chain:
            sync_folder(ledger_dir)
            yield chain.fileno()
    except Timeout:
        raise BadInput.at(str(ledger_dir), f"another process has held it for {LOCK_SECONDS} s") from None
    except OSError as error:
        raise BadInput.at(f"ledger {writer}", f"cannot be written ({error.strerror})") from None


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
    verdict = "deny" if body.get("answer") == "no" else _EARLIER.get(entry.kind) or body["verdict"]
    until = parse_instant(min(body["until"], LAST), entry.place) if "until" in body else None
    facts = {name: body.get(name, "") for name in ("subject", "by", "reason", "owner", "ticket")}
    return Decision(verdict=verdict, until=until, at=entry.at, place=entry.place, **facts)
