"""Changes on record, which may have broken logins: rotations, deploys and starts, each with its bounds."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from audit_lib.base.clock import parse_instant
from audit_lib.base.frames import rows
from audit_lib.ledger import Ledger
from audit_lib.logs.contracts import Deploys

# Messages by their names in log_formats.toml, one of which a process writes when it starts.
START_MESSAGES = ("secrets valid", "secrets invalid")
FAILED_STARTS = ("startup_failed", "secret_validation_failed")


@dataclass(frozen=True)
class RecordedChange:
    """A rotation, a deploy or a start on record: it happened at some instant from `at` to `until`."""

    name: str  # the secret; "start" or "deploy" of the application
    at: pd.Timestamp
    until: pd.Timestamp
    place: str
    environment: str = ""  # "" where it is not known


def deploys_near(deploys: pd.DataFrame | None, start: datetime, end: datetime) -> pd.DataFrame:
    """The deploys that may have put something in place in the period, or in the two days before it."""
    if deploys is None:
        return Deploys.of([])
    ended = deploys["outcome"].isin(("took effect", "not told")) & deploys["ended_at"].notna()
    within = deploys["ended_at"].ge(start - timedelta(days=2)) & deploys["began_at"].le(end)
    return deploys[ended & within]


def recorded_changes(
    ledger: Ledger, events: pd.DataFrame, deploys: pd.DataFrame
) -> tuple[RecordedChange, ...]:
    """Rotations of the ledger, deploys of the platform's lists and starts in the logs, in order of time."""
    found = []
    for entry in ledger.of_kind("rotation"):
        at = parse_instant(str(entry.body["claimed_at"]), entry.place)
        until = at + timedelta(days=1) if entry.body.get("day_only") else at
        name, where = str(entry.body["secret"]), str(entry.body["environment"])
        found.append(RecordedChange(name, pd.Timestamp(at), pd.Timestamp(until), entry.place, where))
    for deploy in rows(deploys):
        bounds = pd.Timestamp(deploy.began_at), pd.Timestamp(deploy.ended_at)
        found.append(RecordedChange("deploy", *bounds, deploy.evidence, deploy.environment))
    starts = events[events["message"].isin(START_MESSAGES) & events["at"].notna()]
    for at, file, line in zip(starts["at"], starts["file"], starts["line"], strict=True):
        found.append(RecordedChange("start", at, at, f"{file}:{line}"))
    return tuple(sorted(found, key=lambda change: (change.at, change.name, change.place)))
