"""The guide's rules as tables: how they came out, and below a fold each with its population and evidence."""

import pandas as pd

from audit_lib.base.contracts.findings import RULE_VERDICTS
from audit_lib.base.in_words import counted
from audit_lib.findings.audit import Audit
from audit_lib.report.rule_results import tabulate_rules
from audit_lib.report.table import Tables, show, together

_MEANING = {
    "fail": "an exception was found",
    "unknown": "nothing was found, but not everything could be seen",
    "pass": "everything of it was seen, without an exception",
    "attested": "somebody answers for it by name, until a date",
    "held": "the program itself holds it",
    "not applicable": "nothing that it is about is there",
    "not decidable": "nothing that was read can decide it",
}


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
