"""Each check fires on its fault, is silent beside it, and does not take a null for a pass."""

import re
from dataclasses import replace
from typing import Any

import pytest

from audit_lib.findings.check import Check, Condition, judged
from audit_lib.findings.checks import BY_ID, CHECKS, SUCCESSORS
from audit_lib.findings.documents import OTHER_GUIDE
from audit_lib.findings.find import row_words
from audit_lib.settings import bundled_policy
from audit_lib.settings.load import guide_rules
from tests.support.rows import TABLES, rows_of

Change = dict[str, Any]
MISSING = {"state": "missing"}
EXPORT = {"kind": "export"}
FOUND = {"verdict": "found", "detection": "guessing"}
FAILING = FOUND | {"detection": "application-failing"}
PROBING, CLIENTS = FOUND | {"detection": "probing"}, FOUND | {"detection": "known-clients-failing"}
COUPLED = {"why": "coupled", "relation": "same", "expected": "any"}
USUAL = {"usual_format": "hex-64", "usual_format_ok": False}
ACCESS = {"kind": "access", "secret": ""}
NAMELESS = {"secret": "", "answer": "unknown"}
PREVIEW, TWICE = {"topic": "blueprint preview"}, {"topic": "blueprint name"}
IMAGE, VALUE = {"topic": "image context"}, {"topic": "blueprint value"}
LOG = {"kind": "log", "lines": 100, "requests": 9, "messages": 0, "text_only": 91, "not_understood": 0}
EXAMPLE = {"placeholder": True, "template": True}
SETTING = {"kind": "setting", "missing_severity": ""}
UNDECLARED = {"declared": False, "known_by": ("env files",)}

