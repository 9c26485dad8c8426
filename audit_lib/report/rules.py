"""One row for each rule of the guide: what decides it, on how much it was tested, and what came out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.frames import Contract, Field, Series, rows
from audit_lib.findings.check import Check, judged
from audit_lib.findings.checks import CHECKS
from audit_lib.findings.contracts import RULE_VERDICTS
from audit_lib.leaks.tables import SECRETS
from audit_lib.report.judge import FAIL, PASS, PASS_NEEDS, UNKNOWN, Need
from audit_lib.settings.guide_rules import GuideRule, guide_rules

if TYPE_CHECKING:
    from audit_lib.audit import Audit

NOT_DECIDABLE, NOT_APPLICABLE, HELD, ATTESTED = "not decidable", "not applicable", "held", "attested"
SEARCH = "a search for each value in every form"
# A row of these is something that happened: without rows nothing did, if the logs and places were read.
EVENTS = ("log_events", "ledger_faults", "leaked_secrets", "detections", "settings_changes")
# Columns that say of a row that it is not known.
_SAID_IN = ("state", "reason", "relation", "status", "answer", "verdict")
SHOWN = 5  # ids
_NAME = re.compile(r"\w+")
Truths = NDArray[np.bool_]  # one for each row of a frame


class RuleResults(Contract):
    """One row for each rule of the guide: what decides it, on how much, and what came out."""

    rule: Series[str] = Field(unique=True)
    says: Series[str]
    guide_lines: Series[str]
    decided_by: Series[str]  # checks, a person, or what of the program holds it
    procedure: Series[str]
    population: Series[pd.Int64Dtype] = Field(nullable=True)  # null: nothing that could be counted
    tested: Series[pd.Int64Dtype] = Field(nullable=True)
    exceptions: Series[pd.Int64Dtype] = Field(nullable=True)
    not_known: Series[pd.Int64Dtype] = Field(nullable=True)
    verdict: Series[str] = Field(isin=RULE_VERDICTS)
    evidence: Series[str]  # ids of findings and leaks, for readers
    reason: Series[str]


@dataclass
class _Tally:
    """What was asked of how much, and what came out. `events`: that there is nothing to ask is good."""

    population: int = 0
    exceptions: int = 0
    not_known: int = 0
    evidence: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)  # what must have been seen and was not
    events: bool = False

    def verdict(self, rule: GuideRule) -> str:
        """Of a rule that reaches beyond its checks nothing but a failure can be known."""
        if self.exceptions:
            return FAIL
        if self.not_known or self.reasons or rule.beyond:
            return UNKNOWN
        return PASS if self.population or self.events else NOT_APPLICABLE


@dataclass(frozen=True)
class _Judged:
    """A check, and of each row of its frame whether it is about it, finds a fault, or cannot decide."""

    check: Check
    about: Truths
    fault: Truths
    unknown: Truths


@dataclass(frozen=True)
class _Review:
    """What rules are tallied from, each part computed once."""

    audit: "Audit"
    frames: Mapping[str, pd.DataFrame]
    results: Mapping[str, _Judged]
    not_seen: tuple[Need, ...]

    def unmet(self, table: str) -> list[str]:
        """What must have been seen of a frame before anything on it can pass, and was not."""
        return [f"not seen: {need.words}" for need in self.not_seen if table in need.tables]


def tabulate_rules(audit: "Audit", frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """`RuleResults`: the guide's rules in their order, or for a policy without rules those that checks imply.

    A rule with an exception fails. One of which anything is not known, or that reaches beyond its checks, is
    unknown, never a pass.

    Raises:
        BadInput: rules that cannot be read, or that name a check or a question that does not exist.
    """
    rules = guide_rules(audit.policy) or tuple(
        GuideRule(check.id, f"This is not so: {check.what}", checks=(check.id,)) for check in CHECKS
    )
    _refuse_unknown_names(rules, {check.id for check in CHECKS} | set(audit.attestations["rule"]))
    needs = tuple(need for need in PASS_NEEDS if not need.holds(audit))
    review = _Review(audit, frames, _judge_all(frames), needs)
    return RuleResults.of(_row(rule, review) for rule in rules)


def _refuse_unknown_names(rules: tuple[GuideRule, ...], known: set[str]) -> None:
    faults = [
        Fault(f"rule {rule.number}", f"names {name}, which is neither a check nor a question")
        for rule in rules
        for name in filter(None, (*rule.checks, rule.question))
        if name not in known
    ]
    if faults:
        raise BadInput(faults)


def _judge_all(frames: Mapping[str, pd.DataFrame]) -> dict[str, _Judged]:
    """Each check by its id, applied once."""
    silent = {name: _undecided(frames[name]) for name in {check.table for check in CHECKS}}
    return {check.id: _judge(check, frames, silent[check.table]) for check in CHECKS}


def _judge(check: Check, frames: Mapping[str, pd.DataFrame], undecided: "pd.Series[bool]") -> _Judged:
    rows = check.rows(frames)
    about = check.condition.about(rows).astype(bool)
    fault, unknown = judged(check, rows)
    silent = about & ~fault & undecided.loc[rows.index]
    index = frames[check.table].index
    whole = (
        part.reindex(index, fill_value=False).to_numpy(bool) for part in (about, fault, unknown | silent)
    )
    return _Judged(check, *whole)


def _undecided(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Rows that cannot be judged, though no check says so of each: one finding stands for them all."""
    columns = [column for column in _SAID_IN if column in rows]
    silent = rows[columns].isin(["not supplied", "unknown"]).any(axis=1)
    if "placeholder" in rows:
        silent |= rows["state"].eq("present") & rows["placeholder"].isna()
    return silent


