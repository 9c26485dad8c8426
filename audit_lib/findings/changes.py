"""What changed since the previous report. A fault has only ended if this review saw what would show it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from audit_lib.base.in_words import SEVERITIES
from audit_lib.findings.check import Tables
from audit_lib.findings.checks import BY_ID, CHECKS, SUCCESSORS
from audit_lib.findings.contracts import CHANGES, Changes
from audit_lib.findings.reviews import PreviousReport
from audit_lib.leaks.tables import searched_whole
from audit_lib.ledger import Ledger
from audit_lib.ledger.chain import decisions

Fault = tuple[str, str, str, str]  # family, subject, environment, service
Finding = Mapping[str, Any]  # a row of Findings, as far as its check, severity and items
_CHECKS = BY_ID | {earlier: BY_ID[now] for earlier, now in SUCCESSORS.items()}  # of earlier versions, too
_RANK = {name: -CHECKS.index(check) for name, check in _CHECKS.items()}
_OF_PLACES, _BETWEEN_PLACES = ("inventory", "freshness", "entries", "sources"), ("drift", "rotation_pairs")
_OF_LOGS, _BLIND_LOGS = ("log_events", "log_coverage", "detections"), ("log-gap", "log-not-understood")
_HOLD_VALUES = ("env file", "export", "given values")
_NAME_VARIABLES = (*_HOLD_VALUES, "example", "store export")


def compare(
    previous: PreviousReport | None, now: list[Finding], tables: Tables, ledger: Ledger
) -> pd.DataFrame:
    """`Changes` from a previous report to these findings, by subject and place within a family of checks, in
    the order of `CHANGES`; a fault has its gravest finding. No rows without a previous report."""
    if previous is None:
        return Changes.of([])
    found = pd.DataFrame(now, columns=["check", "status", "environment", "service", "subject"])
    seen = _Seen(tables, found, previous.as_of)
    before, after = _worst(previous.findings.values()), _worst(now)
    closed = {made.subject: f"{made.by} ({made.place})" for made in decisions(ledger, "close")}
    return Changes.of(
        row | {"closed_by": "" if row["now"] else closed.get(row["id"], "")}
        for row in sorted(
            (_row(fault, before.get(fault), after.get(fault), seen) for fault in sorted({*before, *after})),
            key=lambda row: CHANGES.index(row["change"]),
        )
    )


def faults_of(finding: Finding) -> Iterator[Fault]:
    """What a finding is about, by family: another check of it says the same fault; a leak is in no place."""
    check = _CHECKS.get(finding["check"])
    family = (check.family or check.id) if check else finding["check"]
    for subject, environment, service in finding["covers"] or [
        (finding["subject"], finding["environment"], finding["service"])
    ]:
        yield family, subject, *(("", "") if family == "leak" else (environment, service))


def gravity(finding: Finding) -> tuple[int, int]:
    """How grave a finding is: by severity, then by the order of the checks."""
    return SEVERITIES.index(finding["severity"]), _RANK.get(finding["check"], 0)


def _worst(findings: Iterable[Finding]) -> dict[Fault, Finding]:
    worst: dict[Fault, Finding] = {}
    for finding in findings:
        for fault in faults_of(finding):
            worst[fault] = max(worst.get(fault, finding), finding, key=gravity)
    return worst


def _row(fault: Fault, was: Finding | None, now: Finding | None, seen: "_Seen") -> dict[str, Any]:
    row = {"id": (now or was or {})["id"], "change": _change(fault, was, now, seen)}
    row |= dict(zip(("subject", "environment", "service"), fault[1:], strict=True))
    for name, finding in (("was", was), ("now", now)):
        row[name] = finding["status"] if finding else ""
        row |= {f"{name}_{part}": finding[part] if finding else "" for part in ("check", "severity")}
    return row


def _change(fault: Fault, was: Finding | None, now: Finding | None, seen: "_Seen") -> str:
    if was is None:
        return "new"
    if now is None:
        return "ended" if seen.shows(was, *fault[1:]) else "no longer known"
    if now["status"] == "unknown" and was["status"] != "unknown":
        return "no longer known"
    before, after = gravity(was), gravity(now)
    return "same" if before == after else "worse" if after > before else "better"


@dataclass(frozen=True)
class _Seen:
    """What was read this time, as far as a fault of the previous report needs it."""

    tables: Tables
    findings: pd.DataFrame
    previous_as_of: datetime

    def shows(self, was: Finding, subject: str, environment: str, service: str) -> bool:
        """Whether a finding that is gone would be here if its fault were; not if a check is no more. A value
        that leaked and is an example's has the leak's finding alone; its other fault may be there still."""
        check, findings = _CHECKS.get(was["check"]), self.findings
        if check is None or check.family == "leak":
            return check is not None and self._leak_seen(was, subject)
        here = findings["environment"].eq(environment) & findings["service"].isin((service, ""))
        unread, between = findings["check"].eq("source-not-read"), check.table in _BETWEEN_PLACES
        undecided = findings["check"].eq(check.id) & findings["status"].eq("unknown")
        leaked = findings["check"].eq("leaked-in-force" if check.family == "strength" else "")
        undecided |= leaked & findings["subject"].eq(subject)
        if (undecided if between else undecided & here).any():
            return False
        if check.table in _OF_LOGS:
            blind = findings["check"].isin(_BLIND_LOGS) | (unread & findings["subject"].eq("log"))
            rows = self.tables["detections"]
            mine = rows["detection"].eq(subject.partition(" ")[0]) & rows["verdict"].eq("unknown")
            return not blind.any() and not (check.table == "detections" and mine.any())
        if between or check.table == "population":
            return not unread.any() and (between or self._variables_seen())
        read = check.table not in _OF_PLACES or self._place_read(environment, service)
        return check.table == "settings_changes" or (read and not (unread & here).any())

    def _variables_seen(self) -> bool:
        sources, code_seen = self.tables["sources"], self.tables["population"]["code_seen"]
        lost = sources["kind"].isin(_NAME_VARIABLES) & sources["not_understood"].gt(0)
        return bool(code_seen.any()) and not lost.any() and self.tables["ledger_faults"].empty

    def _place_read(self, environment: str, service: str) -> bool:
        sources = self.tables["sources"]
        here = sources["environment"].eq(environment) & sources["service"].eq(service)
        read = sources["kind"].isin(_HOLD_VALUES) & sources["state"].eq("read")
        return bool((here & read).any()) or not environment

    def _leak_seen(self, was: Finding, subject: str) -> bool:
        """Whether all was searched, and for the value that had leaked: only a value that was in force, and
        is, is known to be given, and so to be searched for. What a pattern found is found by it again."""
        coverage = self.tables["leak_coverage"]
        if not searched_whole(coverage):
            return False
        if not self.tables["inventory"]["secret"].eq(subject).any():
            return bool((coverage["part"].eq("patterns") & coverage["state"].eq("searched")).any())
        ages = self.tables["freshness"][self.tables["freshness"]["secret"].eq(subject)]
        before = ages["hi_at"] <= pd.Timestamp(self.previous_as_of)
        return was["check"] == "leaked-in-force" and len(ages) > 0 and bool(before.all())
