"""The sample's ledger: snapshots, rotations (one of them claimed falsely), decisions, a torn line."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from audit_lib.base.clock import iso, parse_instant
from audit_lib.ledger import Draft, all_heads, append
from audit_lib.ledger.decisions import decision_draft
from audit_lib.sample.history import HeldVariable, midnight
from audit_lib.secrecy.keeper import Keeper


@dataclass(frozen=True)
class RecordedRotation:
    """A rotation that somebody recorded."""

    recorded: str
    environment: str
    secret: str
    reason: str
    triggered: str = ""  # when it became known that the value is compromised

    @property
    def at(self) -> datetime:
        """The instant of the recording."""
        return datetime.fromisoformat(self.recorded)


MONTHLY = ("2026-03-02", "2026-04-06", "2026-05-04", "2026-06-01")
FIRST_WEEK, WEEKS = "2026-06-29", 14
# Since when snapshots cover a place; staging's frontend is never supplied.
WATCHED = {
    ("production", "backend"): "2026-03-02",
    ("production", "frontend"): "2026-03-02",
    ("development", "backend"): "2026-06-29",
    ("development", "frontend"): "2026-06-29",
    ("staging", "backend"): "2026-09-07",
}
IDENTIFIERS = ("TRADIER_ACCOUNT_ID", "NEXT_PUBLIC_BACKEND_API_BASE_URL")
ROTATIONS = (
    RecordedRotation("2026-05-18T10:04:00+00:00", "production", "DATABASE_URL", "planned"),
    RecordedRotation("2026-07-15T11:05:00+00:00", "production", "API_TOKEN", "planned"),
    RecordedRotation("2026-08-03T09:30:00+00:00", "production", "ANTHROPIC_API_KEY", "planned"),  # false
    RecordedRotation(
        "2026-09-10T09:20:00+00:00", "development", "JWT_SECRET_KEY", "seen in a log", "2026-09-08T00:00:00Z"
    ),
)
ACCEPTANCES = (
    ("public-exposure:NEXT_PUBLIC_API_TOKEN:production/frontend", "2026-12-31T23:59:59Z"),
    ("backup-on-disk:backup:development/backend", "2026-08-31T23:59:59Z"),  # has run out
    ("overdue-secret:JWT_SECRET_KEY:production/bakcend", "2026-12-31T23:59:59Z"),  # misspelt
)
CLOSURE = ("tracked-env-file:env-file:staging/backend", "git rm --cached, in commit 4e1a")  # which nobody did
ASSIGNMENTS = (
    ("overdue-secret:JWT_SECRET_KEY:production/backend", "Al I.", "2026-10-05T23:59:59Z", "OPS-118"),
    ("values-on-disk:export:production/backend:export", "Bo B.", "2026-09-15T23:59:59Z", "OPS-121"),
)
# The review of the second quarter, as it was signed: by the rules of today but for one log.
REVIEWED, SIGNED = "2026-06-30T23:59:59Z", "2026-07-09T10:00:00+00:00"
DROPPED = "log logs/worker-2.log"
DROPPED_LINES = (": declared", ": service = backend", ": environment = production", ": instances = 1")
ATTESTATIONS = (
    ("142", "Two-factor authentication is on for all six accounts", "2026-12-31T23:59:59Z"),
    ("139", "The Tradier key reads only", "2026-12-31T23:59:59Z"),
    ("secret:DATABASE_URL", "Needed; the role was looked at", "2026-10-01T23:59:59Z"),  # by its owner
    ("146", "Nobody was told of the rotation in July", "2026-12-31T23:59:59Z"),
)
NOT_MET = ("146",)


def write_ledger(folder: Path, keeper: Keeper, held: tuple[HeldVariable, ...]) -> None:
    """The chains of four writers in the ledger folder, each entry dated in the past of the sample."""
    for at in snapshot_instants():
        append(folder, keeper.key, _snapshot(keeper, held, at), at, "weekly")
    for claim in ROTATIONS:
        append(folder, keeper.key, _rotation(keeper, held, claim), claim.at, "alice")
    for hour, (id_, until) in enumerate(ACCEPTANCES):
        until_at = parse_instant(until, "sample")
        accepted = decision_draft(id_, "accept", "Bo B.", "planned for the next quarter", until_at)
        append(folder, keeper.key, accepted, midnight("2026-07-10") + hour * HOUR, "bob")
    for hour, (rule, reason, until) in enumerate(ATTESTATIONS):
        verdict = "deny" if rule in NOT_MET else "attest"
        answer = decision_draft(rule, verdict, "Bo B.", reason, parse_instant(until, "sample"))
        append(folder, keeper.key, answer, midnight("2026-07-11") + hour * HOUR, "bob")
    for hour, (id_, owner, due, ticket) in enumerate(ASSIGNMENTS):
        due_at = parse_instant(due, "sample")
        assigned = decision_draft(id_, "assign", "Bo B.", "", due_at, owner=owner, ticket=ticket)
        append(folder, keeper.key, assigned, midnight("2026-09-02") + hour * HOUR, "bob")
    id_, proof = CLOSURE
    closed = decision_draft(id_, "close", "Al I.", proof)
    append(folder, keeper.key, closed, midnight("2026-09-14"), "alice")
    _torn(folder, keeper)


def sign_off(folder: Path, keeper: Keeper, settings: Iterable[str]) -> None:
    """The sign-off of the review before, by these settings and a log that is named no more."""
    body = {
        "manifest_sha256": sha256(b"the sample's review of the second quarter").hexdigest(),
        "folder": "sample-2026Q2",
        "by": "Bo B.",
        "heads": all_heads(folder),
        "as_of": REVIEWED,
        "in_force": sorted([*settings, *(DROPPED + line for line in DROPPED_LINES)]),
        "opened": {id_: {"at": REVIEWED, "in": "2026Q2"} for id_, *_ in (*ASSIGNMENTS, CLOSURE)},
    }
    append(folder, keeper.key, Draft("signoff", body), datetime.fromisoformat(SIGNED), "carol")


HOUR = timedelta(hours=1)


def snapshot_instants() -> tuple[datetime, ...]:
    """When snapshots were taken: each month at first, each week in the quarter."""
    weekly = [midnight(FIRST_WEEK) + timedelta(weeks=week) for week in range(WEEKS)]
    return tuple(at + 6 * HOUR for at in (*map(midnight, MONTHLY), *weekly))


def _snapshot(keeper: Keeper, held: Iterable[HeldVariable], at: datetime) -> Draft:
    watched = [place for place, since in WATCHED.items() if midnight(since) <= at]
    here = [one for one in held if (one.environment, one.service) in watched]
    sources = {(one.environment, one.service): one.source for one in here}
    places = [
        {
            "environment": environment,
            "service": service,
            "source": sources[environment, service],
            "complete": True,
        }
        for environment, service in watched
    ]
    secrets = [_seen(keeper, one, at) for one in here if one.name not in IDENTIFIERS]
    return Draft("snapshot", {"places": places, "secrets": secrets, "pairs": []})


def _seen(keeper: Keeper, one: HeldVariable, at: datetime) -> dict[str, Any]:
    value = one.at(at)
    state = "missing" if value is None else "present" if value.text else "empty"
    return {
        "secret": one.name,
        "variable": one.name,
        "environment": one.environment,
        "service": one.service,
        "component": "password" if value and value.secret != value.text else "whole",
        "source": one.source,
        "loader": "",  # every loader reads such a value alike
        "state": state,
        "fingerprint": keeper.fingerprint(value.secret) if value and value.text else None,
    }


def _rotation(keeper: Keeper, held: Iterable[HeldVariable], claim: RecordedRotation) -> Draft:
    one = next(one for one in held if (one.environment, one.name) == (claim.environment, claim.secret))
    now = one.at(claim.at)
    assert now is not None
    body = {
        "secret": one.name,
        "environment": one.environment,
        "service": one.service,
        "source": one.source,
        "loader": "",
        "claimed_at": iso(midnight(str(claim.at.date()))),
        "day_only": True,
        "fingerprint": keeper.fingerprint(now.secret),
        "by": "Al I.",
        "reason": claim.reason,
    }
    if claim.triggered:
        body |= {"trigger": "compromised", "triggered_at": claim.triggered}
    return Draft("rotation", body)


def _torn(folder: Path, keeper: Keeper) -> None:
    """A chain whose last write never ended, as a crash leaves it."""
    body = {"rule": "141", "by": "Ol D.", "reason": "Paper keys only", "until": "2026-12-31T23:59:59Z"}
    append(folder, keeper.key, Draft("attestation", body), datetime(2026, 7, 12, tzinfo=UTC), "old-laptop")
    with (folder / "old-laptop.jsonl").open("ab") as chain:
        chain.write(b'{"at":"2026-07-13T00:00:00Z","body":{"by":"Ol')
