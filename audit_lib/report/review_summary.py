"""What was read, what would decide an age, what changed since the last review, the register, the sign-off."""

import pandas as pd

from audit_lib import __version__
from audit_lib.base.in_words import counted, instant_words
from audit_lib.findings.audit import Audit
from audit_lib.findings.find import REASONS, next_step
from audit_lib.ledger.entry import ROLES
from audit_lib.report.columns import status_words
from audit_lib.report.review_tables import place
from audit_lib.report.table import Table, Tables, show, together
from audit_lib.report.verdict import unread


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
    view = rows.assign(place=place(rows), was=_fault_words(rows, "was"), now=_fault_words(rows, "now"))
    view = view[["change", "subject", "place", "was", "now"]]
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
        ("tool", f"audit_lib {__version__}"),
        ("key", _key(audit)),
        ("seal", audit.seal_statement or "this manual run was not searched; publish with `review`"),
        *((f"ledger {writer}", f"ends in {head}") for writer, head in audit.ledger_heads),
        *([] if audit.ledger_heads else [("ledger", "none yet: the first snapshot creates it")]),
        (
            "after reading",
            "audit-lib signoff REPORT_FOLDER --by NAME --role ROLE, then save the heads elsewhere",
        ),
        *((f"{role} by, on", "____________________") for role in ROLES),
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


def changes_tables(audit: Audit) -> Tables:
    """Findings that changed; below folds the rules that changed, and each finding with who answers for it."""
    return together(changes_table(audit), settings_table(audit), exceptions_table(audit))


def settings_table(audit: Audit) -> Table:
    """The settings that differ from those of the last signed review; or that none is known."""
    changes = audit.tables["settings_changes"]
    fold = f"Changes of the settings: {len(changes)}"
    view = changes[["setting", "was", "now", "since"]]
    return show(view, "Changes of the settings", empty="every setting is as it was", fold=fold)


def exceptions_table(audit: Audit) -> Table:
    """The register: each finding with its status, since when, due when, by whom, and what closed it."""
    rows = audit.tables["findings"]
    view = rows.assign(
        finding=rows["check"].str.replace("-", " ") + ": " + rows["subject"],
        place=place(rows),
        overdue=rows["overdue"].map({True: "yes", False: ""}),
    )
    when = ["opened_in", "due_at", "overdue"]
    whose = ["owner", "ticket", "accepted_until_at", "closed_by"]
    view = view[["severity", "status", "finding", "place", *when, *whose]]
    overdue = int(rows["overdue"].sum())
    title = "Register of exceptions"
    fold = f"{title}: {counted(len(rows), 'finding')}, {overdue} overdue"
    return show(view, title, "findings.csv has each by its id.", fold=fold, year=audit.as_of.year)
