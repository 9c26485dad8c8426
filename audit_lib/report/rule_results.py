"""One row for each rule of the guide: what decides it, on how much, what came out; and their tables."""

from collections.abc import Mapping
from functools import lru_cache

import pandas as pd

from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.in_words import counted
from audit_lib.findings.audit import Audit
from audit_lib.findings.check import Check
from audit_lib.findings.checks import CHECKS
from audit_lib.findings.contracts import RULE_VERDICTS
from audit_lib.report.contracts import RuleResults
from audit_lib.report.rule_tallies import Judged, Tally, judge_all, tally
from audit_lib.report.table import Tables, show, together
from audit_lib.report.verdict import FAIL, PASS, UNKNOWN
from audit_lib.settings.guide_rules import GuideRule, guide_rules

NOT_DECIDABLE, NOT_APPLICABLE, HELD, ATTESTED = "not decidable", "not applicable", "held", "attested"
SEARCH = "a search for each value in every form"
_MEANING = {
    "fail": "an exception was found",
    "unknown": "nothing was found, but not everything could be seen",
    "pass": "everything of it was seen, without an exception",
    "attested": "somebody answers for it by name, until a date",
    "held": "the program itself holds it",
    "not applicable": "nothing that it is about is there",
    "not decidable": "nothing that was read can decide it",
}


@lru_cache(maxsize=1)  # page, paper and data show the same
def tabulate_rules(audit: Audit) -> pd.DataFrame:
    """`RuleResults`: the guide's rules in their order, or for a policy without rules those that checks imply.

    A rule with an exception fails. One of which anything is not known, or that reaches beyond its checks, is
    unknown, never a pass.

    Raises:
        BadInput: rules that cannot be read, or that name a check or a question that does not exist.
    """
    rules = guide_rules(audit.policy) or tuple(_implied(check) for check in CHECKS)
    _refuse_unknown_names(rules, {check.id for check in CHECKS} | set(audit.tables["attestations"]["rule"]))
    results = judge_all(audit)
    return RuleResults.of(_row(rule, audit, results) for rule in rules)


def _implied(check: Check) -> GuideRule:
    return GuideRule(check.id, f"This is not so: {check.what}", checks=(check.id,))


def _refuse_unknown_names(rules: tuple[GuideRule, ...], known: set[str]) -> None:
    faults = [
        Fault(f"rule {rule.number}", f"names {name}, which is neither a check nor a question")
        for rule in rules
        for name in filter(None, (*rule.checks, rule.question))
        if name not in known
    ]
    if faults:
        raise BadInput(faults)


def _row(rule: GuideRule, audit: Audit, results: Mapping[str, Judged]) -> dict[str, object]:
    if rule.not_decidable:
        return _stated(rule, NOT_DECIDABLE, "nothing", rule.not_decidable)
    if rule.held_by:
        return _stated(rule, HELD, rule.held_by)
    if rule.question:
        return _answered(rule, audit)
    made = tally(rule, audit, results)
    unseen = (f"{made.not_known} of {made.population} could not be judged",) if made.not_known else ()
    decided_by = ", ".join((*rule.checks, *((SEARCH,) if rule.leaks_in else ())))
    return _stated(rule, _verdict(rule, made), decided_by, "; ".join((*unseen, *made.reasons))) | {
        "procedure": _procedure(rule, results),
        "population": made.population,
        "tested": made.population - made.not_known,
        "exceptions": made.exceptions,
        "not_known": made.not_known,
        "evidence": "; ".join(dict.fromkeys(made.evidence)),
    }


def _verdict(rule: GuideRule, made: Tally) -> str:
    """Of a rule that reaches beyond its checks nothing but a failure can be known."""
    if made.exceptions:
        return FAIL
    if made.not_known or made.reasons or rule.beyond:
        return UNKNOWN
    return PASS if made.population or made.events else NOT_APPLICABLE


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


def _answered(rule: GuideRule, audit: Audit) -> dict[str, object]:
    """A rule that only a person can answer, for as long as the answer holds."""
    answer = audit.tables["attestations"].set_index("rule").loc[rule.question]
    verdict = {"attested": ATTESTED, "answered no": FAIL}.get(str(answer["status"]), UNKNOWN)
    answered = verdict != UNKNOWN
    reason = f"{answer['by']}: {answer['reason']}" if answered else f"the answer is {answer['status']}"
    row = _stated(rule, verdict, f"a person, question {rule.question}", reason)
    return row | {"procedure": "Somebody answers by name, with a reason and an end."}


def _procedure(rule: GuideRule, results: Mapping[str, Judged]) -> str:
    """What was looked for, in one sentence."""
    looked = [results[name].check.what.removesuffix(".") for name in rule.checks]
    if rule.leaks_in:
        looked.append(f"A value, past or present, is in: {', '.join(rule.leaks_in)}")
    return f"Looked for: {'; '.join(looked)}."


def rules_tables(audit: Audit) -> Tables:
    """How many rules came out how, then each rule: what decides it, on how much, with what exceptions."""
    results = tabulate_rules(audit)
    met = [verdict for verdict in RULE_VERDICTS if results["verdict"].eq(verdict).any()]
    counts = pd.DataFrame(
        {
            "verdict": met,
            "rules": [int(results["verdict"].eq(verdict).sum()) for verdict in met],
            "meaning": [_MEANING[verdict] for verdict in met],
        }
    )
    rules = results[
        ["rule", "says", "verdict", "population", "tested", "exceptions", "decided_by", "evidence", "reason"]
    ]
    number = counted(len(results), "rule")
    return together(
        show(counts, f"How the {number} of the guide came out"),
        show(rules, "Rule by rule", fold=f"Rule by rule: what decides each of {number}, and on how much"),
    )
