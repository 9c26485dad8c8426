"""The ledger: a chain of signed entries for each writer; what is sound, what is broken, gone or of later."""

import hmac
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b, sha256
from operator import attrgetter
from pathlib import Path
from typing import Any

from audit_lib.base.cache import recall_state, remember_state
from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.in_words import counted
from audit_lib.secrecy.keeper import Key

ROLES = ("prepared", "reviewed", "approved")  # of a signoff
END_OF_TIME = datetime.max.replace(tzinfo=UTC)
GENESIS = "0" * 64
LONGEST_LINE = 8 * 2**20
_LARGEST_CHAIN = 512 * 2**20
WRITER = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_HEAD = re.compile("[0-9]{1,10}:[0-9a-f]{64}")
_TEXTS = {
    "writer": WRITER.pattern,
    "prev": "[0-9a-f]{64}",
    "at": "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
    "kind": ".{1,40}",
    "key_id": "[0-9a-f]{8}",
    "mac": "[0-9a-f]{64}",
    "hash": "[0-9a-f]{64}",
}
Heads = tuple[tuple[str, str], ...]  # writer, and "number:hash" of an entry


@dataclass(frozen=True)
class Draft:
    """What is to be recorded: a kind, and what it holds."""

    kind: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """One entry of one writer's chain. `at` is the instant of recording, by the command line's clock."""

    writer: str
    seq: int
    at: datetime
    kind: str
    key_id: str
    prev: str
    hash: str
    mac: str
    body: Mapping[str, Any]
    project: str = ""  # the id of the project; "" in an entry of the first version
    heads: dict[str, str] = field(default_factory=dict)  # of the other chains, as they were then

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

    def content(self) -> dict[str, Any]:
        """What the MAC is over."""
        second = {"v": 2, "project": self.project, "heads": self.heads}
        same = {name: getattr(self, name) for name in ("writer", "seq", "prev", "kind", "key_id", "body")}
        return {"v": 1, **(second if self.project else {}), **same, "at": iso(self.at)}


@dataclass(frozen=True)
class Chain:
    """What one file holds. `entries` are those whose own hash holds, also beyond a break."""

    writer: str
    entries: tuple[Entry, ...] = ()
    faults: tuple[Fault, ...] = ()  # the first is the first broken entry
    torn: bytes = field(default=b"", repr=False)  # what follows the last newline: a write that never ended
    tail: Fault | None = None  # why the last line is no entry


@dataclass(frozen=True)
class Ledger:
    """Every entry dated by `as_of`, in order of time, writer and number."""

    entries: tuple[Entry, ...] = ()
    heads: Heads = ()  # of each writer's last entry by as_of
    faults: tuple[Fault, ...] = ()  # breaks and torn lines, place then fault; the first break first
    later: tuple[Entry, ...] = ()  # dated after as_of: left out, and counted
    macs_checked: int = 0
    lost: tuple[Fault, ...] = ()  # chains that were longer, or are gone, by what is known elsewhere
    broken: frozenset[str] = frozenset()  # writers whose chain has a break: it proves no "not before"

    def of_kind(self, *kinds: str) -> tuple[Entry, ...]:
        """The entries of these kinds, in order."""
        return tuple(entry for entry in self.entries if entry.kind in kinds)


# ---- One entry: canonical JSON, the MAC over the content, the hash over both.


def sealed_line(
    key: Key, after: Entry | None, draft: Draft, at: datetime, writer: str, *, project: str, heads: Any
) -> bytes:
    """The entry's line with its newline."""
    seq, prev = (after.seq + 1, after.hash) if after else (1, GENESIS)
    entry = Entry(writer, seq, at, draft.kind, key.key_id, prev, "", "", draft.body, project, dict(heads))
    content = entry.content()
    content["mac"] = _mac(key, content)
    content["hash"] = sha256(_canonical(content)).hexdigest()
    return _canonical(content) + b"\n"


