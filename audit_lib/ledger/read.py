"""The ledger as a whole: all writers' chains, merged, vouched for by the key, as of an instant."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from operator import attrgetter
from pathlib import Path

from audit_lib.base.cache import recall_state, remember_state
from audit_lib.base.errors import Fault
from audit_lib.ledger.chain import (
    Chain,
    is_under,
    project_of,
    read_chain,
    read_chains,
    strange_names,
    unsound_entries,
)
from audit_lib.ledger.entry import Entry
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
        BadInput: the folder cannot be listed.
    """
    alone = ledger_dir.is_file()
    chains = [read_chain(ledger_dir)] if alone else read_chains(ledger_dir)
    known = tuple(known)
    unsound = unsound_entries(chains, key, project_of(chains, key, known))
    sound = [_only(chain, lambda entry: entry.hash not in unsound) for chain in chains]
    faults: list[Fault] = []
    broken = set()
    for chain in chains:
        wrong = [unsound[entry.hash] for entry in chain.entries if entry.hash in unsound]
        faults += [*chain.faults, *wrong]
        broken |= {chain.writer} if chain.broken or wrong else set()
    if not alone:
        faults += [*_missing_heads(sound, chains), *strange_names(ledger_dir)]
    good = sorted((entry for chain in sound for entry in chain.entries), key=attrgetter("order"))
    by_then = [_only(chain, lambda entry: entry.at <= as_of) for chain in sound]
    return Ledger(
        entries=tuple(entry for entry in good if entry.at <= as_of),
        heads=tuple((one.writer, one.head) for one in by_then if one.entries),
        faults=tuple(faults),
        later=tuple(entry for entry in good if entry.at > as_of),
        macs_checked=sum(key is not None and entry.key_id == key.key_id for entry in good),
        lost=tuple(_lost(chains, known)),
        broken=frozenset(broken),
    )


def current_key_ids(ledger_dir: Path, at_hand: Mapping[str, Key]) -> set[str]:
    """The ids of the keys that the ledger names, without those that a key at hand has bridged away."""
    entries = [entry for chain in read_chains(ledger_dir) for entry in chain.entries]
    bridges = [entry for entry in entries if entry.kind == "key bridge" and entry.key_id in at_hand]
    left = {str(one.body["from_key_id"]) for one in bridges if is_under(at_hand[one.key_id], one)}
    return {entry.key_id for entry in entries} - left


def all_heads(ledger_dir: Path, key: Key | None = None) -> dict[str, str]:
    """The head of each writer's chain: what is remembered, and what a sign-off and a key bridge anchor.

    With the key it is that of the last entry up to which all are vouched for.
    """
    chains = read_chains(ledger_dir)
    unsound = unsound_entries(chains, key, project_of(chains, key)) if key else {}
    heads: dict[str, str] = {}
    for chain in chains:
        first = next((at for at, entry in enumerate(chain.entries) if entry.hash in unsound), None)
        whole = chain.entries[:first]
        heads |= {chain.writer: whole[-1].head} if whole else {}
    return heads


@dataclass(frozen=True)
class KnownHeads:
    """The heads of a ledger as this reviewer saw them last, and the key that it was written under then."""

    key_id: str = ""  # "" if this reviewer never wrote to it
    heads: tuple[tuple[str, str], ...] = ()  # writer, "number:hash"


def known_heads(ledger_dir: Path) -> KnownHeads:
    """What is remembered, outside the project, of the ledger in this folder."""
    found = recall_state(_name(ledger_dir))
    heads = found.get("heads")
    if not isinstance(heads, dict):
        return KnownHeads()
    return KnownHeads(str(found.get("key_id", "")), tuple(sorted((str(w), str(h)) for w, h in heads.items())))


def heads_of(ledger_dir: Path, key: Key) -> tuple[tuple[str, str], ...]:
    """The heads that are remembered of a ledger, if it was written under this key then."""
    known = known_heads(ledger_dir)
    return known.heads if known.key_id == key.key_id else ()


def remember_heads(ledger_dir: Path, key: Key) -> None:
    """Remember how far each chain goes that the key vouches for."""
    known = dict(known_heads(ledger_dir).heads)
    remember_state(_name(ledger_dir), {"key_id": key.key_id, "heads": known | all_heads(ledger_dir, key)})


def _missing_heads(sound: Iterable[Chain], chains: Iterable[Chain]) -> list[Fault]:
    """A fault for each chain of which an entry recorded a head that is no longer there: the last of them."""
    there = _points(chains)
    recorded = [
        (int(head.partition(":")[0]), writer, entry)
        for chain in sound
        for entry in chain.entries
        for writer, head in (*entry.heads.items(), *entry.body.get("heads", {}).items())
        if (writer, head) not in there
    ]
    last = {writer: (number, entry) for number, writer, entry in sorted(recorded, key=lambda one: one[0])}
    return [
        Fault(entry.place, f"refers to entry {number} of {writer}, which is missing or was replaced")
        for writer, (number, entry) in sorted(last.items())
    ]


def _lost(chains: Iterable[Chain], known: Iterable[tuple[str, str]]) -> Iterator[Fault]:
    for writer, head in sorted(set(known) - _points(chains)):
        number = head.partition(":")[0]
        if number != "0":  # else a review dated before the chain's first entry: it saw none
            text = f"had an entry {number} when it was last seen, which is gone or was replaced"
            yield Fault(f"ledger {writer}", text)


def _points(chains: Iterable[Chain]) -> set[tuple[str, str]]:
    """Writer and head of each chain, as it is and as it was after each of its entries."""
    return {(chain.writer, entry.head) for chain in chains for entry in chain.entries}


def _only(chain: Chain, wanted: Callable[[Entry], bool]) -> Chain:
    return replace(chain, entries=tuple(filter(wanted, chain.entries)))


def _name(ledger_dir: Path) -> str:
    place = str(ledger_dir.resolve()).encode("utf-8", "surrogateescape")
    return f"ledger-{blake2b(place, digest_size=16).hexdigest()}"
