"""Changes on record, which may have broken logins: rotations, deploys and starts, each with its bounds."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from audit_lib.base.clock import parse_instant
from audit_lib.base.frames import rows
from audit_lib.ledger import Ledger

# Messages by their names in log_formats.toml, one of which a process writes when it starts.
START_MESSAGES = ("secrets valid", "secrets invalid")
FAILED_STARTS = ("startup_failed", "secret_validation_failed")
BEGUN = ("start", "deploy")


@dataclass(frozen=True)
class RecordedChange:
    """A rotation, a deploy or a start on record: it happened at some instant from `at` to `until`."""

    name: str  # the secret; "start" or "deploy" of the application
    at: pd.Timestamp
    until: pd.Timestamp
    place: str
    environment: str = ""  # "" where it is not known

    @property
    def kind(self) -> str:
        """`rotation`, `deploy` or `start`."""
        return self.name if self.name in BEGUN else "rotation"


def recorded_changes(
    ledger: Ledger, events: pd.DataFrame, deploys: pd.DataFrame | None, start: datetime, end: datetime
) -> tuple[RecordedChange, ...]:
    """Rotations of the ledger, deploys of the platform's lists and starts in the logs, in order of time.

    A deploy counts from two days before the period on, if it may have put something in place.
    """
    found = []
    for entry in ledger.of_kind("rotation"):
        at = parse_instant(str(entry.body["claimed_at"]), entry.place)
        until = at + timedelta(days=1) if entry.body.get("day_only") else at
        name, where = str(entry.body["secret"]), str(entry.body["environment"])
        found.append(RecordedChange(name, pd.Timestamp(at), pd.Timestamp(until), entry.place, where))
    for deploy in rows(deploys) if deploys is not None else ():
        took_effect = deploy.outcome in ("took effect", "not told") and deploy.ended_at is not None
        if took_effect and deploy.ended_at >= start - timedelta(days=2) and deploy.began_at <= end:
            bounds = pd.Timestamp(deploy.began_at), pd.Timestamp(deploy.ended_at)
            found.append(RecordedChange("deploy", *bounds, deploy.evidence, deploy.environment))
    starts = events[events["message"].isin(START_MESSAGES) & events["at"].notna()]
    for at, file, line in zip(starts["at"], starts["file"], starts["line"], strict=True):
        found.append(RecordedChange("start", at, at, f"{file}:{line}"))
    return tuple(sorted(found, key=lambda change: (change.at, change.name, change.place)))