def parse_line(line: bytes, place: str) -> Entry | Fault:
    """The entry of a line without its newline, or what is wrong with it; never an exception."""
    if len(line) > LONGEST_LINE:
        return Fault(place, "is too long")
    try:
        content = json.loads(line.decode("ascii"))
        canonical = _canonical(content) == line
    except (ValueError, RecursionError, MemoryError):
        return Fault(place, "is not JSON in the form that this tool writes")
    if not _is_entry(content):
        return Fault(place, "is no entry of a ledger")
    try:
        at = parse_instant(content["at"], place)
    except BadInput as error:
        return error.faults[0]
    named = content.pop("hash")
    if not canonical or iso(at) != content["at"] or sha256(_canonical(content)).hexdigest() != named:
        return Fault(place, "was edited: hash mismatch")
    return Entry(at=at, hash=named, **{name: content[name] for name in content.keys() - {"v", "at"}})


def is_under(key: Key, entry: Entry) -> bool:
    """Whether the key's holder wrote an entry."""
    return entry.key_id == key.key_id and hmac.compare_digest(_mac(key, entry.content()), entry.mac)


def head_number(head: Any) -> int:
    """The number in a head (`12:9f…`); -1 for what is none."""
    is_head = isinstance(head, str) and _HEAD.fullmatch(head) is not None
    return int(head.partition(":")[0]) if is_head else -1


def _is_entry(content: Any) -> bool:
    """Whether it has an entry's fields; a body is the word of who holds the key, or is left out."""
    if not isinstance(content, dict) or not isinstance(content.get("body"), dict):
        return False
    version, heads = content.get("v"), content.get("heads", {})
    texts = _TEXTS | ({"project": "[0-9a-f]{32}"} if version == 2 else {})
    names = {"v", "seq", "body", *texts} | ({"heads"} if version == 2 else set())
    return (
        content.keys() == names
        and type(version) is type(content["seq"]) is int
        and version in (1, 2)
        and all(isinstance(content[name], str) for name in texts)
        and all(re.fullmatch(rule, content[name]) for name, rule in texts.items())
        and isinstance(heads, dict)
        and all(head_number(head) >= 0 for head in heads.values())
    )


def _mac(key: Key, content: Mapping[str, Any]) -> str:
    return hmac.digest(key.derive("ledger"), _canonical(content), sha256).hex()


def _canonical(content: Any) -> bytes:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii")


# ---- One chain, and all of them.


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
    unsound = unsound_entries(chains, key, project_of(chains, key, known))
    faults: list[Fault] = []
    broken = set()
    for chain in chains:
        wrong = [unsound[entry.hash] for entry in chain.entries if entry.hash in unsound]
        faults += [*chain.faults, *wrong]
        broken |= {chain.writer} if wrong or len(chain.faults) > bool(chain.torn) else set()
    good = [entry for chain in chains for entry in chain.entries if entry.hash not in unsound]
    points = {(chain.writer, entry.head) for chain in chains for entry in chain.entries}
    if not alone:
        strange = sum(not WRITER.fullmatch(path.stem) for path in _listed(ledger_dir))
        text = f"has {counted(strange, 'file')} whose names are no writer's: they are not read"
        faults += [*_missing_heads(good, points), *([Fault("ledger", text)] if strange else [])]
    good.sort(key=attrgetter("order"))
    by_then = tuple(entry for entry in good if entry.at <= as_of)
    ends = {entry.writer: entry.head for entry in sorted(by_then, key=attrgetter("writer", "seq"))}
    return Ledger(
        entries=by_then,
        heads=tuple(ends.items()),
        faults=tuple(faults),
        later=tuple(entry for entry in good if entry.at > as_of),
        macs_checked=sum(key is not None and entry.key_id == key.key_id for entry in good),
        lost=tuple(_lost(points, known)),
        broken=frozenset(broken),
    )


def chain_files(ledger_dir: Path) -> list[Path]:
    """The files of a ledger folder, one a writer, in order; none if there is no folder."""
    # A name that is no writer's would stand in what people copy to a shell.
    return [path for path in _listed(ledger_dir) if WRITER.fullmatch(path.stem)]


