"""The review in short: the verdict, the counts, the decisions, what was read, and the sign-off."""

import pandas as pd

from audit_lib import __version__
from audit_lib.audit import Audit
from audit_lib.base.contracts import STATUSES
from audit_lib.base.in_words import counted, instant_words
from audit_lib.base.severities import SEVERITIES
from audit_lib.findings.row_words import REASONS, next_step
from audit_lib.findings.rules_in_force import origin_of
from audit_lib.report import escape as inert
from audit_lib.report.columns import status_words
from audit_lib.report.review_tables import by_severity, place
from audit_lib.report.table import Table, show
from audit_lib.report.verdict import FAIL, PASS, UNKNOWN, judged, score, unread, verdict

MOST_DECISIONS = 7
MOST_NAMES = 4


def verdict_table(audit: Audit) -> Table:
    """The answer first: verdict, score, findings, secrets by status, what was read."""
    found, ages = audit.tables["findings"], audit.tables["freshness"]["status"]
    logs = audit.tables["sources"][audit.tables["sources"]["kind"] == "log"]
    rows = [
        ("verdict", f"{status_words(verdict(audit))}: {_in_words(audit)}"),
        ("score", f"{score(audit)} of 100. {_items(audit)}"),
        ("open findings", _by_severity(found[found["status"] == "open"])),
        ("not known", counted(int(found["status"].eq("unknown").sum()), "finding")),
        ("accepted risks", str(int(found["status"].eq("accepted").sum()))),
        ("ages of secrets", _ages(ages)),
        (
            "env files",
            _supplied(
                audit.tables["sources"][audit.tables["sources"]["kind"].isin(("env file", "given values"))]
            ),
        ),
        (
            "logs",
            _supplied(logs) if logs["read"].sum() else "none was read: failed logins cannot be excluded",
        ),
        ("as of", f"{instant_words(audit.as_of)} UTC, as all times here; logs of {audit.quarter}"),
    ]
    return show(
        pd.DataFrame(rows, columns=["question", "answer"]),
        f"Review of {title(audit)}",
        kind=f"facts verdict {_LOOK[verdict(audit)]}",
    )


_LOOK = {FAIL: "fail", UNKNOWN: "not-passed", PASS: "passed"}


def _in_words(audit: Audit) -> str:
    words = {
        FAIL: "there are open findings; see below what to do first",
        PASS: "no open findings, and everything is known",
    }
    return words.get(verdict(audit), "no open findings, but not everything is known, so this is not a pass")


def _items(audit: Audit) -> str:
    marks = judged(audit)["mark"].value_counts()
    good, bad, unknown = (int(marks.get(mark, 0)) for mark in ("good", "bad", "unknown"))
    known = f"{counted(good + bad + unknown, 'item')}: {good} clean, {bad} with an open finding"
    return f"{known}, {unknown} not known (hence the range)" if unknown else known


def _by_severity(findings: pd.DataFrame) -> str:
    counts = findings["severity"].value_counts()
    parts = [f"{counts[word]} {word}" for word in reversed(SEVERITIES) if word in counts]
    return f"{len(findings)}: {', '.join(parts)}" if parts else "none"


def _ages(ages: "pd.Series[str]") -> str:
    counts = {word: int(ages.eq(word).sum()) for word in ("overdue", "unknown", "due", "fresh", "exempt")}
    said = [f"{count} {status_words(word)}" for word, count in counts.items() if count]
    return ", ".join(said) or "none"


def _supplied(sources: pd.DataFrame) -> str:
    read = int(sources["state"].eq("read").sum())
    lost = int(sources["not_understood"].sum())
    lines = f"; {counted(int(sources['read'].sum()), 'line')} read, {lost} not understood" if read else ""
    silent = int(sources["text_only"].sum())
    lines += f", {silent} text only" if read and silent else ""
    return f"{read} of {len(sources)} read{lines}"


def counts_table(audit: Audit) -> Table:
    """Findings by severity and status, zeros included."""
    table = pd.crosstab(audit.tables["findings"]["severity"], audit.tables["findings"]["status"])
    table = table.reindex(index=list(reversed(SEVERITIES)), columns=list(STATUSES), fill_value=0)
    table = table.rename(columns=status_words).rename_axis(columns=None).rename_axis("severity")
    return show(table.reset_index(), "Findings by severity")


def decisions(audit: Audit) -> Table:
    """What to do first: one row for each check with open findings, at most seven, as `by_severity` orders."""
    found = audit.tables["findings"]
    found = by_severity(found[found["status"] == "open"])
    rows = [
        {
            "severity": rows["severity"].iloc[0],
            "remedy": rows["remedy"].iloc[0],
            "because": f"{str(check).replace('-', ' ')}: {rows['evidence'].iloc[0]}",
            "place": _names(rows),
        }
        for check, rows in found.groupby("check", sort=False)
    ]
    left = len(rows) - MOST_DECISIONS
    note = f"Then {counted(left, 'more kind')} of finding: see Findings" if left > 0 else ""
    frame = pd.DataFrame(rows[:MOST_DECISIONS], columns=["severity", "remedy", "because", "place"])
    return show(frame, "Do first", note, empty="no finding is open")


