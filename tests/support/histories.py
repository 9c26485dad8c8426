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
from audit_lib.secrets.ages import tabulate_freshness
from audit_lib.secrets.contracts import EnvEntries, Inventory
from audit_lib.secrets.evidence import collect_evidence
from audit_lib.settings import Policy

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


def present(place: tuple[str, str, str], fingerprint: str, source: str, **more: Any) -> dict[str, Any]:
    """A snapshot's line for a value that is there."""
    names = dict(zip(("secret", "environment", "service"), place, strict=True))
    return {**names, "source": source, "state": "present", "fingerprint": fingerprint, **more}


def snapshot(
    at: datetime, secrets: list[dict[str, Any]], places: tuple[tuple[str, str, str], ...] = (), **more: Any
) -> Entry:
    """A snapshot; `places` are the environment, service and source of what was read whole."""
    read = [
        dict(zip(("environment", "service", "source"), p, strict=True)) | {"complete": True} for p in places
    ]
    return entry(at, "snapshot", {"places": read, "secrets": secrets, "pairs": []}, **more)


def rotation(
    at: datetime,
    place: tuple[str, str, str],
    claimed: datetime,
    fingerprint: str | None = None,
    *,
    source: str = "",
    day_only: bool = False,
    **more: Any,
) -> Entry:
    """A recorded rotation."""
    names = dict(zip(("secret", "environment", "service"), place, strict=True))
    body = {**names, "claimed_at": iso(claimed), "day_only": day_only, "fingerprint": fingerprint}
    return entry(at, "rotation", {**body, "source": source}, **more)


def creation(
    at: datetime, place: tuple[str, str, str], claimed: datetime, fingerprint: str | None, *, source: str = ""
) -> Entry:
    """A record by Ann that a provider's dashboard says when a value was made."""
    names = dict(zip(("secret", "environment", "service"), place, strict=True))
    body = {**names, "claimed_at": iso(claimed), "day_only": False, "fingerprint": fingerprint}
    return entry(at, "creation", {**body, "source": source, "by": "Ann", "witness": "the dashboard"})


def ledger_of(entries: list[Entry], as_of: datetime = NOW, broken: frozenset[str] = frozenset()) -> Ledger:
    """The ledger that these entries make, as of an instant."""
    ordered = sorted(entries, key=lambda one: (one.at, one.writer, one.seq))
    by_then = tuple(one for one in ordered if one.at <= as_of)
    later = tuple(one for one in ordered if one.at > as_of)
    return Ledger(entries=by_then, later=later, broken=broken)


def inventory_row(
    place: tuple[str, str, str], fingerprint: str | None, source: str, **more: Any
) -> dict[str, Any]:
    """A row of the inventory: a secret with a period of 90 days unless `more` says otherwise."""
    secret, environment, service = place
    return {
        "secret": secret,
        "variable": secret,
        "environment": environment,
        "service": service,
        "kind": "secret",
        "required": "always",
        "component": "whole",
        "state": "present" if fingerprint else "missing",
        "source": source,
        "origin": "given values" if source.startswith("--env") else "env file",
        "loader": "",
        "fingerprint": fingerprint,
        "placeholder": False,
        "length": "",
        "format": "",
        "public": False,
        "max_age_days": 90,
        "period_stated": True,
        "guide_lines": "",
        **more,
    }


def frame_of(contract: Any, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A frame by a contract from rows that name only what matters; text is empty, truth is False."""
    empty = {"bool": False, "str": ""}
    blank = {
        name: empty[str(column.type)]
        for name, column in contract.columns().items()
        if not column.nullable and str(column.type) in empty
    }
    return contract.of({**blank, **row} for row in rows)


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
    files = files or {}
    sources = [
        {
            "source": row["source"],
            "kind": "env file",
            "environment": row["environment"],
            "service": row["service"],
            "state": "read",
            "modified_at": files[row["source"]],
        }
        for row in inventory
        if row["source"] in files
    ]
    sources += [
        {"source": copy["source"], "kind": "backup", "state": "read", "modified_at": copy.pop("modified_at")}
        for copy in copies or []
    ]
    lines = [{"kind": "backup", "line": 1, "state": "read", **copy} for copy in copies or []]
    table = frame_of(Inventory, inventory)
    evidence = collect_evidence(
        table,
        frame_of(EnvEntries, lines),
        frame_of(Sources, sources),
        ledger_of(entries, as_of, broken),
        as_of=as_of,
        keeper=keeper,
    )
    return tabulate_freshness(table, evidence, policy, as_of), evidence


@dataclass
class Life:
    """What truly happened to one secret: (adopted at, value or None), in order of time."""

    place: tuple[str, str, str]
    source: str
    changes: list[tuple[datetime, str | None]] = field(default_factory=list)

    def at(self, instant: datetime) -> str | None:
        """The value in force at an instant."""
        held = [what for when, what in self.changes if when <= instant]
        return held[-1] if held else None

    def adopted(self, instant: datetime) -> datetime:
        """Since when the value in force at an instant is in force."""
        return max(when for when, _ in self.changes if when <= instant)

    def uses(self, wanted: str, until: datetime) -> list[datetime]:
        """Each adoption of a value up to an instant."""
        return [when for when, what in self.changes if what == wanted and when <= until]


def renewals(seed: object, period: float, until: datetime, days: float) -> Iterator[datetime]:
    """Instants of rotation with gaps of 0.5 to 1.6 periods (docs/accuracy.md#ages)."""
    chance = random.Random(repr(seed))
    # Far enough back for the phase at `until` to be that of a process that always ran.
    at = ago(days + chance.uniform(8, 12) * period, until)
    while at <= until:
        yield at
        at += timedelta(days=chance.uniform(0.5, 1.6) * period)
