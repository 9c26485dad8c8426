"""Who held which value when: the one reader of what snapshots and records saw."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
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
DAY = timedelta(days=1)
# A date alone can be that of any zone: from UTC+14 to UTC-12 (docs/evidence.md#claims).
EAST, WEST = timedelta(hours=14), timedelta(hours=12)
_WRAPPINGS = (  # in what a secret is copied: NAME=…, a header's scheme, quotes
    re.compile(r"(?s)(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*[=:]\s*(?P<inner>.+)"),
    re.compile(r"(?is)(?:bearer|token|basic)\s+(?P<inner>\S+)"),
    re.compile(r"(?s)(?P<quote>['\"`])(?P<inner>.*)(?P=quote)"),
)
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
        self._next = {
            str(e.body["from_key_id"]): {old: (new, e.key_id) for old, new in e.body["links"].items()}
            for e in ledger.of_kind("key bridge")
        }
        self._carried = {old: {self.now(*new) for new in links.values()} for old, links in self._next.items()}

    def now(self, fingerprint: Any, key_id: str) -> Any:
        """The fingerprint under the present key, or `keyid:fingerprint` if no bridge carries it there."""
        for _ in self._next:  # as often as there are bridges: they may lead around in a circle
            fingerprint, key_id = self._next.get(key_id, {}).get(fingerprint, (fingerprint, key_id))
        return f"{key_id}:{fingerprint}" if fingerprint and key_id in self._next else fingerprint

    def same(self, one: str | None, other: str | None) -> bool | None:
        """Whether two are one value; None if two keys keep that from being known."""
        if one is None or other is None or one == other:
            return one == other
        (first, _, mark), (second, _, _) = sorted((one.rpartition(":"), other.rpartition(":")))
        # A value that a bridge carried from the other key is not one that it left behind.
        return False if first == second or (not first and mark in self._carried.get(second, ())) else None


class Timeline:
    """Every observation of a ledger, by copy in order of time, and the tenures that they make."""

    def __init__(self, ledger: Ledger) -> None:
        self.links = Links(ledger)
        self.copies: dict[Copy, list[Observation]] = defaultdict(list)
        self.by_writer: dict[SecretPlace, dict[str, list[Observation]]] = defaultdict(dict)
        rows = [row for entry in ledger.of_kind("snapshot") for row in entry.body["secrets"]]
        ever = {_variable(row) for row in rows if row["fingerprint"]}
        for entry in ledger.entries:
            observed = list(_observations(entry, ever, self.links))
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
        loaders = {seen.fingerprint: seen.loader for seen in reversed(observed)}  # when it was seen first
        for fingerprint in dict.fromkeys(seen.fingerprint for seen in observed if seen.fingerprint):
            runs: list[list[Observation]] = []
            others: list[list[Observation]] = [[]]  # what was seen before the first run, then after each
            for seen in observed:
                if seen.fingerprint == fingerprint:
                    if not runs or any(
                        max(runs[-1], key=_AT).surely_before(other) and other.surely_before(seen)
                        for other in others[-1]
                        if other.fingerprint
                    ):
                        runs.append([])
                        others.append([])
                    runs[-1].append(seen)
                    others[-1].clear()
                elif self.links.same(seen.fingerprint, fingerprint) is False and (
                    seen.fingerprint is None or read_alike(loaders[fingerprint], seen.loader)
                ):  # else the file may be the same, as another loader reads it
                    others[-1].append(seen)
            for run, (before, after) in zip(runs, pairwise(others), strict=True):
                yield Tenure(
                    home,
                    fingerprint,
                    first=run[0],
                    last=max(run, key=_AT),
                    absent=before[-1] if before else None,
                    gone=after[0] if after else None,
                    replaced=any(seen.fingerprint for seen in after),
                    looked=not all(seen.recorded for seen in run),
                    modified_at=min((seen.modified_at for seen in run if seen.modified_at), default=None),
                )


def tenures(ledger: Ledger) -> tuple[Tenure, ...]:
    """Every tenure of every value that a ledger saw, by place and time; a value that came back has several.

    Writers have copies of their own, so a change is what one of them saw change, or recorded. What was seen
    holds also if its writer's chain has a break elsewhere: its own MAC vouches for it.
    """
    timeline, found = Timeline(ledger), []
    for home, by_writer in sorted(timeline.by_writer.items()):
        records = [one for one in ledger.of_kind("rotation") if SecretPlace.named_in(one.body) == home]
        runs = [run for observed in by_writer.values() for run in timeline.runs_in(home, observed)]
        for tenure in _of_one_place(runs, {entry.place for entry in records}):
            claims = (
                one
                for one in records
                if tenure.first.at <= one.at <= tenure.last.at
                and timeline.links.now(one.body["fingerprint"], one.key_id) in (None, tenure.fingerprint)
            )
            found.append(replace(tenure, claim=next(claims, None)))
    return tuple(found)


def claim_interval(entry: Entry) -> tuple[datetime | None, datetime]:
    """The instants between which a recorded rotation is claimed to lie; None: by now, at any time before."""
    at = parse_instant(entry.body["claimed_at"], entry.place)
    if entry.body["day_only"]:
        midnight = at.replace(hour=0, minute=0, second=0)
        return midnight - EAST, midnight + DAY + WEST
    return (None, at) if at == entry.at else (at, at + DAY)


def loader_in(row: Mapping[str, Any]) -> str:
    """Whose reading an entry records; before entries said so, env files were read as python-dotenv does."""
    return str(row.get("loader", "" if str(row.get("source", "")).startswith(GIVEN) else "python-dotenv"))


def read_alike(one: str, other: str) -> bool:
    """Whether what two loaders read can be compared; "" is read so by each of them."""
    return not (one and other) or one == other


def _of_one_place(runs: list[Tenure], recorded: set[str]) -> list[Tenure]:
    joined: list[Tenure] = []
    for run in sorted(runs, key=lambda run: run.first.at):
        last = next((one for one in reversed(joined) if one.fingerprint == run.fingerprint), None)
        if last and (last.gone is None or run.first.at < last.gone.at):
            joined[joined.index(last)] = _join(last, run)
        else:
            joined.append(run)
    for record in [run.first for run in joined if run.first.place in recorded]:
        for at, run in enumerate(joined):  # what nobody saw after another value was recorded ended with that
            over = (run.gone and run.gone.at <= record.at) or run.last.at >= record.at
            if not over and run.fingerprint != record.fingerprint:
                joined[at] = replace(run, gone=record)
        at = [run.first for run in joined].index(record)
        before = [joined[at].absent, *(run.last for run in joined if run.gone == record)]
        joined[at] = replace(joined[at], absent=max(filter(None, before), key=_AT, default=None))
    return joined


def _join(run: Tenure, other: Tenure) -> Tenure:
    last = max(run.last, other.last, key=_AT)
    before = (seen for seen in (run.absent, other.absent) if seen and seen.at <= run.first.at)
    after = (seen for seen in (run.gone, other.gone) if seen and seen.at >= last.at)
    return replace(
        run,
        last=last,
        absent=max(before, key=_AT, default=None),
        gone=min(after, key=_AT, default=None),
        looked=run.looked or other.looked,
        modified_at=min(filter(None, (run.modified_at, other.modified_at)), default=None),
    )


def _variable(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return row["environment"], row["service"], row.get("source", ""), row.get("secret", "")


def _observations(entry: Entry, ever: set[Any], links: Links) -> Iterator[tuple[Copy, Observation]]:
    """The values that an entry saw, of a record also the one before; none where a file held one `ever`."""
    body, recorded, rows = entry.body, entry.kind != "snapshot", list[dict[str, Any]]()
    if entry.kind in ("rotation", "creation") and body["fingerprint"] is not None:
        rows = [body | {"fingerprint": mark} for mark in (body.get("previous"), body["fingerprint"]) if mark]
    elif not recorded:
        # A line that was not understood could be the variable, and values may be given in part (an export of
        # one variable, an environment without them): absence is not shown then.
        files = {_variable(file)[:3]: file for file in body["places"] if file["complete"]}
        present = {_variable(row) for row in body["secrets"] if row["state"] == "present"}  # known or not
        gone = [one for one in sorted(ever - present) if one[:3] in files and not one[2].startswith(GIVEN)]
        rows = [row for row in body["secrets"] if row["fingerprint"] is not None]
        rows += [files[one[:3]] | {"secret": one[3], "fingerprint": None} for one in gone]
    for row in rows:
        source, written, mark = str(row.get("source", "")), row.get("modified_at"), row["fingerprint"]
        copy = Copy(SecretPlace.named_in(row), source, "" if source.startswith(GIVEN) else entry.writer)
        at, mark = written and parse_instant(written, entry.place), links.now(mark, entry.key_id)
        yield copy, Observation(entry.at, mark, entry.place, entry.writer, recorded, at, loader_in(row))


def whose(text: str, ledger: Ledger, key: Key) -> tuple[str, ...]:
    """Whose secret the text is, a line for each place: in force since when, or retired when. A single line
    says that no snapshot has seen it, or that it is not known, and why it cannot be compared."""
    marks = {Keeper(key).fingerprint(candidate) for candidate in candidates(text)}
    held = [tenure for tenure in tenures(ledger) if tenure.fingerprint in marks]
    if held:
        order = sorted(held, key=lambda tenure: (tenure.gone is not None, tenure.home, tenure.first.at))
        return tuple(map(_state_of, order))
    snapshots = ledger.of_kind("snapshot")
    if not snapshots or key.origin == "throw-away":
        return ("not known: the ledger has no snapshot to compare with",)
    if older := [entry for entry in snapshots if entry.key_id != key.key_id]:
        seen = f"{counted(len(older), 'snapshot')} under key {older[-1].key_id}, of {iso(older[0].at)} to"
        return (f"not known: {seen} {iso(older[-1].at)}, cannot be compared; no later one has it",)
    unseen = f"not seen since the first snapshot of {iso(snapshots[0].at)} (last {iso(snapshots[-1].at)})"
    return (f"{unseen}: it may be older, of a place that no snapshot covers, or cut short",)


def candidates(text: str) -> tuple[str, ...]:
    """The texts that may be the secret: the whole one, then without `NAME=`, `Bearer` or quotes,
    percent-decoded, and the password of a URL."""
    forms = [text.strip()]
    for wrapping in _WRAPPINGS:
        forms += [found["inner"] for form in forms if (found := wrapping.fullmatch(form))]
    forms += [unquote(forms[0]), *(parts.password for form in forms if (parts := url_parts(form)))]
    return tuple(dict.fromkeys(filter(None, forms)))


def _state_of(tenure: Tenure) -> str:
    if tenure.gone:
        when = f"between {iso(tenure.last.at)} and {iso(tenure.gone.at)}"
        return f"{tenure.home}: retired by {tenure.gone.place}, {when}"
    since = f"not before {iso(tenure.absent.at)}" if tenure.absent else "its start is not known"
    seen = f"in force at the last snapshot, {iso(tenure.last.at)} ({tenure.last.place})"
    return f"{tenure.home}: {seen}; seen since {iso(tenure.first.at)}, {since}"
