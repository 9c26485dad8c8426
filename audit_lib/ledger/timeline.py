"""Who held which value when: the one reader of what snapshots and records saw."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from operator import attrgetter
from typing import Any, NamedTuple, Self

from audit_lib.base.clock import parse_instant
from audit_lib.ledger.entry import Entry
from audit_lib.ledger.read import Ledger

# How far a machine's clock may be off, either way. A clock that keeps local time and is read as UTC, the
# ordinary fault of virtual machines, containers and dual boots, is off by its zone: at most UTC+14 or UTC-12.
# Nothing on one machine can show that its clock is wrong (docs/evidence.md#combining-evidence). It covers
# what a file system rounds (2 s) and the ledger cuts (1 s).
CLOCK_SLACK = timedelta(hours=14)
# Two instants of two machines closer than this cannot be told apart.
SAME_TIME = 2 * CLOCK_SLACK
GIVEN = "--env"  # how the source of given values begins
RECORDS = ("rotation", "creation")  # kinds of entries that hold the value in place


class SecretPlace(NamedTuple):
    """A secret in one environment of one service."""

    secret: str
    environment: str
    service: str

    def __str__(self) -> str:
        return f"{self.secret}, {self.environment}/{self.service}"

    @classmethod
    def of(cls, row: Any) -> Self:
        """The place of a row that has these three columns, such as one of the inventory."""
        return cls(row.secret, row.environment, row.service)

    @classmethod
    def named_in(cls, body: Mapping[str, Any]) -> Self:
        """The place that an entry of the ledger, or a part of one, is about."""
        return cls(body["secret"], body["environment"], body["service"])


class Copy(NamedTuple):
    """Where observations can be compared: one place, read from one source by one writer.

    Writers may hold different files under one name; values of the platform (`--env …`) are the same for all.
    """

    place: SecretPlace
    source: str
    writer: str  # "" for the platform's


@dataclass(frozen=True)
class Observation:
    """A value, or none, seen in a place at an instant."""

    at: datetime
    fingerprint: str | None  # under the present key, `keyid:…` if no bridge carries it there; None: no value
    place: str  # of the ledger's entry
    writer: str
    recorded: bool = False  # with a record, not by a snapshot
    modified_at: datetime | None = None  # the file's last write, as it was then
    loader: str = ""  # whose reading of the file it is; "" if every loader reads it so, or it is no file

    def surely_before(self, other: "Observation") -> bool:
        """Whether `other` was seen later: one writer's chain has an order, two have but their clocks."""
        return self.at <= other.at if self.writer == other.writer else other.at - self.at > SAME_TIME


@dataclass(frozen=True)
class Tenure:
    """One value's time in one place: it came in (`absent`, `first`] and went in (`last`, `gone`]."""

    home: SecretPlace
    fingerprint: str
    first: Observation
    last: Observation
    # The last observation before that shows another value, or that there was none; None: there is none.
    absent: Observation | None = None
    gone: Observation | None = None  # the first observation after; None: in force at the last one
    replaced: bool = False  # another value was seen after it, not only none
    looked: bool = True  # by a snapshot, not only with records
    modified_at: datetime | None = None  # the earliest last write of its file, as seen with it
    claim: Entry | None = None  # the record of the rotation that brought it in


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

    def same(self, one: str | None, other: str | None) -> bool | None:
        """Whether two are one value; None if two keys keep that from being known."""
        if one is None or other is None or one == other:
            return one == other
        (plain, rest), (key_id, _) = sorted((_split(one), _split(other)))
        if plain == key_id:
            return False
        return False if not plain and rest in self._carried.get(key_id, ()) else None