def _row(rule: GuideRule, review: _Review) -> dict[str, object]:
    if rule.not_decidable:
        return _stated(rule, NOT_DECIDABLE, "nothing", rule.not_decidable)
    if rule.held_by:
        return _stated(rule, HELD, rule.held_by)
    if rule.question:
        return _answered(rule, review.audit)
    made = _tally(rule, review)
    unseen = [f"{made.not_known} of {made.population} could not be judged"] if made.not_known else []
    decided_by = ", ".join((*rule.checks, *((SEARCH,) if rule.leaks_in else ())))
    return _stated(rule, made.verdict(rule), decided_by, "; ".join((*unseen, *made.reasons))) | {
        "procedure": _procedure(rule, review.results),
        "population": made.population,
        "tested": made.population - made.not_known,
        "exceptions": made.exceptions,
        "not_known": made.not_known,
        "evidence": "; ".join(dict.fromkeys(made.evidence)),
    }


def _stated(rule: GuideRule, verdict: str, decided_by: str, reason: str = "") -> dict[str, object]:
    """A row without counts."""
    beyond = f"not reached: {rule.beyond}" if rule.beyond else ""
    return {
        "rule": rule.number,
        "says": rule.says,
        "guide_lines": rule.lines,
        "decided_by": decided_by,
        "procedure": "",
        "population": None,
        "tested": None,
        "exceptions": None,
        "not_known": None,
        "verdict": verdict,
        "evidence": "",
        "reason": "; ".join(filter(None, (reason, beyond))),
    }


def _answered(rule: GuideRule, audit: "Audit") -> dict[str, object]:
    """A rule that only a person can answer, for as long as the answer holds."""
    answer = audit.attestations.set_index("rule").loc[rule.question]
    verdict = {"attested": ATTESTED, "answered no": FAIL}.get(str(answer["status"]), UNKNOWN)
    answered = verdict != UNKNOWN
    reason = f"{answer['by']}: {answer['reason']}" if answered else f"the answer is {answer['status']}"
    row = _stated(rule, verdict, f"a person, question {rule.question}", reason)
    return row | {"procedure": "Somebody answers by name, with a reason and an end."}


def _procedure(rule: GuideRule, results: Mapping[str, _Judged]) -> str:
    """What was looked for, in one sentence."""
    sought = [results[name].check.what.removesuffix(".") for name in rule.checks]
    if rule.leaks_in:
        sought.append(f"A value, past or present, is in: {', '.join(rule.leaks_in)}")
    return f"Looked for: {'; '.join(sought)}."


# ---- On how much a rule was tested ----


def _tally(rule: GuideRule, review: _Review) -> _Tally:
    """The tally of a rule that checks or a search for leaks decide."""
    made = _Tally()
    checks = [review.results[name] for name in rule.checks]
    for table in dict.fromkeys(one.check.table for one in checks):
        _add_rows(made, [one for one in checks if one.check.table == table], review.frames[table], rule)
        made.events |= table in EVENTS
        made.reasons += [reason for reason in review.unmet(table) if reason not in made.reasons]
    made.evidence += _first(_findings(review.audit, rule))
    if rule.leaks_in:
        _add_leaks(made, rule, review)
    return made


def _add_rows(made: _Tally, checks: list[_Judged], rows: pd.DataFrame, rule: GuideRule) -> None:
    """Count the rows of one frame that several checks are about, each row once."""
    names = [column for column in ("secret", "other_secret") if column in rows]
    of_rule: Any = True
    if rule.secrets and names:
        of_rule = rows[names].isin(rule.secrets).any(axis=1).to_numpy()
    about, fault, unknown = (
        np.any([getattr(one, name) for one in checks], axis=0) & of_rule
        for name in ("about", "fault", "unknown")
    )
    made.population += int(about.sum())
    made.exceptions += int(fault.sum())
    made.not_known += int((unknown & ~fault).sum())


def _findings(audit: "Audit", rule: GuideRule) -> list[str]:
    """The ids of the open and unknown findings of its checks, on its secrets."""
    found, secrets = audit.findings, set(rule.secrets)
    found = found[found["status"].isin(("open", "unknown")) & found["check"].isin(rule.checks)]
    if secrets:
        texts = [" ".join((row.subject, *(item[0] for item in row.covers))) for row in rows(found)]
        found = found[[not secrets.isdisjoint(_NAME.findall(text)) for text in texts]]
    return list(found["id"])


def _first(ids: list[str]) -> list[str]:
    return ids[:SHOWN] + ([f"and {len(ids) - SHOWN} more"] if len(ids) > SHOWN else [])


def _add_leaks(made: _Tally, rule: GuideRule, review: _Review) -> None:
    """Count the values that were searched for, and those that were found in places of these kinds."""
    places, leaks = review.audit.leak_places, review.audit.leaks
    fitting = [_fits(path, rule.paths) for path in places["path"]]
    there = places["place"].isin(rule.leaks_in) & pd.Series(fitting, index=places.index, dtype="bool")
    real = leaks.loc[leaks["kind"].isin(SECRETS), "leak_id"]
    found = list(dict.fromkeys(places.loc[there & places["leak_id"].isin(real), "leak_id"]))
    coverage = review.audit.leak_coverage
    values = coverage[coverage["part"].eq("values")]
    made.population += int(values["count"].fillna(0).sum())
    made.not_known += int(values.loc[values["state"].ne("searched"), "count"].fillna(1).sum())
    made.exceptions += len(found)
    made.reasons += [reason for reason in review.unmet("leak_coverage") if reason not in made.reasons]
    made.evidence += _first(found)


def _fits(path: str, globs: tuple[str, ...]) -> bool:
    name = path.rpartition("/")[2]
    return not globs or any(fnmatchcase(name, glob) for glob in globs)
