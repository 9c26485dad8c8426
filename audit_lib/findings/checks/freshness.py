"""Checks on a secret's age: overdue, due, not known, and evidence that contradicts itself."""

from audit_lib.findings.check import Check, by_environment, yes

ROTATION = ("NIST IA-5", "NIST SC-12", "PCI 8.6.3")
LEDGER = ("NIST AU-10", "ASVS 16.4.2", "NIST CM-3")
SCOPE = "{environment}/{service}"
AGE = "age: {age}; limit: {max_age_days} days"

AGES = (
    Check(
        id="overdue-secret",
        table="freshness",
        severity=by_environment("high", "medium"),
        when=lambda rows: rows["status"].eq("overdue"),
        subject="{secret}",
        evidence=AGE + "; overdue since {overdue_from_at} at the latest ({hi_evidence})",
        remedy="Rotate {secret} in {environment}/{service} now and record it: audit_lib record {secret}.",
        controls=ROTATION,
        where=SCOPE,
        facts=("period",),
    ),
    Check(
        id="due-secret",
        table="freshness",
        severity=by_environment("medium", "low"),
        when=lambda rows: rows["status"].eq("due"),
        subject="{secret}",
        evidence=AGE + "; may be overdue from {possibly_overdue_from_at}",
        remedy="Plan the rotation of {secret} in {environment}/{service} before {possibly_overdue_from_at}.",
        controls=ROTATION,
        where=SCOPE,
        facts=("period",),
    ),
    Check(
        id="overdue-by-the-period-for-all",
        table="freshness",
        severity=by_environment("medium", "low"),
        # The guide has one period for all and a longer one here: both verdicts are shown (rules.md, D3).
        when=lambda rows: rows["strict_status"].eq("overdue") & rows["status"].ne("overdue"),
        subject="{secret}",
        evidence=AGE + "; the policy's limit for all secrets: {strict_max_age_days} days",
        remedy="Rotate {secret} in {environment}/{service}, or state in the guide which limit applies.",
        controls=ROTATION,
        where=SCOPE,
        facts=("period",),
    ),
    Check(
        id="unknown-age",
        table="freshness",
        severity=by_environment("high", "medium"),
        # Of a place that was not supplied the missing source is the finding.
        unknown_when=lambda rows: rows["status"].eq("unknown") & rows["reason"].ne("not supplied"),
        subject="{secret}",
        evidence=AGE + "; whether it is overdue is not known: {reason}",
        remedy="{next_evidence}",
        controls=ROTATION,
        where=SCOPE,
        facts=("period",),
    ),
    Check(
        id="evidence-conflict",
        table="freshness",
        severity="high",
        when=lambda rows: yes(rows["conflict"]),
        subject="{secret}",
        evidence="pieces of evidence contradict each other; the review uses: changed after {lo_at} "
        "({lo_evidence}), in place by {hi_at} ({hi_evidence})",
        remedy="Find out which record of {secret} is wrong, and record what is right. Check the clocks.",
        controls=LEDGER,
        where=SCOPE,
    ),
    Check(
        id="rotation-not-done",
        table="freshness",
        severity="critical",
        when=lambda rows: yes(rows["claimed_not_done"]),
        subject="{secret}",
        evidence="a rotation was recorded, but the current value was in place before it",
        remedy="Rotate {secret} in {environment}/{service}, and find out why the record was made.",
        controls=LEDGER,
        where=SCOPE,
        facts=(
            "period",
            "rotate",
        ),
    ),
    Check(
        id="rotated-back",
        table="freshness",
        severity="high",
        when=lambda rows: yes(rows["rotated_back"]),
        subject="{secret}",
        evidence="the current value was in use earlier, with another one between; it is at least "
        "{value_age_days_min} days old",
        remedy="Rotate {secret} in {environment}/{service} to a value that was never in use.",
        controls=("NIST IA-5(1)", "PCI 8.3.7"),
        where=SCOPE,
        facts=("period",),
    ),
    Check(
        id="unrecorded-rotation",
        table="freshness",
        severity=by_environment("medium", "low"),
        when=lambda rows: yes(rows["unrecorded_rotation"]),
        subject="{secret}",
        evidence="the value changed between {lo_at} and {hi_at}, but no rotation is recorded",
        remedy="Record who rotated {secret} and why: audit_lib record {secret} --environment {environment}.",
        controls=LEDGER,
        where=SCOPE,
        facts=("period",),
    ),
    Check(
        id="rotated-apart",
        table="rotation_pairs",
        severity=by_environment("high", "medium"),
        when=lambda rows: rows["relation"].eq("apart"),
        unknown_when=lambda rows: rows["relation"].eq("unknown"),
        subject="{secret} {other_secret}",
        evidence="both must be rotated together, but {secret} came into force after {lo_at} and by {hi_at}, "
        "{other_secret} after {other_lo_at} and by {other_hi_at}",
        unknown_evidence="whether {secret} and {other_secret} came into force together is not known",
        remedy="Rotate both in {environment} together, and take a snapshot just before and just after.",
        controls=ROTATION,
        where=SCOPE,
        facts=("pairing", "rotate"),
    ),
)
