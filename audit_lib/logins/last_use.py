"""When the application's own tokens were last used, as far as its logs can tell."""

from collections.abc import Mapping
from datetime import datetime

import pandas as pd

from audit_lib.logins.detections import detection_policy
from audit_lib.logins.requests import succeeded
from audit_lib.settings import Policy

NO_ANSWER = "not known: no answered request on a protected route is in the logs"
LastUse = tuple[datetime | None, str]


def last_uses(requests: pd.DataFrame, policy: Policy, as_of: datetime) -> Mapping[str, LastUse]:
    """For each secret that callers send the latest instant by which it was used, and what shows it.

    A request that was answered on a protected route had one of them. Which it was can be told only if there
    is one, under however many names: of several the instant is not known.
    """
    names = detection_policy(policy).caller_secrets
    if not names:
        return {}
    used = requests[succeeded(requests) & requests["not_after_at"].notna()]
    used = used[used["not_after_at"] <= pd.Timestamp(as_of)]
    if used.empty:
        return dict.fromkeys(names, (None, NO_ANSWER))
    last = used.sort_values("not_after_at", kind="stable").iloc[-1]
    place, at = f"{last['file']}:{last['line']}", last["not_after_at"]
    if len(_values(names, policy)) == 1:
        return dict.fromkeys(names, (at, f"a protected route answered in {place}"))
    told = f"not known: one of {', '.join(names)} was used by {at:%Y-%m-%d %H:%M} ({place})"
    return dict.fromkeys(names, (None, told))


def _values(names: tuple[str, ...], policy: Policy) -> set[frozenset[str]]:
    """The names by the value that they hold: those that must be equal are one."""
    groups: set[frozenset[str]] = set()
    for name in names:
        rule = policy.rule(name)
        mine = {name, *(rule.equals if rule else ())}
        touching = {group for group in groups if group & mine}
        groups = (groups - touching) | {frozenset(mine).union(*touching)}
    return groups
