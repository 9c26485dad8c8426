"""Whether secrets were rotated after somebody left or a provider was breached, and who looked at values."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.contracts import Sources, Triggers, rows
from audit_lib.base.git.commands import GitFailed, authors
from audit_lib.ledger import Ledger
from audit_lib.project import Project
from audit_lib.project.policy import Policy
from audit_lib.rotation.trigger_lists import LOOKING, Event, read_lists

_DAY = timedelta(days=1)
ACCESS_UNSEEN = "neither git, nor the ledger, nor the policy shows that they had access"
_NONE = "no secret of the policy is of this provider"
NO_LIST = "audit.toml does not say who may look (may_look)"


def tabulate_triggers(
    project: Project, policy: Policy, ledger: Ledger, freshness: pd.DataFrame, as_of: datetime
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`Sources` of the lists that are named, and `Triggers`: each event with the secrets that it concerns."""
    sources, events = read_lists(project, as_of)
    identifiers = {rule.name for rule in policy.secrets if rule.kind != "secret"}
    freshness = freshness[~freshness["secret"].isin(identifiers)]
    known = _with_access(project, policy, ledger) if project.leavers else set()
    allowed = {name.lower() for name in project.may_look}
    found: list[dict[str, Any]] = []
    for event in events:
        if event.kind == "leaver":
            found += _leaver(event, known, freshness)
        elif event.kind == "breach":
            found += _breach(event, policy, freshness)
        elif event.what in LOOKING:
            found.append(_looked(event, allowed))
    return Sources.of(sources), Triggers.of(found)


def _with_access(project: Project, policy: Policy, ledger: Ledger) -> set[str]:
    """Everybody of whom it is seen that they had access: authors, writers of the ledger, owners."""
    try:
        known = authors(project.root)
    except GitFailed:
        known = set()
    return (
        known
        | {entry.writer.lower() for entry in ledger.entries}
        | {one.owner.lower() for one in policy.consumers if one.owner}
        | {rule.metadata.owner.lower() for rule in policy.secrets if rule.metadata.owner}
    )


def _leaver(event: Event, known: set[str], freshness: pd.DataFrame) -> Iterator[dict[str, Any]]:
    subject = f"who left on {event.at:%Y-%m-%d}"
    if event.who & known:
        yield from (_since(event, subject, age) for age in rows(freshness))
    else:
        yield _row(event, subject, "unknown", ACCESS_UNSEEN)


def _breach(event: Event, policy: Policy, freshness: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The secrets of a provider: those whose name, title or place of issue has its name."""
    word = event.what.lower()
    concerned = [age for age in rows(freshness) if word in _words_of(age.secret, policy)]
    yield from (_since(event, event.what, age) for age in concerned)
    if not concerned:
        yield _row(event, event.what, "unknown", _NONE)


def _words_of(secret: str, policy: Policy) -> str:
    rule = policy.rule(secret)
    return f"{secret} {rule.title} {rule.obtain}".lower() if rule else secret.lower()


def _since(event: Event, subject: str, age: Any) -> dict[str, Any]:
    """Whether a value came into force after an event; of a day it is not known when on it."""
    if age.lo_at is not None and age.lo_at >= event.at:
        answer, reason = "yes", ""
    elif age.hi_at is not None and age.hi_at <= event.at - _DAY:
        answer, reason = "no", f"in force since {iso(age.hi_at)} or before"
    else:
        answer, reason = "unknown", "whether it was rotated since is not known"
    place = {"secret": age.secret, "environment": age.environment, "service": age.service}
    return _row(event, subject, answer, reason) | place


def _looked(event: Event, allowed: set[str]) -> dict[str, Any]:
    """Whether somebody who looked at values is one of those who may."""
    if not allowed:
        return _row(event, event.what, "unknown", NO_LIST)
    may = bool(event.who & allowed)
    return _row(event, event.what, "yes" if may else "no", "" if may else "by somebody who may not look")


def _row(event: Event, subject: str, answer: str, reason: str) -> dict[str, Any]:
    return {
        "kind": event.kind,
        "source": event.source,
        "line": event.line,
        "subject": subject,
        "at": event.at,
        "secret": "",
        "environment": "",
        "service": "",
        "answer": answer,
        "reason": reason,
    }
