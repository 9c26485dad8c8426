"""Which value was in force where and between which instants, by the ledger alone."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple, Self

from audit_lib.base.clock import parse_instant
from audit_lib.ledger.entry import Entry
from audit_lib.ledger.read import Ledger


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


@dataclass(frozen=True)
class SnapshotLook:
    """One look at a home: what was there; None: no value."""

    at: datetime
    place: str
    fingerprint: str | None
    loader: str = ""  # whose reading of the file it is; "" if every loader reads it so, or it is no file
    key_id: str = ""  # of the key that its fingerprint is under


@dataclass(frozen=True)
class RotationClaim:
    """A rotation that somebody recorded."""

    claimed_at: datetime
    day_only: bool
    recorded_at: datetime
    place: str
    by: str
    reason: str


@dataclass(frozen=True)
class Tenure:
    """One value's stay in one home: it came in (`absent`, `first`] and went in (`last`, `gone`]."""

    home: SecretPlace
    fingerprint: str
    first: SnapshotLook
    last: SnapshotLook
    # The last look before that proves another value, or that there was none; None: no such look.
    absent: SnapshotLook | None = None
    gone: SnapshotLook | None = None  # the first look after; None: in force at the last look
    claim: RotationClaim | None = None  # the record of the rotation that brought it in


def tenures(ledger: Ledger) -> tuple[Tenure, ...]:
    """Every stay of every value, by home and time. A value that came back has several.

    Writers have copies of their own, so a change is what one of them saw change, or recorded. What a look saw
    holds also if its writer's chain has a break elsewhere: its own MAC vouches for it.
    """
    looks: dict[SecretPlace, dict[str, list[SnapshotLook]]] = {}
    claims: dict[SecretPlace, list[tuple[str | None, RotationClaim]]] = {}
    for entry in ledger.entries:
        for home, copy, look in _looks(entry):
            looks.setdefault(home, {}).setdefault(copy, []).append(look)
        if entry.kind == "rotation":
            claims.setdefault(SecretPlace.named_in(entry.body), []).append(
                (entry.body["fingerprint"], _claim(entry))
            )
    return tuple(
        replace(stay, claim=_claimed(stay, claims.get(home, [])))
        for home in sorted(looks)
        for stay in _timeline(home, looks[home].values(), claims.get(home, []))
    )


def snapshot_span(ledger: Ledger) -> tuple[Entry, Entry] | None:
    """The first and the last snapshot; None if there are no snapshots."""
    snapshots = ledger.of_kind("snapshot")
    return (snapshots[0], snapshots[-1]) if snapshots else None


def _looks(entry: Entry) -> Iterator[tuple[SecretPlace, str, SnapshotLook]]:
    """The home, whose copy was seen, and the look. Values of a platform (`--env`) are the same for all."""

    def look(row: Mapping[str, Any], seen: str | None) -> tuple[SecretPlace, str, SnapshotLook]:
        copy = "" if str(row.get("source", "")).startswith("--env") else entry.writer
        found = SnapshotLook(entry.at, entry.place, seen, loader_in(row), entry.key_id)
        return SecretPlace.named_in(row), copy, found

    body = entry.body
    if entry.kind == "rotation" and body["fingerprint"]:
        for seen in filter(None, (body.get("previous"), body["fingerprint"])):
            yield look(body, seen)
    if entry.kind != "snapshot":
        return
    whole = {(place["environment"], place["service"]) for place in body["places"] if place["complete"]}
    for row in body["secrets"]:
        here = (row["environment"], row["service"])
        if row["fingerprint"] or (row["state"] in ("empty", "missing") and here in whole):
            yield look(row, row["fingerprint"])


def loader_in(row: Mapping[str, Any]) -> str:
    """Whose reading an entry records; before entries said so, env files were read as python-dotenv does."""
    return str(row.get("loader", "" if str(row.get("source", "")).startswith("--env") else "python-dotenv"))


