"""The register of exceptions: since when each finding is open, who answers for it, and what closed it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from audit_lib.base.in_words import instant_words
from audit_lib.base.severities import SEVERITIES
from audit_lib.findings.changes import Fault, faults_of, gravity
from audit_lib.findings.checks.register import REGISTER
from audit_lib.findings.contracts import EXCEPTION_STATES, Exceptions
from audit_lib.findings.covered import items
from audit_lib.findings.last_review import LastReview, Opened, PreviousReport
from audit_lib.ledger import Ledger
from audit_lib.ledger.decisions import Decision, decisions
from audit_lib.settings import Policy

_OWN = tuple(check.id for check in REGISTER if check.table == "exceptions")
DUE_DAYS: Mapping[str, int] = {"critical": 1, "high": 7, "medium": 30, "low": 90}
VERDICTS = ("accept", "assign", "close")  # on a finding
SEEN = "this review: what would show it was read, and does not"
UNSEEN = "gone, but what would show it was not read this time"
Row = dict[str, Any]
Finding = Mapping[Any, Any]
Graded = tuple[tuple[int, int], Opened]  # a fault's gravity, and since when it is known


@dataclass(frozen=True)
class Reviews:
    """This review, and what is known of those before it."""

    last: LastReview | None
    previous: PreviousReport | None
    quarter: str
    as_of: datetime


@dataclass(frozen=True)
class _Register:
    """What the rows are drawn from."""

    reviews: Reviews
    decided: Mapping[str, list[Decision]]  # by finding
    faults: Mapping[Fault, list[Graded]]  # of the previous report
    days: Mapping[str, int]

    def last_of(self, id_: str, verdict: str) -> Decision | None:
        """The last decision of a kind on a finding; None if there is none."""
        found = [one for one in self.decided.get(id_, []) if one.verdict == verdict]
        return found[-1] if found else None

    def closure(self, id_: str) -> Decision | None:
        """The decision that calls a finding closed, unless a later one took it up again."""
        last = self.decided[id_][-1] if id_ in self.decided else None
        return last if last is not None and last.verdict == "close" else None


def due_days(policy: Policy) -> Mapping[str, int]:
    """Within how many days a finding of each severity is due: the policy's [due_days], else DUE_DAYS."""
    return {**DUE_DAYS, **policy.due_days}


def tabulate_exceptions(
    findings: pd.DataFrame, changes: pd.DataFrame, ledger: Ledger, reviews: Reviews, policy: Policy
) -> pd.DataFrame:
    """`Exceptions`: the findings, those of the previous report that are gone, those of the ledger alone.

    A record closes nothing: what the evidence still shows is contradicted, and what was not seen is a claim.
    Findings about the register itself are not in it.
    """
    about: dict[str, list[Decision]] = {}
    for one in decisions(ledger, *VERDICTS):
        about.setdefault(one.subject, []).append(one)
    register = _Register(reviews, about, _first_seen(reviews.previous), due_days(policy))
    now = findings[~findings["check"].isin(_OWN)].to_dict("records")
    changes = changes[~changes["was_check"].isin(_OWN)]
    rows = [_current(finding, register) for finding in now]
    rows += _gone(changes, register, {finding["id"] for finding in now})
    rows += _only_recorded(register, {row["id"] for row in rows})
    return Exceptions.of(sorted(rows, key=_order))


def _first_seen(previous: PreviousReport | None) -> dict[Fault, list[Graded]]:
    """Each fault of the previous report, how grave it was, and when it was opened."""
    faults: dict[Fault, list[Graded]] = {}
    if previous is None:
        return faults
    for id_, was in previous.findings.items():
        for fault in faults_of(was):
            faults.setdefault(fault, []).append((gravity(was), previous.opened[id_]))
    return faults


def _order(row: Mapping[str, Any]) -> tuple[int, int]:
    return EXCEPTION_STATES.index(row["status"]), -SEVERITIES.index(row["severity"])


def _current(finding: Finding, register: _Register) -> Row:
    opened = _opened(finding, register)
    claim = register.closure(finding["id"])
    contradicted = claim is not None and finding["status"] in ("open", "accepted")
    row = _row(finding, register, opened) | {
        "status": "contradicted" if contradicted else finding["status"],
        "accepted_until_at": finding["accepted_until_at"],
    }
    if row["due_at"] is not None and pd.notna(finding["accepted_until_at"]):
        row["due_at"] = max(row["due_at"], finding["accepted_until_at"])  # as long as it is accepted
    standing = row["status"] in ("open", "contradicted")
    row["overdue"] = standing and (row["due_at"] or register.reviews.as_of) < register.reviews.as_of
    return row | {"why": "; ".join(_why(finding, row, register, claim))}


