"""What the ledger saw, place by place: runs of one value, and what was seen before each run."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from audit_lib.base.clock import parse_instant
from audit_lib.ledger import Entry, Ledger
from audit_lib.ledger.tenures import SecretPlace, loader_in
from audit_lib.secrets.age_interval import SAME_TIME

GIVEN = "--env"  # how the source of given values begins


class ObservedSeries(NamedTuple):
    """Where observations can be compared: one place, read from one source by one writer.

    Writers may hold different files under one name, so each has a chain; values given from the
    platform (`--env …`) are the same for all.
    """

    place: SecretPlace
    source: str
    writer: str


@dataclass(frozen=True)
class Observation:
    """A value, or none, seen at a place at an instant."""

    at: datetime
    fingerprint: str | None  # None: the file was read whole and held no value
    entry: str  # the ledger entry's place
    writer: str
    recorded: bool = False  # with a rotation, not by a snapshot
    modified_at: datetime | None = None  # the file's last write, as it was then
    loader: str = ""  # whose reading of the file it is; "" if every loader reads it so, or it is no file


@dataclass(frozen=True)
class Stint:
    """A run of observations of one value; that it was absent in between does not end it.

    `before` is the last observation of another value, or of none; None without any.
    """

    before: Observation | None
    first: Observation
    newest: Observation
    modified_at: datetime | None  # the earliest last write of its file, as seen with it
    last: bool  # no other value was seen after it
    looked: bool = True  # by a snapshot, not only with records


class Links:
    """Compares fingerprints across changes of the key, by the ledger's key bridges."""

    def __init__(self, ledger: Ledger) -> None:
        bridges = ledger.of_kind("key bridge")
        self._next = {str(e.body["from_key_id"]): (dict(e.body["links"]), e.key_id) for e in bridges}
        self._carried = {
            key_id: {self.now(new, into) for new in links.values()}
            for key_id, (links, into) in self._next.items()
        }

    def now(self, fingerprint: str, key_id: str) -> str:
        """The fingerprint under the present key, or `keyid:fingerprint` where no bridge carries it."""
        seen = set()
        while key_id in self._next and key_id not in seen:
            seen.add(key_id)
            links, into = self._next[key_id]
            if fingerprint not in links:
                return f"{key_id}:{fingerprint}"
            fingerprint, key_id = links[fingerprint], into
        return fingerprint

    def same(self, seen: str | None, value: str) -> bool | None:
        """Whether what was seen is the value; None if two keys keep that from being known."""
        if seen is None:
            return False
        key_id, _, rest = seen.partition(":")
        if not rest:
            return seen == value
        return False if value in self._carried[key_id] else None


class Observations:
    """Every observation of a ledger, by chain in order of time, and by value."""

    def __init__(self, ledger: Ledger, loaders: Mapping[SecretPlace, str] | None = None) -> None:
        """`loaders`: whose reading of each place's file the present values are."""
        self.links = Links(ledger)
        self._loaders = loaders or {}
        self.broken = ledger.broken
        self.chains: dict[ObservedSeries, list[Observation]] = defaultdict(list)
        self._by_place: dict[SecretPlace, set[ObservedSeries]] = defaultdict(set)
        self._by_value: dict[str, set[ObservedSeries]] = defaultdict(set)
        secrets = _ever_present(ledger)
        for entry in ledger.entries:
            for chain, seen in _seen(entry, secrets, self.links):
                self.chains[chain].append(seen)
                self._by_place[chain.place].add(chain)
                if seen.fingerprint is not None:
                    self._by_value[seen.fingerprint].add(chain)

    def of_place(self, place: SecretPlace, source: str | None = None) -> list[ObservedSeries]:
        """The chains of a place, or of one source there, in order."""
        return sorted(chain for chain in self._by_place[place] if source in (None, chain.source))

    def of_value(self, fingerprint: str) -> list[ObservedSeries]:
        """Every chain in which a value was seen, in order."""
        return sorted(self._by_value[fingerprint])

    def stints(self, chain: ObservedSeries, fingerprint: str) -> list[Stint]:
        """The runs of a value in a chain. A broken chain gives no `before`: an entry may be missing."""
        found: list[Stint] = []
        before: Observation | None = None
        others: list[Observation] = []  # other values since the value was last seen
        whole = chain.writer not in self.broken if chain.writer else not self.broken
        for seen in self.chains[chain]:
            same = self._same(chain, seen, fingerprint)
            if same is None:
                continue
            if not same:
                before = seen
                others += [seen] if seen.fingerprint is not None else []
            elif found and not _ended(found[-1], others, seen):
                found[-1] = _extended(found[-1], seen)
                others = []
            else:
                found.append(_stint(before if whole else None, seen))
                others = []
        last = len(found) - 1
        return [replace(stint, last=at == last and not others) for at, stint in enumerate(found)]

    def _same(self, chain: ObservedSeries, seen: Observation, fingerprint: str) -> bool | None:
        """As `Links.same`; None if another loader read what was seen, so that the file may be the same."""
        same = self.links.same(seen.fingerprint, fingerprint)
        is_other = same is False and seen.fingerprint is not None
        return None if is_other and not self.read_alike(chain.place, seen.loader) else same

    def read_alike(self, place: SecretPlace, loader: str) -> bool:
        """Whether what a loader read can be compared with what is read in a place now."""
        now = self._loaders.get(place, "")
        return not (now and loader) or now == loader

    def last_other(self, chain: ObservedSeries, fingerprint: str, until: Observation) -> Observation | None:
        """The last sight of another value, or of none, in a chain, surely older than an observation."""
        for seen in reversed(self.chains[chain]):
            if self._same(chain, seen, fingerprint) is False and surely_after(seen, until):
                return seen
        return None


