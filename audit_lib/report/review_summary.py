"""The review in short: the verdict, the counts, the decisions, what was read, and the sign-off."""

import pandas as pd

from audit_lib import __version__
from audit_lib.audit import Audit
from audit_lib.base.clock import iso
from audit_lib.base.contracts import STATUSES
from audit_lib.base.severities import SEVERITIES
from audit_lib.report import escape as inert
from audit_lib.report.review_tables import REASONS, by_severity, place
from audit_lib.report.table import Table, show
from audit_lib.report.verdict import FAIL, PASS, UNKNOWN, judged, score, unread, verdict

MOST_DECISIONS = 7
MOST_NAMES = 4
_DATED = r"^overdue if changed before \S+: |; else overdue from .*"  # differs from secret to secret


def verdict_table(audit: Audit) -> Table:
    """The answer first: verdict, score, findings, secrets by status, what was read."""
    found, ages = audit.tables["findings"], audit.tables["freshness"]["status"]
    logs = audit.tables["sources"][audit.tables["sources"]["kind"] == "log"]
    rows = [
        ("verdict", f"{verdict(audit)}: {_in_words(audit)}"),
        ("score", f"{score(audit)} of 100 ({_subjects(audit)})"),
        ("open findings", _by_severity(found[found["status"] == "open"])),
        ("not known", f"{_number(found['status'].eq('unknown').sum(), 'finding')} could not be decided"),
        ("accepted risks", str(int(found["status"].eq("accepted").sum()))),
        ("ages of secrets", ", ".join(f"{ages.eq(word).sum()} {word}" for word in _ages(ages)) or "none"),
        (
            "env files",
            _supplied(
                audit.tables["sources"][audit.tables["sources"]["kind"].isin(("env file", "given values"))]
            ),
        ),
        (
            "logs",
            _supplied(logs) if logs["read"].sum() else "nothing was read: failed logins cannot be excluded",
        ),
        ("as of", f"{iso(audit.as_of)}; logs of {audit.quarter}"),
    ]
    return show(
        pd.DataFrame(rows, columns=["question", "answer"]),
        f"Review of {title(audit)}",
        kind=f"facts verdict {_LOOK[verdict(audit)]}",
    )


_LOOK = {FAIL: "fail", UNKNOWN: "not-passed", PASS: "passed"}


def _in_words(audit: Audit) -> str:
    words = {
        FAIL: "something must be done, the decisions are below",
        PASS: "no open finding, and nothing is unknown",
    }
    return words.get(verdict(audit), "no open finding, but not all is known: this is no pass")


def _subjects(audit: Audit) -> str:
    marks = judged(audit)["mark"].value_counts()
    parts = [f"{marks.get(mark, 0)} {word}" for mark, word in _MARKS.items()]
    return f"of {_number(int(marks.sum()), 'subject')} {', '.join(parts)}"


_MARKS = {
    "good": "without an open finding",
    "bad": "with one",
    "unknown": "not known, which widens the score",
}


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _by_severity(findings: pd.DataFrame) -> str:
    counts = findings["severity"].value_counts()
    parts = [f"{counts[word]} {word}" for word in reversed(SEVERITIES) if word in counts]
    return f"{len(findings)}: {', '.join(parts)}" if parts else "none"


def _ages(ages: "pd.Series[str]") -> list[str]:
    return [word for word in ("overdue", "unknown", "due", "fresh", "exempt") if ages.eq(word).any()]


def _supplied(sources: pd.DataFrame) -> str:
    read = int(sources["state"].eq("read").sum())
    lost = int(sources["not_understood"].sum())
    lines = f", {_number(int(sources['read'].sum()), 'line')} read, {lost} not understood" if read else ""
    return f"{read} of {len(sources)} read{lines}"


def counts_table(audit: Audit) -> Table:
    """Findings by severity and status, zeros included."""
    table = pd.crosstab(audit.tables["findings"]["severity"], audit.tables["findings"]["status"])
    table = table.reindex(index=list(reversed(SEVERITIES)), columns=list(STATUSES), fill_value=0)
    return show(table.rename_axis(columns=None).rename_axis("severity").reset_index(), "Findings by severity")


