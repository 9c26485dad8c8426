"""The population as tables: what each side knows, and below folds each variable and each secret."""

import pandas as pd

from audit_lib.audit import Audit
from audit_lib.base.in_words import counted
from audit_lib.report.review_summary import what_was_not_read
from audit_lib.report.table import Table, Tables, show, together

_SIDES = {
    "code": "the code reads",
    "policy": "the policy declares",
    "env files": "env files hold",
    "examples": "examples show",
    "platform": "the platform was said to hold",
    "ledger": "the ledger has seen",
}


def accounted_for(audit: Audit) -> Tables:
    """What was not read; how many variables each side knows; below folds each variable, and each secret."""
    return together(what_was_not_read(audit), _sides(audit), _variables(audit))


def _sides(audit: Audit) -> Table:
    """One row for each side."""
    rows = audit.tables["population_sides"]
    frame = pd.DataFrame(
        {
            "who": rows["side"].map(_SIDES),
            "variables": rows["names"],
            "secrets": rows["secrets"],
            "known to no other": rows["alone"],
            "seen": rows["seen"],
            "by": rows["reason"],
        }
    )
    population = audit.tables["population"]
    total = counted(len(population), "variable")
    secrets = counted(int(population["kind"].eq("secret").sum()), "secret")
    return show(frame, f"Every variable accounted for: {total}, {secrets} among them")


def _variables(audit: Audit) -> Table:
    """One row for each variable of each service."""
    rows = audit.tables["population"]
    known = ("reads", "env_files", "examples", "platform", "ledger")
    frame = rows[["name", "service", "kind", "declared", *known, "read", "supplied"]].assign(
        places=(rows["read_at"] + "; " + rows["held_at"]).str.strip("; "),
        last_use=rows["last_use"],
        reason=rows["reason"],
    )
    fold = f"Variable by variable: who knows each of {counted(len(rows), 'variable')}"
    return show(frame, "Variable by variable", fold=fold, empty="no side knows a variable")