class Timeline:
    """Every observation of a ledger, by copy in order of time, and the tenures that they make."""

    def __init__(self, ledger: Ledger, loaders: Mapping[SecretPlace, str] | None = None) -> None:
        """`loaders`: whose reading of each place's file the present values are."""
        self.links = Links(ledger)
        self.copies: dict[Copy, list[Observation]] = defaultdict(list)
        self._ledger, self._loaders = ledger, loaders or {}
        self._by_writer: dict[SecretPlace, dict[str, list[Observation]]] = defaultdict(dict)
        ever = _ever_present(ledger)
        for entry in ledger.entries:
            observed = list(_observed(entry, ever, self.links))
            present = {copy.place for copy, seen in observed if seen.fingerprint is not None}
            for copy, seen in observed:
                self.copies[copy].append(seen)
                if seen.fingerprint is not None or copy.place not in present:  # else it moved to another file
                    self._by_writer[copy.place].setdefault(copy.writer, []).append(seen)

    def copies_of(self, place: SecretPlace, source: str | None = None) -> list[Copy]:
        """The copies of a place, or of one source there, in order."""
        return sorted(one for one in self._places[place] if source in (None, one.source))

    def copies_with(self, fingerprint: str) -> list[Copy]:
        """Every copy in which a value was seen, in order."""
        return sorted(self._values[fingerprint])

    def runs(self, copy: Copy, fingerprint: str) -> list[Tenure]:
        """The tenures of a value in one copy. A broken chain gives no `absent`: an entry may be missing."""
        broken = self._ledger.broken
        whole = copy.writer not in broken if copy.writer else not broken
        loader = self._loaders.get(copy.place, "")
        found = _runs(copy.place, self.copies[copy], fingerprint, loader, self.links)
        return found if whole else [replace(one, absent=None) for one in found]

    def last_other(self, copy: Copy, fingerprint: str, until: Observation) -> Observation | None:
        """The last sight of another value, or of none, in a copy, surely older than an observation."""
        loader = self._loaders.get(copy.place, "")
        for seen in reversed(self.copies[copy]):
            if _same(seen, fingerprint, loader, self.links) is False and seen.surely_before(until):
                return seen
        return None

    def read_alike(self, place: SecretPlace, loader: str) -> bool:
        """Whether what a loader read can be compared with what is read in a place now."""
        return _alike(self._loaders.get(place, ""), loader)

    @cached_property
    def tenures(self) -> tuple[Tenure, ...]:
        """Every tenure of every value, by place and time; a value that came back has several.

        Writers have copies of their own, so a change is what one of them saw change, or recorded. What was
        seen holds also if its writer's chain has a break elsewhere: its own MAC vouches for it.
        """
        records: dict[SecretPlace, list[Entry]] = defaultdict(list)
        for entry in self._ledger.of_kind("rotation"):
            records[SecretPlace.named_in(entry.body)].append(entry)
        return tuple(
            replace(one, claim=self._claim(one, records[home]))
            for home in sorted(self._by_writer)
            for one in self._joined(home, {entry.place for entry in records[home]})
        )

    def _joined(self, home: SecretPlace, recorded: set[str]) -> list[Tenure]:
        """The tenures in one place, of all its copies."""
        several = [
            one
            for observed in self._by_writer[home].values()
            for fingerprint, loader in _first_readings(observed).items()
            for one in _runs(home, observed, fingerprint, loader, self.links)
        ]
        joined: list[Tenure] = []
        for one in sorted(several, key=lambda one: one.first.at):
            same = [at for at, other in enumerate(joined) if other.fingerprint == one.fingerprint]
            gone = joined[same[-1]].gone if same else None
            if same and (gone is None or one.first.at < gone.at):
                joined[same[-1]] = _join(joined[same[-1]], one)
            else:
                joined.append(one)
        for at in range(len(joined)):
            new = joined[at]
            if new.first.place in recorded:
                joined = [_ended_by(one, new) for one in joined]
                last = [one.last for one in joined if one.gone == new.first]
                before = filter(None, (new.absent, *last))
                joined[at] = replace(joined[at], absent=max(before, key=_AT, default=None))
        return joined

    def _claim(self, tenure: Tenure, records: Iterable[Entry]) -> Entry | None:
        """The record that tells of the rotation by which a value came in."""
        for entry in records:
            seen = entry.body["fingerprint"]
            fits = seen is None or self.links.now(seen, entry.key_id) == tenure.fingerprint
            after = tenure.absent is None or entry.at >= tenure.absent.at
            if fits and after and tenure.first.at <= entry.at <= tenure.last.at:
                return entry
        return None

    @cached_property
    def _places(self) -> Mapping[SecretPlace, set[Copy]]:
        found: dict[SecretPlace, set[Copy]] = defaultdict(set)
        for copy in self.copies:
            found[copy.place].add(copy)
        return found

    @cached_property
    def _values(self) -> Mapping[str | None, set[Copy]]:
        found: dict[str | None, set[Copy]] = defaultdict(set)
        for copy, observed in self.copies.items():
            for seen in observed:
                found[seen.fingerprint].add(copy)
        return found


_AT = attrgetter("at")


def tenures(ledger: Ledger) -> tuple[Tenure, ...]:
    """Every tenure of every value that a ledger saw (`Timeline.tenures`)."""
    return Timeline(ledger).tenures


def _split(fingerprint: str) -> tuple[str, str]:
    key_id, _, rest = fingerprint.rpartition(":")
    return key_id, rest


def _alike(one: str, other: str) -> bool:
    return not (one and other) or one == other


def _first_readings(observed: Iterable[Observation]) -> dict[str, str]:
    """Each value, and by whose reading of the file it was seen first."""
    found: dict[str, str] = {}
    for seen in observed:
        if seen.fingerprint is not None:
            found.setdefault(seen.fingerprint, seen.loader)
    return found


def _same(seen: Observation, fingerprint: str, loader: str, links: Links) -> bool | None:
    """As `Links.same`; None if another loader read what was seen, so that the file may be the same."""
    same = links.same(seen.fingerprint, fingerprint)
    is_other = same is False and seen.fingerprint is not None
    return None if is_other and not _alike(loader, seen.loader) else same


