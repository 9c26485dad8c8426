"""How much a rule of the guide was tested on: its population, its exceptions and what is not known."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit_lib.base.frames import rows
from audit_lib.findings.audit import Audit
from audit_lib.findings.check import Check, judged
from audit_lib.findings.checks import CHECKS
from audit_lib.leaks.tables import SECRETS
from audit_lib.report.verdict import PASS_NEEDS, Need
from audit_lib.settings.guide_rules import GuideRule

# A row of these is something that happened: without rows nothing did, if the logs and places were read.
EVENTS = ("log_events", "ledger_faults", "leaked_secrets", "detections", "settings_changes")
# Columns that say of a row that it is not known.
_TELL = ("state", "reason", "relation", "status", "answer", "verdict")
SHOWN = 5  # ids
_NAME = re.compile(r"\w+")
Truths = NDArray[np.bool_]  # one for each row of a table


@dataclass
class Tally:
    """What was asked of how much, and what came out. `events`: that there is nothing to ask is good."""

    population: int = 0
    exceptions: int = 0
    not_known: int = 0
    evidence: list[str] = field(default_factory=list)  # ids of findings and leaks
    reasons: list[str] = field(default_factory=list)  # what must have been seen and was not
    events: bool = False


@dataclass(frozen=True)
class Judged:
    """A check, and of each row of its table whether it is about it, finds a fault, or cannot decide."""

    check: Check
    about: Truths
    fault: Truths
    unknown: Truths


def judge_all(audit: Audit) -> dict[str, Judged]:
    """Each check by its id, applied once."""
    untold = {name: _untold(audit.tables[name]) for name in {check.table for check in CHECKS}}
    return {check.id: _judged(check, audit, untold[check.table]) for check in CHECKS}


def _judged(check: Check, audit: Audit, untold: "pd.Series[bool]") -> Judged:
    rows = check.rows(audit.tables)
    about = check.condition.about(rows).astype(bool)
    fault, unknown = judged(check, rows)
    silent = about & ~fault & untold.loc[rows.index]
    table = audit.tables[check.table].index
    return Judged(check, *(_whole(truths, table) for truths in (about, fault, unknown | silent)))


def _whole(truths: "pd.Series[bool]", table: pd.Index) -> Truths:
    """The same of the whole table: false for the rows that the check does not look at."""
    return truths.reindex(table, fill_value=False).to_numpy(bool)


def _untold(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Rows that cannot be judged, though no check says so of each: one finding stands for them all."""
    columns = [column for column in _TELL if column in rows]
    silent = rows[columns].isin(["not supplied", "unknown"]).any(axis=1)
    if "placeholder" in rows:
        silent |= rows["state"].eq("present") & rows["placeholder"].isna()
    return silent


def tally(rule: GuideRule, audit: Audit, results: Mapping[str, Judged]) -> Tally:
    """The tally of a rule that checks or a search for leaks decide."""
    made = Tally()
    checks = [results[name] for name in rule.checks]
    for table in dict.fromkeys(one.check.table for one in checks):
        of_table = [one for one in checks if one.check.table == table]
        _add_table(made, of_table, audit.tables[table], rule)
        made.events |= table in EVENTS
        made.reasons += [reason for reason in _unmet(table, audit) if reason not in made.reasons]
    made.evidence += _findings(audit, rule)
    if rule.leaks_in:
        _add_leaks(made, rule, audit)
    return made


def _add_table(made: Tally, checks: list[Judged], rows: pd.DataFrame, rule: GuideRule) -> None:
    """Count the rows of one table that several checks are about, each row once."""
    names = [column for column in ("secret", "other_secret") if column in rows]
    of_rule = rows[names].isin(rule.secrets).any(axis=1).to_numpy() if rule.secrets and names else True
    about, fault, unknown = (
        np.any([getattr(one, name) for one in checks], axis=0) & of_rule
        for name in ("about", "fault", "unknown")
    )
    made.population += int(about.sum())
    made.exceptions += int(fault.sum())
    made.not_known += int((unknown & ~fault).sum())


def _unmet(table: str, audit: Audit) -> list[str]:
    """What must have been seen of a table before anything on it can pass, and was not."""
    return [f"not seen: {need.words}" for need in _not_seen(audit) if table in need.tables]


@lru_cache(maxsize=1)
def _not_seen(audit: Audit) -> tuple[Need, ...]:
    return tuple(need for need in PASS_NEEDS if not need.holds(audit))


def _findings(audit: Audit, rule: GuideRule) -> list[str]:
    """The ids of the open and unknown findings of its checks, on its secrets, the first few."""
    secrets = set(rule.secrets)
    return _first(
        [
            one.id
            for one in _open_or_unknown(audit)
            if one.check in rule.checks
            and not (secrets and secrets.isdisjoint(_NAME.findall(f"{one.subject};{one.covers}")))
        ]
    )


@lru_cache(maxsize=1)
def _open_or_unknown(audit: Audit) -> tuple[Any, ...]:
    findings = audit.tables["findings"]
    return tuple(rows(findings[findings["status"].isin(("open", "unknown"))]))


def _first(ids: list[str]) -> list[str]:
    return ids[:SHOWN] + ([f"and {len(ids) - SHOWN} more"] if len(ids) > SHOWN else [])


def _add_leaks(made: Tally, rule: GuideRule, audit: Audit) -> None:
    """Count the values that were searched for, and those that were found in places of these kinds."""
    places, leaks = audit.tables["leak_places"], audit.tables["leaks"]
    fitting = [_fits(path, rule.paths) for path in places["path"]]
    there = places["place"].isin(rule.leaks_in) & pd.Series(fitting, index=places.index, dtype="bool")
    real = leaks.loc[leaks["kind"].isin(SECRETS), "leak_id"]
    found = list(dict.fromkeys(places.loc[there & places["leak_id"].isin(real), "leak_id"]))
    coverage = audit.tables["leak_coverage"]
    values = coverage[coverage["part"].eq("values")]
    made.population += int(values["count"].fillna(0).sum())
    made.not_known += int(values.loc[values["state"].ne("searched"), "count"].fillna(1).sum())
    made.exceptions += len(found)
    made.reasons += [reason for reason in _unmet("leak_coverage", audit) if reason not in made.reasons]
    made.evidence += _first(found)


def _fits(path: str, globs: tuple[str, ...]) -> bool:
    name = path.rpartition("/")[2]
    return not globs or any(fnmatchcase(name, glob) for glob in globs)
