"""Who answers for each secret of the policy, and whether that was confirmed in the last quarter."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from audit_lib.base.clock import ending_instant, parse_instant
from audit_lib.base.git import authors_of
from audit_lib.findings.contracts import Ownership
from audit_lib.ledger import Entry, Ledger
from audit_lib.secrecy.identities import mask_email
from audit_lib.settings import Policy, Project, SecretRule
from audit_lib.settings.code_reads import CodeRead, is_deployment

PREFIX = "secret:"  # of the rule that an owner attests
# CIS Controls 8.1, safeguard 5.5: reviews "on a recurring schedule at a minimum quarterly".
QUARTER = timedelta(days=92)


def recertified_rule(secret: str) -> str:
    """What an owner attests of a secret: that it is still needed, owned, and limited as the policy says."""
    return PREFIX + secret


def tabulate_ownership(
    policy: Policy, ledger: Ledger, guesses: Mapping[str, str], as_of: datetime
) -> pd.DataFrame:
    """`Ownership`: one row for each secret of the policy. `guesses` are of those without an owner.

    An attestation counts until its end, and for a quarter at most; a date of the policy for a quarter.
    """
    last = {str(entry.body["rule"]): entry for entry in ledger.of_kind("attestation")}
    return Ownership.of(
        {
            "secret": rule.name,
            "service": rule.service,
            "purpose": rule.purpose,
            "owner": rule.owner,
            "owner_guess": "" if rule.owner else guesses.get(rule.name, ""),
            "reach": rule.reach,
            "max_age_days": rule.max_age_days,
            "period_reason": rule.reason,
            **_review(rule, last.get(recertified_rule(rule.name)), as_of),
        }
        for rule in policy.secrets
        if rule.kind == "secret"
    )


def _review(rule: SecretRule, attested: Entry | None, as_of: datetime) -> dict[str, Any]:
    """When it was reviewed last, by whom, and whether that still counts; what is dated later is left out."""
    reviews = [(at, "", at + QUARTER) for at in _stated(rule) if at <= as_of]
    if attested is not None:
        until = ending_instant(attested.body["until"], "ledger")
        reviews.append((attested.at, str(attested.body["by"]), min(until, attested.at + QUARTER)))
    if not reviews:
        return {"reviewed_at": None, "reviewed_by": "", "review": "missing"}
    at, by, _ = max(reviews)
    current = any(end >= as_of for _, _, end in reviews)
    return {"reviewed_at": at, "reviewed_by": by, "review": "current" if current else "late"}


def _stated(rule: SecretRule) -> Iterator[datetime]:
    if rule.reviewed:
        yield parse_instant(rule.reviewed, "policy")


def guess_owners(
    project: Project, policy: Policy, code: CodeRead, shown: Callable[[str], str] = mask_email
) -> dict[str, str]:
    """For each secret without an owner who last changed a line that reads it, as `shown` gives it."""
    lines = {
        rule.name: line
        for rule in policy.secrets
        if rule.kind == "secret" and not rule.owner and (line := _read_in(rule, code))
    }
    authors = authors_of(project.root, lines.values())
    found = {}
    for name, line in lines.items():
        mail, text = authors.get(line, ("", ""))
        spelt = (policy.rule(name) or SecretRule(name, "", "", "")).aliases
        if "@" in mail and any(one.lower() in text.lower() for one in (name, *spelt)):
            found[name] = shown(mail)
    return found


def _read_in(rule: SecretRule, code: CodeRead) -> tuple[str, int] | None:
    """The first line of the code that reads a secret, one of a program before one of a deployment file."""
    reads = [one for name in (rule.name, *rule.aliases) for one in code.variables.get(name, ())]
    if not reads:
        return None
    first = min(reads, key=lambda one: (is_deployment(PurePosixPath(one.path)), one))
    return first.path, first.line
