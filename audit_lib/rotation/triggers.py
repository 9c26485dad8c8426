"""Who left, and which provider was breached: were the secrets that it concerns rotated since?"""

import csv
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pandas as pd

from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.frames import Sources, rows
from audit_lib.base.git import GitFailed, authors
from audit_lib.base.in_words import counted
from audit_lib.ledger import Ledger
from audit_lib.rotation.contracts import Triggers
from audit_lib.settings import Policy, Project

KINDS = {"leaver": "leaver list", "breach": "breach list"}
LARGEST_BYTES = 16 * 2**20
_WHO = {"leaver": ("who", "name", "email", "login"), "breach": ("provider", "who", "name")}
_WHEN = ("date", "at", "left", "timestamp")
_UNSEEN = {
    "leaver": "neither git, nor the ledger, nor the policy shows that they had access",
    "breach": "no secret of the policy is of this provider",
}
_REMEDY = "name a file that exists in audit.toml, or export the list again"


class Event(NamedTuple):
    """One line of a list: who left, or which provider was breached. `who` never leaves this room."""

    kind: str
    source: str
    line: int
    at: datetime
    who: tuple[str, ...]  # the names of one person, or a provider


def tabulate_triggers(
    project: Project, policy: Policy, ledger: Ledger, freshness: pd.DataFrame, as_of: datetime
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`Sources` of the lists that are named, and `Triggers`: each event with the secrets that it concerns."""
    lists = {"leaver": project.leavers, "breach": project.breaches}
    read = [_read(project, kind, path, as_of) for kind, path in lists.items() if path]
    identifiers = {rule.name for rule in policy.secrets if rule.kind != "secret"}
    ages = list(rows(freshness[~freshness["secret"].isin(identifiers)]))
    known = _with_access(project, policy, ledger) if project.leavers else set()
    found = []
    for event in (event for _, events in read for event in events):
        left, had_access = event.kind == "leaver", not known.isdisjoint(map(str.lower, event.who))
        subject = f"who left on {event.at:%Y-%m-%d}" if left else event.who[0]  # of people the day alone
        own = {"kind": event.kind, "source": event.source, "line": event.line, "at": event.at}
        concerned = [age for age in ages if (had_access if left else is_of(event.who[0], age.secret, policy))]
        for age in concerned or ([] if left and had_access else [None]):
            place = {name: getattr(age, name, "") for name in ("secret", "environment", "service")}
            answer, reason = _since(event, age) if age else ("unknown", _UNSEEN[event.kind])
            found.append({**own, "subject": subject, **place, "answer": answer, "reason": reason})
    return Sources.of(row for row, _ in read), Triggers.of(found)


def _with_access(project: Project, policy: Policy, ledger: Ledger) -> set[str]:
    """Everybody of whom it is seen that they had access: authors, writers of the ledger, owners."""
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
    # An underscore parts words, too: Box is in BOX_TOKEN, and not in SANDBOX_TOKEN.
    words = re.escape(provider.lower()).replace(r"\ ", r"[\s_-]+")
    return re.search(rf"(?<![a-z0-9]){words}(?![a-z0-9])", text.lower()) is not None


def _since(event: Event, age: Any) -> tuple[str, str]:
    """Whether a value came into force after an event; of a day it is not known when on it."""
    if age.lo_at is not None and age.lo_at >= event.at:
        return "yes", ""
    if age.hi_at is not None and age.hi_at <= event.at - timedelta(days=1):
        return "no", f"in force since {iso(age.hi_at)} or before"
    return "unknown", "whether it was rotated since is not known"


def _read(project: Project, kind: str, path: str, as_of: datetime) -> tuple[dict[str, Any], list[Event]]:
    """The row of `Sources` of a list, and its events by an instant; lines that are left out are counted."""
    row = {"source": path, "kind": KINDS[kind], "environment": "", "service": "", "remedy": _REMEDY}
    try:
        source = read_source(project.root, path, LARGEST_BYTES)
        found = list(_lines(kind, path, source.content.decode("utf-8-sig")))
    except Unreadable as error:
        return row | {"state": error.state, "reason": error.reason}, []
    except (ValueError, csv.Error):
        return row | {"state": "unreadable", "reason": "is not understood"}, []
    understood = [event for event in found if event is not None]
    events = [event for event in understood if event.at <= as_of]
    lost, late = len(found) - len(understood), len(understood) - len(events)
    reasons = [f"{counted(lost, 'line')} not understood"] if lost else []
    reasons += [f"{counted(late, 'line')} dated after this review left out"] if late else []
    row |= {"state": "read" if understood or not found else "unreadable", "reason": "; ".join(reasons)}
    row |= {"sha256": source.sha256, "size_bytes": source.facts.size_bytes, "remedy": ""}
    return row | {"lines": len(found), "read": len(understood), "not_understood": lost, "blank": 0}, events


def _lines(kind: str, path: str, text: str) -> Iterator[Event | None]:
    """The lines of a CSV file; None for one without a date, or without a name. Several names: `;`."""
    reader = csv.DictReader(text.splitlines())
    for row in reader:
        cells = {str(key).strip().lower(): str(cell or "").strip() for key, cell in row.items()}
        names = [part.strip() for key in _WHO[kind] for part in cells.get(key, "").split(";") if part.strip()]
        date = next((cells[name] for name in _WHEN if cells.get(name)), "")
        try:
            yield Event(kind, path, reader.line_num, parse_instant(date, ""), tuple(names)) if names else None
        except BadInput:
            yield None
