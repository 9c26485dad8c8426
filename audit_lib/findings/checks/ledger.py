"""Checks on the ledger: broken entries, acceptances that match nothing, questions left open."""

from audit_lib.findings.check import Check

INTEGRITY = ("NIST AU-9(3)", "NIST AU-10", "ASVS 16.4.2")

LEDGER = (
    Check(
        id="ledger-fault",
        table="ledger_faults",
        severity="high",
        when=lambda rows: rows["fault"].ne(""),
        subject="ledger",
        evidence="{place}: {fault}",
        remedy="Compare it with git and other copies. The review does not use the broken part.",
        controls=INTEGRITY,
        where="{place}",
    ),
    Check(
        id="unmatched-acceptance",
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
        id="unanswered-question",
        table="attestations",
        severity="low",
        unknown_when=lambda rows: rows["status"].ne("attested"),
        subject="rule {rule}",
        evidence="{question} Nobody has confirmed it ({status})",
        remedy='Answer it: attest {rule} --by WHO --reason "what you looked at" --until DATE.',
        controls=("NIST CA-2", "ISO A.5.36"),
        where="policy",
    ),
)
