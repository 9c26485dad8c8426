"""Findings are stable, merged, and accepted only for a time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit_lib.base.clock import iso
from audit_lib.base.errors import Fault
from audit_lib.findings.checks import CHECKS
from audit_lib.findings.find import find, finding_id
from audit_lib.ledger import Entry, Ledger
from audit_lib.settings import Policy, SecretRule
from tests.support.rows import rows_of

AS_OF = datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC)
LINES = {"period": (55, 230), "pairing": (54,)}
POLICY = Policy(
    name="test",
    path=Path("test.toml"),
    sha256="",
    secrets=(
        SecretRule("API_TOKEN", "backend", "secret", "always", lines={"period": (55, 230), "pairing": (54,)}),
    ),
)
FAILED = {"log_events": [{"kind": "database_failure"}]}
UNDECIDED = {
    "status": "unknown",
    "reason": "straddles",
    "next_evidence": "Look it up. Otherwise it is overdue from 3 Oct",
}
OVERDUE = "overdue-secret:API_TOKEN:production/backend"


def _tables(**changes: list[dict[str, Any]]) -> dict[str, pd.DataFrame]:
    """Every table a check names, empty but for the rows given as changes to the test's own row."""
    names = {check.table for check in CHECKS} - {"acceptances", "ledger_faults", "exceptions"}
    return {name: rows_of(name, *changes.get(name, [])) for name in names}


def _find(*accepted: Entry, faults: tuple[Fault, ...] = (), **changes: list[dict[str, Any]]) -> pd.DataFrame:
    return find(_tables(**changes), POLICY, Ledger(accepted, faults=faults), AS_OF, _register(**changes))


