"""Open findings that one action closes: about which values, how urgent, due when, whose."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import pandas as pd

from audit_lib.base.severities import SEVERITIES
from audit_lib.findings.audit import Audit
from audit_lib.findings.closed_together import TARGETS, WHOLE, closed_together
from audit_lib.findings.covered import items
from audit_lib.findings.register import due_days
from audit_lib.leaks.urgency import PRODUCTION

NOT_NAMED = "not named"
FIRST = 5
LONGEST = 90  # days for what has no date of its own
URGENT = ("critical", "high")


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
        """What must be changed to close each, as `TARGETS` has it."""
        return [TARGETS.get(check, "") for check in self.findings["check"]]

    @property
    def renews(self) -> bool:
        """Whether it gives values anew."""
        return bool({"value", "each"} & set(self.targets))

    @property
    def in_production(self) -> bool:
        """Whether one of them, or of their values, is in production."""
        places = {*self.findings["environment"], *(environment for _, environment in self.about)}
        return PRODUCTION in places


@lru_cache(maxsize=1)  # what to do and what falls due show the same
def grouped(audit: Audit) -> tuple[Group, ...]:
    """First the five that close most, with all that is critical in production; then the rest.

    Both by severity; of equal severity production comes first, then what closes more.
    """
    found = audit.tables["findings"].assign(together=closed_together(audit.tables))
    found = found[found["status"].eq("open")]
    groups = sorted((_group(audit, group) for _, group in found.groupby("together", sort=False)), key=_order)
    first = sorted(groups, key=_weight)[:FIRST]
    return (*(one for one in groups if one in first), *(one for one in groups if one not in first))


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


def _order(group: Group) -> tuple[int, bool, int]:
    return -SEVERITIES.index(group.severity), not group.in_production, -len(group.findings)


def _weight(group: Group) -> tuple[bool, bool, int, tuple[int, bool, int]]:
    """What is lost in production first, then what is urgent by what it closes; what only writes last."""
    lost = group.severity == "critical" and group.in_production and bool(group.about)
    later = group.severity not in URGENT or group.targets[0] in WHOLE
    return not lost, later, -len(group.findings), _order(group)


def _registered(group: Group) -> pd.DataFrame:
    register = group.audit.tables["exceptions"]
    return register[register["id"].isin(group.findings["id"])]


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
        for subject, environment, _ in items(finding):
            others = [subject.rpartition(" as in ")[2]] if " as in " in subject else []
            for name in subject.partition(" as in ")[0].replace("=", " ").split():
                yield from ((name, place) for place in (environment, *others) if (name, place) in known)


def named_in(inventory: pd.DataFrame) -> tuple["pd.Series[str]", "pd.Series[str]"]:
    """Secret and environment of each row."""
    return inventory["secret"], inventory["environment"]


def rank_of_environment(name: str) -> tuple[bool, bool, str]:
    """Production first, then staging, then the others by name."""
    return name != PRODUCTION, name != "staging", name
