"""All that is to be done, and the open findings in its order."""

from audit_lib.base.contracts import rows
from audit_lib.base.in_words import counted, day_words
from audit_lib.findings.audit import Audit
from audit_lib.report.actions import tabulate_actions
from audit_lib.report.review_tables import findings_view
from audit_lib.report.table import Table, show


def actions_table(audit: Audit) -> Table:
    """Every action, the most urgent first; each number links to it."""
    actions = tabulate_actions(audit)
    by = [day_words(at, audit.as_of.year) for at in actions["by_at"]]
    view = actions.assign(by=by)[["number", "severity", "action", "why", "owner", "by", "closes"]]
    ids = [f"do-{number}" for number in actions["number"]]
    return show(view, "What to do, in order", empty="nothing", year=audit.as_of.year, ids=ids)


def findings_to_close(audit: Audit) -> Table:
    """The open findings, those together that one action closes, each with the number of that action."""
    number = {id_: row.number for row in rows(tabulate_actions(audit)) for id_ in row.finding_ids.split("; ")}
    view = findings_view(audit, "open")
    view.insert(0, "do", view["id"].map(number).astype("int64"))
    view = view.sort_values("do", kind="stable")
    title = f"{counted(len(view), 'open finding')}, by what closes them"
    return show(view.drop(columns="id"), title, empty="none", year=audit.as_of.year, ids=list(view["id"]))
