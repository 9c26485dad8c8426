"""The register of exceptions: what was opened when, who answers for it; no record closes anything."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit_lib.base.clock import iso
from audit_lib.base.frames import rows
from audit_lib.findings.contracts import Changes, Findings
from audit_lib.findings.last_review import LastReview, Opened, PreviousReport
from audit_lib.findings.register import Reviews, due_days, tabulate_exceptions
from audit_lib.ledger import Entry, Ledger
from audit_lib.settings import Policy
from tests.support.made_up_audit import filled

THEN = datetime(2026, 6, 30, tzinfo=UTC)
NOW = datetime(2026, 9, 30, tzinfo=UTC)
POLICY = Policy("test", Path("test.toml"), "", ())
ID = "overdue-secret:API_TOKEN:production/backend"
FOUND = {
    "id": ID,
    "check": "overdue-secret",
    "severity": "high",
    "status": "open",
    "subject": "API_TOKEN",
    "environment": "production",
    "service": "backend",
    "accepted_until_at": None,
}
OPENED = Opened(THEN, "2026Q2")
CLOSED = {"id": ID, "by": "Bo", "proof": "commit 7"}


def _entry(kind: str, body: dict[str, Any], at: datetime = NOW - timedelta(days=9)) -> Entry:
    return Entry("bo", 1, at, kind, "0" * 8, "", "", "", body)


def _register(
    *found: dict[str, Any],
    ledger: tuple[Entry, ...] = (),
    was: dict[str, Any] | None = None,
    change: str = "",
    last: LastReview | None = None,
) -> list[Any]:
    """The register of these findings, after a report that had another, which is gone with this change."""
    gone = {"id": ID, "change": change, "was": "open", "now": "", "was_check": "overdue-secret"}
    gone |= {"was_severity": "high", "subject": "API_TOKEN"}
    changes = filled(Changes, [gone] if change else [])
    previous = PreviousReport({was["id"]: was}, THEN, (), opened={was["id"]: OPENED}) if was else None
    findings = filled(Findings, found)
    reviews = Reviews(last, previous, "2026Q3", NOW)
    return list(rows(tabulate_exceptions(findings, changes, Ledger(ledger), reviews, POLICY)))


@pytest.mark.parametrize(("severity", "days"), [("critical", 1), ("high", 7), ("medium", 30), ("low", 90)])
def test_a_finding_is_due_by_its_severity(severity: str, days: int) -> None:
    """A finding of this review is opened by it, and due so many days later."""
    (row,) = _register(FOUND | {"severity": severity})
    assert (row.status, row.opened_in, row.opened_at) == ("open", "2026Q3", NOW)
    assert row.due_at == NOW + timedelta(days=days)
    assert (row.overdue, row.carried, row.why) == (False, False, "assigned to nobody")


def test_the_policy_says_when_findings_are_due() -> None:
    """[due_days] replaces the days of the severities that it names."""
    assert due_days(replace(POLICY, due_days={"low": 5})) == {
        "critical": 1,
        "high": 7,
        "medium": 30,
        "low": 5,
    }


def test_what_is_still_open_says_since_when_and_why() -> None:
    """A finding of the last report keeps its first review, and is overdue by then, unassigned."""
    (row,) = _register(FOUND, was=FOUND)
    assert (row.opened_in, row.carried, row.overdue) == ("2026Q2", True, True)
    assert row.why == "still open since 2026Q2; assigned to nobody"


def test_another_id_of_the_same_fault_is_no_new_finding() -> None:
    """What was said of a list is known of each item; what became worse is opened anew."""
    items = {"covers": "API_TOKEN@production/backend; B@staging/backend"}
    listed = FOUND | items | {"id": "overdue-secret:list-1a2b3c4d", "subject": "list"}
    (row,) = _register(FOUND, was=listed)
    assert row.opened_in == "2026Q2"
    (row,) = _register(FOUND, was=listed | {"severity": "low"})
    assert row.opened_in == "2026Q3"


def test_a_sign_off_in_the_ledger_says_since_when() -> None:
    """Without a previous report, the ledger's last review names what it found open."""
    (row,) = _register(FOUND, last=LastReview(THEN, "ledger ada#3", opened={ID: OPENED}))
    assert (row.opened_in, row.overdue) == ("2026Q2", True)


