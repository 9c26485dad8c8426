"""Who left, which provider was breached, who looked at values: and whether secrets were rotated since."""

import csv
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.frames import Contract, Field, Instant, Series, Sources, rows
from audit_lib.base.git import GitFailed, authors
from audit_lib.base.in_words import counted
from audit_lib.ledger import Ledger
from audit_lib.settings import Policy, Project

KINDS = {"leaver": "leaver list", "breach": "breach list", "access": "access log"}
_NAMES = ("who", "provider", "name", "email", "login")
_WHEN = ("date", "at", "left", "timestamp")
_PLACE = ("secret", "environment", "service")
_PEOPLE = {"leaver": "who left", "access": "who looked"}
_UNSEEN = {
    "leaver": "neither git, nor the ledger, nor the policy shows that they had access",
    "breach": "no secret of the policy is of this provider",
    "access": "may_look in audit.toml does not name them",
}
Event = tuple[int, datetime, list[str]]  # a line, when, and the names of one person, or a provider


class Triggers(Contract):
    """One row for each event after which secrets are rotated at once, and each secret that it concerns."""

    kind: Series[str] = Field(isin=("leaver", "breach", "access"))
    source: Series[str]
    line: Series[int]
    subject: Series[str]  # a provider; of people the day alone
    at: Series[Instant]
    secret: Series[str]  # "" if it is not known which it concerns
    environment: Series[str]
    service: Series[str]
    answer: Series[str] = Field(isin=("yes", "no", "unknown"))  # yes: rotated since, or allowed
    reason: Series[str]


def tabulate_triggers(
    project: Project, policy: Policy, ledger: Ledger, freshness: pd.DataFrame, as_of: datetime
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`Sources` of the lists that are named, and `Triggers`: each event with the secrets that it concerns.

    A leaver who had access concerns every secret, a breach those of its provider: each has a row, `yes` if it
    was rotated since. Any other event has one row without a secret, `unknown`. So has each access: `yes` if
    may_look names who looked, `no` if it does not, `unknown` if it is empty.
    """
    identifiers = {rule.name for rule in policy.secrets if rule.kind != "secret"}
    ages = list(rows(freshness[~freshness["secret"].isin(identifiers)]))
    expected = {
        "leaver": _with_access(project, policy, ledger) if project.leavers else set(),
        "access": {name.lower() for name in project.may_look},
    }
    lists = {"leaver": project.leavers, "breach": project.breaches, "access": project.access_log}
    sources, found = [], []
    for kind, path in lists.items():
        source, events = _read(project, kind, path, as_of) if path else ({}, [])
        sources += [source] if source else []
        for line, at, who in events:
            own = {
                "kind": kind,
                "source": path,
                "line": line,
                "at": at,
                "subject": f"{_PEOPLE[kind]} on {at:%Y-%m-%d}" if kind in _PEOPLE else who[0],
            }
            concerned = [age for age in ages if kind != "breach" or is_of(who[0], age.secret, policy)]
            known = concerned if kind == "breach" else expected[kind] & set(map(str.lower, who))
            if known and kind != "access":
                found += [own | _since(at, age) for age in concerned]
            else:
                answer = "yes" if known else "no" if expected.get(kind) and kind == "access" else "unknown"
                own |= {"answer": answer, "reason": "" if known else _UNSEEN[kind]}
                found.append(own | dict.fromkeys(_PLACE, ""))
    return Sources.of(sources), Triggers.of(found)


def _with_access(project: Project, policy: Policy, ledger: Ledger) -> set[str]:
    try:
        known = authors(project.root)
    except GitFailed:
        known = set()
    named = (*(rule.owner for rule in policy.secrets), *(entry.writer for entry in ledger.entries))
    return known | {name.lower() for name in named if name}


def is_of(provider: str, secret: str, policy: Policy) -> bool:
    """Whether a provider's name is, in whole words, in a secret's name, title or place of issue."""
    rule = policy.rule(secret)
    text = f"{secret} {rule.title} {rule.obtain}" if rule else secret
    words = re.escape(provider.lower()).replace(r"\ ", r"[\s_-]+")  # Box is in BOX_TOKEN, not in SANDBOX
    return re.search(rf"(?<![a-z0-9]){words}(?![a-z0-9])", text.lower()) is not None


def _since(at: datetime, age: Any) -> dict[str, str]:
    """Whether a value came into force after an instant; of a day it is not known when on it."""
    answer, reason = "unknown", "whether it was rotated since is not known"
    if age.lo_at is not None and age.lo_at >= at:
        answer, reason = "yes", ""
    elif age.hi_at is not None and age.hi_at <= at - timedelta(days=1):
        answer, reason = "no", f"in force since {iso(age.hi_at)} or before"
    return {name: getattr(age, name) for name in _PLACE} | {"answer": answer, "reason": reason}


def _read(project: Project, kind: str, path: str, as_of: datetime) -> tuple[dict[str, Any], list[Event]]:
    row: dict[str, Any] = dict.fromkeys(_PLACE[1:], "") | {
        "source": path,
        "kind": KINDS[kind],
        "remedy": "name a file that exists in audit.toml, or export the list again",
    }
    try:
        source = read_source(project.root, path, 16 * 2**20)
        found = list(_lines(source.content.decode("utf-8-sig")))
    except Unreadable as error:
        return row | {"state": error.state, "reason": error.reason}, []
    except (ValueError, csv.Error):
        return row | {"state": "unreadable", "reason": "is not understood"}, []
    understood = [event for event in found if event is not None]
    events = [event for event in understood if event[1] <= as_of]
    lost, late = len(found) - len(understood), len(understood) - len(events)
    told = {"not understood": lost, "dated after this review left out": late}
    return row | {
        "state": "read" if understood or not found else "unreadable",
        "reason": "; ".join(f"{counted(count, 'line')} {what}" for what, count in told.items() if count),
        "remedy": "",
        "sha256": source.sha256,
        "size_bytes": source.facts["size_bytes"],
        "lines": len(found),
        "read": len(understood),
        "not_understood": lost,
        "blank": 0,
    }, events


def _lines(text: str) -> Iterator[Event | None]:
    """The lines of a CSV file; None for one without a date, or without a name. Several names: `;`."""
    reader = csv.DictReader(text.splitlines())
    if not {key.strip().lower() for key in reader.fieldnames or ()} & {*_WHEN}:
        raise ValueError("no column of dates")
    for row in reader:
        cells = {str(key).strip().lower(): str(cell or "").strip() for key, cell in row.items()}
        names = [part.strip() for key in _NAMES for part in cells.get(key, "").split(";") if part.strip()]
        date = next((cells[name] for name in _WHEN if cells.get(name)), "")
        try:
            yield (reader.line_num, parse_instant(date, ""), names) if names else None
        except BadInput:
            yield None
