"""Who held which value when: the one reader of what snapshots and records saw."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple, Self
from urllib.parse import unquote

from audit_lib.base.bounded import url_parts
from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.in_words import counted
from audit_lib.ledger.chain import Entry, Ledger
from audit_lib.secrecy.keeper import Keeper, Key

# How far a clock may be off: one that keeps local time and is read as UTC is off by its zone, at most UTC+14
# or UTC-12; nothing on its machine shows it (docs/evidence.md#combining-evidence). It covers what is rounded.
CLOCK_SLACK = timedelta(hours=14)
SAME_TIME = 2 * CLOCK_SLACK  # instants of two machines closer than this cannot be told apart
_ASSIGNED = re.compile(r"(?s)(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*[=:]\s*(.+)")
_SCHEME = re.compile(r"(?is)(?:authorization:\s*)?(?:bearer|token|basic)\s+(\S+)")
_QUOTED = re.compile(r"(?s)\A(['\"`])(.*)\1\Z")
GIVEN = "--env"  # how the source of given values begins
_AT = attrgetter("at")


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
    """Where observations can be compared: writers may hold different files under one name."""

    place: SecretPlace
    source: str
    writer: str  # "" for values of the platform (`--env …`), which are the same for all


class Observation(NamedTuple):
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
    absent: Observation | None = None  # the last look before that saw another value, or none
    gone: Observation | None = None  # the first look after; None: in force at the last one
    replaced: bool = False  # another value was seen after it, not only none
    looked: bool = True  # by a snapshot, not only with records
    modified_at: datetime | None = None  # the earliest last write of its file, as seen with it
    claim: Entry | None = None  # the record of the rotation that brought it in


class Links:
    """Compares fingerprints across changes of the key, by the ledger's key bridges."""

    def __init__(self, ledger: Ledger) -> None:
        bridges = ledger.of_kind("key bridge")
        self._next = {str(e.body["from_key_id"]): (dict(e.body["links"]), e.key_id) for e in bridges}
        steps = self._next.items()
        self._carried = {old: {self.now(new, by) for new in links.values()} for old, (links, by) in steps}

    def now(self, fingerprint: str, key_id: str) -> str:
        """The fingerprint under the present key, or `keyid:fingerprint` where no bridge carries it."""
        for _ in self._next:  # bridges that somebody forged may lead around in a circle
            links, into = self._next.get(key_id, ({}, ""))
            if not into:
                break
            if fingerprint not in links:
                return f"{key_id}:{fingerprint}"
            fingerprint, key_id = links[fingerprint], into
        return fingerprint

    def same(self, one: str | None, other: str | None) -> bool | None:
        """Whether two are one value; None if two keys keep that from being known."""
        if one is None or other is None or one == other:
            return one == other
        (key_id, _, mark), (other_id, _, _) = sorted((one.rpartition(":"), other.rpartition(":")))
        # A value that a bridge carried from the other key is not one that it left behind.
        differ = key_id == other_id or (not key_id and mark in self._carried.get(other_id, ()))
        return False if differ else None


class Timeline:
    """Every observation of a ledger, by copy in order of time, and the tenures that they make."""

    def __init__(self, ledger: Ledger) -> None:
        self.links = Links(ledger)
        self.copies: dict[Copy, list[Observation]] = defaultdict(list)
        self.by_writer: dict[SecretPlace, dict[str, list[Observation]]] = defaultdict(dict)
        snapshots = ledger.of_kind("snapshot")
        ever = {_variable(row) for entry in snapshots for row in entry.body["secrets"] if row["fingerprint"]}
        for entry in ledger.entries:
            observed = [_observation(entry, row, self.links) for row in _observed(entry, ever)]
            present = {copy.place for copy, seen in observed if seen.fingerprint is not None}
            for copy, seen in observed:
                self.copies[copy].append(seen)
                if seen.fingerprint is not None or copy.place not in present:  # else it moved to another file
                    self.by_writer[copy.place].setdefault(copy.writer, []).append(seen)
        # The tenures of each value in each copy. A broken chain shows no `absent`: an entry may be missing.
        self.runs: dict[str, dict[Copy, list[Tenure]]] = defaultdict(lambda: defaultdict(list))
        for copy, observations in sorted(self.copies.items()):
            is_broken = copy.writer in ledger.broken if copy.writer else bool(ledger.broken)
            for run in self.runs_in(copy.place, observations):
                self.runs[run.fingerprint][copy].append(replace(run, absent=None) if is_broken else run)

    def lasting(self, place: SecretPlace, source: str, fingerprint: str) -> dict[Copy, list[Tenure]]:
        """The tenures of a value in each copy of a source of which no other value was seen since."""
        found = self.runs[fingerprint].items()
        return {copy: runs for copy, runs in found if copy[:2] == (place, source) and not runs[-1].replaced}

    def runs_in(self, home: SecretPlace, observed: list[Observation]) -> Iterator[Tenure]:
        """The tenures of each value in one copy. Absent is not another value: one that is back never left."""
        loaders: dict[str | None, str] = {}  # by whose reading each value was seen first
        for seen in observed:
            loaders.setdefault(seen.fingerprint, seen.loader)
        for fingerprint in filter(None, loaders):
            runs: list[Tenure] = []
            before: Observation | None = None
            others: list[Observation] = []  # other values since the value was last seen
            for seen in observed:
                same = self.links.same(seen.fingerprint, fingerprint)
                if same is False and seen.fingerprint and not read_alike(loaders[fingerprint], seen.loader):
                    continue  # the file may be the same, as another loader reads it
                if same is False:
                    before = seen
                    others += [seen] if seen.fingerprint is not None else []
                    if runs and runs[-1].gone is None:
                        runs[-1] = replace(runs[-1], gone=seen)
                elif same:
                    looked, written = not seen.recorded, seen.modified_at
                    run = Tenure(home, fingerprint, seen, seen, before, looked=looked, modified_at=written)
                    last = runs[-1].last if runs else seen
                    if runs and not any(last.surely_before(at) and at.surely_before(seen) for at in others):
                        run = _join(replace(runs.pop(), gone=None), replace(run, absent=None))
                    runs.append(run)
                    others = []
            yield from (replace(run, replaced=run is not runs[-1] or bool(others)) for run in runs)


