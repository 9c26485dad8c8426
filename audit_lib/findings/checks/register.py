"""Checks between two reviews: rules that were lowered, and findings that stay open."""

from functools import partial

import pandas as pd

from audit_lib.findings.check import Check, Rows, Truths, yes

OVERSIGHT = ("NIST CA-5", "ISO A.5.36")
_GRAVE = ("critical", "high")


def _standing(rows: Rows) -> Truths:
    return rows["status"].isin(("open", "contradicted"))


def _by_finding(rows: Rows) -> "pd.Series[str]":
    return rows["severity"].isin(_GRAVE).map({True: "high", False: "medium"})


register_check = partial(Check, table="exceptions", covers="{covers}", controls=OVERSIGHT)

REGISTER = (
    Check(
        id="rule-lowered",
        what="A rule of the review was changed so that it can find less than the last review could.",
        why="Whoever may commit to the project could hide a finding by it.",
        table="rule_changes",
        severity=lambda rows: rows["severity"],
        # What is lost of the ledger is in the table, and has a check of its own.
        when=lambda rows: rows["effect"].eq("lowers") & ~rows["subject"].str.startswith("ledger "),
        unknown_when=lambda rows: rows["effect"].eq("not known"),
        subject="{subject} {field}",
        evidence="{subject}, {field}: {was} before, {now} now ({since}). It can hide {hides}",
        unknown_subject="rules",
        unknown_evidence="whether a rule was lowered is not known: {since}",
        remedy="Restore it, or accept it until a date. Compare with the last review: --previous report.json.",
        controls=("NIST CM-3", "NIST CA-7", "ISO A.8.32"),
        where="{subject}",
    ),
    register_check(
        id="finding-overdue",
        what="A finding has been open for longer than its severity allows, or than somebody promised.",
        why="A finding that nobody closes is a risk that nobody has accepted.",
        severity=_by_finding,
        about=_standing,
        when=lambda rows: yes(rows["overdue"]),
        subject="{id}",
        evidence="open since {opened_at} ({opened_in}), due {due_at}; {why}",
        remedy="Fix it, or accept its risk until a date.",
        where="{id}",
    ),
    register_check(
        id="closure-contradicted",
        what="Somebody recorded a finding as closed, and the evidence still shows it.",
        why="Whoever reads the record believes that nothing is left to do.",
        severity=_by_finding,
        when=lambda rows: rows["status"].eq("contradicted"),
        subject="{id}",
        evidence="{why}; proof: {proof}",
        remedy="Look at the proof. Fix the finding, then close it again.",
        where="{id}",
    ),
    register_check(
        id="unassigned-finding",
        what="Nobody was assigned to a severe finding of an earlier review.",
        why="What nobody answers for stays open.",
        severity="medium",
        about=lambda rows: _standing(rows) & yes(rows["carried"]) & rows["severity"].isin(_GRAVE),
        when=lambda rows: rows["owner"].eq(""),
        subject="earlier findings",
        listed=True,
        evidence="nobody is assigned to severe findings of an earlier review",
        remedy="Assign each finding: assign ID --owner WHO.",
        where="ledger",
    ),
)
