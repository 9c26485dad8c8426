"""Checks on the ledger: broken entries, acceptances that match nothing, questions left open."""

from functools import partial

from audit_lib.findings.check import Check
from audit_lib.findings.ledger_tables import UNANSWERED
from audit_lib.findings.ownership import PREFIX

INTEGRITY = ("NIST AU-9(3)", "NIST AU-10", "ASVS 16.4.2")

ledger_check = partial(Check, table="ledger_faults", subject="ledger", controls=INTEGRITY, where="{place}")
answer_check = partial(
    Check, table="attestations", subject="rule {rule}", controls=("NIST CA-2", "ISO A.5.36")
)

LEDGER = (
    ledger_check(
        id="ledger-fault",
        what="An entry of the ledger is damaged, out of order or signed with another key.",
        why="Ages and decisions drawn from that chain cannot be trusted.",
        severity="high",
        when=lambda rows: rows["fault"].ne("") & ~rows["lost"],
        evidence="{place}: {fault}",
        remedy="Compare it with git and other copies. The review does not use the broken part.",
    ),
    ledger_check(
        id="ledger-entries-lost",
        what="Entries that the ledger held when it was last seen are gone or were replaced.",
        why="Whoever cuts the ledger removes what proves ages, rotations and decisions.",
        severity="critical",
        when=lambda rows: rows["lost"],
        evidence="{place} {fault}",
        remedy="Restore the chain from git or another copy, and find out who cut it.",
    ),
    Check(
        id="unmatched-acceptance",
        what="A risk was accepted under an id that no finding has.",
        why="It was fixed, was not seen this time, or the id is misspelt.",
        table="acceptances",
        severity="low",
        when=lambda rows: ~rows["matches"] & ~rows["expired"],
        subject="{accepted_id}",
        evidence="accepted by {by} until {until_at}, but no finding has this id: fixed, not seen or misspelt",
        remedy="Compare the id with the report. If the fault is fixed, let the acceptance expire.",
        controls=("NIST CA-7", "ISO A.5.36"),
        where="ledger",
    ),
    answer_check(
        id="rule-not-met",
        what="Somebody answered that a rule is not met which no file can prove.",
        why="Whoever looked says that the guide is not followed.",
        severity="medium",
        about=lambda rows: ~rows["rule"].str.startswith(PREFIX),
        when=lambda rows: rows["status"].eq("answered no"),
        evidence="{question} {by} answered no: {reason}",
        remedy="Put it right, then answer again: attest {rule} --by WHO --reason WHAT --until DATE.",
        where="ledger",
    ),
    answer_check(
        id="unanswered-question",
        what="Nobody has answered a question that no file can answer, or the answer has expired.",
        why="It is unknown until a person says what they looked at.",
        severity="low",
        about=lambda rows: ~rows["rule"].str.startswith(PREFIX),  # secret-not-reviewed is about those
        unknown_when=lambda rows: rows["status"].isin(UNANSWERED),
        evidence="{question} Nobody has confirmed it ({status})",
        remedy='Answer it: attest {rule} --by WHO --reason "what you looked at" --until DATE.',
        where="policy",
    ),
)
