"""One leak for each secret, however many names, files and encodings, and the places of each."""

from datetime import datetime
from hashlib import sha256
from typing import Any

import pandas as pd

from audit_lib.contracts import LeakCoverage, LeakPlaces, Leaks
from audit_lib.sources.pattern_search import PatternSearch

_ORDER = {"leak": 0, "pattern": 1, "truncated": 2, "weak default": 3, "template": 4}


def tabulate_leaks(
    sightings: pd.DataFrame, targets: pd.DataFrame, as_of: datetime | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`Leaks` and `LeakPlaces`. What is in force comes first; a shortened copy is a leak of its own class.

    With `as_of` what a later commit brought is left out.
    """
    if as_of is not None:
        sightings = sightings[~(sightings["committed_at"] > pd.Timestamp(as_of))]
    known = {target["fingerprint"]: target for target in targets.to_dict("records")}
    leaks: list[dict[str, Any]] = []
    places: list[dict[str, Any]] = []
    for (fingerprint, matched), group in sightings.groupby(["fingerprint", "matched"], sort=True):
        leak = _leak(str(fingerprint), str(matched), group, known[fingerprint])
        leaks.append(leak)
        places += [{"leak_id": leak["leak_id"], **row} for row in _places(group)]
    leaks.sort(
        key=lambda leak: (_ORDER[leak["kind"]], leak["in_force"] == "", leak["variable"], leak["leak_id"])
    )
    order = {leak["leak_id"]: number for number, leak in enumerate(leaks)}
    places.sort(key=lambda place: order[place["leak_id"]])
    return Leaks.of(leaks), LeakPlaces.of(places)


def leak_id(fingerprint: str, matched: str) -> str:
    """The stable name of a leak; it says nothing of the fingerprint, which reports do not show."""
    return f"leak-{sha256(f'leak {matched} {fingerprint}'.encode()).hexdigest()[:10]}"


def _leak(fingerprint: str, matched: str, group: pd.DataFrame, target: dict[Any, Any]) -> dict[str, Any]:
    committed = group[group["commit"] != ""].sort_values(
        ["authored_at", "committed_at", "commit", "path"], na_position="last", kind="stable"
    )
    first = committed.iloc[0] if len(committed) else None
    kind = "truncated" if matched == "truncated" else target["kind"]
    return {
        "leak_id": leak_id(fingerprint, matched),
        "variable": target["variable"],
        "kind": kind,
        "matched": "pattern" if kind == "pattern" else matched,
        "fingerprint": fingerprint,
        "first_commit": first["commit"] if first is not None else "",
        "first_at": first["authored_at"] if first is not None else None,
        "first_committed_at": first["committed_at"] if first is not None else None,
        "at_head": bool(group["at_head"].any()),
        "reachable": bool(group["reachable"].any()),
        "in_force": target["in_force"],
        "occurrences": int(group["occurrences"].sum()),
    }


def _places(group: pd.DataFrame) -> list[dict[str, Any]]:
    columns = ["source", "path", "line", "commit", "encoding"]
    ordered = group.sort_values(["authored_at", *columns], na_position="last", kind="stable")
    return [{str(key): value for key, value in row.items()} for row in ordered[columns].to_dict("records")]


def pattern_coverage(met: PatternSearch) -> pd.DataFrame:
    """`LeakCoverage` of the search by patterns."""
    state = "incomplete" if met.failed else "partly" if met.left_out else "searched"
    rows: list[dict[str, Any]] = [
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
        rows.append(row)
    return LeakCoverage.of(rows)