def decisions(audit: Audit) -> Table:
    """What to decide first: one row for each check with open findings, at most seven.

    The gravest are first, and of those as grave those of production.
    """
    found = audit.tables["findings"][audit.tables["findings"]["status"] == "open"]
    found = by_severity(found.assign(elsewhere=found["environment"].ne("production")), "elsewhere")
    rows = [
        {
            "severity": rows["severity"].iloc[0],
            "remedy": rows["remedy"].iloc[0],
            "because": f"{str(check).replace('-', ' ')}: {rows['evidence'].iloc[0]}",
            "concerns": _names(rows),
        }
        for check, rows in found.groupby("check", sort=False)
    ]
    left = len(rows) - MOST_DECISIONS
    note = f"{_number(left, 'more kind')} of finding below, under Findings" if left > 0 else ""
    frame = pd.DataFrame(rows[:MOST_DECISIONS], columns=["severity", "remedy", "because", "concerns"])
    return show(frame, "What to decide first", note, empty="no finding is open")


def _names(rows: pd.DataFrame) -> str:
    """The subjects with their places, the first few by name."""
    places = place(rows)
    names = list(dict.fromkeys(rows["subject"] + places.where(places == "", " in " + places)))
    more = len(names) - MOST_NAMES
    return "; ".join(names[:MOST_NAMES]) + (f"; and {more} more" if more > 0 else "")


def what_was_read(audit: Audit) -> Table:
    """Each source with its lines by where they ended; every line is in exactly one column."""
    columns = ["source", "kind", "state", "reason", "lines", "read", "not_understood", "blank"]
    rows = audit.tables["sources"].sort_values(["kind", "source"], kind="stable")
    frame = rows[columns].assign(reason=rows["reason"].where(rows["reason"] != "", place(rows)))
    frame = frame.rename(columns={"reason": "environment, or why not read"})
    return show(frame, "What was read", empty="nothing was read")


def what_was_not_read(audit: Audit) -> Table:
    """Each source that should have been read, with the command that supplies it."""
    rows = unread(audit).sort_values(["kind", "source"], kind="stable")
    frame = rows[["source", "kind", "state", "reason", "remedy"]].rename(columns={"remedy": "command"})
    return show(frame, "What was not read", empty="every expected source was read")


def what_would_decide(audit: Audit) -> Table:
    """The cheapest evidence for what is unknown: one row for each step, the one that decides most first."""
    rows = audit.tables["freshness"][audit.tables["freshness"]["status"] == "unknown"]
    rows = rows.assign(next_evidence=rows["next_evidence"].str.replace(_DATED, "", regex=True))
    steps = [
        {
            "next_evidence": step,
            "secrets": len(group),
            "reasons": "; ".join(REASONS.get(word, word) for word in sorted(set(group["reason"]))),
        }
        for step, group in rows.groupby("next_evidence")
    ]
    frame = pd.DataFrame(steps, columns=["next_evidence", "secrets", "reasons"])
    frame = frame.sort_values(["secrets", "next_evidence"], ascending=[False, True], kind="stable")
    return show(frame, "What would decide the unknown ages", empty="no age is unknown")


def changes_table(audit: Audit) -> Table:
    """What is new, closed, kept or no longer known since the previous report."""
    empty = "there is nothing to compare: no previous report was given, or nothing changed"
    return show(audit.tables["changes"], "Changes since the previous report", empty=empty)


def sign_off(audit: Audit) -> Table:
    """What a reviewer signs: what was audited by what, what was proved of the report, the ledger's heads."""
    rows = [
        ("project", audit.project.name),
        ("quarter, as of", f"{audit.quarter}, {iso(audit.as_of)}"),
        ("policy", f"{audit.policy.name}, SHA-256 {audit.policy.sha256}"),
        ("tool", f"audit_lib {__version__}"),
        ("key", _key(audit)),
        ("seal", audit.seal_statement or "this run by hand was not searched; publish with `review`"),
        *((f"ledger {writer}", f"ends in {head}") for writer, head in audit.ledger_heads),
        *([] if audit.ledger_heads else [("ledger", "there is none yet: the first snapshot starts it")]),
        (
            "after reading",
            "audit-lib signoff REPORT_FOLDER --by NAME, and keep the heads elsewhere",
        ),
        ("reviewed by", "____________________"),
        ("on", "____________________"),
    ]
    return show(pd.DataFrame(rows, columns=["item", "value"]), "Sign-off", kind="facts")


def _key(audit: Audit) -> str:
    meaning = {
        "demo": "DEMO key, public: for the sample only",
        "throw-away": "throw-away key: this review cannot be compared with any other",
    }
    if audit.key_origin == "throw-away":  # its id is another in each run
        return meaning["throw-away"]
    return f"{audit.key_id}, {meaning.get(audit.key_origin, 'held outside the project')}"


def title(audit: Audit) -> str:
    """`shop, 2026Q3`: what the page is called."""
    return f"{inert.plain(audit.project.name)}, {audit.quarter}"
