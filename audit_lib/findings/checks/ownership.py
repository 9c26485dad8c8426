"""Checks of the policy itself: what it does not say of a secret for which somebody must answer.

Each lists the secrets in one finding: an owner fills a field in for all of them at once.
"""

from functools import partial

from audit_lib.findings.check import Check

ownership_check = partial(
    Check,
    table="ownership",
    severity="low",
    subject="secrets",
    covers="{secret}@/{service}",
    listed=True,
    where="policy",
    facts=("entry",),
)

OWNERSHIP = (
    ownership_check(
        id="secret-without-owner",
        what="The policy names no owner of a secret.",
        why="Nobody is asked when it leaks, falls due or is no longer needed.",
        when=lambda rows: rows["owner"].eq(""),
        evidence="the policy names no owner of these secrets",
        remedy="Write `owner` for each into the policy. The review's table of secrets guesses some by git.",
        controls=("CIS 5.5", "NIST CM-8", "ISO A.5.9"),
    ),
    ownership_check(
        id="secret-without-purpose",
        what="The policy does not say what a secret is for.",
        why="Without its purpose nobody can say whether it is still needed.",
        when=lambda rows: rows["purpose"].eq(""),
        evidence="the policy does not say what these secrets are for",
        remedy="Write `purpose` for each into the policy.",
        controls=("CIS 5.5", "NIST CM-8"),
    ),
    ownership_check(
        id="secret-without-reach",
        what="The policy does not say what a secret can do.",
        why="How grave a leak is, and whether it can do more than it needs to, cannot be judged.",
        when=lambda rows: rows["reach"].eq(""),
        evidence="the policy does not say what these secrets can do",
        remedy="Write `reach` for each into the policy: what it may read, change and spend.",
        controls=("NIST AC-6", "PCI 7.2", "ASVS 13.2.2"),
    ),
    ownership_check(
        id="period-without-reason",
        what="The policy gives no reason for the period after which a secret is rotated.",
        why="A period that nobody can explain is raised at will; standards ask for a risk analysis.",
        about=lambda rows: rows["max_age_days"].notna(),
        when=lambda rows: rows["period_reason"].eq(""),
        evidence="the policy gives no reason for the period of these secrets",
        remedy="Write `reason` for each into the policy: what the risk analysis says of its period.",
        controls=("PCI 8.6.3", "PCI 12.3.1", "NIST IA-5"),
    ),
    ownership_check(
        id="secret-not-reviewed",
        what="Nobody has confirmed within a quarter that a secret is needed, owned and limited.",
        why="What is never looked at again outlives its use, and keeps what it can do.",
        when=lambda rows: rows["review"].ne("current"),
        evidence="no review of these secrets within 92 days is known",
        remedy='Let each owner confirm it: attest secret:NAME --by WHO --reason "what you saw" --until DATE.',
        controls=("CIS 5.5", "NIST CA-7", "ISO A.5.18"),
    ),
)
