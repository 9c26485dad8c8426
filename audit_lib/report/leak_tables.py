"""What leaked, for readers: each leak with what it means, then the steps of the clean-up."""

import pandas as pd

from audit_lib.audit import Audit
from audit_lib.base.in_words import counted
from audit_lib.report.table import Table, Tables, show, together

MOST_ROWS = 20
MEANING = {
    "emergency": "in force: rotate now",
    "unknown": "may be in force: find out or rotate",
    "historic": "another value is in force",
}


def leaks_tables(audit: Audit) -> Tables:
    """Every leak, those in force first; the steps of the clean-up in order; what was not searched."""
    return together(_leaks(audit), _steps(audit), _not_searched(audit))


def _leaks(audit: Audit) -> Table:
    statuses = (
        audit.tables["exposure"].groupby("leak_id")["status"].agg(set).to_dict()
        if len(audit.tables["exposure"])
        else {}
    )
    met = [statuses.get(leak, set()) for leak in audit.tables["leaks"]["leak_id"]]
    worst = [next((status for status in MEANING if status in held), "") for held in met]
    first = audit.tables["leak_places"].groupby("leak_id", sort=False).first()
    view = pd.DataFrame(
        {
            "leak": audit.tables["leaks"]["leak_id"],
            "secret": audit.tables["leaks"]["variable"],
            "kind": audit.tables["leaks"]["kind"],
            "what it means": [MEANING.get(status, "not a secret in use") for status in worst],
            "in force in": audit.tables["leaks"]["in_force"],
            "first_at": audit.tables["leaks"]["first_at"],
            "at HEAD": audit.tables["leaks"]["at_head"],
            "occurrences": audit.tables["leaks"]["occurrences"],
            "first place": [_place(first.loc[leak]) for leak in audit.tables["leaks"]["leak_id"]],
            "_rank": [list(MEANING).index(status) if status else len(MEANING) for status in worst],
        }
    )
    view = view.sort_values(["_rank", "first_at", "leak"], kind="stable").drop(columns="_rank")
    left = len(view) - MOST_ROWS
    note = f"{counted(left, 'more leak')} in report.json" if left > 0 else ""
    return show(
        view.head(MOST_ROWS),
        "Leaked values",
        note,
        empty="no value was found outside its place",
        year=audit.as_of.year,
    )


def _steps(audit: Audit) -> Table:
    view = audit.tables["clean_up"][["step", "action", "secret", "text", "not_undone"]]
    view = view.rename(columns={"text": "do", "not_undone": "what this does not undo"})
    return show(view, "Clean-up: rotate first, then remove, purge last", empty="nothing needs cleaning up")


def _not_searched(audit: Audit) -> Table:
    rest = audit.tables["leak_coverage"][audit.tables["leak_coverage"]["state"].ne("searched")]
    view = rest[["part", "place", "state", "count", "reason"]]
    return show(view, "Not searched, or only in part", empty="everything was searched")


def _place(row: "pd.Series[str]") -> str:
    line = "" if pd.isna(row["line"]) else f":{row['line']}"
    commit = f" in {row['commit'][:12]}" if row["commit"] else ""
    return f"{row['place']}: {row['path']}{line}{commit}"
