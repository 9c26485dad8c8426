"""Leaks outside the project: what assistants, shells and chats keep, and for how long it has been there."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from math import floor
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.leaks.contracts import LeaksElsewhere
from audit_lib.leaks.urgency import IN_FORCE, NOT_IN_FORCE, NOT_KNOWN

# What a file outside is by its path, the first that fits.
_KINDS = (
    (
        "assistant",
        r"(?:^|/)\.(?:claude|codex|cursor|aider[\w.-]*|continue|windsurf|copilot|gemini|cline|roo|junie)(?:/|$)"
        r"|(?:^|/)(?:CLAUDE|AGENTS|GEMINI|copilot-instructions)[\w.-]*\.md$"
        r"|(?:^|/)\.(?:cursor|windsurf|cline)rules$",
    ),
    ("shell history", r"(?:^|/)\.?\w*_?hist(?:ory|file)?(?:\.txt)?$"),
    (
        "chat export",
        r"(?:^|/)(?:conversations\.json|_?chat[\w .-]*\.(?:txt|json|html)|result\.json)$"
        r"|(?:^|/)messages[\w.-]*\.(?:json|html)$|(?:^|/)\d{4}-\d\d-\d\d\.json$",
    ),
)
_GRAVE_DAYS = {IN_FORCE: 7, NOT_KNOWN: 30}  # from then on a place is graver by one step
_DAY = 86400.0


def place_elsewhere(path: str) -> str:
    """What kind of place a file outside the project is: assistant, shell history, chat export or other."""
    return next((place for place, names in _KINDS if re.search(names, path)), "outside")


def shown_below(root: Path, path: str) -> str:
    """A path within a folder or file outside the project, with that as it was given before it."""
    return str((root.parent if root.is_file() else root) / path)


def written_at(path: Path) -> datetime | None:
    """When a file was last written, so that what it holds was there by then; None if nobody can say."""
    try:
        return datetime.fromtimestamp(os.lstat(path).st_mtime_ns // 10**9, UTC)
    except (OSError, ValueError, OverflowError):
        return None


def severity(force: str, days: float | None) -> str:
    """How grave it is that a value is there: the longer it stays unrotated, the graver."""
    if force == NOT_IN_FORCE:
        return "low"
    long = days is not None and days >= _GRAVE_DAYS[force]
    if force == IN_FORCE:
        return "critical" if long else "high"
    return "high" if long else "medium"


def tabulate_elsewhere(leaks: pd.DataFrame, places: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """`LeaksElsewhere`: each place of each leak outside the project, what has been there longest first."""
    found = sorted(_rows(leaks, places, as_of), key=lambda row: -(row["days_min"] or 0))
    return LeaksElsewhere.of(found)


def _rows(leaks: pd.DataFrame, places: pd.DataFrame, as_of: datetime) -> Iterator[dict[str, Any]]:
    outside = places[places["place"].isin((*(place for place, _ in _KINDS), "outside"))]
    known = {leak.leak_id: leak for leak in rows(leaks)}
    for one in rows(outside):
        leak = known[one.leak_id]
        written = written_at(Path(one.path.partition("!")[0]))
        days = None if written is None else float(max(0, floor((as_of - written).total_seconds() / _DAY)))
        yield {
            "leak_id": leak.leak_id,
            "variable": leak.variable,
            "place": one.place,
            "path": one.path,
            "line": one.line,
            "force": leak.force,
            "written_at": written,
            "days_min": days,
            "severity": severity(leak.force, days),
        }
