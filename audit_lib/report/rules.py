"""One row for each rule of the guide: what decides it, on how much it was tested, and what came out."""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import pandas as pd

from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.frames import Contract, Field, Series, Several, rows
from audit_lib.findings.check import Check, judged
from audit_lib.findings.checks import BY_ID, CHECKS
from audit_lib.findings.contracts import RULE_VERDICTS
from audit_lib.leaks.tables import SECRETS
from audit_lib.report.judge import FAIL, PASS, UNKNOWN, Need, not_seen
from audit_lib.settings.load import guide_rules
from audit_lib.settings.models import GuideRule

if TYPE_CHECKING:
    from audit_lib.audit import Audit

SEARCH = "a search for each value in every form"
# A row of these is something that happened: without rows nothing did, if the logs and places were read.
EVENTS = {"log_events", "ledger_faults", "leaked_secrets", "detections", "settings_changes"}
# Columns in which a row says that it is not known.
_STATES = ("state", "reason", "relation", "status", "answer", "verdict")
SHOWN = 5  # ids
Frames = Mapping[str, pd.DataFrame]


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
    evidence: Series[Several]  # ids of findings and leaks, the first of them
    reason: Series[str]


def tabulate_rules(audit: "Audit") -> pd.DataFrame:
    """`RuleResults`: the guide's rules in their order, or for a policy without rules those that checks imply.

    A rule with an exception fails. One of which anything is not known, or that reaches beyond its checks, is
    unknown, never a pass.

    Raises:
        BadInput: rules that cannot be read, or that name a check or a question that does not exist.
    """
    rules = guide_rules(audit.policy) or tuple(
        GuideRule(check.id, f"This is not so: {check.what}", checks=(check.id,)) for check in CHECKS
    )
    known = {*BY_ID, *audit.attestations["rule"]}
    faults = [
        Fault(f"rule {rule.number}", f"names {name}, which is neither a check nor a question")
        for rule in rules
        for name in filter(None, (*rule.checks, rule.question))
        if name not in known
    ]
    if faults:
        raise BadInput(faults)
    results = {check.id: _judge(check, audit.checked) for check in CHECKS}
    needs = not_seen(audit)
    return RuleResults.of(_row(rule, audit, results, needs) for rule in rules)


def _judge(check: Check, frames: Frames) -> pd.DataFrame:
    """For each row of the check's frame whether it is about it, finds a fault, or is not known.

    A row is also not known if its columns say so: one finding stands for all that were not supplied.
    """
    judgeable = check.rows(frames)
    about = check.condition.about(judgeable).astype(bool)
    fault, unknown = judged(check, judgeable)
    states = [column for column in _STATES if column in judgeable]
    silent = judgeable[states].isin(["not supplied", "unknown"]).any(axis=1)
    if "placeholder" in judgeable:
        silent |= judgeable["state"].eq("present") & judgeable["placeholder"].isna()
    truths = pd.DataFrame({"about": about, "fault": fault, "unknown": unknown | (about & ~fault & silent)})
    return truths.reindex(frames[check.table].index, fill_value=False).astype(bool)