def _register(**changes: list[dict[str, Any]]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda _found: rows_of("exceptions", *changes.get("exceptions", []))


def _accepted(id_: str, days: int) -> Entry:
    body = {"id": id_, "by": "R. Eviewer", "reason": "planned", "until": iso(AS_OF + timedelta(days=days))}
    return Entry("alice", 1, AS_OF, "acceptance", "0" * 8, "", "", "", body)


def test_a_remedy_ends_where_the_policy_says_no_more() -> None:
    """No colon is left open for a way to a new value that the policy does not give."""
    row = {"state": "missing", "required_here": "yes", "kind": "secret", "renewal": ""}
    for change, end in (({}, "backend."), ({"renewal": "openssl rand"}, "A new value: openssl rand")):
        found = _find(inventory=[row | change])
        assert [one[-len(end) :] for one in found["remedy"]] == [end]


def test_a_finding_has_a_stable_id_and_quotes_both_sides() -> None:
    """The id is check, subject and scope; evidence quotes the age beside what is allowed."""
    row = _find(freshness=[{"status": "overdue", "age_days_min": 101.5, "age_days_max": None}]).iloc[0]
    assert row["id"] == OVERDUE
    assert row["severity"] == "high"
    assert row["status"] == "open"
    assert "at least 101 days" in row["evidence"]
    assert "limit: 90 days" in row["evidence"]
    assert row["guide_lines"] == "55, 230"


def test_an_id_holds_no_line_and_no_separator_of_its_own() -> None:
    """Whatever a log names, an id keeps its three parts."""
    assert finding_id("value-in-log", "a: b\n/é", "", "") == "value-in-log:a-b-/é"
    first = _find(inventory=[{"placeholder": True, "line": 3}])
    second = _find(inventory=[{"placeholder": True, "line": 30, "source": "other/.env"}])
    assert list(first["id"]) == list(second["id"])


def test_rows_with_one_id_are_merged_and_counted() -> None:
    """Twelve failures of the database are one finding that says twelve."""
    events = [
        {"kind": "database_failure", "line": line, "day": f"2026-09-{line:02}"} for line in range(1, 13)
    ]
    findings = _find(log_events=events)
    assert len(findings) == 1
    assert findings["evidence"].iloc[0].endswith("; 12 in all")
    assert findings["where"].iloc[0].endswith("app.log:5; and 7 more")


def test_a_flood_of_rows_is_counted_and_not_told() -> None:
    """Whoever can write a hundred thousand lines into a log costs the review no time."""
    one = rows_of("log_events", {"message": "secret in a url"})
    flood = one.loc[one.index.repeat(100_000)].reset_index(drop=True)
    tables = _tables() | {"log_events": flood.assign(line=range(len(flood)))}
    row = find(tables, POLICY, Ledger(), AS_OF, _register()).iloc[0]
    assert row["evidence"].endswith("; 100000 in all")
    assert len(row["where"]) < 100


def test_a_fault_outweighs_not_knowing() -> None:
    """Of two files of one scope, one tracked and one of which nothing is known: the finding is open."""
    findings = _find(sources=[{"tracked": None}, {"tracked": True, "source": "backend/.env.local"}])
    row = findings.set_index("check").loc["tracked-env-file"]
    assert row["status"] == "open"
    assert row["where"] == "backend/.env.local"


def test_the_worst_severity_of_merged_rows_counts() -> None:
    """Reuse that involves production is critical whichever side production stands on."""
    rows = [
        {"why": "environments", "relation": "same", "environment": "development", "other_environment": other}
        for other in ("production", "staging")
    ]
    findings = _find(drift=rows)
    assert list(findings["severity"]) == ["critical", "high"]


@pytest.mark.parametrize(("days", "status"), [(1, "accepted"), (0, "accepted"), (-1, "open")])
def test_an_acceptance_holds_until_its_day(days: int, status: str) -> None:
    """An acceptance that has run out leaves its finding open, and the evidence says so."""
    row = _find(_accepted(OVERDUE, days), freshness=[{"status": "overdue"}]).iloc[0]
    assert row["status"] == status
    assert row["accepted_by"] == "R. Eviewer"
    assert ("which has passed" in row["evidence"]) == (status == "open")


def test_the_last_decision_on_a_finding_counts() -> None:
    """A later acceptance replaces an earlier one."""
    row = _find(_accepted(OVERDUE, -1), _accepted(OVERDUE, 9), freshness=[{"status": "overdue"}]).iloc[0]
    assert row["status"] == "accepted"


def test_an_unknown_cannot_be_accepted_into_a_pass() -> None:
    """Accepting what is not known leaves it unknown."""
    row = _find(_accepted("unknown-age:straddles", 9), freshness=[UNDECIDED]).iloc[0]
    assert row["status"] == "unknown"
    assert "does not make it known" in row["evidence"]


def test_an_acceptance_that_matches_nothing_is_a_finding() -> None:
    """A misspelt acceptance is reported; one that ran out and matches nothing is not."""
    findings = _find(_accepted("no-such-check:X", 9), _accepted("no-such-check:Y", -9))
    assert list(findings["id"]) == ["unmatched-acceptance:no-such-check-X"]


def test_findings_stand_in_the_order_of_the_checks() -> None:
    """The tuple's order is the report's."""
    findings = _find(
        log_events=[{"kind": "database_failure"}],
        freshness=[{"status": "overdue"}, {"status": "due", "secret": "B"}],
        inventory=[{"placeholder": True}],
    )
    assert list(findings["check"]) == [
        "placeholder-value",
        "overdue-secret",
        "due-secret",
        "database-failure",
    ]


def test_a_table_that_is_absent_is_an_error() -> None:
    """A check that had nothing to run on does not pass in silence."""
    tables = _tables()
    del tables["drift"]
    with pytest.raises(KeyError):
        find(tables, POLICY, Ledger(), AS_OF, _register())


def test_a_broken_ledger_is_a_finding() -> None:
    """What does not hold in the ledger is reported with its place."""
    row = _find(faults=(Fault("ledger alice#3", "was edited: hash mismatch"),)).iloc[0]
    assert row["check"] == "ledger-fault"
    assert row["where"] == "ledger alice#3"


def test_one_sentence_of_many_secrets_is_one_finding_with_a_list() -> None:
    """Ages that are not known for one reason are one finding; it names each secret and what would decide."""
    rows = [
        UNDECIDED | {"secret": secret, "environment": environment}
        for secret, environment in (("A", "production"), ("B", "staging"), ("A", "staging"))
    ]
    findings = _find(freshness=[*rows, UNDECIDED | {"secret": "C", "reason": "conflict"}])
    assert list(findings["id"]) == ["unknown-age:straddles", "unknown-age:conflict"]
    row = findings.iloc[0]
    assert row["evidence"].endswith(": A (production/backend, staging/backend), B (staging/backend)")
    assert row["covers"] == "A@production/backend; B@staging/backend; A@staging/backend"
    assert (row["severity"], row["remedy"]) == ("high", "Look it up.")


def test_who_accepts_a_list_accepts_what_is_on_it() -> None:
    """A secret that joins an accepted list opens the finding again; the order of the rows does not."""
    rows = [{"period_stated": False, "secret": secret} for secret in "AB"]
    accepted = _accepted(_find(inventory=rows)["id"].iloc[0], 9)
    assert list(_find(accepted, inventory=rows[::-1])["status"]) == ["accepted"]
    more = _find(accepted, inventory=[*rows, rows[0] | {"secret": "C"}])
    assert more.set_index("check").loc["no-rotation-period", "status"] == "open"


def test_a_long_list_says_how_much_it_leaves_out() -> None:
    """Of 25 secrets 20 are named in the text, and all in the column that findings.csv has."""
    row = _find(inventory=[{"period_stated": False, "secret": f"S{number}"} for number in range(25)]).iloc[0]
    assert row["evidence"].endswith(", and 5 more in findings.csv")
    assert row["covers"].count("@") == 25


@pytest.mark.parametrize(
    ("status", "check"),
    [("emergency", "leaked-in-force"), ("unknown", "leak-undecided"), ("historic", "leaked-before")],
)
def test_a_leak_is_open_whether_or_not_it_is_in_force(status: str, check: str) -> None:
    """Not knowing if a leaked value is in force makes no leak unknown: it was found."""
    row = _find(leaked_secrets=[{"status": status}]).iloc[0]
    assert (row["check"], row["status"]) == (check, "open")


def test_an_age_and_a_pair_cite_the_lines_of_their_values() -> None:
    """What is judged of a value says where it stands; without a line in the inventory, in which place."""
    held = [{"line": 3, "source": "deploy/a.env"}]
    found = _find(
        inventory=held, freshness=[{"status": "overdue", "age_days_min": 101.5, "age_days_max": None}]
    )
    age = found[found["check"] == "overdue-secret"].iloc[0]
    assert age["where"] == "deploy/a.env:3"
    pair = {"why": "pairing", "expected": "same", "relation": "different", "other_secret": "OTHER"}
    found = _find(inventory=held, drift=[{**pair, "other_environment": "staging", "other_service": "web"}])
    assert found[found["check"] == "pairing-mismatch"].iloc[0]["where"] == "deploy/a.env:3, staging/web"