# check: the rows that it judges, each with the severity of a fault, `unknown`, or `silent`
ROWS: dict[str, list[tuple[Change, str]]] = {
    "attack-on-logins": [(FOUND, "medium"), (FOUND | {"severity": "low"}, "silent"), (PROBING, "silent")],
    "change-broke-logins": [(CLIENTS, "medium"), (FOUND, "silent")],
    "scan-or-flood": [
        (PROBING, "medium"),
        (FOUND | {"detection": "secret-in-url"}, "medium"),
        (FOUND, "silent"),
    ],
    "unusual-traffic": [(FAILING, "medium"), (FAILING | {"subject": "database"}, "silent")],
    "detection-not-applied": [
        ({"verdict": "unknown"}, "unknown"),
        ({"verdict": "unknown", "severity": "low"}, "silent"),
        (FOUND, "silent"),
    ],
    "leaked-in-force": [({"status": "emergency"}, "critical"), ({"status": "historic"}, "silent")],
    "leak-undecided": [({"status": "unknown"}, "high"), ({"status": "emergency"}, "silent")],
    "leaked-before": [({"status": "historic"}, "low"), ({"status": "unknown"}, "silent")],
    "password-in-file": [
        ({"values": 1, "deploys": True}, "medium"),
        ({"values": 1, "deploys": False}, "low"),
        ({"values": 0}, "silent"),
    ],
    "leak-search-incomplete": [
        ({"state": "incomplete"}, "unknown"),
        ({"state": "not searched", "part": "files"}, "unknown"),
        ({"state": "not searched", "part": "values"}, "silent"),
    ],
    "pairing-mismatch": [
        ({"why": "pairing", "expected": "same"}, "critical"),
        (
            {"why": "pairing", "expected": "same", "environment": "staging", "other_environment": "staging"},
            "medium",
        ),
        ({"why": "pairing", "expected": "same", "relation": "same"}, "silent"),
        ({"why": "pairing", "expected": "same", "relation": "unknown"}, "unknown"),
        ({"why": "names"}, "silent"),
    ],
    "reused-across-environments": [
        ({"why": "environments", "relation": "same"}, "critical"),
        ({"why": "environments", "relation": "same", "component": "host"}, "medium"),
        ({"why": "environments"}, "silent"),
        ({"why": "environments", "relation": "unknown"}, "unknown"),
        ({"why": "environments", "relation": "unknown", "component": "host"}, "silent"),
        ({"why": "names", "relation": "same"}, "silent"),
    ],
    "reused-across-names": [
        ({"why": "must differ", "relation": "same"}, "critical"),
        ({"why": "names", "relation": "same"}, "high"),
        (COUPLED, "low"),
        ({"why": "must differ", "relation": "unknown"}, "unknown"),
        ({"why": "names", "relation": "unknown"}, "silent"),
        ({"why": "environments", "relation": "same"}, "silent"),
    ],
    "half-done-rotation": [
        ({"relation": "apart"}, "high"),
        ({"relation": "together"}, "silent"),
        ({"relation": "unknown", "lo_at": None}, "unknown"),
    ],
    "not-rotated-since-event": [
        ({"answer": "no"}, "high"),
        ({"kind": "breach", "answer": "no"}, "critical"),
        ({"answer": "yes"}, "silent"),
        ({"answer": "unknown"}, "unknown"),
        (NAMELESS, "unknown"),
        (ACCESS | {"answer": "no"}, "silent"),
    ],
    "looked-at-values": [
        (ACCESS | {"answer": "no"}, "high"),
        (ACCESS, "silent"),
        (ACCESS | {"answer": "unknown"}, "unknown"),
        ({"answer": "no"}, "silent"),
    ],
    "compromised-value": [
        ({"compromised": True}, "critical"),
        ({"compromised": False}, "silent"),
        ({"compromised": None}, "unknown"),
        ({"compromised": None, "placeholder": None}, "silent"),
        (MISSING | {"compromised": True}, "silent"),
    ],
    "placeholder-value": [
        ({"placeholder": True}, "critical"),
        (EXAMPLE | {"environment": "staging"}, "high"),
        (EXAMPLE | {"environment": "development"}, "info"),
        ({"default_ok": False}, "critical"),
        ({"default_ok": False, "environment": "staging"}, "low"),
        ({"default_ok": False, "environment": "development"}, "info"),
        ({"template": True}, "critical"),
        ({"template": True, "environment": "staging"}, "high"),
        ({"template": True, "environment": "development"}, "info"),
        ({"template": True, "kind": "setting"}, "silent"),
        ({"placeholder": False}, "silent"),
        ({"placeholder": None}, "unknown"),
        ({"template": None}, "unknown"),
        (MISSING | {"placeholder": True}, "silent"),
        ({"placeholder": None, "kind": "setting"}, "silent"),
    ],
    "weak-value": [
        ({"length": "short"}, "high"),
        ({"strength_bits": 79.9}, "critical"),
        ({"strength_bits": 79.9, "template": True}, "silent"),
        ({"strength_bits": 79.9, "kind": "setting"}, "silent"),
        ({"classes_ok": False}, "high"),
        ({"classes_ok": False, "default_ok": False}, "silent"),
        ({"length": "below good"}, "low"),
        ({"length": "short", "placeholder": True}, "silent"),
        ({"length": "short", "compromised": True}, "silent"),
        ({"strength_bits": 80.0}, "silent"),
        ({"strength_bits": None}, "unknown"),
        ({"length": ""}, "unknown"),
        ({"length": "", "min_length": None}, "silent"),
        (MISSING | {"length": "short"}, "silent"),
    ],
    "forbidden-format": [
        ({"forbidden_format_ok": False}, "critical"),
        ({"forbidden_format_ok": True}, "silent"),
        ({"forbidden_format_ok": None}, "silent"),
        (MISSING | {"forbidden_format_ok": False}, "silent"),
    ],
    "wrong-format": [
        ({"format_ok": False}, "high"),
        (USUAL, "low"),
        (USUAL | {"forbidden_format_ok": False}, "silent"),
        ({"format_ok": False, "length": "short"}, "silent"),
        ({"format_ok": None}, "unknown"),
        (USUAL | {"usual_format_ok": None}, "unknown"),
        ({"format": "", "format_ok": None}, "silent"),
        (MISSING | {"format_ok": False}, "silent"),
    ],
    "ambiguous-url": [
        ({"url_ok": False}, "high"),
        ({"url_ok": False, "placeholder": True}, "silent"),
        ({"url_ok": None}, "silent"),
    ],
    "unexpected-setting": [
        ({"expected_ok": False}, "high"),
        ({"expected_ok": True}, "silent"),
        ({"expected_ok": None}, "silent"),
        (MISSING | {"expected_ok": False}, "silent"),
    ],
    "public-exposure": [
        ({"public": True}, "critical"),
        ({"public": True, "exposure_severity": "medium"}, "medium"),
        ({"public": True, "exposure_severity": "info"}, "silent"),
        ({"public": True, "kind": "setting"}, "silent"),
        ({"public": True} | MISSING, "silent"),
        ({"public": False}, "silent"),
    ],
    "public-secret-demanded": [
        ({"public": True} | MISSING, "critical"),
        ({"public": True}, "silent"),
        ({"public": True, "required": "feature"} | MISSING, "silent"),
        (MISSING, "silent"),
    ],
    "missing-secret": [
        (MISSING, "critical"),
        (MISSING | {"missing_severity": ""}, "high"),
        (MISSING | {"required": "recommended", "missing_severity": ""}, "low"),
        (MISSING | {"required": "recommended", "demanded": False}, "silent"),
        (MISSING | {"required": "feature"}, "unknown"),
        (MISSING | {"demanded": False}, "silent"),
        (MISSING | {"public": True}, "silent"),
        (MISSING | SETTING, "silent"),
        (MISSING | {"required": "optional"}, "silent"),
        ({}, "silent"),
    ],
    "empty-secret": [
        ({"state": "empty"}, "critical"),
        ({"state": "empty"} | SETTING, "silent"),
        ({"fingerprint": None}, "silent"),
    ],
    "two-values-in-one-place": [
        ({"service": "backend (backend/.env.local)"}, "medium"),
        ({"service": "backend"}, "silent"),
        ({"service": "backend (backend/.env.local)"} | MISSING, "silent"),
    ],
    "unlisted-secret": [
        ({"kind": "unlisted"}, "medium"),
        ({"kind": "setting"}, "silent"),
        ({"kind": "unlisted"} | MISSING, "silent"),
    ],
    "no-rotation-period": [
        ({"period_stated": False}, "low"),
        ({"period_stated": False, "kind": "setting"}, "silent"),
        ({"period_stated": False, "public": True, "max_age_days": None}, "silent"),
        ({"period_stated": False, "public": True, "exposure_severity": "info"}, "silent"),
        ({"period_stated": False, "max_age_days": None}, "low"),
        ({"max_age_days": None}, "silent"),
    ],
    "undeclared-variable": [
        ({"declared": False}, "medium"),
        ({"declared": False, "group": "settings"}, "info"),
        (UNDECLARED, "silent"),  # a secret in force: `unlisted-secret` names it
        (UNDECLARED | {"supplied": "no"}, "medium"),
        ({"declared": False, "known_by": ("policy",), "supplied": "no"}, "silent"),
        ({}, "silent"),
    ],
    "declared-read-nowhere": [
        ({"read": "no"}, "info"),
        ({"read": "no", "known_by": ("code",)}, "silent"),
        ({"read": "unknown"}, "unknown"),
    ],
    "read-supplied-nowhere": [
        ({"supplied": "no"}, "low"),
        ({"supplied": "no", "known_by": ("policy",)}, "silent"),
        ({"supplied": "unknown"}, "unknown"),
        ({"supplied": "unknown", "group": "settings"}, "silent"),
    ],
    "secret-not-described": [
        ({"owner": ""}, "low"),
        ({"reach": ""}, "low"),
        ({"period_reason": "", "max_age_days": None}, "silent"),
        ({}, "silent"),
    ],
    "secret-not-reviewed": [({"review": "late"}, "low"), ({"review": "current"}, "silent")],
    "rotation-not-done": [
        ({"claimed_not_done": True}, "critical"),
        ({"rotated_back": True}, "high"),
        ({"hi_at": None}, "silent"),
    ],
    "overdue-secret": [({"status": "overdue"}, "high"), ({"status": "exempt"}, "silent")],
    "overdue-by-the-period-for-all": [
        ({"strict_status": "overdue"}, "medium"),
        ({"strict_status": "overdue", "status": "overdue"}, "silent"),
        ({"strict_status": "", "strict_max_age_days": None}, "silent"),
    ],
    "due-secret": [({"status": "due"}, "medium"), ({"status": "fresh"}, "silent")],
    "unknown-age": [
        ({"status": "unknown", "reason": "straddles"}, "unknown"),
        ({"status": "unknown", "reason": "not supplied"}, "silent"),
        ({"age_days_min": None, "lo_at": None}, "silent"),
    ],
    "evidence-conflict": [({"conflict": True}, "high"), ({"conflict": False}, "silent")],
    "unrecorded-rotation": [({"unrecorded_rotation": True}, "medium"), ({"lo_at": None}, "silent")],
    "tracked-env-file": [
        ({"tracked": True}, "high"),
        ({"tracked": True, "kind": "example"}, "silent"),
        ({"tracked": None}, "unknown"),
    ],
    "unignored-env-file": [
        ({"ignored": False}, "high"),
        ({"ignored": False, "tracked": True}, "silent"),
        ({"ignored": None}, "unknown"),
        ({"ignored": None, "tracked": None}, "silent"),
        ({"ignored": False, "kind": "example"}, "silent"),
    ],
    "open-file-mode": [
        ({"mode": "0640", "environment": "production"}, "high"),
        ({"mode": "0400"}, "silent"),
        ({"mode": "0640", "tracked": True}, "silent"),
        ({"mode": None}, "unknown"),
    ],
    "values-on-disk": [
        (EXPORT, "high"),
        ({"kind": "backup"}, "medium"),
        ({"kind": "backup", "state": "missing"}, "silent"),
        ({"environment": "production"}, "medium"),
        ({"environment": "staging"}, "silent"),
        ({"kind": "example", "environment": "production"}, "silent"),
    ],
    "source-not-read": [
        ({"state": "missing"}, "unknown"),
        ({"state": "missing", "kind": "example"}, "silent"),
        ({"state": "unreadable"}, "unknown"),
        ({"state": "empty", "kind": "log"}, "unknown"),
        ({"lines": None}, "silent"),
    ],
    "guide-changed": [
        ({"kind": "guide", "reason": OTHER_GUIDE}, "low"),
        ({"kind": "guide", "reason": ""}, "silent"),
        ({"kind": "log", "reason": OTHER_GUIDE}, "silent"),
    ],
    "env-line-not-understood": [
        ({"state": "not understood", "name": None, "fingerprint": None}, "unknown"),
        ({"state": "blank"}, "silent"),
    ],
    "value-read-differently": [
        ({"faults": "spaces,duplicate"}, "medium"),
        ({"faults": "loaders-disagree"}, "low"),
        ({"faults": "other"}, "silent"),
        ({"faults": "altered", "name": None}, "silent"),
        ({"faults": "altered", "kind": "example"}, "silent"),
    ],
    "secret-in-blueprint": [
        (VALUE | {"answer": "no"}, "critical"),
        (VALUE, "silent"),
        (VALUE | {"answer": "unknown", "line": None}, "unknown"),
        (TWICE | {"answer": "no"}, "silent"),
    ],
    "previews-inherit-secrets": [
        (PREVIEW | {"answer": "no"}, "high"),
        (PREVIEW, "silent"),
        (PREVIEW | {"answer": "unknown"}, "unknown"),
        (VALUE | {"answer": "no"}, "silent"),
    ],
    "env-file-in-image-context": [
        (IMAGE | {"answer": "no"}, "high"),
        (IMAGE, "silent"),
        (IMAGE | {"answer": "unknown"}, "unknown"),
        (VALUE | {"answer": "no"}, "silent"),
    ],
    "blueprint-name-twice": [
        (TWICE | {"answer": "no"}, "medium"),
        (TWICE, "silent"),
        (TWICE | {"answer": "unknown"}, "unknown"),
        (VALUE | {"answer": "no"}, "silent"),
    ],
    "unreviewed-baseline": [
        ({"topic": "baseline entry", "answer": "no"}, "medium"),
        ({"topic": "baseline entry"}, "silent"),
        (VALUE | {"answer": "no"}, "silent"),
    ],
    "ignored-example-file": [
        ({"topic": "example kept", "answer": "no"}, "low"),
        ({"topic": "example kept"}, "silent"),
        (VALUE | {"answer": "no"}, "silent"),
    ],
    "configuration-not-read": [
        ({"topic": "file", "answer": "unknown"}, "unknown"),
        ({"topic": "file"}, "silent"),
        (VALUE | {"answer": "unknown"}, "silent"),
    ],
    "value-in-log": [
        ({"message": "value in a validation error"}, "critical"),
        ({"kind": "validation_error"}, "silent"),
    ],
    "start-up-failed": [
        ({"kind": "secret_validation_failed"}, "high"),
        ({"message": "required secret missing"}, "high"),
        ({"kind": "startup_failed"}, "high"),
        ({"message": "recommended secret missing"}, "silent"),
    ],
    "database-failure": [({"kind": "database_failure"}, "high"), ({"kind": "unauthorized"}, "silent")],
    "log-gap": [
        ({"counted": 0, "files": 0}, "unknown"),
        ({"days_read": 91}, "unknown"),
        ({"days_read": 92}, "silent"),
    ],
    "untimed-log-lines": [({"untimed": 1}, "medium"), ({"untimed": 0}, "silent")],
    "log-not-understood": [
        (LOG | {"not_understood": 1}, "unknown"),
        (LOG | {"not_understood": 50}, "unknown"),
        (LOG | {"requests": 0}, "unknown"),
        (LOG, "silent"),
        (LOG | {"requests": None, "messages": None, "text_only": None, "not_understood": None}, "silent"),
        (LOG | {"not_understood": 1, "kind": "env file"}, "silent"),
    ],
    "ledger-fault": [({"lost": True}, "critical"), ({"lost": False}, "high")],
    "settings-changed": [({}, "medium"), ({"known": False}, "unknown")],
    "rule-not-met": [
        ({"status": "answered no"}, "medium"),
        ({"status": "open"}, "unknown"),
        ({"status": "attested"}, "silent"),
        ({"status": "open", "rule": "secret:API_TOKEN"}, "silent"),
    ],
}


