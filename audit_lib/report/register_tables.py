"""What became of findings and of rules since the last review, and the register of exceptions."""

from audit_lib.base.in_words import counted
from audit_lib.findings.audit import Audit
from audit_lib.findings.rules_in_force import BUNDLED_POLICY, IN_PROJECT, OUTSIDE, origin_of
from audit_lib.report.review_summary import changes_table
from audit_lib.report.review_tables import place
from audit_lib.report.table import Table, Tables, show, together

_ORIGINS = {
    BUNDLED_POLICY: "comes with the program: which one is used is the project's choice, or that of --policy.",
    IN_PROJECT: "is in the audited project: whoever may commit to it may change it.",
    OUTSIDE: "is outside of the audited project (--policy): nothing in the project can change it.",
}


def changes_tables(audit: Audit) -> Tables:
    """Findings that changed; below folds the rules that changed, and each finding with who answers for it."""
    return together(changes_table(audit), rule_changes_table(audit), exceptions_table(audit))


def rule_changes_table(audit: Audit) -> Table:
    """The rules that differ from those of the last review, what lowers first; or that no review is known."""
    changes = audit.tables["rule_changes"]
    lowered = int(changes["effect"].eq("lowers").sum())
    view = changes[changes["effect"].ne("not known")].drop(columns="since")
    view = view.assign(severity=view["severity"].where(view["effect"].eq("lowers"), ""))
    note = f"The policy {audit.policy.name} {_ORIGINS[origin_of(audit.project, audit.policy)]}"
    known = not changes["effect"].eq("not known").any()
    title = f"Changes of the rules {audit.compared}" if known else "Changes of the rules: not known"
    counts = f"{counted(len(view), 'change')}, {lowered} of them can hide a finding"
    fold = f"{title}: {counts}" if known else f"{title}, since {audit.compared}"
    empty = "every rule is as it was" if known else audit.compared
    return show(view, title, note, empty=empty, fold=fold)


def exceptions_table(audit: Audit) -> Table:
    """The register: each finding with its status, since when, due when, by whom, and what closed it."""
    rows = audit.tables["exceptions"]
    view = rows.assign(
        finding=rows["check"].str.replace("-", " ") + ": " + rows["subject"],
        place=place(rows),
        overdue=rows["overdue"].map({True: "yes", False: ""}),
    )
    when = ["opened_in", "due_at", "overdue"]
    whose = ["owner", "ticket", "accepted_until_at", "proof", "closed_by", "why"]
    view = view[["severity", "status", "finding", "place", *when, *whose]]
    overdue = int(rows["overdue"].sum())
    title = "Register of exceptions"
    fold = f"{title}: {counted(len(rows), 'finding')}, {overdue} overdue"
    return show(view, title, "exceptions.csv has each by its id.", fold=fold, year=audit.as_of.year)