def _names(rows: pd.DataFrame) -> str:
    """The subjects with their places, the first few by name."""
    places = place(rows)
    names = list(dict.fromkeys(rows["subject"] + places.where(places == "", " in " + places)))
    more = len(names) - MOST_NAMES
    return "; ".join(names[:MOST_NAMES]) + (f"; {more} more" if more > 0 else "")


def what_was_read(audit: Audit) -> Table:
    """Each source with its lines by how they were read; of a log also what those that were read show."""
    shown = ["log_requests", "log_messages", "text_only"]
    columns = ["source", "kind", "state", "reason", "lines", "read", *shown, "not_understood", "blank"]
    rows = audit.tables["sources"].sort_values(["kind", "source"], kind="stable")
    rows = rows.rename(columns={"requests": "log_requests", "messages": "log_messages"})
    frame = rows[columns].assign(reason=rows["reason"].where(rows["reason"] != "", place(rows)))
    frame = frame.rename(columns={"reason": "place, or a remark"})
    return show(frame, "What was read", empty="nothing was read")


def what_was_not_read(audit: Audit) -> Table:
    """Each source that should have been read, with the command that supplies it."""
    rows = unread(audit).sort_values(["kind", "source"], kind="stable")
    frame = rows[["source", "kind", "state", "reason", "remedy"]].rename(columns={"remedy": "command"})
    return show(frame, "What was not read", empty="every expected source was read")


def what_would_decide(audit: Audit) -> Table:
    """The cheapest evidence for unknown ages: one row for each step, the one that decides most first."""
    rows = audit.tables["freshness"][audit.tables["freshness"]["status"] == "unknown"]
    rows = rows.assign(next_evidence=rows["next_evidence"].map(next_step))
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
    return show(frame, "What would decide the ages that are not known", empty="every age is known")


def changes_table(audit: Audit) -> Table:
    """What became worse, is new, is no longer known, became better or has ended since the previous report."""
    changes = audit.tables["changes"]
    same = int(changes["change"].eq("same").sum())
    rows = changes[changes["change"] != "same"]
    view = pd.DataFrame(
        {
            "change": rows["change"],
            "subject": rows["subject"],
            "place": place(rows),
            "was": _fault_words(rows, "was"),
            "now": _fault_words(rows, "now"),
        }
    )
    note = f"{counted(same, 'fault')} as before: `changes` of report.json lists them." if same else ""
    empty = "no previous report was given, or nothing changed"
    return show(view, "Changes since the previous report", note, empty=empty)


def _fault_words(changes: pd.DataFrame, when: str) -> "pd.Series[str]":
    """`overdue secret (high)`, and its status unless it is open; "" for no fault."""
    status = changes[when].map(status_words)
    more = (", " + status).where(~changes[when].isin(("", "open")), "")
    words = changes[f"{when}_check"].str.replace("-", " ") + " (" + changes[f"{when}_severity"] + more + ")"
    return words.where(changes[when] != "", "")


def sign_off(audit: Audit) -> Table:
    """What a reviewer signs: what was audited with what, what the seal proved, the ledger's heads."""
    rows = [
        ("project", audit.project.name),
        ("quarter, as of", f"{audit.quarter}, {instant_words(audit.as_of)} UTC"),
        ("policy", f"{audit.policy.name}, SHA-256 {audit.policy.sha256}"),
        ("the policy", origin_of(audit.project, audit.policy)),
        ("tool", f"audit_lib {__version__}"),
        ("key", _key(audit)),
        ("seal", audit.seal_statement or "this manual run was not searched; publish with `review`"),
        *((f"ledger {writer}", f"ends in {head}") for writer, head in audit.ledger_heads),
        *([] if audit.ledger_heads else [("ledger", "none yet: the first snapshot creates it")]),
        (
            "after reading",
            "audit-lib signoff REPORT_FOLDER --by NAME, then save the heads elsewhere",
        ),
        ("reviewed by", "____________________"),
        ("on", "____________________"),
    ]
    return show(pd.DataFrame(rows, columns=["item", "value"]), "Sign-off", kind="facts")


def _key(audit: Audit) -> str:
    meaning = {
        "demo": "the public DEMO key, for the sample only",
        "throw-away": "temporary key: this review cannot be compared with any other",
    }
    if audit.key_origin == "throw-away":  # its id differs in each run
        return meaning["throw-away"]
    return f"{audit.key_id}, {meaning.get(audit.key_origin, 'stored outside the project')}"


def title(audit: Audit) -> str:
    """`shop, 2026Q3`: what the page is called."""
    return f"{inert.plain(audit.project.name)}, {audit.quarter}"
