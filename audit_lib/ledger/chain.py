"""The ledger as a whole: each writer's chain, what the key vouches for, what is broken, gone or of later."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from operator import attrgetter
from pathlib import Path

from audit_lib.base.cache import recall_state, remember_state
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.in_words import counted
from audit_lib.ledger.entry import GENESIS, Entry, is_under, parse_line
from audit_lib.secrecy.keeper import Key

END_OF_TIME = datetime.max.replace(tzinfo=UTC)
WRITER = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LARGEST_CHAIN = 512 * 2**20
Heads = tuple[tuple[str, str], ...]  # writer, and "number:hash" of an entry


@dataclass(frozen=True)
class Chain:
    """What one file holds. `entries` are those whose own hash holds, also beyond a break."""

    writer: str
    entries: tuple[Entry, ...] = ()
    faults: tuple[Fault, ...] = ()  # the first is the first broken entry
    torn: bytes = field(default=b"", repr=False)  # what follows the last newline: a write that never ended
    tail: tuple[Fault, ...] = ()  # why the last line is no entry


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


def read_ledger(
    ledger_dir: Path, key: Key | None, as_of: datetime = END_OF_TIME, known: Iterable[tuple[str, str]] = ()
) -> Ledger:
    """The ledger in a folder, or in one chain's file; an empty one where there is none.

    An entry that is itself changed, that the key does not vouch for, or that is of another project, is a
    fault and is left out. `known` are heads (writer, "number:hash") that were seen before: one that is no
    longer among the entries is lost.

    Raises:
        BadInput: the folder cannot be listed, or is a link in a project.
    """
    alone = ledger_dir.is_file()
    chains = [read_chain(ledger_dir)] if alone else read_chains(ledger_dir)
    known = tuple(known)
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
        faults += [*_missing_heads(good, points), *_strange_names(ledger_dir)]
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
    """The files of a ledger folder, one a writer, in order; none if there is no folder.

    A file whose name is no writer's is none of them: the name would stand in what people copy to a shell.
    """
    return [path for path in _listed(ledger_dir) if WRITER.fullmatch(path.stem)]


def read_chains(ledger_dir: Path) -> list[Chain]:
    """Every writer's chain; `BadInput` as `read_ledger` raises it."""
    return [read_chain(path) for path in chain_files(ledger_dir)]


def refuse_links(ledger_dir: Path) -> None:
    """`BadInput` if the ledger's place in a project is a link: it could lead to another project's ledger."""
    for folder in (ledger_dir.parent, ledger_dir):
        if ledger_dir.parent.name == ".audit" and folder.is_symlink():
            raise BadInput.at(str(folder), "is a symbolic link: put the ledger's own folder in its place")


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
    previous: Entry | None = None
    wrong: list[Fault] = []
    for number, line in enumerate(lines, start=1):
        place = f"ledger {writer}#{number}"
        entry, wrong = parse_line(line, place)
        if entry is not None:
            faults += [Fault(place, text) for text in _link_faults(writer, number, entry, previous)]
            entries.append(entry)
        faults += wrong
        previous = entry
    if torn:
        text = f"is torn: {len(torn)} bytes of an unfinished write; the next entry repairs it"
        faults.append(Fault(f"ledger {writer}#{len(lines) + 1}", text))
    return Chain(writer, tuple(entries), tuple(faults), torn, tuple(wrong))


def unsound_entries(chains: list[Chain], key: Key | None, project: str) -> dict[str, Fault]:
    """The faults, by the entry's hash, of those that are of another project, or that nothing vouches for.

    With the key, each entry is held against its MAC. An entry under an earlier key is vouched for by the
    heads in a key bridge under the present key, along the links alone.
    """
    every = [entry for chain in chains for entry in chain.entries]
    bridges = [one for one in every if key and one.kind == "key bridge" and is_under(key, one)]
    unsound = {}
    for chain in chains:
        vouched = {str(bridge.body["heads"].get(chain.writer, "")).partition(":")[2] for bridge in bridges}
        for entry in reversed(chain.entries):
            vouched |= {entry.prev} if entry.hash in vouched else set()
        for entry in chain.entries:
            if text := _unsound(entry, key, project, vouched):
                unsound[entry.hash] = Fault(entry.place, text)
    return unsound


def project_of(chains: Iterable[Chain], key: Key | None, known: Iterable[tuple[str, str]] = ()) -> str:
    """The id of the project that a ledger is of; "" if its entries name none.

    It is the one that goes with a head that is `known`, else the first one.
    """
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


def all_heads(ledger_dir: Path, key: Key | None = None) -> dict[str, str]:
    """The head of each writer's chain: what is remembered, and what a sign-off and a key bridge anchor.

    With the key it is that of the last entry up to which all are vouched for.
    """
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
        for writer, head in (*entry.heads.items(), *entry.body.get("heads", {}).items()):
            number = int(head.partition(":")[0])
            if (writer, head) not in points and number >= last.get(writer, (0, entry))[0]:
                last[writer] = number, entry
    for writer, (number, entry) in sorted(last.items()):
        yield Fault(entry.place, f"refers to entry {number} of {writer}, which is missing or was replaced")


def _lost(points: set[tuple[str, str]], known: Iterable[tuple[str, str]]) -> Iterator[Fault]:
    for writer, head in sorted(set(known) - points):
        number = head.partition(":")[0]
        if number != "0":  # else a review dated before the chain's first entry: it saw none
            text = f"had an entry {number} when it was last seen, which is gone or was replaced"
            yield Fault(f"ledger {writer}", text)


def _strange_names(ledger_dir: Path) -> list[Fault]:
    strange = sum(not WRITER.fullmatch(path.stem) for path in _listed(ledger_dir))
    text = f"has {counted(strange, 'file')} whose names are no writer's: they are not read"
    return [Fault("ledger", text)] if strange else []


def _unsound(entry: Entry, key: Key | None, project: str, vouched: set[str]) -> str:
    if key is not None and entry.key_id == key.key_id and not is_under(key, entry):
        return "was not written with the key (MAC mismatch)"
    if key is not None and entry.key_id != key.key_id and entry.hash not in vouched:
        return f"is under key {entry.key_id}, but nothing under key {key.key_id} vouches for it"
    return "" if entry.project in ("", project) else "was written for another project"


def _link_faults(writer: str, number: int, entry: Entry, previous: Entry | None) -> list[str]:
    before = previous.hash if previous else GENESIS
    tests = {
        "belongs to another writer's chain": entry.writer != writer,
        f"has the number {entry.seq}: an entry was deleted, inserted or moved": entry.seq != number,
        "does not follow the entry above it: one was changed, deleted or inserted": entry.prev != before
        and (previous is not None or number == 1),
        "is dated before the entry above it": previous is not None and entry.at < previous.at,
    }
    return [text for text, wrong in tests.items() if wrong]


def _listed(ledger_dir: Path) -> list[Path]:
    refuse_links(ledger_dir)
    try:
        return sorted(path for path in ledger_dir.iterdir() if path.suffix == ".jsonl")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BadInput.at(str(ledger_dir), f"is not a ledger folder ({error.strerror})") from None
