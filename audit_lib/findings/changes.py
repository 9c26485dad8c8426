"""What changed since the previous report: worse, new, no longer known, better, ended, or the same.

A fault has only ended if this review saw what would show it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from audit_lib.base.severities import SEVERITIES
from audit_lib.findings.check import Tables
from audit_lib.findings.checks import CHECKS
from audit_lib.findings.contracts import CHANGES, Changes
from audit_lib.findings.covered import items
from audit_lib.findings.last_review import PreviousReport
from audit_lib.leaks.whole_search import searched_whole

# Within a family the worst first; a check that is in none is a family of its own.
FAMILIES: dict[str, tuple[str, ...]] = {
    "leak": ("leaked-in-force", "leak-undecided", "leaked-before"),
    "age": ("overdue-secret", "due-secret", "overdue-by-the-period-for-all", "unknown-age"),
    "presence": (
        "missing-secret", "empty-secret", "public-secret-demanded", "missing-recommended",
        "feature-secret-undecided", "not-set",
    ),
    "strength": (
        "compromised-value", "placeholder-value", "template-in-use", "known-default", "weak-value",
        "short-value", "too-few-classes", "below-good-length",
    ),
    "format": ("forbidden-format", "wrong-format", "unusual-format"),
    "source": ("source-missing", "source-not-read"),
}  # fmt: skip
EVERYWHERE = ("leak",)  # what leaked is known to everyone, in whichever place it is in force
_FAMILY_OF = {check: family for family, checks in FAMILIES.items() for check in checks}
Fault = tuple[str, str, str, str]  # family, subject, environment, service
Finding = Mapping[Any, Any]  # a row of Findings
_TABLE = {check.id: check.table for check in CHECKS}
_OF_PLACES = ("inventory", "freshness", "entries", "sources")
_BETWEEN_PLACES = ("drift", "rotation_pairs")
_OF_LOGS = ("log_events", "log_coverage", "detections")
_UNREAD = ("source-missing", "source-not-read")
_BLIND_LOGS = ("no-logs-read", "log-gap", "log-not-understood")
_HOLD_VALUES = ("env file", "export", "given values")


def family_of(check: str) -> str:
    """The family of a check."""
    return _FAMILY_OF.get(check, check)


def mildness(check: str) -> int:
    """How far from the worst of its family a check is."""
    family = FAMILIES.get(family_of(check), ())
    return family.index(check) if check in family else 0


@dataclass(frozen=True)
class SeenAgain:
    """What was read this time, as far as a fault of the previous report needs it."""

    tables: Tables
    findings: pd.DataFrame
    previous_as_of: datetime

    @property
    def unread(self) -> pd.DataFrame:
        """The findings about sources that were not read."""
        return self.findings[self.findings["check"].isin(_UNREAD)]

    def shows(self, was: Mapping[Any, Any], about: tuple[str, ...]) -> bool:
        """Whether a finding that is gone would be here if its fault were; not if a check is no more."""
        subject, environment, service = about
        table = _TABLE.get(was["check"])
        if table is None or self._unknown(was["check"], environment, service):
            return False
        if table in _OF_LOGS:
            return self._logs_seen(was["check"], subject)
        if family_of(was["check"]) == "leak":
            return self._leak_seen(was, subject)
        if table in (*_BETWEEN_PLACES, "population"):
            return self.unread.empty and (table != "population" or self._sides_seen())
        if table in _OF_PLACES:
            return self._place_read(environment, service)
        # Rules are always read, and compared with what they were before.
        return table == "rule_changes" or not self._place_unread(environment, service)

    def _sides_seen(self) -> bool:
        """Whether the code was there and each side of the population that was read was read whole."""
        sides = self.tables["population_sides"]
        code = sides.loc[sides["side"].eq("code"), "seen"]
        return bool(code.eq("whole").any()) and not sides["seen"].eq("in part").any()

    def _unknown(self, check: str, environment: str, service: str) -> bool:
        """Whether the check itself says that it cannot judge there, be it of all secrets at once."""
        same = self.findings["check"].eq(check) & self.findings["status"].eq("unknown")
        if _TABLE[check] not in _BETWEEN_PLACES:
            same &= self.findings["environment"].eq(environment) & self.findings["service"].eq(service)
        return bool(same.any())

    def _place_unread(self, environment: str, service: str) -> bool:
        here = self.unread["environment"].eq(environment) & self.unread["service"].eq(service)
        return bool(here.any())

    def _place_read(self, environment: str, service: str) -> bool:
        """Whether the values of a place were read, and nothing of it was left unread."""
        sources = self.tables["sources"]
        here = sources["environment"].eq(environment) & sources["service"].eq(service)
        read = sources["kind"].isin(_HOLD_VALUES) & sources["state"].eq("read")
        named = bool((here & read).any()) or not environment
        return named and not self._place_unread(environment, service)

    def _logs_seen(self, check: str, subject: str) -> bool:
        """Whether every day of every log was read and, of a detection, whether it could be applied."""
        if self.findings["check"].isin(_BLIND_LOGS).any() or self.unread["subject"].eq("log").any():
            return False
        detections = self.tables["detections"]
        mine = detections["detection"].eq(subject.partition(" ")[0])
        return _TABLE[check] != "detections" or not (mine & detections["verdict"].eq("unknown")).any()

    def _leak_seen(self, was: Mapping[Any, Any], subject: str) -> bool:
        """Whether all was searched, and for the value that had leaked.

        A value is searched for only if somebody gives it: the one that leaked is known to be at hand only if
        it was in force and still is. What was found by its pattern is found by it again.
        """
        coverage = self.tables["leak_coverage"]
        if not searched_whole(coverage):
            return False
        if not self.tables["inventory"]["secret"].eq(subject).any():
            return bool((coverage["part"].eq("patterns") & coverage["state"].eq("searched")).any())
        return was["check"] == "leaked-in-force" and self._unchanged(subject)

    def _unchanged(self, secret: str) -> bool:
        """Whether every value of a secret has been in place since before the previous report."""
        ages = self.tables["freshness"][self.tables["freshness"]["secret"].eq(secret)]
        before = ages["hi_at"] <= pd.Timestamp(self.previous_as_of)
        return len(ages) > 0 and bool(before.all())


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