def _claim(entry: Entry) -> RotationClaim:
    body = entry.body
    at = parse_instant(body["claimed_at"], entry.place)
    return RotationClaim(
        at, body["day_only"], entry.at, entry.place, body.get("by", ""), body.get("reason", "")
    )


def _timeline(
    home: SecretPlace,
    copies: Iterable[list[SnapshotLook]],
    claims: Iterable[tuple[str | None, RotationClaim]],
) -> list[Tenure]:
    """The stays in one home, of all its copies."""
    several = sorted((stay for looks in copies for stay in _stays(home, looks)), key=_began)
    joined: list[Tenure] = []
    for stay in several:
        same = [at for at, one in enumerate(joined) if one.fingerprint == stay.fingerprint]
        if same and (joined[same[-1]].gone is None or stay.first.at < _at(joined[same[-1]].gone)):
            joined[same[-1]] = _joined(joined[same[-1]], stay)
        else:
            joined.append(stay)
    recorded = {claim.place for _, claim in claims}
    for at in range(len(joined)):
        new = joined[at]
        if new.first.place in recorded:
            joined = [_ended_by(one, new) for one in joined]
            joined[at] = _after(new, (one for one in joined if one.gone == new.first))
    return joined


def _joined(one: Tenure, other: Tenure) -> Tenure:
    """What two writers saw of one stay."""
    first, last = min(one.first, other.first, key=_at), max(one.last, other.last, key=_at)
    before = [look for look in (one.absent, other.absent) if look and look.at <= first.at]
    after = [look for look in (one.gone, other.gone) if look and look.at >= last.at]
    return replace(
        one,
        first=first,
        last=last,
        absent=max(before, key=_at, default=None),
        gone=min(after, key=_at, default=None),
    )


def _ended_by(stay: Tenure, new: Tenure) -> Tenure:
    """A stay that nobody saw after another value was recorded in its place ended with that record."""
    seen_after = stay.last.at >= new.first.at or (stay.gone is not None and stay.gone.at <= new.first.at)
    return stay if seen_after or stay.fingerprint == new.fingerprint else replace(stay, gone=new.first)


def _after(new: Tenure, ended: Iterable[Tenure]) -> Tenure:
    """A recorded value came in after the last look at those that it ended."""
    looks = [new.absent, *(stay.last for stay in ended)]
    return replace(new, absent=max(filter(None, looks), key=_at, default=None))


def _began(stay: Tenure) -> datetime:
    return stay.first.at


def _at(look: SnapshotLook | None) -> datetime:
    assert look is not None
    return look.at


def _stays(home: SecretPlace, looks: Iterable[SnapshotLook]) -> list[Tenure]:
    """The stays in one copy. Absent is not another value: one that was away and is there again never left."""
    stays: list[Tenure] = []
    before: SnapshotLook | None = None
    for look in looks:
        if stays and look.fingerprint == stays[-1].fingerprint:
            stays[-1] = replace(stays[-1], last=look, gone=None)
        else:
            # What another loader read otherwise may be the same line: neither ends nor begins by it.
            alike = before is None or not (before.loader and look.loader) or before.loader == look.loader
            if stays and stays[-1].gone is None and alike:
                stays[-1] = replace(stays[-1], gone=look)
            if look.fingerprint is not None:
                stays.append(Tenure(home, look.fingerprint, look, look, absent=before if alike else None))
        before = look
    return stays


def _claimed(stay: Tenure, claims: Iterable[tuple[str | None, RotationClaim]]) -> RotationClaim | None:
    """The record that tells of the rotation by which a value came in."""
    after = stay.absent.at if stay.absent else None
    fitting = [
        claim
        for fingerprint, claim in claims
        if fingerprint in (None, stay.fingerprint)
        and stay.first.at <= claim.recorded_at <= stay.last.at
        and (after is None or claim.recorded_at >= after)
    ]
    return fitting[0] if fitting else None
