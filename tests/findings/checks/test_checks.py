"""Each check fires on its fault, is silent beside it, and does not take a null for a pass."""

import re
from typing import Any

import pytest

from audit_lib.findings.checks import CHECKS, Check
from audit_lib.findings.documents import OTHER_GUIDE
from audit_lib.findings.row_words import row_words
from tests.support.rows import TABLES, rows_of

# check: what fires it; what lies just beside it and is silent; nulls, and whether they make it unknown
PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], bool]] = {
    "missing-secret": (
        {"state": "missing"},
        {"state": "missing", "required": "feature"},
        {"fingerprint": None},
        False,
    ),
    "missing-recommended": (
        {"state": "missing", "required": "recommended"},
        {"state": "missing", "required": "recommended", "demanded": False},
        {"fingerprint": None},
        False,
    ),
    "feature-secret-undecided": (
        {"state": "missing", "required": "feature"},
        {"required": "feature"},
        {"state": "missing", "required": "feature", "line": None},
        True,
    ),
    "empty-secret": ({"state": "empty"}, {"state": "present"}, {"fingerprint": None}, False),
    "placeholder-value": ({"placeholder": True}, {"placeholder": False}, {"placeholder": None}, True),
    "compromised-value": ({"compromised": True}, {"compromised": False}, {"compromised": None}, True),
    "template-in-use": (
        {"template": True},
        {"template": True, "placeholder": True},
        {"template": None},
        True,
    ),
    "short-value": ({"length": "short"}, {"length": "short", "placeholder": True}, {"length": ""}, True),
    "below-good-length": (
        {"length": "below good"},
        {"length": "ok"},
        {"min_length": None, "length": ""},
        False,
    ),
    "wrong-format": (
        {"format_ok": False},
        {"format_ok": False, "length": "short"},
        {"format_ok": None},
        True,
    ),
    "forbidden-format": (
        {"forbidden_format_ok": False},
        {"forbidden_format_ok": True},
        {"forbidden_format_ok": None},
        False,
    ),
    "unusual-format": (
        {"usual_format": "hex-64", "usual_format_ok": False},
        {"usual_format": "hex-64", "usual_format_ok": False, "format_ok": False},
        {"usual_format": "hex-64", "usual_format_ok": None},
        True,
    ),
    "ambiguous-url": (
        {"url_ok": False},
        {"url_ok": False, "placeholder": True},
        {"url_ok": None},
        False,
    ),
    "unexpected-setting": ({"expected_ok": False}, {"expected_ok": True}, {"expected_ok": None}, False),
    "known-default": ({"default_ok": False}, {"default_ok": True}, {"default_ok": None}, False),
    "too-few-classes": (
        {"classes_ok": False},
        {"classes_ok": False, "default_ok": False},
        {"classes_ok": None},
        False,
    ),
    "weak-value": ({"strength_bits": 79.9}, {"strength_bits": 80.0}, {"strength_bits": None}, True),
    "public-exposure": (
        {"public": True},
        {"public": True, "kind": "setting"},
        {"public": True, "line": None},
        False,
    ),
    "public-secret-demanded": (
        {"public": True, "state": "missing"},
        {"public": True, "state": "missing", "required": "feature"},
        {"fingerprint": None},
        False,
    ),
    "unlisted-secret": ({"kind": "unlisted"}, {"kind": "setting"}, {"fingerprint": None}, False),
    "no-rotation-period": (
        {"period_stated": False},
        {"kind": "setting", "period_stated": False},
        {"max_age_days": None},
        False,
    ),
    "pairing-mismatch": (
        {"why": "pairing", "expected": "same"},
        {"why": "pairing", "expected": "same", "relation": "same"},
        {"why": "pairing", "expected": "same", "relation": "unknown"},
        True,
    ),
    "equal-but-must-differ": (
        {"why": "must differ", "relation": "same"},
        {"why": "must differ"},
        {"why": "must differ", "relation": "unknown"},
        True,
    ),
    "reused-across-environments": (
        {"why": "environments", "relation": "same"},
        {"why": "environments", "relation": "same", "expected": "any"},
        {"why": "environments", "relation": "unknown"},
        True,
    ),
    "shared-server": (
        {"why": "environments", "relation": "same", "component": "host"},
        {"why": "environments", "relation": "same", "component": "password"},
        {"why": "environments", "relation": "unknown", "component": "host"},
        False,
    ),
    "reused-across-names": (
        {"why": "names", "relation": "same"},
        {"why": "names"},
        {"why": "names", "relation": "unknown"},
        False,
    ),
    "live-value-in-example": (
        {"why": "example", "relation": "same"},
        {"why": "example"},
        {"why": "example", "relation": "unknown"},
        False,
    ),
    "overdue-secret": ({"status": "overdue"}, {"status": "exempt"}, {"age_days_min": None}, False),
    "due-secret": ({"status": "due"}, {"status": "fresh"}, {"age_days_max": None}, False),
    "overdue-by-the-period-for-all": (
        {"strict_status": "overdue"},
        {"strict_status": "overdue", "status": "overdue"},
        {"strict_status": "", "strict_max_age_days": None},
        False,
    ),
    "rotated-apart": (
        {"relation": "apart"},
        {"relation": "together"},
        {"relation": "unknown", "lo_at": None},
        True,
    ),
    "guide-changed": (
        {"kind": "guide", "reason": OTHER_GUIDE},
        {"kind": "guide", "reason": ""},
        {"kind": "guide", "sha256": None},
        False,
    ),
    "unknown-age": (
        {"status": "unknown", "reason": "straddles"},
        {"status": "unknown", "reason": "not supplied"},
        {"status": "unknown", "age_days_min": None, "age_days_max": None, "lo_at": None, "hi_at": None},
        True,
    ),
    "evidence-conflict": ({"conflict": True}, {"conflict": False}, {"lo_at": None}, False),
    "rotation-not-done": ({"claimed_not_done": True}, {"claimed_not_done": False}, {"hi_at": None}, False),
    "rotated-back": ({"rotated_back": True}, {"rotated_back": False}, {"hi_at": None}, False),
    "unrecorded-rotation": (
        {"unrecorded_rotation": True},
        {"unrecorded_rotation": False},
        {"lo_at": None},
        False,
    ),
    "source-missing": ({"state": "missing"}, {"state": "missing", "kind": "example"}, {"mode": None}, False),
    "source-not-read": ({"state": "unreadable"}, {"state": "read"}, {"lines": None}, False),
    "tracked-env-file": ({"tracked": True}, {"tracked": True, "kind": "example"}, {"tracked": None}, True),
    "unignored-env-file": ({"ignored": False}, {"ignored": False, "tracked": True}, {"ignored": None}, True),
    "open-file-mode": ({"mode": "0640"}, {"mode": "0400"}, {"mode": None}, True),
    "backup-on-disk": ({"kind": "backup"}, {"kind": "backup", "state": "missing"}, {"mode": None}, False),
    "export-on-disk": ({"kind": "export"}, {"kind": "example"}, {"mode": None}, False),
    "production-values-on-disk": (
        {"environment": "production"},
        {"environment": "staging"},
        {"mode": None},
        False,
    ),
    "env-line-not-understood": (
        {"state": "not understood"},
        {"state": "blank"},
        {"state": "not understood", "name": None, "fingerprint": None},
        True,
    ),
    "duplicate-variable": ({"faults": "export,duplicate"}, {"faults": "export"}, {"name": None}, False),
    "value-read-differently": ({"faults": "crlf"}, {"faults": "crlf", "name": None}, {"name": None}, False),
    "secret-validation-failed": (
        {"kind": "secret_validation_failed"},
        {"kind": "unauthorized"},
        {"at": None, "day": None},
        False,
    ),
    "secret-reported-missing": (
        {"message": "required secret missing"},
        {"message": "recommended secret missing"},
        {"at": None},
        False,
    ),
    "start-up-failed": ({"kind": "startup_failed"}, {"kind": "other"}, {"at": None}, False),
    "database-failure": ({"kind": "database_failure"}, {"kind": "unauthorized"}, {"at": None}, False),
    "value-in-log": (
        {"message": "value in a validation error"},
        {"kind": "validation_error"},
        {"at": None},
        False,
    ),
    "no-logs-read": ({"counted": 0}, {"counted": 1}, {"counted": 0, "files": 0}, True),
    "log-gap": ({"days_read": 91}, {"days_read": 0, "counted": 0}, {"days_read": 0}, True),
    "untimed-log-lines": ({"untimed": 1}, {"untimed": 0}, {"untimed": 90}, True),
    "log-not-understood": (
        {"kind": "log", "not_understood": 1, "lines": 19},
        {"kind": "log", "not_understood": 1, "lines": 20},
        {"kind": "log", "not_understood": None, "lines": None},
        False,
    ),
    "search-never-matches": ({"can_match": False}, {"can_match": True}, {"can_match": None}, False),
    "search-misses-files": ({"reached": 4}, {"reached": 5}, {"reached": 4, "can_match": None}, False),
    "search-prints-values": ({"prints_values": True}, {"prints_values": False}, {"can_match": None}, False),
    "attack-on-logins": (
        {"verdict": "found", "detection": "A7"},
        {"verdict": "found", "detection": "A7", "severity": "low"},
        {"first_at": None, "last_at": None},
        False,
    ),
    "change-broke-logins": (
        {"verdict": "found", "detection": "A10"},
        {"verdict": "found", "detection": "A10", "severity": "low"},
        {"first_at": None, "last_at": None},
        False,
    ),
    "scan-or-flood": (
        {"verdict": "found", "detection": "A15"},
        {"verdict": "found", "detection": "A15", "severity": "low"},
        {"first_at": None, "last_at": None},
        False,
    ),
    "unusual-traffic": (
        {"verdict": "found", "detection": "A13"},
        {"verdict": "found", "detection": "A13", "severity": "low"},
        {"first_at": None, "last_at": None},
        False,
    ),
    "detection-not-applied": (
        {"verdict": "unknown", "reason": "no time"},
        {"verdict": "unknown", "severity": "low"},
        {"verdict": "unknown", "first_at": None, "last_at": None},
        True,
    ),
    "ledger-fault": ({"fault": "broken link"}, {"fault": ""}, {"place": ""}, False),
    "leaked-in-force": ({"status": "emergency"}, {"status": "historic"}, {"first_at": None}, False),
    "leaked-before": ({"status": "historic"}, {"status": "emergency"}, {"days_exposed_max": None}, False),
    "leak-undecided": ({"status": "unknown"}, {"status": "historic"}, {"days_exposed_min": None}, False),
    "leak-search-incomplete": ({"state": "incomplete"}, {"state": "searched"}, {"count": None}, False),
    "unanswered-question": ({"status": "open"}, {"status": "attested"}, {"question": ""}, False),
    "unmatched-acceptance": ({"matches": False}, {"matches": False, "expired": True}, {"reason": ""}, False),
}


