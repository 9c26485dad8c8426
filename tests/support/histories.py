"""Simulated histories of rotations: what truly happened, and what snapshots and claims recorded of it."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.frames import Sources
from audit_lib.ledger import Entry, Ledger
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.ages import collect_evidence, tabulate_freshness
from audit_lib.secrets.inventory import Inventory
from audit_lib.secrets.sources import EnvEntries
from audit_lib.settings import Policy
from tests.support.rows import filled

NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)
POLICY = Policy(name="test", path=Path("policy.toml"), sha256="", secrets=())
KEEPER = Keeper(Key(b"k" * 32, "demo"))


def ago(days: float, since: datetime = NOW) -> datetime:
    """The instant so many days before."""
    return since - timedelta(days=days)


def value(*parts: object) -> str:
    """A fingerprint-like text: the same parts give the same value."""
    return sha256(repr(parts).encode()).hexdigest()


def entry(
    at: datetime, kind: str, body: dict[str, Any], *, seq: int = 1, writer: str = "ci", key_id: str = "0" * 8
) -> Entry:
    """A ledger entry as the reader would give it; its seals play no part here."""
    made = {"hash": value(at, writer, seq), "mac": "0" * 64}
    return Entry(v=1, writer=writer, seq=seq, at=at, kind=kind, key_id=key_id, body=body, **made)


Place = tuple[str, str, str]  # secret, environment, service


def _named(place: Place, *names: str) -> dict[str, Any]:
    return dict(zip(names or ("secret", "environment", "service"), place, strict=True))


def present(place: Place, fingerprint: str, source: str, **more: Any) -> dict[str, Any]:
    """A snapshot's line for a value that is there."""
    return {**_named(place), "source": source, "state": "present", "fingerprint": fingerprint, **more}


def snapshot(
    at: datetime, secrets: list[dict[str, Any]], places: tuple[Place, ...] = (), **more: Any
) -> Entry:
    """A snapshot; `places` are the environment, service and source of what was read whole."""
    read = [_named(place, "environment", "service", "source") | {"complete": True} for place in places]
    return entry(at, "snapshot", {"places": read, "secrets": secrets, "pairs": []}, **more)


def rotation(
    at: datetime,
    place: Place,
    claimed: datetime,
    fingerprint: str | None = None,
    *,
    source: str = "",
    day_only: bool = False,
    **more: Any,
) -> Entry:
    """A recorded rotation."""
    body = {**_named(place), "claimed_at": iso(claimed), "day_only": day_only, "fingerprint": fingerprint}
    return entry(at, "rotation", {**body, "source": source}, **more)


def creation(at: datetime, *what: Any, source: str = "") -> Entry:
    """A record by Ann that a provider's dashboard says when a value was made."""
    body = rotation(at, *what, source=source).body
    return entry(at, "creation", {**body, "by": "Ann", "witness": "the dashboard"})


def ledger_of(entries: list[Entry], as_of: datetime = NOW, broken: frozenset[str] = frozenset()) -> Ledger:
    """The ledger that these entries make, as of an instant."""
    ordered = sorted(entries, key=lambda one: (one.at, one.writer, one.seq))
    by_then = tuple(one for one in ordered if one.at <= as_of)
    later = tuple(one for one in ordered if one.at > as_of)
    return Ledger(entries=by_then, later=later, broken=broken)


def inventory_row(place: Place, fingerprint: str | None, source: str, **more: Any) -> dict[str, Any]:
    """A row of the inventory: a secret with a period of 90 days unless `more` says otherwise."""
    usual = {"variable": place[0], "kind": "secret", "required": "always", "component": "whole"}
    usual |= {"state": "present" if fingerprint else "missing", "source": source, "fingerprint": fingerprint}
    usual |= {"origin": "given values" if source.startswith("--env") else "env file", "placeholder": False}
    return {**_named(place), **usual, "max_age_days": 90, "period_stated": True, **more}


def freshness(
    inventory: list[dict[str, Any]],
    entries: list[Entry],
    *,
    as_of: datetime = NOW,
    files: dict[str, datetime] | None = None,
    copies: list[dict[str, Any]] | None = None,
    broken: frozenset[str] = frozenset(),
    keeper: Keeper = KEEPER,
    policy: Policy = POLICY,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Freshness and evidence of an inventory; `files` gives each source's last write."""
    sources = [
        {name: row[name] for name in ("source", "environment", "service")}
        | {"kind": "env file", "state": "read", "modified_at": files[row["source"]]}
        for row in inventory
        if files and row["source"] in files
    ]
    backup = {"kind": "backup", "state": "read"}
    sources += [
        backup | {name: copy[name] for name in copy.keys() - {"name", "fingerprint"}} for copy in copies or []
    ]
    lines = [{**backup, "line": 1, **copy} for copy in copies or []]
    table, ledger = filled(Inventory, inventory), ledger_of(entries, as_of, broken)
    frames = (table, filled(EnvEntries, lines), filled(Sources, sources))
    evidence = collect_evidence(*frames, ledger, as_of=as_of, keeper=keeper)
    return tabulate_freshness(table, evidence, policy, as_of), evidence


@dataclass
class Life:
    """What truly happened to one secret: (adopted at, value or None), in order of time."""

    place: Place
    source: str
    changes: list[tuple[datetime, str | None]] = field(default_factory=list)

    def at(self, instant: datetime) -> str | None:
        """The value in force at an instant."""
        held = [what for when, what in self.changes if when <= instant]
        return held[-1] if held else None

    def adopted(self, instant: datetime) -> datetime:
        """Since when the value in force at an instant is in force."""
        return max(when for when, _ in self.changes if when <= instant)


def renewals(seed: object, period: float, until: datetime, days: float) -> Iterator[datetime]:
    """Instants of rotation with gaps of 0.5 to 1.6 periods (docs/accuracy.md#ages)."""
    chance = random.Random(repr(seed))
    # Far enough back for the phase at `until` to be that of a process that always ran.
    at = ago(days + chance.uniform(8, 12) * period, until)
    while at <= until:
        yield at
        at += timedelta(days=chance.uniform(0.5, 1.6) * period)