def tenures(ledger: Ledger) -> tuple[Tenure, ...]:
    """Every tenure of every value that a ledger saw, by place and time; a value that came back has several.

    Writers have copies of their own, so a change is what one of them saw change, or recorded. What was
    seen holds also if its writer's chain has a break elsewhere: its own MAC vouches for it.
    """
    timeline, found = Timeline(ledger), []
    for home, by_writer in sorted(timeline.by_writer.items()):
        records = [one for one in ledger.of_kind("rotation") if SecretPlace.named_in(one.body) == home]
        runs = [run for observed in by_writer.values() for run in timeline.runs_in(home, observed)]
        for tenure in _of_one_place(runs, {entry.place for entry in records}):
            claims = (entry for entry in records if _brought_in(entry, tenure, timeline.links))
            found.append(replace(tenure, claim=next(claims, None)))
    return tuple(found)


def _brought_in(record: Entry, tenure: Tenure, links: Links) -> bool:
    """Whether a record tells of the rotation by which a value came in."""
    mark = record.body["fingerprint"]
    fits = mark is None or links.now(mark, record.key_id) == tenure.fingerprint
    after = tenure.absent is None or record.at >= tenure.absent.at
    return fits and after and tenure.first.at <= record.at <= tenure.last.at


def loader_in(row: Mapping[str, Any]) -> str:
    """Whose reading an entry records; before entries said so, env files were read as python-dotenv does."""
    return str(row.get("loader", "" if str(row.get("source", "")).startswith(GIVEN) else "python-dotenv"))


def read_alike(one: str, other: str) -> bool:
    """Whether what two loaders read can be compared; "" is read so by each of them."""
    return not (one and other) or one == other


def _of_one_place(runs: list[Tenure], recorded: set[str]) -> list[Tenure]:
    """The tenures in one place, by what several writers saw of it; `recorded` are entries of rotations."""
    joined: list[Tenure] = []
    for run in sorted(runs, key=lambda run: run.first.at):
        same = [at for at, tenure in enumerate(joined) if tenure.fingerprint == run.fingerprint]
        gone = joined[same[-1]].gone if same else None
        if same and (gone is None or run.first.at < gone.at):
            joined[same[-1]] = _join(joined[same[-1]], run)
        else:
            joined.append(run)
    for at, new in enumerate(joined):
        if new.first.place in recorded:
            joined = [_ended_by(tenure, joined[at]) for tenure in joined]
            before = [joined[at].absent, *(tenure.last for tenure in joined if tenure.gone == new.first)]
            joined[at] = replace(joined[at], absent=max(filter(None, before), key=_AT, default=None))
    return joined


def _join(run: Tenure, other: Tenure) -> Tenure:
    """What was seen of one tenure at two times, or by two writers."""
    first, last = min(run.first, other.first, key=_AT), max(run.last, other.last, key=_AT)
    before = [seen for seen in (run.absent, other.absent) if seen and seen.at <= first.at]
    after = [seen for seen in (run.gone, other.gone) if seen and seen.at >= last.at]
    absent, gone = max(before, key=_AT, default=None), min(after, key=_AT, default=None)
    written = min(filter(None, (run.modified_at, other.modified_at)), default=None)
    whole = replace(run, first=first, last=last, absent=absent, gone=gone)
    return replace(whole, looked=run.looked or other.looked, modified_at=written)