def _stint(before: Observation | None, seen: Observation) -> Stint:
    return Stint(before, seen, seen, seen.modified_at, last=True, looked=not seen.recorded)


def _ended(stint: Stint, others: Iterable[Observation], seen: Observation) -> bool:
    """Whether another value was surely in place between a run and the next sight of its value."""
    return any(surely_after(stint.newest, one) and surely_after(one, seen) for one in others)


def surely_after(one: Observation, other: Observation) -> bool:
    """Whether `other` was seen later: a writer's chain has an order, two writers have but their clocks."""
    return other.at >= one.at if one.writer == other.writer else other.at - one.at > SAME_TIME


def _extended(stint: Stint, seen: Observation) -> Stint:
    times = [at for at in (stint.modified_at, seen.modified_at) if at is not None]
    looked = stint.looked or not seen.recorded
    return replace(stint, newest=seen, modified_at=min(times, default=None), looked=looked)


def _ever_present(ledger: Ledger) -> Mapping[tuple[str, str, str], set[str]]:
    found: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for entry in ledger.of_kind("snapshot"):
        for row in entry.body["secrets"]:
            if row["fingerprint"] is not None:
                found[row["environment"], row["service"], row["source"]].add(row["secret"])
    return found


def _seen(
    entry: Entry, secrets: Mapping[tuple[str, str, str], set[str]], links: Links
) -> Iterator[tuple[ObservedSeries, Observation]]:
    if entry.kind == "rotation" and entry.body["fingerprint"] is not None:
        if entry.body.get("previous"):  # seen right before it was replaced
            before = {**entry.body, "fingerprint": entry.body["previous"]}
            yield _chain(entry, before), _observation(entry, before, links, recorded=True)
        yield _chain(entry, entry.body), _observation(entry, entry.body, links, recorded=True)
    if entry.kind != "snapshot":
        return
    present: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for row in entry.body["secrets"]:
        if row["state"] == "present":  # also of a value that is not known: it is there
            present[row["environment"], row["service"], row["source"]].add(row["secret"])
        if row["fingerprint"] is not None:
            yield _chain(entry, row), _observation(entry, row, links)
    for place in entry.body["places"]:
        key = (place["environment"], place["service"], place.get("source", ""))
        # A line that was not understood could be the variable, and values may be given in part (an export
        # of one variable, an environment without them): absence is not shown then.
        if place["complete"] and not key[2].startswith(GIVEN):
            for secret in sorted(secrets.get(key, set()) - present[key]):
                chain = _chain(entry, {**place, "secret": secret})
                yield chain, Observation(entry.at, None, entry.place, entry.writer)


def _chain(entry: Entry, row: Mapping[str, Any]) -> ObservedSeries:
    source = str(row.get("source", ""))
    writer = "" if source.startswith(GIVEN) else entry.writer
    return ObservedSeries(SecretPlace.named_in(row), source, writer)


def _observation(
    entry: Entry, row: Mapping[str, Any], links: Links, *, recorded: bool = False
) -> Observation:
    modified = row.get("modified_at")
    return Observation(
        at=entry.at,
        fingerprint=links.now(row["fingerprint"], entry.key_id),
        entry=entry.place,
        writer=entry.writer,
        recorded=recorded,
        modified_at=parse_instant(modified, entry.place) if modified else None,
        loader=loader_in(row),
    )
