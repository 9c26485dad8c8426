"""The register of exceptions: since when each finding is open, who answers for it, and what closed it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from audit_lib.base.clock import ending_instant
from audit_lib.base.in_words import instant_words
from audit_lib.base.severities import SEVERITIES
from audit_lib.findings.changes import Fault, faults_of, gravity
from audit_lib.findings.checks.register import REGISTER
from audit_lib.findings.contracts import EXCEPTION_STATES, Exceptions
from audit_lib.findings.covered import items
from audit_lib.findings.last_review import LastReview, Opened, PreviousReport
from audit_lib.ledger import Entry, Ledger
from audit_lib.settings import Policy

_OWN = tuple(check.id for check in REGISTER if check.table == "exceptions")
DUE_DAYS: Mapping[str, int] = {"critical": 1, "high": 7, "medium": 30, "low": 90}
KINDS = ("acceptance", "assignment", "closure")  # of entries about a finding
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
    entries: Mapping[str, list[Entry]]  # of the ledger, by finding
    faults: Mapping[Fault, list[Graded]]  # of the previous report
    days: Mapping[str, int]

    def last_of(self, id_: str, kind: str) -> Mapping[str, Any]:
        """What the last entry of a kind says of a finding; {} if there is none."""
        found = [entry for entry in self.entries.get(id_, []) if entry.kind == kind]
        return found[-1].body if found else {}

    def closure(self, id_: str) -> Entry | None:
        """The entry that calls a finding closed, unless a later one took it up again."""
        last = self.entries.get(id_, [None])[-1]
        return last if last is not None and last.kind == "closure" else None


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
    about: dict[str, list[Entry]] = {}
    for entry in ledger.entries:
        if entry.kind in KINDS:
            about.setdefault(str(entry.body["id"]), []).append(entry)
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


def _why(finding: Finding, row: Row, register: _Register, claim: Entry | None) -> Iterator[str]:
    """Why a finding is still open."""
    if claim is not None:
        shown = "the evidence still shows it" if finding["status"] != "unknown" else "no evidence shows it"
        yield f"closed by {claim.body['by']} ({claim.place}), but {shown}"
    if row["carried"]:
        yield f"still open since {row['opened_in']}"
    if row["owner"]:
        yield f"assigned to {row['owner']}"
    elif row["status"] == "open":
        yield "assigned to nobody"
    promised = register.last_of(finding["id"], "assignment").get("due")
    if promised and row["due_at"] and ending_instant(promised, "ledger") > row["due_at"]:
        yield f"promised for {promised[:10]}, later than its severity allows"
    until = finding["accepted_until_at"]
    if finding["status"] == "open" and pd.notna(until):
        ended = instant_words(until.to_pydatetime())
        yield f"accepted by {finding['accepted_by']} until {ended}, which has passed"


def _opened(finding: Finding, register: _Register) -> Opened:
    """The first review or record that named the finding, or the same fault no less gravely."""
    known = [Opened(register.reviews.as_of, register.reviews.quarter)]
    known += [Opened(entry.at, entry.place) for entry in register.entries.get(finding["id"], [])[:1]]
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
    assigned = register.last_of(finding["id"], "assignment")
    closed = register.last_of(finding["id"], "closure")
    due = [opened.at + timedelta(days=days) for days in [register.days.get(finding["severity"])] if days]
    due += [ending_instant(text, "ledger") for text in [assigned.get("due")] if text]
    names = ("id", "check", "severity", "subject", "environment", "service")
    return {
        **{name: finding[name] for name in names},
        "covers": "; ".join(f"{one}@{environment}/{service}" for one, environment, service in items(finding)),
        "carried": opened.at < register.reviews.as_of and opened.place != register.reviews.quarter,
        "opened_at": opened.at,
        "opened_in": opened.place,
        "due_at": min(due, default=None),
        "overdue": False,
        "owner": assigned.get("owner", ""),
        "ticket": assigned.get("ticket", ""),
        "accepted_until_at": None,
        "proof": closed.get("proof", ""),
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
    for id_ in sorted(register.entries.keys() - known):
        since = register.reviews.last.as_of if register.reviews.last else None
        recent = [one for one in register.entries[id_] if since is None or one.at > since]
        if all(entry.kind == "acceptance" for entry in recent):  # a check of its own says so
            continue
        check, _, rest = id_.partition(":")
        subject, _, place = rest.partition(":")
        environment, _, service = place.partition("/")
        finding = {"id": id_, "check": check, "severity": "info", "subject": subject}
        finding |= {"environment": environment, "service": service}
        row = _row(finding, register, Opened(recent[0].at, recent[0].place))
        yield row | _claimed(register.closure(id_), "no finding has this id: fixed, not seen or misspelt")


def _claimed(claim: Entry | None, why: str) -> Row:
    if claim is None:
        return {"status": "unknown", "why": why}
    return {"status": "claimed closed", "closed_by": f"{claim.body['by']} ({claim.place})", "why": why}