def _row(rule: GuideRule, audit: "Audit", results: Frames, needs: tuple[Need, ...]) -> dict[str, object]:
    row: dict[str, object] = {"rule": rule.number, "says": rule.says, "guide_lines": rule.lines}
    row |= {"procedure": "", "evidence": ()}
    if rule.not_decidable:
        row |= {"verdict": "not decidable", "decided_by": "nothing"}
        reasons = [rule.not_decidable]
    elif rule.held_by:
        row |= {"verdict": "held", "decided_by": rule.held_by}
        reasons = []
    elif rule.question:
        answer = audit.attestations.set_index("rule").loc[rule.question]
        verdicts = {"attested": "attested", "answered no": FAIL}
        row |= {"verdict": verdicts.get(str(answer["status"]), UNKNOWN)}
        row |= {"decided_by": f"a person, question {rule.question}"}
        row |= {"procedure": "Somebody answers by name, with a reason and an end."}
        answered = f"{answer['by']}: {answer['reason']}"
        reasons = [answered if row["verdict"] != UNKNOWN else f"the answer is {answer['status']}"]
    else:
        tables = list(dict.fromkeys(BY_ID[name].table for name in rule.checks))
        tallies = [_tally_rows(table, rule, audit.checked[table], results) for table in tables]
        asked = [*tables, "leak_coverage"] if rule.leaks_in else tables
        leaked, searched = _tally_leaks(rule, audit) if rule.leaks_in else ([], [])
        row |= _tested([*tallies, *searched], [*_findings(audit, rule), *leaked])
        row |= {"decided_by": ", ".join([*rule.checks, *([SEARCH] if rule.leaks_in else [])])}
        sought = [BY_ID[name].what.removesuffix(".") for name in rule.checks]
        sought += [f"A value, past or present, is in: {', '.join(rule.leaks_in)}"] if rule.leaks_in else []
        row |= {"procedure": f"Looked for: {'; '.join(sought)}."}
        reasons = (
            [f"{row['not_known']} of {row['population']} could not be judged"] if row["not_known"] else []
        )
        reasons += [f"not seen: {need.words}" for need in needs if {*need.tables} & {*asked}]
        # Of a rule that reaches further nothing but a failure can be known.
        passed = PASS if row["population"] or EVENTS & {*tables} else "not applicable"
        row["verdict"] = FAIL if row["exceptions"] else UNKNOWN if reasons or rule.beyond else passed
    beyond = [f"not reached: {rule.beyond}"] if rule.beyond else []
    return row | {"reason": "; ".join([*reasons, *beyond])}


def _tested(tallies: list[tuple[int, int, int]], evidence: list[str]) -> dict[str, object]:
    """The columns that sum up tallies: of how many rows, exceptions, and not known."""
    population, exceptions, not_known = map(sum, zip(*tallies, strict=True))
    more = [f"and {len(evidence) - SHOWN} more"] if len(evidence) > SHOWN else []
    return {
        "population": population,
        "tested": population - not_known,
        "exceptions": exceptions,
        "not_known": not_known,
        "evidence": (*evidence[:SHOWN], *more),
    }


def _tally_rows(table: str, rule: GuideRule, frame: pd.DataFrame, results: Frames) -> tuple[int, int, int]:
    """How many rows of one frame the rule's checks are about, how many are faulty, and not known."""
    truths = sum(results[name] for name in rule.checks if BY_ID[name].table == table).astype(bool)  # type: ignore[union-attr]
    names = [column for column in ("secret", "other_secret") if column in frame]
    if rule.secrets and names:
        truths = truths[frame[names].isin(rule.secrets).any(axis=1)]
    unknown = truths["unknown"] & ~truths["fault"]
    return int(truths["about"].sum()), int(truths["fault"].sum()), int(unknown.sum())


def _findings(audit: "Audit", rule: GuideRule) -> list[str]:
    """The ids of the open and unknown findings of its checks, on its secrets."""
    found, secrets = audit.findings, set(rule.secrets)
    found = found[found["status"].isin(("open", "unknown")) & found["check"].isin(rule.checks)]
    texts = {row.id: " ".join((row.subject, *(item[0] for item in row.covers))) for row in rows(found)}
    return [id_ for id_, text in texts.items() if not secrets or secrets & {*re.findall(r"\w+", text)}]


def _tally_leaks(rule: GuideRule, audit: "Audit") -> tuple[list[str], list[tuple[int, int, int]]]:
    """The values found in places of these kinds, and of the values that were searched for: how many."""
    places, leaks, values = audit.leak_places, audit.leaks, audit.leak_coverage
    values = values[values["part"].eq("values")]
    real = leaks.loc[leaks["kind"].isin(SECRETS), "leak_id"]
    there = places[places["place"].isin(rule.leaks_in) & places["leak_id"].isin(real)]
    names = [path.rpartition("/")[2] for path in there["path"]]
    fitting = [not rule.paths or any(fnmatchcase(name, glob) for glob in rule.paths) for name in names]
    leaked = list(dict.fromkeys(there.loc[fitting, "leak_id"]))
    unsearched = values.loc[values["state"].ne("searched"), "count"].fillna(1).sum()
    return leaked, [(int(values["count"].fillna(0).sum()), len(leaked), int(unsearched))]