def read_chains(ledger_dir: Path) -> list[Chain]:
    """Every writer's chain; `BadInput` as `read_ledger` raises it."""
    return [read_chain(path) for path in chain_files(ledger_dir)]


def read_chain(path: Path) -> Chain:
    """The chain in a file. Whatever the file holds ends as entries, faults or the torn last line."""
    try:
        *lines, torn = read_source(path.parent, path.name, _LARGEST_CHAIN).content.split(b"\n")
    except Unreadable as error:
        return Chain(path.stem, faults=(Fault(f"ledger {path.stem}", f"cannot be read: {error.reason}"),))
    return check_lines(path.stem, lines, torn)


def check_lines(writer: str, lines: list[bytes], torn: bytes = b"") -> Chain:
    """The chain of these lines: each entry's own hash, its number, its writer, its link and its date."""
    entries: list[Entry] = []
    faults: list[Fault] = []
    previous: Entry | Fault | None = None
    for number, line in enumerate(lines, start=1):
        place, found = f"ledger {writer}#{number}", parse_line(line, f"ledger {writer}#{number}")
        if isinstance(found, Fault):
            faults.append(found)
        else:
            before = previous if isinstance(previous, Entry) else None
            faults += [Fault(place, text) for text in _link_faults(writer, number, found, before)]
            entries.append(found)
        previous = found
    if torn:
        text = f"is torn: {len(torn)} bytes of an unfinished write; the next entry repairs it"
        faults.append(Fault(f"ledger {writer}#{len(lines) + 1}", text))
    return Chain(
        writer, tuple(entries), tuple(faults), torn, previous if isinstance(previous, Fault) else None
    )


def _link_faults(writer: str, number: int, entry: Entry, previous: Entry | None) -> list[str]:
    follows = entry.prev == (previous.hash if previous else GENESIS) or (previous is None and number > 1)
    tests = {
        "belongs to another writer's chain": entry.writer != writer,
        f"has the number {entry.seq}: an entry was deleted, inserted or moved": entry.seq != number,
        "does not follow the entry above it: one was changed, deleted or inserted": not follows,
        "is dated before the entry above it": previous is not None and entry.at < previous.at,
    }
    return [text for text, wrong in tests.items() if wrong]


def unsound_entries(chains: list[Chain], key: Key | None, project: str) -> dict[str, Fault]:
    """The faults, by the entry's hash, of those that are of another project, or that nothing vouches for.

    With the key, each entry is held against its MAC. An entry under an earlier key is vouched for by the
    heads in a key bridge under the present key, along the links alone.
    """
    every = [entry for chain in chains for entry in chain.entries]
    bridges = [one for one in every if key and one.kind == "key bridge" and is_under(key, one)]
    unsound: dict[str, Fault] = {}
    for chain in chains:
        vouched = {str(bridge.body["heads"].get(chain.writer, "")).partition(":")[2] for bridge in bridges}
        for entry in reversed(chain.entries):
            vouched |= {entry.prev} if entry.hash in vouched else set()
        for entry in chain.entries:
            text = "" if entry.project in ("", project) else "was written for another project"
            if key and entry.key_id != key.key_id and entry.hash not in vouched:
                text = f"is under key {entry.key_id}, but nothing under key {key.key_id} vouches for it"
            elif key and entry.key_id == key.key_id and not is_under(key, entry):
                text = "was not written with the key (MAC mismatch)"
            unsound |= {entry.hash: Fault(entry.place, text)} if text else {}
    return unsound


def project_of(chains: Iterable[Chain], key: Key | None, known: Iterable[tuple[str, str]] = ()) -> str:
    """The id of the project that a ledger is of: that of a `known` head, else the first; "" without one."""
    named = [entry for chain in chains for entry in chain.entries if entry.project]
    named = sorted((e for e in named if key is None or is_under(key, e)), key=attrgetter("order"))
    seen = set(known)
    remembered = [entry for entry in named if (entry.writer, entry.head) in seen]
    return next((entry.project for entry in [*remembered, *named]), "")