def _verdicts(check: Check) -> list[tuple[str, int]]:
    """What a check says of each row: the severity of a fault, unknown, or silent; and in which case."""
    verdicts = []
    for change, _ in ROWS[check.id]:
        rows = rows_of(check.table, change)
        rows = check.rows({"inventory": rows_of("inventory"), check.table: rows})
        verdicts += [
            (
                "unknown"
                if case.status == "unknown"
                else (case.severity or check.severity).of(picked).iloc[0],
                at,
            )
            for at, (case, picked) in enumerate(check.picked(rows))
            if len(picked)
        ] or [("silent", -1)]
    return verdicts


def test_every_check_has_rows() -> None:
    """No check goes without rows that fire it and a row beside them that does not."""
    assert sorted(ROWS) == sorted(check.id for check in CHECKS)
    always = {"ledger-fault", "settings-changed"}  # each of their rows is one
    assert all(
        {said == "silent" for _, said in rows} == {True, False}
        for id_, rows in ROWS.items()
        if id_ not in always
    )


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_check_fires_and_is_silent(check: Check) -> None:
    """A check speaks on its fault and not on the row beside it; nulls are unknown where they hide a fault."""
    assert [said for said, _ in _verdicts(check)] == [expected for _, expected in ROWS[check.id]]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_broken_check_judges_its_rows_otherwise(check: Check) -> None:
    """A case that never holds, or a check that is about everything: one of the rows shows it."""
    sound, condition = _verdicts(check), check.condition
    for number in range(len(condition.cases)):
        cases = [*condition.cases]
        cases[number] = lambda rows: rows.index.isin(())
        broken = replace(check, condition=replace(condition, cases=tuple(cases)))
        assert _verdicts(broken) != sound, f"case {number} of {check.id}"
    if condition.about is not Condition(()).about:
        nothing = replace(check, condition=replace(condition, about=lambda rows: rows.index.isin(())))
        assert _verdicts(nothing) != sound


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_check_is_whole(check: Check) -> None:
    """Templates name columns of the table; the id is kebab-case; it has controls, a what and a why."""
    columns = TABLES[check.table][0].columns()
    blank = row_words({name: None if name.endswith(("_min", "_max")) else "x" for name in columns})
    blank |= dict.fromkeys(("line_of", "other_line_of", "lacking"), "x")  # by `prepare`
    texts = [check.subject, check.remedy, *check.where]
    for case in check.cases:
        texts += [case.evidence, case.name, case.remedy, case.subject]
    assert all(text.format_map(blank) or not text for text in texts)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", check.id)
    assert 1 <= len(check.controls) <= 4
    assert all(case.evidence for case in check.cases)
    for sentence in (check.what, check.why):
        assert re.fullmatch(r"[A-Z\"].*\.", sentence)
    empty = check.rows({"inventory": rows_of("inventory"), check.table: rows_of(check.table)})
    assert not any(truths.any() for truths in judged(check, empty))  # without rows no error


def test_a_case_of_a_fault_has_an_id_of_its_own() -> None:
    """Whoever accepts one case accepts no other: only faults of one severity share a name."""
    shared = {"missing-secret", "placeholder-value"}  # the same fault, meant to be there in development
    for check in (check for check in CHECKS if check.id not in shared):
        names = [(case.name, case.subject) for case in check.cases if case.status == "open"]
        assert len(names) == len(set(names)), check.id


def test_no_check_of_before_is_lost() -> None:
    """Each check that went into another is named once, and is no check any more."""
    named = [earlier for check in CHECKS for earlier in check.formerly]
    assert len(named) == len(set(named)) == len(SUCCESSORS)
    assert not set(named) & set(BY_ID)


def test_a_rule_names_checks_that_exist() -> None:
    """The guide's 147 rules, and its contradictions, each say what decides them."""
    rules = guide_rules(bundled_policy("paiid"))
    assert {str(number) for number in range(1, 148)} <= {rule.number for rule in rules}
    assert {name for rule in rules for name in rule.checks} <= set(BY_ID)
