"""What leaked, for readers: each leak with what it means, then the steps of the clean-up."""

import pandas as pd

from audit_lib.base.in_words import counted
from audit_lib.findings.audit import Audit
from audit_lib.leaks.tables import NO_SECRETS, shows_no_leak
from audit_lib.report.table import Table, Tables, show, together

MOST_ROWS = 20
MOST_LINES = 100
MEANING = {
    "in force": "in force: rotate now",
    "not known": "may be in force: find out or rotate",
    "not in force": "another value is in force",
}


def leaks_tables(audit: Audit) -> Tables:
    """Every leak, the most urgent first, with its lines; how far each is; the steps of the clean-up."""
    tables = _leaks(audit), _lines(audit), shown_lives(audit.tables["leak_lives"]), _steps(audit)
    return together(*tables, brief=_brief(audit))


def _brief(audit: Audit) -> str:
    leaks, steps = audit.tables["leaks"], audit.tables["clean_up"]
    force = leaks.loc[~leaks["kind"].isin(NO_SECRETS), "force"].value_counts()
    harmless = int(leaks["kind"].isin(NO_SECRETS).sum())
    parts = [
        f"{counted(int(force.get('in force', 0)), 'value')} in force",
        f"{force.get('not known', 0)} not known to be",
        f"{force.get('not in force', 0)} replaced",
        f"{counted(harmless, 'template or default', 'templates and defaults')}",
    ]
    return f"{', '.join(parts)} · clean-up in {counted(len(steps), 'step')}"


def _lines(audit: Audit) -> Table:
    """Each place of each leak, by file and line, for the links."""
    places = audit.tables["leak_places"].head(MOST_LINES)
    names = [_place(row) for _, row in places.iterrows()]
    view = pd.DataFrame({"leak": places["leak_id"], "line of it": names, "encoding": places["encoding"]})
    once = [f"at-{name}" if name not in names[:number] else "" for number, name in enumerate(names)]
    left = len(audit.tables["leak_places"]) - len(view)
    note = f"And {counted(left, 'more line')}: `leaks` of report.json lists all." if left > 0 else ""
    return show(view, "Lines on which they are", note, empty="none", ids=once)


def _leaks(audit: Audit) -> Table:
    leaks = audit.tables["leaks"]
    harmless = leaks["kind"].isin(NO_SECRETS)
    first = audit.tables["leak_places"].groupby("leak_id", sort=False).first()
    view = pd.DataFrame(
        {
            "leak": leaks["leak_id"],
            "secret": leaks["variable"],
            "kind": leaks["kind"],
            "what it means": leaks["force"]
            .map(MEANING)
            .mask(harmless, "not a secret in use")
            .mask(leaks["kind"] == "possible", "somebody may have chosen it: find out")
            .mask(leaks["kind"] == "hash", "whoever has it can guess the password"),
            "in force in": leaks["in_force"].str.replace(",", ", "),
            "first_at": leaks["first_at"],
            "at HEAD": leaks["at_head"],
            "occurrences": leaks["occurrences"],
            "first place": [_place(first.loc[leak]) for leak in leaks["leak_id"]],
        }
    )
    left = len(view) - MOST_ROWS
    note = f"And {counted(left, 'more leak')}: `leaks` of report.json lists all." if left > 0 else ""
    return show(
        view.head(MOST_ROWS),
        "Leaked values",
        note,
        empty="no value was found outside its place"
        + ("" if shows_no_leak(audit.tables["leak_coverage"]) else ", but not everything was searched"),
        year=audit.as_of.year,
        ids=list(leaks["leak_id"].head(MOST_ROWS)),
        whole=leaks,
    )


def shown_lives(lives: pd.DataFrame) -> Table:
    """How far the clean-up of each leak is, and why."""
    view = lives.rename(columns={"leak_id": "leak"})
    note = "A revocation that somebody recorded is a claim."
    return show(
        view.head(MOST_ROWS), "Clean-up status of each leak", note, empty="no value has leaked", whole=lives
    )


def _steps(audit: Audit) -> Table:
    view = audit.tables["clean_up"][["step", "action", "secret", "text", "not_undone"]]
    view = view.rename(columns={"text": "what to do", "not_undone": "what this does not undo"})
    return show(view, "Clean-up: rotate first, then remove, purge last", empty="nothing needs cleaning up")


def not_searched(audit: Audit) -> Table:
    """What of git, files and values was not searched for leaks, and why."""
    rest = audit.tables["leak_coverage"][audit.tables["leak_coverage"]["state"].ne("searched")]
    view = rest[["part", "place", "state", "count", "reason"]]
    return show(view, "Not searched, or only in part", empty="everything was searched")


def _place(row: "pd.Series[str]") -> str:
    line = "" if pd.isna(row["line"]) else f":{row['line']}"
    commit = f" in {row['commit'][:12]}" if row["commit"] else ""
    return f"{row['place']}: {row['path']}{line}{commit}"
