"""Checks on the ledger: broken entries, acceptances that match nothing, questions left open."""

from audit_lib.findings.attestations import UNANSWERED
from audit_lib.findings.check import Check
from audit_lib.findings.ownership import PREFIX

INTEGRITY = ("NIST AU-9(3)", "NIST AU-10", "ASVS 16.4.2")

LEDGER = (
    Check(
        id="ledger-fault",
        what="An entry of the ledger is damaged, out of order or signed with another key.",
        why="Ages and decisions drawn from that chain cannot be trusted.",
        table="ledger_faults",
        severity="high",
        when=lambda rows: rows["fault"].ne("") & ~rows["lost"],
        subject="ledger",
        evidence="{place}: {fault}",
        remedy="Compare it with git and other copies. The review does not use the broken part.",
        controls=INTEGRITY,
        where="{place}",
    ),
    Check(
        id="ledger-entries-lost",
        what="Entries that the ledger held when it was last seen are gone or were replaced.",
        why="Whoever cuts the ledger removes what proves ages, rotations and decisions.",
        table="ledger_faults",
        severity="critical",
        when=lambda rows: rows["lost"],
        subject="ledger",
        evidence="{place} {fault}",
        remedy="Restore the chain from git or another copy, and find out who cut it.",
        controls=INTEGRITY,
        where="{place}",
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
    Check(
        id="rule-not-met",
        what="Somebody answered that a rule is not met which no file can prove.",
        why="Whoever looked says that the guide is not followed.",
        table="attestations",
        severity="medium",
        about=lambda rows: ~rows["rule"].str.startswith(PREFIX),
        when=lambda rows: rows["status"].eq("answered no"),
        subject="rule {rule}",
        evidence="{question} {by} answered no: {reason}",
        remedy="Put it right, then answer again: attest {rule} --by WHO --reason WHAT --until DATE.",
        controls=("NIST CA-2", "ISO A.5.36"),
        where="ledger",
    ),
    Check(
        id="unanswered-question",
        what="Nobody has answered a question that no file can answer, or the answer has expired.",
        why="It is unknown until a person says what they looked at.",
        table="attestations",
        severity="low",
        about=lambda rows: ~rows["rule"].str.startswith(PREFIX),  # secret-not-reviewed is about those
        unknown_when=lambda rows: rows["status"].isin(UNANSWERED),
        subject="rule {rule}",
        evidence="{question} Nobody has confirmed it ({status})",
        remedy='Answer it: attest {rule} --by WHO --reason "what you looked at" --until DATE.',
        controls=("NIST CA-2", "ISO A.5.36"),
        where="policy",
    ),
)
