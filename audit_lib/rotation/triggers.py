"""Who left, which provider was breached, who looked at values: and whether secrets were rotated since."""

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

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

KINDS = {"leaver": "leaver list", "breach": "breach list", "access": "access log"}
LARGEST_BYTES = 16 * 2**20
_WHO = {"leaver": ("who", "name", "email", "login"), "breach": ("provider", "who", "name")}
_WHEN = ("date", "at", "left", "timestamp", "createdAt")
# Render's audit log: these show values, or lead to them.
LOOKING = frozenset(("ViewEnvVarValuesEvent", "ViewConnectionInfoEvent", "StartShellEvent"))
ACCESS_UNSEEN = "neither git, nor the ledger, nor the policy shows that they had access"
NO_LIST = "audit.toml does not say who may look (may_look)"
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Event:
    """One line of a list: what happened, when, and to whom or by whom. `who` never leaves this room."""

    kind: str
    source: str
    line: int
    at: datetime
    what: str = ""  # a provider, or the platform's name of an event
    who: frozenset[str] = field(default=frozenset(), repr=False)

    def row(self, subject: str, answer: str, reason: str = "", age: Any = None) -> dict[str, Any]:
        """A row of `Triggers`, on the secret whose age is given."""
        names = ("secret", "environment", "service")
        place = {name: getattr(age, name) if age else "" for name in names}
        own = {"kind": self.kind, "source": self.source, "line": self.line, "at": self.at}
        return {**own, "subject": subject, **place, "answer": answer, "reason": reason}


