"""The population as tables: what each side knows, and below folds each variable and each secret."""

from typing import Any

from audit_lib.base.frames import rows as contract_rows
from audit_lib.base.in_words import counted
from audit_lib.findings.audit import Audit
from audit_lib.report.columns import status_words
from audit_lib.report.table import Table, Tables, show, together

_SIDES = {
    "code": "the code reads",
    "policy": "the policy declares",
    "env files": "env files hold",
    "examples": "examples show",
    "platform": "the platform was said to hold",
    "ledger": "the ledger has seen",
}


def population_tables(audit: Audit) -> Tables:
    """How many variables each side knows; below folds each variable, and each secret."""
    return together(_sides(audit), _variables(audit), _owners(audit))


def _sides(audit: Audit) -> Table:
    """One row for each side."""
    rows = audit.tables["population_sides"]
    names = {"side": "who", "names": "variables", "alone": "known to no other", "reason": "by"}
    frame = rows.assign(side=rows["side"].map(_SIDES)).rename(columns=names)
    frame = frame[["who", "variables", "secrets", "known to no other", "seen", "by"]]
    population = audit.tables["population"]
    total = counted(len(population), "variable")
    secrets = counted(int(population["kind"].eq("secret").sum()), "secret")
    return show(frame, f"Every variable accounted for: {total}, {secrets} among them")


def _variables(audit: Audit) -> Table:
    """One row for each variable of each service; report.json has the places."""
    rows = audit.tables["population"]
    remark = (rows["read_reason"] + "; " + rows["supply_reason"]).str.strip("; ")
    names = {"name": "variable", "known": "known to", "read": "is read"}
    frame = rows.assign(
        known=[_known_to(row) for row in contract_rows(rows)],
        read=rows["read"].map(status_words),
        supplied=rows["supplied"].map(status_words),
        remark=remark.mask(rows["last_use"].ne(""), "last use " + rows["last_use"]),
    ).rename(columns=names)
    frame = frame[["variable", "service", "kind", "known to", "is read", "supplied", "remark"]]
    fold = f"Variable by variable: who knows each of {counted(len(rows), 'variable')}"
    return show(frame, "Variable by variable", fold=fold, empty="no side knows a variable")


def _known_to(row: Any) -> str:
    """`code 2, policy, env files 1`: the sides that know a variable, with how many places each."""
    counts = {
        "code": row.reads,
        "env files": row.env_files,
        "examples": row.examples,
        "platform": row.platform,
        "ledger": row.ledger,
    }
    told = [f"{side} {count}" for side, count in counts.items() if count]
    return ", ".join([*(["policy"] if row.declared_here else []), *told])


def _owners(audit: Audit) -> Table:
    """One row for each secret of the policy."""
    rows = audit.tables["ownership"]
    frame = rows[["secret", "purpose", "owner"]].assign(
        reach=rows["reach"],
        max_age_days=rows["max_age_days"],
        why_this_limit=rows["period_reason"],
        review=rows["review"],
        reviewed_at=rows["reviewed_at"],
        reviewed_by=rows["reviewed_by"],
    )
    fold = f"Secret by secret: who answers for each of {counted(len(rows), 'secret')}, and why its limit"
    return show(frame, "Secret by secret", fold=fold, empty="the policy declares no secret")
