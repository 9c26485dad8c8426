"""One leak for each secret, however many names, files and encodings, and the places of each."""

from datetime import datetime
from hashlib import sha256
from typing import Any

import pandas as pd

from audit_lib.base.contracts import LeakCoverage, LeakPlaces, Leaks, rows
from audit_lib.leaks.search_patterns import PatternSearch

_ORDER = {"leak": 0, "pattern": 1, "truncated": 2, "weak default": 3, "template": 4}


def tabulate_leaks(
    sightings: pd.DataFrame, targets: pd.DataFrame, as_of: datetime | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`Leaks` and `LeakPlaces`. What is in force comes first; a shortened copy is a leak of its own class.

    With `as_of` what a later commit brought is left out.
    """
    if as_of is not None:
        sightings = sightings[~(sightings["committed_at"] > pd.Timestamp(as_of))]
    known = {target.fingerprint: target for target in rows(targets)}
    met: dict[tuple[str, str], list[Any]] = {}
    for sighting in rows(sightings):
        met.setdefault((sighting.fingerprint, sighting.matched), []).append(sighting)
    leaks: list[dict[str, Any]] = []
    places: list[dict[str, Any]] = []
    for fingerprint, matched in sorted(met):
        group = sorted(met[fingerprint, matched], key=_by_age)
        leak = _leak(matched, group, known[fingerprint])
        leaks.append(leak)
        places += [{"leak_id": leak["leak_id"]} | _place(sighting) for sighting in group]
    leaks.sort(
        key=lambda leak: (_ORDER[leak["kind"]], leak["in_force"] == "", leak["variable"], leak["leak_id"])
    )
    order = {leak["leak_id"]: number for number, leak in enumerate(leaks)}
    places.sort(key=lambda place: order[place["leak_id"]])
    return Leaks.of(leaks), LeakPlaces.of(places)


def leak_id(fingerprint: str, matched: str) -> str:
    """The stable name of a leak; it says nothing of the fingerprint, which reports do not show."""
    return f"leak-{sha256(f'leak {matched} {fingerprint}'.encode()).hexdigest()[:10]}"


def _by_age(sighting: Any) -> tuple[Any, ...]:
    """Orders sightings by author time, those without one last; then by place."""
    at, line = sighting.authored_at, sighting.line
    return (
        (at is None, at or 0),
        sighting.place,
        sighting.path,
        (line is None, line or 0),
        sighting.commit,
        sighting.encoding,
    )


def _by_commit(sighting: Any) -> tuple[Any, ...]:
    at, committed_at = sighting.authored_at, sighting.committed_at
    return (
        (at is None, at or 0),
        (committed_at is None, committed_at or 0),
        sighting.commit,
        sighting.path,
    )


def _leak(matched: str, group: list[Any], target: Any) -> dict[str, Any]:
    first = min((one for one in group if one.commit), key=_by_commit, default=None)
    kind = "truncated" if matched == "truncated" else target.kind
    return {
        "leak_id": leak_id(target.fingerprint, matched),
        "variable": target.variable,
        "kind": kind,
        "matched": "pattern" if kind == "pattern" else matched,
        "fingerprint": target.fingerprint,
        "first_commit": first.commit if first else "",
        "first_at": first.authored_at if first else None,
        "first_committed_at": first.committed_at if first else None,
        "at_head": any(one.at_head for one in group),
        "reachable": any(one.reachable for one in group),
        "in_force": target.in_force,
        "occurrences": sum(one.occurrences for one in group),
    }


def _place(sighting: Any) -> dict[str, Any]:
    return {name: getattr(sighting, name) for name in ("place", "path", "line", "commit", "encoding")}


def pattern_coverage(met: PatternSearch) -> pd.DataFrame:
    """`LeakCoverage` of the search by patterns."""
    state = "incomplete" if met.failed else "partly" if met.left_out else "searched"
    parts: list[dict[str, Any]] = [
        {"part": "patterns", "place": ".", "state": state, "count": None, "reason": met.failed}
    ]
    for one in sorted(met.left_out):
        row = {
            "part": "patterns",
            "place": one.place,
            "state": "not searched",
            "count": 1,
            "reason": one.reason,
        }
        parts.append(row)
    return LeakCoverage.of(parts)