def _runs(
    home: SecretPlace, observed: Iterable[Observation], fingerprint: str, loader: str, links: Links
) -> list[Tenure]:
    """The tenures of one value in one copy. Absent is not another value: one that is back never left."""
    found: list[Tenure] = []
    before: Observation | None = None
    others: list[Observation] = []  # other values since the value was last seen
    for seen in observed:
        same = _same(seen, fingerprint, loader, links)
        if same is None:
            continue
        if not same:
            before = seen
            others += [seen] if seen.fingerprint is not None else []
            if found and found[-1].gone is None:
                found[-1] = replace(found[-1], gone=seen)
        elif found and not any(found[-1].last.surely_before(o) and o.surely_before(seen) for o in others):
            found[-1] = _extended(found[-1], seen)
            others = []
        else:
            looked, written = not seen.recorded, seen.modified_at
            one = Tenure(home, fingerprint, seen, seen, before, looked=looked, modified_at=written)
            found.append(one)
            others = []
    last = len(found) - 1
    return [replace(one, replaced=at < last or bool(others)) for at, one in enumerate(found)]


def _extended(tenure: Tenure, seen: Observation) -> Tenure:
    written = min(filter(None, (tenure.modified_at, seen.modified_at)), default=None)
    looked = tenure.looked or not seen.recorded
    return replace(tenure, last=seen, gone=None, modified_at=written, looked=looked)


def _join(one: Tenure, other: Tenure) -> Tenure:
    """What two writers saw of one tenure."""
    first, last = min(one.first, other.first, key=_AT), max(one.last, other.last, key=_AT)
    before = [seen for seen in (one.absent, other.absent) if seen and seen.at <= first.at]
    after = [seen for seen in (one.gone, other.gone) if seen and seen.at >= last.at]
    absent, gone = max(before, key=_AT, default=None), min(after, key=_AT, default=None)
    return replace(one, first=first, last=last, absent=absent, gone=gone)


def _ended_by(tenure: Tenure, new: Tenure) -> Tenure:
    """A tenure that nobody saw after another value was recorded in its place ended with that record."""
    gone_before = tenure.gone is not None and tenure.gone.at <= new.first.at
    seen_after = tenure.last.at >= new.first.at or gone_before
    return tenure if seen_after or tenure.fingerprint == new.fingerprint else replace(tenure, gone=new.first)


def _ever_present(ledger: Ledger) -> Mapping[tuple[str, str, str], set[str]]:
    found: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for entry in ledger.of_kind("snapshot"):
        for row in entry.body["secrets"]:
            if row["fingerprint"] is not None:
                found[row["environment"], row["service"], row["source"]].add(row["secret"])
    return found


def _observed(
    entry: Entry, ever: Mapping[tuple[str, str, str], set[str]], links: Links
) -> Iterator[tuple[Copy, Observation]]:
    """What one entry saw; of a record also the value that it replaced."""
    if entry.kind in RECORDS and entry.body["fingerprint"] is not None:
        for seen in filter(None, (entry.body.get("previous"), entry.body["fingerprint"])):
            yield _copy(entry, entry.body), _observation(entry, {**entry.body, "fingerprint": seen}, links)
    if entry.kind != "snapshot":
        return
    present: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for row in entry.body["secrets"]:
        if row["state"] == "present":  # also of a value that is not known: it is there
            present[row["environment"], row["service"], row["source"]].add(row["secret"])
        if row["fingerprint"] is not None:
            yield _copy(entry, row), _observation(entry, row, links)
    for place in entry.body["places"]:
        key = (place["environment"], place["service"], place.get("source", ""))
        # A line that was not understood could be the variable, and values may be given in part (an export
        # of one variable, an environment without them): absence is not shown then.
        if place["complete"] and not key[2].startswith(GIVEN):
            for secret in sorted(ever.get(key, set()) - present[key]):
                copy = _copy(entry, {**place, "secret": secret})
                yield copy, Observation(entry.at, None, entry.place, entry.writer)


def _copy(entry: Entry, row: Mapping[str, Any]) -> Copy:
    source = str(row.get("source", ""))
    return Copy(SecretPlace.named_in(row), source, "" if source.startswith(GIVEN) else entry.writer)


def _observation(entry: Entry, row: Mapping[str, Any], links: Links) -> Observation:
    modified = row.get("modified_at")
    return Observation(
        at=entry.at,
        fingerprint=links.now(row["fingerprint"], entry.key_id),
        place=entry.place,
        writer=entry.writer,
        recorded=entry.kind != "snapshot",
        modified_at=parse_instant(modified, entry.place) if modified else None,
        loader=loader_in(row),
    )


def loader_in(row: Mapping[str, Any]) -> str:
    """Whose reading an entry records; before entries said so, env files were read as python-dotenv does."""
    return str(row.get("loader", "" if str(row.get("source", "")).startswith(GIVEN) else "python-dotenv"))