def tabulate_triggers(
    project: Project, policy: Policy, ledger: Ledger, freshness: pd.DataFrame, as_of: datetime
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`Sources` of the lists that are named, and `Triggers`: each event with the secrets that it concerns."""
    sources, events = read_lists(project, as_of)
    identifiers = {rule.name for rule in policy.secrets if rule.kind != "secret"}
    ages = freshness[~freshness["secret"].isin(identifiers)]
    known = _with_access(project, policy, ledger) if project.leavers else set()
    allowed = {name.lower() for name in project.may_look}
    found: list[dict[str, Any]] = []
    for event in events:
        if event.kind == "leaver":
            found += _leaver(event, known, ages)
        elif event.kind == "breach":
            found += _breach(event, policy, ages)
        elif event.what in LOOKING:
            may = bool(event.who & allowed)
            answer = ("yes", "") if may else ("no", "by somebody who may not look")
            found.append(event.row(event.what, *(answer if allowed else ("unknown", NO_LIST))))
    return Sources.of(sources), Triggers.of(found)


def _with_access(project: Project, policy: Policy, ledger: Ledger) -> set[str]:
    """Everybody of whom it is seen that they had access: authors, writers of the ledger, owners."""
    try:
        known = authors(project.root)
    except GitFailed:
        known = set()
    owners = [consumer.owner for consumer in policy.consumers] + [rule.owner for rule in policy.secrets]
    writers = [entry.writer for entry in ledger.entries]
    return known | {name.lower() for name in (*owners, *writers) if name}


def _leaver(event: Event, known: set[str], ages: pd.DataFrame) -> Iterator[dict[str, Any]]:
    subject = f"who left on {event.at:%Y-%m-%d}"
    if not event.who & known:
        yield event.row(subject, "unknown", ACCESS_UNSEEN)
        return
    yield from (event.row(subject, *_since(event, age), age) for age in rows(ages))


def _breach(event: Event, policy: Policy, ages: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The secrets of a provider: its name is a word of the secret's name, title or place of issue."""
    concerned = [age for age in rows(ages) if _is_of(event.what, age.secret, policy)]
    yield from (event.row(event.what, *_since(event, age), age) for age in concerned)
    if not concerned:
        yield event.row(event.what, "unknown", "no secret of the policy is of this provider")


def _is_of(provider: str, secret: str, policy: Policy) -> bool:
    rule = policy.rule(secret)
    text = f"{secret} {rule.title} {rule.obtain}" if rule else secret
    # An underscore parts words, too: Box is in BOX_TOKEN, and not in SANDBOX_TOKEN.
    words = re.escape(provider.lower()).replace(r"\ ", r"[\s_-]+")
    return re.search(rf"(?<![a-z0-9]){words}(?![a-z0-9])", text.lower()) is not None


def _since(event: Event, age: Any) -> tuple[str, str]:
    """Whether a value came into force after an event; of a day it is not known when on it."""
    if age.lo_at is not None and age.lo_at >= event.at:
        return "yes", ""
    if age.hi_at is not None and age.hi_at <= event.at - _DAY:
        return "no", f"in force since {iso(age.hi_at)} or before"
    return "unknown", "whether it was rotated since is not known"


# ---- The lists ----


def read_lists(project: Project, as_of: datetime) -> tuple[list[dict[str, Any]], list[Event]]:
    """A row of `Sources` for each list that is named, and the events of them by an instant.

    A line that is not understood is counted, and so are those that are dated later.
    """
    named: Mapping[str, tuple[str, _Reader]] = {
        "leaver": (project.leavers, _lines),
        "breach": (project.breaches, _lines),
        "access": (project.access_log, _entries),
    }
    sources, events = [], []
    for kind, (path, read) in named.items():
        if path:
            row, found = _read(project, kind, path, read)
            then = [event for event in found if event.at <= as_of]
            late = len(found) - len(then)
            reasons = [
                row["reason"],
                f"{counted(late, 'line')} dated after this review left out" * bool(late),
            ]
            sources.append(row | {"reason": "; ".join(filter(None, reasons))})
            events += then
    return sources, events


_Reader = Callable[[str, str, str], Iterator[Event | None]]


def _read(project: Project, kind: str, path: str, read: _Reader) -> tuple[dict[str, Any], list[Event]]:
    row: dict[str, Any] = {
        "source": path,
        "kind": KINDS[kind],
        "environment": "",
        "service": "",
        "reason": "",
    }
    row["remedy"] = "name a file that exists in audit.toml, or export the list again"
    try:
        source = read_source(project.root, path, LARGEST_BYTES)
        found = list(read(kind, path, source.content.decode("utf-8-sig")))
    except Unreadable as error:
        return row | {"state": error.state, "reason": error.reason}, []
    except (ValueError, RecursionError, csv.Error):
        return row | {"state": "unreadable", "reason": "is not understood"}, []
    events = [event for event in found if event is not None]
    lost = len(found) - len(events)
    facts = {"sha256": source.sha256, "size_bytes": source.facts.size_bytes, "remedy": ""}
    counts = {"lines": len(found), "read": len(events), "not_understood": lost, "blank": 0}
    state = "read" if events or not found else "unreadable"
    reason = f"{counted(lost, 'line')} not understood" if lost else ""
    return row | facts | counts | {"state": state, "reason": reason}, events


def _lines(kind: str, path: str, text: str) -> Iterator[Event | None]:
    """The lines of a CSV file; None for one without a date, or without a name. Several names: `;`."""
    reader = csv.DictReader(text.splitlines())
    for row in reader:
        cells = {str(key).strip().lower(): str(cell or "").strip() for key, cell in row.items()}
        names = [part.strip() for key in _WHO[kind] for part in cells.get(key, "").split(";") if part.strip()]
        at = _instant(cells)
        if at is None or not names:
            yield None
        elif kind == "leaver":
            yield Event(kind, path, reader.line_num, at, who=frozenset(name.lower() for name in names))
        else:
            yield Event(kind, path, reader.line_num, at, names[0])


def _entries(kind: str, path: str, text: str) -> Iterator[Event | None]:
    """The entries of Render's audit log, as a list or one a line, bare or within `auditLog`."""
    listed = text.lstrip().startswith("[")
    whole = json.loads(text) if listed else [json.loads(line) for line in text.splitlines() if line.strip()]
    for number, entry in enumerate(whole, 1):
        facts = entry.get("auditLog", entry) if isinstance(entry, dict) else None
        facts = facts if isinstance(facts, dict) else {}
        actor, at, what = facts.get("actor"), _instant(facts), facts.get("event")
        who = [actor] if isinstance(actor, str) else list(actor.values()) if isinstance(actor, dict) else []
        names = frozenset(str(name).lower() for name in who)
        yield Event(kind, path, number, at, what, names) if at and isinstance(what, str) else None


def _instant(facts: Mapping[str, Any]) -> datetime | None:
    dates = (facts[name] for name in _WHEN if isinstance(facts.get(name), str) and facts[name])
    try:
        return parse_instant(next(dates), "date")
    except (BadInput, StopIteration):
        return None
