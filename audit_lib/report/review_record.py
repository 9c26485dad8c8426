"""What an auditor asks of the review itself: when it was due, how it is run again, who signed the last."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from audit_lib import __version__
from audit_lib.base.clock import Quarter, iso
from audit_lib.base.in_words import NOT_KNOWN, counted, day_words
from audit_lib.findings.audit import Audit
from audit_lib.report import escape as inert
from audit_lib.report.days_of_quarter import days, stretches
from audit_lib.report.reperform import command
from audit_lib.report.table import Table, show

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


def review_facts(audit: Audit) -> Table:
    """Control, cadence and due date, scope, command, earlier sign-offs, days to rotate, gaps in the logs."""
    frame = pd.DataFrame(_facts(audit, review_record(audit)), columns=["item", "value"])
    return show(frame, "The review", kind="facts")


def _facts(audit: Audit, record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    year = audit.as_of.year
    yield "control", f"{record['control']}: {record['objective']}"
    yield "cadence", f"{record['cadence']}, due by {_day(record['due_at'], year)}"
    scope = record["scope"]
    yield "scope", f"{', '.join(scope['environments'])}; {', '.join(scope['services'])}"
    yield "project", f"commit {record['project_commit'] or NOT_KNOWN}"
    yield "command", record["command"]
    yield "to run it again", "REPERFORM.md: what is needed, three commands, the inputs by digest"
    yield "who prepared, reviewed, approved", "signoffs.json, once somebody signed; the ledger has the same"
    for one in record["signed_before"]:
        yield f"signed before: {one['quarter'] or NOT_KNOWN}", _signed_before(one, year)
    yield f"days to rotate, {audit.quarter}", _to_rotate(record["days_to_rotate"])
    for one in record["days_to_rotate_by_quarter"]:
        yield f"days to rotate, {one['quarter']}", _to_rotate(one)
    table = days(audit)
    unread = stretches(table, year)
    silent = list(unread.loc[unread["requests"].isna(), "day"])
    yield (
        "days without a log line",
        f"{int(table['requests'].isna().sum())} of {len(table)}: {', '.join(silent) or '–'}",
    )


def _signed_before(one: dict[str, Any], year: int) -> str:
    on_time = {True: "on time", False: "late", None: "on time or late is not known"}[one["on_time"]]
    role = f" as {one['role']}" if one["role"] else ""
    return f"{one['by']}{role}, {_day(one['at'], year)}: {on_time} ({one['place']})"


def _to_rotate(one: dict[str, Any]) -> str:
    """How long forced rotations took; the mean is not known unless each has bounds."""
    done = f"{counted(one['rotations'], 'rotation')}, {one['forced']} with a known trigger"
    if not one["forced"]:
        return done
    low, high = (NOT_KNOWN if one[name] is None else f"{one[name]:g}" for name in ("mean_min", "mean_max"))
    return f"{done}: mean {low} to {high} days from trigger to done"


def _day(text: str, year: int) -> str:
    return day_words(datetime.fromisoformat(text), year)
