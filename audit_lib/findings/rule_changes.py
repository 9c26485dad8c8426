"""What changed of the rules since the last review: each change that can hide a finding is one itself."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.findings.contracts import RuleChanges
from audit_lib.findings.last_review import NOT_KNOWN, LastReview
from audit_lib.findings.rule_levers import WHOLE, lever_of
from audit_lib.findings.rules_in_force import Rules
from audit_lib.ledger import Ledger

NONE = "none"
Row = dict[str, Any]


def tabulate_rule_changes(
    last: LastReview | None, rules: Rules, ledger: Ledger, doubt: str = ""
) -> pd.DataFrame:
    """`RuleChanges` since the last review; if none is known, or its report is in doubt, one row says so.

    What is lost of the ledger is a row, too, and so is what was accepted since.
    """
    lost = [_row(fault.place, "entries", "there", fault.text) | _LOST for fault in ledger.lost]
    found = [*_changed(last.rules, rules), *_accepted(last, ledger)] if last else []
    since = last.words if last else NOT_KNOWN
    if doubt or last is None:
        row = _row("rules", "all", "not known", "not known")
        found.append(row | {"effect": "not known", "severity": "low", "since": doubt or NOT_KNOWN})
    order = {"lowers": 0, "not known": 1, "neutral": 2}
    several = sorted((*lost, *found), key=lambda row: order[row["effect"]])
    return RuleChanges.of({"since": since} | row for row in several)


def lowered_from(last: LastReview | None, changes: pd.DataFrame) -> dict[str, dict[str, str]]:
    """By subject and field what each lowered rule was before; {} for a subject that was not there.

    The next review compares with that, so that a lowered rule stays a finding until it is restored.
    """
    before: dict[str, dict[str, str]] = {}
    rules = last.rules if last else {}
    for row in rows(changes[changes["effect"].eq("lowers")]):
        was = rules.get(row.subject, {})
        if row.field == WHOLE:
            before[row.subject] = dict(was)
        elif was:
            before.setdefault(row.subject, {})[row.field] = was.get(row.field, "")
    return before


_LOST = {"effect": "lowers", "severity": "critical", "hides": "what the entries proved or decided"}


def _changed(was: Rules, now: Rules) -> Iterator[Row]:
    for subject in sorted(was.keys() | now.keys()):
        before, after = was.get(subject), now.get(subject)
        if before is None or after is None:
            yield _judged(subject, WHOLE, "" if before is None else "yes", "" if after is None else "yes")
            continue
        for name in sorted(before.keys() | after.keys()):
            if before.get(name, "") != after.get(name, ""):
                yield _judged(subject, name, before.get(name, ""), after.get(name, ""))


def _judged(subject: str, name: str, was: str, now: str) -> Row:
    lever = lever_of(subject, name)
    row = _row(subject, name, was, now)
    if lever is None or not lever.lowers(was, now):
        return row
    return row | {"effect": "lowers", "severity": lever.severity, "hides": lever.hides}


def _accepted(last: LastReview, ledger: Ledger) -> Iterator[Row]:
    for entry in ledger.of_kind("acceptance"):
        if entry.at > last.as_of:
            said = f"by {entry.body['by']} until {entry.body['until'][:10]}"
            yield _row(f"finding {entry.body['id']}", "accepted", "", said)


def _row(subject: str, name: str, was: str, now: str) -> Row:
    effect = {"effect": "neutral", "severity": "info", "hides": ""}
    return {"subject": subject, "field": name, "was": was or NONE, "now": now or NONE} | effect
