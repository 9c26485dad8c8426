"""What is asked of an incident, and what it means: a window, a secret, the instant of its discovery."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

import pandas as pd

from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.logins.requests import Window
from audit_lib.settings import Policy

DEFAULT_SPAN = timedelta(days=7)


@dataclass(frozen=True)
class Question:
    """What is asked: a window, a secret, an address, and when it was seen first; "" is not given."""

    since: str = ""
    until: str = ""
    secret: str = ""
    client: str = ""
    discovered: str = ""


def seen_first(text: str, as_of: datetime) -> str:
    """When an incident was discovered, in words; `BadInput` if it is not a date, or lies in the future."""
    if not text:
        return ""
    instant = parse_instant(text, "discovered")
    day = _is_day(text)
    if (instant.replace(hour=0, minute=0, second=0) if day else instant) > as_of:
        raise BadInput.at("discovered", f"is after {iso(as_of)}, the time as of which it is investigated")
    return f"on {instant:%Y-%m-%d}" if day else iso(instant)


def _is_day(text: str) -> bool:
    return bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip()))


def known_address(text: str) -> str:
    """The address that is asked about; `BadInput` for what is not one."""
    address = text.strip()
    if address:
        try:
            ip_address(address)
        except ValueError:
            # The text itself is not repeated: someone may have given the value.
            raise BadInput.at("client", "must be an address such as 203.0.113.45") from None
    return address


def known_secret(text: str, policy: Policy, inventory: pd.DataFrame) -> str:
    """The secret that a name or an alias means; `BadInput` if neither policy nor project has it."""
    name = text.strip()
    rule = policy.rule(name)
    if not name or rule:
        return rule.name if rule else ""
    if name not in set(inventory["variable"]):
        # The text itself is not repeated: someone may have given the value.
        raise BadInput.at("secret", "no such variable in the policy or the project")
    return name


def chosen_window(
    question: Question, secret: str, leaks: pd.DataFrame, history: pd.DataFrame, as_of: datetime
) -> Window:
    """The window that is asked for; by default since the leak's first sighting, or the last 7 days."""
    until = parse_instant(question.until, "until") if question.until else as_of
    until = min(until, as_of)
    if question.since:
        since = parse_instant(question.since, "since")
        if _is_day(question.since):
            since = since.replace(hour=0, minute=0, second=0)
    else:
        mine = leaks.loc[(leaks["variable"] == secret) & (leaks["kind"] == "leak"), "first_at"]
        committed = history.loc[history["name"] == secret, "committed_at"]
        sighted = [at.to_pydatetime() for at in (*mine.dropna(), *committed)] if secret else []
        first = min(sighted, default=None)
        since = first if first is not None and first < until else until - DEFAULT_SPAN
    if since >= until:
        raise BadInput.at("since", f"is not before {iso(until)}")
    return Window(since, until)