def current_key_ids(ledger_dir: Path, available: Mapping[str, Key]) -> set[str]:
    """The ids of the keys that the ledger names, without those that an available key has bridged away."""
    entries = [entry for chain in read_chains(ledger_dir) for entry in chain.entries]
    bridges = [entry for entry in entries if entry.kind == "key bridge" and entry.key_id in available]
    left = {str(one.body["from_key_id"]) for one in bridges if is_under(available[one.key_id], one)}
    return {entry.key_id for entry in entries} - left


def refuse_links(ledger_dir: Path) -> None:
    """`BadInput` if the ledger's place in a project is a link: it could lead to another project's ledger."""
    for folder in (ledger_dir.parent, ledger_dir):
        if ledger_dir.parent.name == ".audit" and folder.is_symlink():
            raise BadInput.at(str(folder), "is a symbolic link: put the ledger's own folder in its place")


def _listed(ledger_dir: Path) -> list[Path]:
    refuse_links(ledger_dir)
    try:
        return sorted(path for path in ledger_dir.iterdir() if path.suffix == ".jsonl")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BadInput.at(str(ledger_dir), f"is not a ledger folder ({error.strerror})") from None


# ---- Heads, by which a chain that was cut shows.


def all_heads(ledger_dir: Path, key: Key | None = None) -> dict[str, str]:
    """The head of each writer's chain; with the key, of the last entry up to which all are vouched for."""
    chains = read_chains(ledger_dir)
    unsound = unsound_entries(chains, key, project_of(chains, key)) if key else {}
    heads: dict[str, str] = {}
    for chain in chains:
        for entry in chain.entries:
            if entry.hash in unsound:
                break
            heads[chain.writer] = entry.head
    return heads


def known_heads(ledger_dir: Path) -> tuple[str, Heads]:
    """The key id and the heads of a ledger as this reviewer last wrote to it, kept outside the project."""
    found = recall_state(_state(ledger_dir))
    heads = found.get("heads")
    if not isinstance(heads, dict):
        return "", ()
    return str(found.get("key_id", "")), tuple(sorted((str(who), str(head)) for who, head in heads.items()))


def heads_of(ledger_dir: Path, key: Key) -> Heads:
    """The heads that are remembered of a ledger, if it was written under this key then."""
    key_id, heads = known_heads(ledger_dir)
    return heads if key_id == key.key_id else ()


def remember_heads(ledger_dir: Path, key: Key) -> None:
    """Remember how far each chain goes that the key vouches for."""
    heads = dict(known_heads(ledger_dir)[1]) | all_heads(ledger_dir, key)
    remember_state(_state(ledger_dir), {"key_id": key.key_id, "heads": heads})


def _state(ledger_dir: Path) -> str:
    place = str(ledger_dir.resolve()).encode("utf-8", "surrogateescape")
    return f"ledger-{blake2b(place, digest_size=16).hexdigest()}"


def _missing_heads(sound: Iterable[Entry], points: set[tuple[str, str]]) -> Iterator[Fault]:
    """A fault for each chain of which an entry recorded a head that is no longer there: the last of them."""
    last: dict[str, tuple[int, Entry]] = {}
    for entry in sound:
        anchored = entry.body.get("heads")
        for writer, head in (entry.heads | (anchored if isinstance(anchored, dict) else {})).items():
            if (writer, head) not in points and head_number(head) >= last.get(writer, (0, entry))[0]:
                last[writer] = head_number(head), entry
    for writer, (number, entry) in sorted(last.items()):
        yield Fault(entry.place, f"refers to entry {number} of {writer}, which is missing or was replaced")


def _lost(points: set[tuple[str, str]], known: Iterable[tuple[str, str]]) -> Iterator[Fault]:
    for writer, head in sorted(set(known) - points):
        if number := head_number(head):  # 0: a review dated before the chain's first entry saw none
            text = f"had an entry {number} when it was last seen, which is gone or was replaced"
            yield Fault(f"ledger {writer}", text)