def test_an_assignment_names_owner_ticket_and_an_earlier_date() -> None:
    """The earlier of promise and severity is due; a later promise is said, and moves nothing."""
    body = {"id": ID, "by": "Bo", "owner": "Ada", "ticket": "OPS-7"}
    soon, late = NOW + timedelta(days=2), NOW + timedelta(days=90)
    (row,) = _register(FOUND, ledger=(_entry("assignment", body | {"due": iso(soon)}, NOW),))
    assert (row.owner, row.ticket, row.due_at) == ("Ada", "OPS-7", soon)
    (row,) = _register(FOUND, ledger=(_entry("assignment", body | {"due": iso(late)}, NOW),))
    assert row.due_at == NOW + timedelta(days=7)
    assert "later than its severity allows" in row.why


@pytest.mark.parametrize(
    ("status", "expected", "why"),
    [
        ("open", "contradicted", "the evidence still shows it"),
        ("accepted", "contradicted", "the evidence still shows it"),
        ("unknown", "unknown", "no evidence shows it"),
    ],
)
def test_a_record_closes_nothing(status: str, expected: str, why: str) -> None:
    """What is still found is contradicted, and what is not known stays so."""
    (row,) = _register(FOUND | {"status": status}, ledger=(_entry("closure", CLOSED),))
    assert (row.status, row.proof, row.closed_by) == (expected, "commit 7", "")
    assert why in row.why


def test_a_later_decision_takes_a_closed_finding_up_again() -> None:
    """Who assigns a finding after it was called closed contradicts nobody any more."""
    later = _entry("assignment", {"id": ID, "by": "Bo", "owner": "Ada"}, NOW)
    (row,) = _register(FOUND, ledger=(_entry("closure", CLOSED), later))
    assert (row.status, row.owner) == ("open", "Ada")


@pytest.mark.parametrize(
    ("change", "closed", "expected", "by"),
    [
        ("ended", False, "closed", "this review"),
        ("ended", True, "closed", "this review"),
        ("no longer known", False, "unknown", ""),
        ("no longer known", True, "claimed closed", "Bo (ledger bo#1)"),
    ],
)
def test_only_evidence_closes(change: str, closed: bool, expected: str, by: str) -> None:
    """What is gone is closed if this review would show it; with a proof alone that is a claim."""
    (row,) = _register(was=FOUND, change=change, ledger=(_entry("closure", CLOSED),) if closed else ())
    assert row.status == expected
    assert row.closed_by.startswith(by)
    assert row.proof == ("commit 7" if closed else "")
    assert (row.opened_in, bool(row.why)) == ("2026Q2", expected != "closed")


def test_a_record_under_an_id_that_no_finding_has_is_shown() -> None:
    """It was closed or assigned and is not there: nobody has to wonder where it went."""
    (row,) = _register(ledger=(_entry("closure", CLOSED),))
    assert (row.status, row.subject, row.environment) == ("claimed closed", "API_TOKEN", "production")
    (row,) = _register(ledger=(_entry("assignment", {"id": ID, "by": "Bo", "owner": "Ada"}),))
    assert (row.status, row.owner) == ("unknown", "Ada")
    assert _register(ledger=(_entry("closure", CLOSED),), last=LastReview(NOW - timedelta(days=1))) == []


def test_an_accepted_finding_is_due_when_that_ends() -> None:
    """Until then it is not overdue; afterwards it is, and says whose acceptance ran out."""
    ended = pd.Timestamp(NOW - timedelta(days=2))
    (row,) = _register(FOUND | {"accepted_by": "Bo", "accepted_until_at": ended}, was=FOUND)
    assert (row.due_at, row.overdue) == (ended, True)
    assert "which has passed" in row.why
    later = {"status": "accepted", "accepted_until_at": pd.Timestamp(NOW + timedelta(days=2))}
    (row,) = _register(FOUND | later, was=FOUND)
    assert (row.status, row.overdue) == ("accepted", False)


def test_the_register_is_not_about_itself() -> None:
    """A finding that says that another is overdue is no row of its own."""
    (row,) = _register(FOUND, FOUND | {"id": "finding-overdue:x", "check": "finding-overdue"})
    assert row.id == ID