def _ended_by(tenure: Tenure, new: Tenure) -> Tenure:
    """A tenure that nobody saw after another value was recorded in its place ended with that record."""
    over = (tenure.gone and tenure.gone.at <= new.first.at) or tenure.last.at >= new.first.at
    return tenure if over or tenure.fingerprint == new.fingerprint else replace(tenure, gone=new.first)


def _variable(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return row["environment"], row["service"], row.get("source", ""), row.get("secret", "")


def _observed(entry: Entry, ever: set[tuple[str, str, str, str]]) -> list[dict[str, Any]]:
    """The values that an entry saw, of a record also the one before; none where a file held one `ever`."""
    body = entry.body
    if entry.kind in ("rotation", "creation") and body["fingerprint"] is not None:
        return [{**body, "fingerprint": mark} for mark in (body.get("previous"), body["fingerprint"]) if mark]
    if entry.kind != "snapshot":
        return []
    seen = [row for row in body["secrets"] if row["fingerprint"] is not None]
    # A line that was not understood could be the variable, and values may be given in part (an export of
    # one variable, an environment without them): absence is not shown then.
    whole = {_variable(place)[:3]: place for place in body["places"] if place["complete"]}
    whole = {file: place for file, place in whole.items() if not file[2].startswith(GIVEN)}
    present = {_variable(row) for row in body["secrets"] if row["state"] == "present"}  # known or not
    gone = sorted(variable for variable in ever - present if variable[:3] in whole)
    return seen + [{**whole[name[:3]], "secret": name[3], "fingerprint": None} for name in gone]


def _observation(entry: Entry, row: Mapping[str, Any], links: Links) -> tuple[Copy, Observation]:
    source, written, mark = str(row.get("source", "")), row.get("modified_at"), row["fingerprint"]
    copy = Copy(SecretPlace.named_in(row), source, "" if source.startswith(GIVEN) else entry.writer)
    at, mark = written and parse_instant(written, entry.place), mark and links.now(mark, entry.key_id)
    whose = (entry.at, mark, entry.place, entry.writer)
    return copy, Observation(*whose, entry.kind != "snapshot", at, loader_in(row))


def whose(text: str, ledger: Ledger, key: Key) -> tuple[str, ...]:
    """Whose secret the text is, a line for each place: in force since when, or retired when.

    A single line says that no snapshot has seen it, or that it is not known, and why it cannot be compared.
    """
    marks = {Keeper(key).fingerprint(candidate) for candidate in candidates(text)}
    held = [tenure for tenure in tenures(ledger) if tenure.fingerprint in marks]
    if held:
        order = sorted(held, key=lambda tenure: (tenure.gone is not None, tenure.home, tenure.first.at))
        return tuple(map(_state_of, order))
    snapshots = ledger.of_kind("snapshot")
    older = [entry for entry in snapshots if entry.key_id != key.key_id]
    if not snapshots or key.origin == "throw-away":
        return ("not known: the ledger has no snapshot to compare with",)
    if older:
        under = f"{counted(len(older), 'snapshot')} under key {older[-1].key_id}"
        seen = f"of {iso(older[0].at)} to {iso(older[-1].at)}"
        return (f"not known: {under}, {seen}, cannot be compared; no later one has it",)
    unseen = f"not seen since the first snapshot of {iso(snapshots[0].at)} (last {iso(snapshots[-1].at)})"
    return (f"{unseen}: it may be older, of a place that no snapshot covers, or cut short",)


def candidates(text: str) -> tuple[str, ...]:
    """The texts that may be the secret: the whole one, then without `NAME=`, `Bearer` or quotes,
    percent-decoded, and the password of a URL."""
    plain = text.strip()
    found = (pattern.fullmatch(plain) for pattern in (_ASSIGNED, _SCHEME))
    forms = [plain, *(part[1].strip() for part in found if part)]
    forms += [_QUOTED.sub(r"\2", form) for form in forms]
    forms += [unquote(plain), *(parts.password for form in forms if (parts := url_parts(form)))]
    return tuple(dict.fromkeys(filter(None, forms)))


def _state_of(tenure: Tenure) -> str:
    if tenure.gone:
        when = f"between {iso(tenure.last.at)} and {iso(tenure.gone.at)}"
        return f"{tenure.home}: retired by {tenure.gone.place}, {when}"
    since = f"not before {iso(tenure.absent.at)}" if tenure.absent else "its start is not known"
    seen = f"in force at the last snapshot, {iso(tenure.last.at)} ({tenure.last.place})"
    return f"{tenure.home}: {seen}; seen since {iso(tenure.first.at)}, {since}"
