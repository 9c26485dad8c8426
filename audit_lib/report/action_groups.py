"""Open findings that one action closes: about which values, how urgent, due when, whose."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.severities import SEVERITIES
from audit_lib.findings.actions import WHOLE
from audit_lib.findings.audit import Audit
from audit_lib.findings.checks import BY_ID
from audit_lib.findings.decisions import due_days
from audit_lib.findings.find import with_texts
from audit_lib.leaks.tables import PRODUCTION

NOT_NAMED = "not named"
FIRST = 5
LONGEST = 90  # days for what has no date of its own
URGENT = ("critical", "high")
LET_IN = "let-in"  # the detection of a success after failed logins
AGED = ("overdue-secret", "due-secret")


@dataclass(frozen=True, eq=False)
class Group:
    """Findings that one action closes, the most severe first."""

    audit: Audit
    findings: pd.DataFrame
    about: tuple[tuple[str, str], ...]  # secret and environment

    @property
    def severity(self) -> str:
        """That of the worst."""
        return str(self.findings["severity"].iloc[0])

    @property
    def checks(self) -> set[str]:
        """The checks that found them."""
        return set(self.findings["check"])

    @property
    def targets(self) -> list[str]:
        """What must be changed to close each, as checks.toml has it."""
        return [BY_ID[check].action for check in self.findings["check"]]

    @property
    def renews(self) -> bool:
        """Whether it gives values anew."""
        return bool({"value", "each"} & set(self.targets))

    @property
    def let_in(self) -> pd.DataFrame:
        """The incidents of its findings in which somebody was let in after failed logins."""
        incidents = let_in(self.audit)
        return incidents[_subjects(incidents).isin(self.findings["subject"])]

    @property
    def by_default(self) -> bool:
        """Whether all of it is an age beyond a limit that nobody stated."""
        return all(rests_on_default(self.audit, finding) for finding in rows(self.findings))

    def has_in_production(self, check: str) -> bool:
        """Whether a check found something of production in it."""
        found = self.findings
        return bool((found["check"].eq(check) & found["environment"].eq(PRODUCTION)).any())

    @property
    def in_production(self) -> bool:
        """Whether one of them, or of their values, is in production."""
        places = {*self.findings["environment"], *(environment for _, environment in self.about)}
        return PRODUCTION in places


def let_in(audit: Audit) -> pd.DataFrame:
    """The rows of Detections in which somebody was let in after failed logins, and whose finding is open."""
    findings, incidents = audit.tables["findings"], audit.tables["detections"]
    open_ = findings.loc[findings["check"].eq("attack-on-logins") & findings["status"].eq("open"), "subject"]
    incidents = incidents[incidents["detection"].eq(LET_IN) & incidents["verdict"].eq("found")]
    return incidents[_subjects(incidents).isin(open_)]


def _subjects(incidents: pd.DataFrame) -> "pd.Series[str]":
    """What the findings about incidents are about, as checks.toml names it."""
    return incidents["detection"] + " " + incidents["subject"]


def rests_on_default(audit: Audit, finding: Any) -> bool:
    """Whether a finding is of an age beyond a limit that nobody stated: the policy's default."""
    if finding.check not in AGED:
        return False
    ages = audit.tables["freshness"]
    here = ages["secret"].eq(finding.subject) & ages["environment"].eq(finding.environment)
    here &= ages["service"].eq(finding.service)
    return bool(here.any()) and not ages.loc[here, "period_stated"].any()


@lru_cache(maxsize=1)  # what to do and what falls due show the same
def grouped(audit: Audit) -> tuple[Group, ...]:
    """First the five that weigh most; then the rest by severity, production first, then by what they close.

    What rests on a guide's words, or on a limit that nobody stated, comes last.
    """
    findings = audit.tables["findings"]
    found = with_texts(findings).assign(items=findings["covers"])
    found = found[found["status"].eq("open")]
    groups = sorted((_group(audit, group) for _, group in found.groupby("action", sort=False)), key=_order)
    first = sorted(groups, key=_weight)[:FIRST]
    return (*first, *(one for one in groups if one not in first))


def renewals(audit: Audit) -> dict[tuple[str, str], tuple[int, datetime]]:
    """By secret and environment the first action that renews it: its number, and when it is due."""
    found: dict[tuple[str, str], tuple[int, datetime]] = {}
    for number, group in enumerate(grouped(audit), 1):
        for pair in group.about if group.renews else ():
            found.setdefault(pair, (number, due(group)))
    return found


def _group(audit: Audit, findings: pd.DataFrame) -> Group:
    rank = -findings["severity"].map(SEVERITIES.index).astype(int)
    order = findings.assign(_rank=rank).sort_values("_rank", kind="stable")
    return Group(audit, order, tuple(dict.fromkeys(_about(order, audit.tables["inventory"]))))


def _order(group: Group) -> tuple[bool, int, bool, int]:
    later = group.by_default or set(group.targets) == {"guide"}
    return later, -SEVERITIES.index(group.severity), not group.in_production, -len(group.findings)


def _weight(group: Group) -> tuple[int, int, tuple[bool, int, bool, int]]:
    """Who got in, what leaked and is in force, a broken pair and what else is lost in production; then what
    is urgent by what it closes; what only writes comes last."""
    lost = group.severity == "critical" and group.in_production and bool(group.about)
    grave = (
        len(group.let_in) > 0,
        group.has_in_production("leaked-in-force"),
        group.has_in_production("pairing-mismatch"),
        lost,
    )
    urgent = group.severity in URGENT and group.targets[0] not in WHOLE
    order = _order(group)
    rank = len(grave) + 2 if order[0] else grave.index(True) if any(grave) else len(grave) + (not urgent)
    return rank, -len(group.findings) if rank >= len(grave) else 0, order


def _registered(group: Group) -> pd.DataFrame:
    return group.findings


def due(group: Group) -> datetime:
    """The first day on which one of its findings is due; of one without a day, in so many from now on."""
    first = _registered(group)["due_at"].min()
    days = due_days(group.audit.policy).get(group.severity, LONGEST)
    return group.audit.as_of + timedelta(days=days) if pd.isna(first) else first.to_pydatetime()


def owner(group: Group) -> str:
    """Who was assigned; else who answers for its secrets, or for the services that read them."""
    policy = group.audit.policy
    rules = [rule for secret, _ in group.about if (rule := policy.rule(secret))]
    assigned = [owner for owner in _registered(group)["owner"] if owner]
    owners = assigned or [rule.owner for rule in rules if rule.owner]
    owners = owners or [
        owner for rule in rules for name in rule.consumers if (owner := policy.consumer(name).owner)
    ]
    return ", ".join(dict.fromkeys(owners)) or NOT_NAMED


def _about(findings: pd.DataFrame, inventory: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Secret and environment of everything that the findings name and that the inventory has."""
    known = set(zip(*named_in(inventory), strict=True))
    for finding in findings.to_dict("records"):
        whole = (finding["subject"], finding["environment"], finding["service"])
        for subject, environment, _ in finding["items"] or (whole,):
            others = [subject.rpartition(" as in ")[2]] if " as in " in subject else []
            for name in subject.partition(" as in ")[0].replace("=", " ").split():
                yield from ((name, place) for place in (environment, *others) if (name, place) in known)


def named_in(inventory: pd.DataFrame) -> tuple["pd.Series[str]", "pd.Series[str]"]:
    """Secret and environment of each row."""
    return inventory["secret"], inventory["environment"]


def rank_of_environment(name: str) -> tuple[bool, bool, str]:
    """Production first, then staging, then the others by name."""
    return name != PRODUCTION, name != "staging", name
