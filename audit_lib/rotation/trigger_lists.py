"""Reads the lists that audit.toml names: who left, which provider was breached, who looked at values."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.in_words import counted
from audit_lib.project import Project

KINDS = {"leaver": "leaver list", "breach": "breach list", "access": "access log"}
LARGEST_BYTES = 16 * 2**20
_WHO = {"leaver": ("who", "name", "email", "login"), "breach": ("provider", "who", "name")}
_ALWAYS = datetime.max.replace(tzinfo=UTC)
_WHEN = ("date", "at", "left", "timestamp", "createdAt")
# Render's audit log: these show values, or lead to them.
LOOKING = frozenset(("ViewEnvVarValuesEvent", "ViewConnectionInfoEvent", "StartShellEvent"))


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
