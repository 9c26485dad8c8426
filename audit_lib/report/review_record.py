"""What an auditor asks of the review itself: when it was due, how it is run again, who signed the last."""

from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from audit_lib import __version__
from audit_lib.base.clock import Quarter, iso
from audit_lib.findings.audit import Audit
from audit_lib.report import escape as inert
from audit_lib.report.reperform import command

CONTROL = "Review of secrets and logins"
OBJECTIVE = "Secrets are known, owned, kept where they belong and rotated in time, and failed logins are seen"
CADENCE = "each quarter"
DUE_DAYS = 30  # after its quarter: docs/review.md#the-package


def due_at(quarter: Quarter) -> datetime:
    """By when the review of a quarter is due."""
    return quarter.end + timedelta(days=DUE_DAYS)


def review_record(audit: Audit) -> dict[str, Any]:
    """What report.json says of the review; the same inputs give the same, so it names no time of running.

    When it was done and by whom is in its sign-offs: that of this review in `signoffs.json` beside it and in
    the ledger, those of reviews before in `signed_before`.
    """
    layout = audit.tables["inventory"]
    return {
        "control": CONTROL,
        "objective": OBJECTIVE,
        "cadence": CADENCE,
        "from": iso(audit.quarter.start),
        "to": iso(audit.quarter.end),
        "due_at": iso(due_at(audit.quarter)),
        "command": command(audit),
        "made_with": f"audit_lib {__version__}",
        "project_commit": audit.commit or None,
        "scope": {
            "environments": sorted(set(layout["environment"])),
            "services": sorted({inert.plain(name.partition(" (")[0]) for name in layout["service"]}),
            "decided_in": [
                dict(zip(("file", "commit", "author"), one, strict=True)) for one in audit.deciders
            ],
        },
        "signed_before": [_signed(row) for row in audit.tables["sign_offs"].to_dict("records")],
        "days_to_rotate": _days_to_rotate(audit.tables["rotations"]),
        "days_to_rotate_by_quarter": _by_quarter(audit),
    }


def _signed(row: dict[Any, Any]) -> dict[str, Any]:
    """A sign-off of an earlier review, and whether it came in time."""
    covered = None if pd.isna(row["as_of"]) else Quarter.last_over(row["as_of"].to_pydatetime())
    texts = {name: inert.plain(row[name]) for name in ("place", "folder", "by", "role", "reason")}
    return {
        **texts,
        "at": iso(row["at"].to_pydatetime()),
        "quarter": str(covered) if covered else None,
        "due_at": iso(due_at(covered)) if covered else None,
        "on_time": bool(row["at"].to_pydatetime() <= due_at(covered)) if covered else None,
    }


def _days_to_rotate(rotations: pd.DataFrame) -> dict[str, Any]:
    """From what forced a rotation to its end: how many there were, and the mean of both bounds."""
    forced = rotations[rotations["triggered_at"].notna()]
    return {
        "rotations": len(rotations),
        "forced": len(forced),
        "mean_min": _mean(forced["days_to_done_min"]),
        "mean_max": _mean(forced["days_to_done_max"]),
    }


def _by_quarter(audit: Audit) -> list[dict[str, Any]]:
    """The same of each quarter before, by the end of a rotation, then of all with this one (`in all`)."""
    earlier, now = audit.tables["earlier_rotations"], audit.tables["rotations"]
    earlier = earlier[~earlier["evidence"].isin(now["evidence"])]  # done in one quarter or in the next
    quarters = earlier["by_at"].map(lambda at: str(Quarter.containing(at)))
    told = {str(name): group for name, group in earlier.groupby(quarters)}
    told |= {"in all": pd.concat([earlier, now])}
    return [{"quarter": name, **_days_to_rotate(group)} for name, group in told.items()]


def _mean(days: "pd.Series[float]") -> float | None:
    """The mean to a tenth; None if one of them is not known, or there is none."""
    return None if days.empty or days.isna().any() else round(float(days.mean()), 1)
