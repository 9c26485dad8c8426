"""What changed since the previous report: worse, new, no longer known, better, ended, or the same."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from audit_lib.base.contracts import CHANGES, Changes
from audit_lib.base.severities import SEVERITIES
from audit_lib.findings.covered import items
from audit_lib.findings.families import EVERYWHERE, family_of, mildness
from audit_lib.findings.previous_report import PreviousReport
from audit_lib.findings.seen_again import SeenAgain

Tables = Mapping[str, pd.DataFrame]
Fault = tuple[str, str, str, str]  # family, subject, environment, service
Finding = Mapping[Any, Any]  # a row of Findings


def compare(previous: PreviousReport, findings: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """`Changes` from a previous report to these findings, by subject and place within a family of checks.

    What is gone has ended only if what would show it was seen this time; else it is no longer known.
    """
    was = _worst(previous.findings.values())
    now = _worst(findings.to_dict("records"))
    seen = SeenAgain(tables, findings, previous.as_of)
    rows = [_row(fault, was.get(fault), now.get(fault), seen) for fault in sorted(was.keys() | now.keys())]
    return Changes.of(sorted(rows, key=lambda row: CHANGES.index(row["change"])))


def faults_of(finding: Finding) -> Iterator[Fault]:
    """What a finding is about, by family: another check of the family says it of the same fault."""
    family = family_of(finding["check"])
    for subject, environment, service in items(finding):
        yield family, subject, *(("", "") if family in EVERYWHERE else (environment, service))


def gravity(finding: Finding) -> tuple[int, int]:
    """How grave a finding is: by severity, then within its family."""
    return SEVERITIES.index(finding["severity"]), -mildness(finding["check"])


def _worst(findings: Iterable[Finding]) -> dict[Fault, Finding]:
    """Each fault with the worst of the findings that are about it."""
    worst: dict[Fault, Finding] = {}
    for finding in findings:
        for fault in faults_of(finding):
            worst[fault] = max(worst.get(fault, finding), finding, key=gravity)
    return worst


def _row(fault: Fault, was: Finding | None, now: Finding | None, seen: SeenAgain) -> dict[str, Any]:
    row = {"id": (now or was or {})["id"], "change": _change(fault, was, now, seen)}
    row |= dict(zip(("subject", "environment", "service"), fault[1:], strict=True))
    for name, finding in (("was", was), ("now", now)):
        row[name] = finding["status"] if finding else ""
        row |= {f"{name}_{part}": finding[part] if finding else "" for part in ("check", "severity")}
    return row


def _change(fault: Fault, was: Finding | None, now: Finding | None, seen: SeenAgain) -> str:
    if was is None:
        return "new"
    if now is None:
        return "ended" if seen.shows(was, fault[1:]) else "no longer known"
    if now["status"] == "unknown" and was["status"] != "unknown":
        return "no longer known"
    before, after = gravity(was), gravity(now)
    return "same" if before == after else "worse" if after > before else "better"