def _why(finding: Finding, row: Row, register: _Register, claim: Decision | None) -> Iterator[str]:
    """Why a finding is still open."""
    if claim is not None:
        shown = "the evidence still shows it" if finding["status"] != "unknown" else "no evidence shows it"
        yield f"closed by {claim.by} ({claim.place}), but {shown}"
    if row["carried"]:
        yield f"still open since {row['opened_in']}"
    if row["owner"]:
        yield f"assigned to {row['owner']}"
    elif row["status"] == "open":
        yield "assigned to nobody"
    assigned = register.last_of(finding["id"], "assign")
    if assigned and assigned.until and row["due_at"] and assigned.until > row["due_at"]:
        yield f"promised for {assigned.until:%Y-%m-%d}, later than its severity allows"
    until = finding["accepted_until_at"]
    if finding["status"] == "open" and pd.notna(until):
        ended = instant_words(until.to_pydatetime())
        yield f"accepted by {finding['accepted_by']} until {ended}, which has passed"


def _opened(finding: Finding, register: _Register) -> Opened:
    """The first review or record that named the finding, or the same fault no less gravely."""
    known = [Opened(register.reviews.as_of, register.reviews.quarter)]
    known += [Opened(one.at, one.place) for one in register.decided.get(finding["id"], [])[:1]]
    for review in (register.reviews.last, register.reviews.previous):
        known += [review.opened[finding["id"]]] if review and finding["id"] in review.opened else []
    known += [
        opened
        for fault in faults_of(finding)
        for grave, opened in register.faults.get(fault, ())
        if grave >= gravity(finding)
    ]
    return min(known, key=lambda one: one.at)


def _row(finding: Finding, register: _Register, opened: Opened) -> Row:
    assigned = register.last_of(finding["id"], "assign")
    closed = register.last_of(finding["id"], "close")
    due = [opened.at + timedelta(days=days) for days in [register.days.get(finding["severity"])] if days]
    due += [assigned.until] if assigned and assigned.until else []
    names = ("id", "check", "severity", "subject", "environment", "service")
    return {
        **{name: finding[name] for name in names},
        "covers": "; ".join(f"{one}@{environment}/{service}" for one, environment, service in items(finding)),
        "carried": opened.at < register.reviews.as_of and opened.place != register.reviews.quarter,
        "opened_at": opened.at,
        "opened_in": opened.place,
        "due_at": min(due, default=None),
        "overdue": False,
        "owner": assigned.owner if assigned else "",
        "ticket": assigned.ticket if assigned else "",
        "accepted_until_at": None,
        "proof": closed.reason if closed else "",
        "closed_by": "",
        "why": "",
    }


def _gone(changes: pd.DataFrame, register: _Register, now: set[str]) -> Iterator[Row]:
    """The findings of the previous report that this one does not have, by what shows if they ended.

    One whose faults all go on under other ids is none of them.
    """
    gone = changes[changes["now"].eq("") & ~changes["id"].isin(now)]
    for id_, faults in gone.groupby("id", sort=True):
        assert register.reviews.previous is not None
        was = register.reviews.previous.findings[str(id_)]
        row = _row(was, register, register.reviews.previous.opened[str(id_)])
        if faults["change"].eq("ended").all():
            yield row | {"status": "closed", "closed_by": SEEN}
        else:
            yield row | _claimed(register.closure(str(id_)), UNSEEN)


def _only_recorded(register: _Register, known: set[str]) -> Iterator[Row]:
    """What was assigned or closed since the last review under an id that no finding has."""
    for id_ in sorted(register.decided.keys() - known):
        since = register.reviews.last.as_of if register.reviews.last else None
        recent = [one for one in register.decided[id_] if since is None or one.at > since]
        if all(one.verdict == "accept" for one in recent):  # a check of its own says so
            continue
        check, _, rest = id_.partition(":")
        subject, _, place = rest.partition(":")
        environment, _, service = place.partition("/")
        finding = {"id": id_, "check": check, "severity": "info", "subject": subject}
        finding |= {"environment": environment, "service": service}
        row = _row(finding, register, Opened(recent[0].at, recent[0].place))
        yield row | _claimed(register.closure(id_), "no finding has this id: fixed, not seen or misspelt")


def _claimed(claim: Decision | None, why: str) -> Row:
    if claim is None:
        return {"status": "unknown", "why": why}
    return {"status": "claimed closed", "closed_by": f"{claim.by} ({claim.place})", "why": why}
