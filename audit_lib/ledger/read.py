"""The ledger as a whole: all writers' chains, merged, vouched for by the key, as of an instant."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path

from audit_lib.base.errors import Fault
from audit_lib.ledger.anchor import project_of
from audit_lib.ledger.chain import Chain, chain_files, names_of_none, read_chain
from audit_lib.ledger.entry import Entry, mac_holds
from audit_lib.secrecy.keeper import Key

END_OF_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Ledger:
    """Every entry dated by `as_of`, in order of time, writer and number."""

    entries: tuple[Entry, ...] = ()
    heads: tuple[tuple[str, str], ...] = ()  # writer, "number:hash" of its last entry by as_of
    faults: tuple[Fault, ...] = ()  # breaks and torn lines, place then fault; the first break first
    later: tuple[Entry, ...] = ()  # dated after as_of: left out, and counted
    macs_checked: int = 0
    lost: tuple[Fault, ...] = ()  # chains that were longer, or are gone, by what is known elsewhere
    broken: frozenset[str] = frozenset()  # writers whose chain has a break: it proves no "not before"

    @property
    def left_out(self) -> int:
        """How many entries are dated after as_of."""
        return len(self.later)

    def of_kind(self, kind: str) -> tuple[Entry, ...]:
        """The entries of one kind, in order."""
        return tuple(entry for entry in self.entries if entry.kind == kind)


def read_ledger(
    ledger_dir: Path, key: Key | None, as_of: datetime = END_OF_TIME, known: Iterable[tuple[str, str]] = ()
) -> Ledger:
    """The ledger in a folder, or in one chain's file; an empty one where there is none.

    With the key, each entry is held against its MAC. An entry under an earlier key is vouched for by the
    heads in a key bridge under the present key, along the links alone. An entry that is itself changed, that
    nothing vouches for, or that is of another project, is a fault and is left out.
    `known` are heads (writer, "number:hash") that were seen before: one that is no longer among the
    entries is lost.

    Raises:
        BadInput: the folder cannot be listed.
    """
    files = [ledger_dir] if ledger_dir.is_file() else chain_files(ledger_dir)
    chains = [read_chain(path) for path in files]
    known = tuple(known)
    project = project_of(chains, key, known)
    forged = {entry: fault for chain in chains for entry, fault in _strange(chain, project)}
    forged |= {entry: fault for chain in chains for entry, fault in _forged(chain, chains, key)}
    faults = [fault for chain in chains for fault in (*chain.faults, *_of(chain, forged))]
    sound = [_without(chain, forged) for chain in chains]
    if not ledger_dir.is_file():
        faults += [*_missing_heads(sound, _points(chains)), *names_of_none(ledger_dir)]
    broken = {chain.writer for chain in chains if _breaks(chain) or _of(chain, forged)}
    good = [entry for chain in sound for entry in chain.entries]
    dated = [entry for entry in good if entry.at <= as_of]
    return Ledger(
        entries=tuple(sorted(dated, key=attrgetter("order"))),
        heads=tuple(
            (chain.writer, chain.head) for chain in (_cut(one, as_of) for one in sound) if chain.entries
        ),
        faults=tuple(faults),
        later=tuple(sorted((entry for entry in good if entry.at > as_of), key=attrgetter("order"))),
        macs_checked=sum(key is not None and entry.key_id == key.key_id for entry in good),
        lost=tuple(_lost(chains, known)),
        broken=frozenset(broken),
    )


def current_key_ids(ledger_dir: Path, at_hand: Mapping[str, Key]) -> set[str]:
    """The ids of the keys that the ledger names, without those that a key at hand has bridged away."""
    entries = [entry for path in chain_files(ledger_dir) for entry in read_chain(path).entries]
    bridges = [entry for entry in entries if entry.kind == "key bridge" and entry.key_id in at_hand]
    left = {str(one.body["from_key_id"]) for one in bridges if mac_holds(at_hand[one.key_id], one)}
    return {entry.key_id for entry in entries} - left


def all_heads(ledger_dir: Path, key: Key | None = None) -> dict[str, str]:
    """The head of each writer's chain: what is remembered, and what a sign-off and a key bridge anchor.

    With the key it is that of the last entry up to which all are vouched for.
    """
    chains = [read_chain(path) for path in chain_files(ledger_dir)]
    heads = {}
    for chain in chains:
        forged = {entry for entry, _ in _forged(chain, chains, key)}
        first = next((at for at, entry in enumerate(chain.entries) if entry.hash in forged), None)
        whole = chain.entries[:first]
        if whole:
            heads[chain.writer] = whole[-1].head
    return heads


def _forged(chain: Chain, chains: Iterable[Chain], key: Key | None) -> list[tuple[str, Fault]]:
    """The hashes of entries that the key does not vouch for."""
    if key is None:
        return []
    vouched = _vouched(chain, chains, key)
    wrong = []
    for entry in chain.entries:
        if entry.key_id == key.key_id and not mac_holds(key, entry):
            wrong.append((entry.hash, Fault(entry.place, "was not written with the key (MAC mismatch)")))
        elif entry.key_id != key.key_id and entry.hash not in vouched:
            text = f"is under key {entry.key_id}, but nothing under key {key.key_id} vouches for it"
            wrong.append((entry.hash, Fault(entry.place, text)))
    return wrong


def _strange(chain: Chain, project: str) -> list[tuple[str, Fault]]:
    """The hashes of entries that were written for another project."""
    strange = [entry for entry in chain.entries if entry.project not in ("", project)]
    return [(entry.hash, Fault(entry.place, "was written for another project")) for entry in strange]


def _vouched(chain: Chain, chains: Iterable[Chain], key: Key) -> set[str]:
    """The hashes of entries that lead, link by link, to a head which a bridge under the key names."""
    bridges = [e for one in chains for e in one.entries if e.kind == "key bridge" and e.key_id == key.key_id]
    heads = [str(bridge.body["heads"].get(chain.writer, "")) for bridge in bridges if mac_holds(key, bridge)]
    vouched = {head.partition(":")[2] for head in heads}
    for entry in reversed(chain.entries):
        if entry.hash in vouched:
            vouched.add(entry.prev)
    return vouched


def _missing_heads(chains: Iterable[Chain], known: set[tuple[str, str]]) -> list[Fault]:
    """A fault for each chain of which an entry recorded a head that is no longer there: the last of them."""
    recorded = [
        (int(head.partition(":")[0]), writer, entry)
        for chain in chains
        for entry in chain.entries
        for writer, head in (*entry.heads.items(), *entry.body.get("heads", {}).items())
        if (writer, head) not in known
    ]
    last = {writer: (number, entry) for number, writer, entry in sorted(recorded, key=lambda one: one[0])}
    return [
        Fault(entry.place, f"refers to entry {number} of {writer}, which is missing or was replaced")
        for writer, (number, entry) in sorted(last.items())
    ]


def _lost(chains: Iterable[Chain], known: Iterable[tuple[str, str]]) -> Iterator[Fault]:
    there = _points(chains)
    for writer, head in sorted(set(known) - there):
        number = head.partition(":")[0]
        if number == "0":  # a review dated before the chain's first entry: it saw none
            continue
        text = f"had an entry {number} when it was last seen, which is gone or was replaced"
        yield Fault(f"ledger {writer}", text)


def _points(chains: Iterable[Chain]) -> set[tuple[str, str]]:
    """Writer and head of each chain, as it is and as it was after each of its entries."""
    return {(chain.writer, entry.head) for chain in chains for entry in chain.entries}


def _of(chain: Chain, forged: dict[str, Fault]) -> list[Fault]:
    return [forged[entry.hash] for entry in chain.entries if entry.hash in forged]


def _without(chain: Chain, forged: dict[str, Fault]) -> Chain:
    return replace(chain, entries=tuple(one for one in chain.entries if one.hash not in forged))


def _breaks(chain: Chain) -> bool:
    return len(chain.faults) > (1 if chain.torn else 0)


def _cut(chain: Chain, as_of: datetime) -> Chain:
    return replace(chain, entries=tuple(entry for entry in chain.entries if entry.at <= as_of))