def _judge(check: Check, change: dict[str, Any]) -> str:
    rows = rows_of(check.table, change)
    if check.when(rows).astype(bool).iloc[0]:
        return "fires"
    return "unknown" if check.unknown_when(rows).astype(bool).iloc[0] else "silent"


def test_every_check_has_its_rows() -> None:
    """No check goes without one row that fires it, one that leaves it silent, and one with nulls."""
    assert sorted(check.id for check in CHECKS) == sorted(PAIRS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_check_fires_and_is_silent(check: Check) -> None:
    """A check speaks on its fault and not on the row beside it; nulls are unknown where they hide a fault."""
    fires, silent, nulls, unknown = PAIRS[check.id]
    assert _judge(check, fires) != "silent"
    assert _judge(check, silent) == "silent"
    assert (_judge(check, nulls) == "unknown") == unknown


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_check_is_whole(check: Check) -> None:
    """Templates name columns of the table; the id is kebab-case; one to three controls of controls.md."""
    contract, _ = TABLES[check.table]
    columns = contract.to_schema().columns
    blank = row_words({name: None if name.endswith(("_min", "_max")) else "x" for name in columns})
    for template in (check.subject, check.evidence, check.unknown_evidence, check.where, check.remedy):
        template.format_map(blank)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", check.id)
    assert 1 <= len(check.controls) <= 3
    assert check.evidence
    assert check.remedy


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_check_takes_an_empty_table(check: Check) -> None:
    """A table without rows gives no finding and no error."""
    rows = rows_of(check.table)
    assert not check.when(rows).astype(bool).any()
    assert not check.unknown_when(rows).astype(bool).any()
