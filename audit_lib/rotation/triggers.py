"""Who left, which provider was breached, who looked at values: and whether secrets were rotated since."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
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
_ALWAYS = datetime.max.replace(tzinfo=UTC)
_WHEN = ("date", "at", "left", "timestamp", "createdAt")
# Render's audit log: these show values, or lead to them.
LOOKING = frozenset(("ViewEnvVarValuesEvent", "ViewConnectionInfoEvent", "StartShellEvent"))
_DAY = timedelta(days=1)
ACCESS_UNSEEN = "neither git, nor the ledger, nor the policy shows that they had access"
_NONE = "no secret of the policy is of this provider"
NO_LIST = "audit.toml does not say who may look (may_look)"


@dataclass(frozen=True)
class Event:
    """One line of a list: what happened, when, and to whom or by whom. `who` never leaves this room."""

    kind: str
    source: str
    line: int
    at: datetime
    what: str = ""  # a provider, or the platform's name of an event
    who: frozenset[str] = field(default=frozenset(), repr=False)


def read_lists(project: Project, as_of: datetime) -> tuple[list[dict[str, Any]], list[Event]]:
    """A row of `Sources` for each list that is named, and the events of them by an instant.

    A line that is not understood is counted, and so are those that are dated later.
    """
    named: tuple[tuple[str, str, _Reader], ...] = (
        ("leaver", project.leavers, _lines),
        ("breach", project.breaches, _lines),
        ("access", project.access_log, _entries),
    )
    sources, events = [], []
    for kind, path, read in named:
        if path:
            row, found = _read(project, kind, path, read)
            then = [one for one in found if one.at <= as_of]
            late = f"{counted(len(found) - len(then), 'line')} dated after this review left out"
            told = [row["reason"], late] if len(then) < len(found) else [row["reason"]]
            sources.append(row | {"reason": "; ".join(filter(None, told))})
            events += then
    return sources, events


def listed_days(project: Project) -> dict[str, list[str]]:
    """By list of leavers or of breaches, as `KIND PATH`, the day of each line; `DAY no. 2` is one's second.

    Of an access log nothing: each export is of another time.
    """
    sources, events = read_lists(project, _ALWAYS)
    found: dict[str, list[str]] = {
        f"{row['kind']} {row['source']}": []
        for row in sources
        if row["kind"] != KINDS["access"] and row["state"] == "read"
    }
    for event in events:
        days = found.get(f"{KINDS[event.kind]} {event.source}", [])
        earlier = sum(day.startswith(f"{event.at:%Y-%m-%d}") for day in days)
        days.append(f"{event.at:%Y-%m-%d}" + (f" no. {earlier + 1}" if earlier else ""))
    return found


_Reader = Callable[[str, str, str], Iterator[Event | None]]


def _read(project: Project, kind: str, path: str, read: _Reader) -> tuple[dict[str, Any], list[Event]]:
    place = {"environment": "", "service": "", "remedy": f"export it to {path} (docs/review.md#triggers)"}
    row = {"source": path, "kind": KINDS[kind], **place, "reason": ""}
    try:
        source = read_source(project.root, path, LARGEST_BYTES)
        found = list(read(kind, path, source.content.decode("utf-8-sig")))
    except Unreadable as error:
        return row | {"state": error.state, "reason": error.reason}, []
    except (ValueError, RecursionError, csv.Error):
        return row | {"state": "unreadable", "reason": "is not understood"}, []
    events = [one for one in found if one is not None]
    lost = len(found) - len(events)
    return row | {
        "state": "read" if events or not found else "unreadable",
        "reason": f"{counted(lost, 'line')} not understood" if lost else "",
        "lines": len(found),
        "read": len(events),
        "not_understood": lost,
        "blank": 0,
        "sha256": source.sha256,
        "size_bytes": source.facts.size_bytes,
    }, events


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
    whole = json.loads(text) if listed else [json.loads(one) for one in text.splitlines() if one.strip()]
    for number, entry in enumerate(whole, 1):
        facts = entry.get("auditLog", entry) if isinstance(entry, dict) else None
        actor = facts.get("actor") if isinstance(facts, dict) else None
        who = [actor] if isinstance(actor, str) else list(actor.values()) if isinstance(actor, dict) else []
        at = _instant(facts) if isinstance(facts, dict) else None
        if not isinstance(facts, dict) or at is None or not isinstance(facts.get("event"), str):
            yield None
        else:
            names = frozenset(str(name).lower() for name in who)
            yield Event(kind, path, number, at, facts["event"], names)


def _instant(facts: dict[str, Any]) -> datetime | None:
    told = next((facts[name] for name in _WHEN if isinstance(facts.get(name), str) and facts[name]), None)
    try:
        return parse_instant(told, "date") if told else None
    except BadInput:
        return None


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
        | {rule.owner.lower() for rule in policy.secrets if rule.owner}
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
