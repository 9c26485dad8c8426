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

    What a look saw holds also if its writer's chain has a break elsewhere: its own MAC vouches for it.
    """
    looks: dict[SecretPlace, list[SnapshotLook]] = {}
    claims: dict[SecretPlace, list[tuple[str | None, RotationClaim]]] = {}
    for entry in ledger.entries:
        for home, look in _looks(entry):
            looks.setdefault(home, []).append(look)
        if entry.kind == "rotation":
            claims.setdefault(SecretPlace.named_in(entry.body), []).append(
                (entry.body["fingerprint"], _claim(entry))
            )
    return tuple(
        replace(stay, claim=_claimed(stay, claims.get(home, [])))
        for home in sorted(looks)
        for stay in _stays(home, looks[home])
    )


def snapshot_span(ledger: Ledger) -> tuple[Entry, Entry] | None:
    """The first and the last snapshot; None if there are no snapshots."""
    snapshots = ledger.of_kind("snapshot")
    return (snapshots[0], snapshots[-1]) if snapshots else None


def _looks(entry: Entry) -> Iterator[tuple[SecretPlace, SnapshotLook]]:
    if entry.kind == "rotation" and entry.body["fingerprint"]:
        for seen in filter(None, (entry.body.get("previous"), entry.body["fingerprint"])):
            yield (
                SecretPlace.named_in(entry.body),
                SnapshotLook(entry.at, entry.place, seen, loader_in(entry.body)),
            )
    if entry.kind != "snapshot":
        return
    whole = {(place["environment"], place["service"]) for place in entry.body["places"] if place["complete"]}
    for row in entry.body["secrets"]:
        here = (row["environment"], row["service"])
        if row["fingerprint"] or (row["state"] in ("empty", "missing") and here in whole):
            yield (
                SecretPlace.named_in(row),
                SnapshotLook(entry.at, entry.place, row["fingerprint"], loader_in(row)),
            )


def loader_in(row: Mapping[str, Any]) -> str:
    """Whose reading an entry records; before entries said so, env files were read as python-dotenv does."""
    return str(row.get("loader", "" if str(row.get("source", "")).startswith("--env") else "python-dotenv"))


def _claim(entry: Entry) -> RotationClaim:
    body = entry.body
    at = parse_instant(body["claimed_at"], entry.place)
    return RotationClaim(
        at, body["day_only"], entry.at, entry.place, body.get("by", ""), body.get("reason", "")
    )


def _stays(home: SecretPlace, looks: Iterable[SnapshotLook]) -> list[Tenure]:
    """The stays in one home. Absent is not another value: one that was away and is there again never left."""
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
