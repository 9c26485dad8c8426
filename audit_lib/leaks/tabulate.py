"""One leak for each secret, however many names, files and encodings, and the places of each."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.leaks.contracts import LeakCoverage, LeakPlaces, Leaks
from audit_lib.leaks.pattern_objects import PatternSearch
from audit_lib.leaks.urgency import NOT_KNOWN, with_force

_IDLE = (
    "values under a password's name are placeholders, or defaults in a comment, a test, an example or a "
    "document: counted, not listed"
)


def tabulate_leaks(
    sightings: pd.DataFrame, targets: pd.DataFrame, inventory: pd.DataFrame, as_of: datetime | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`Leaks` and `LeakPlaces`, the most urgent first; a shortened copy joins the leak of its value.

    With `as_of` what a later commit brought is left out.
    """
    if as_of is not None:
        sightings = sightings[~(sightings["committed_at"] > pd.Timestamp(as_of))]
    known = {target.fingerprint: target for target in rows(targets)}
    met: dict[str, list[Any]] = {}
    for sighting in rows(sightings):
        met.setdefault(sighting.fingerprint, []).append(sighting)
    groups = [sorted(group, key=_by_age) for group in met.values()]
    found = [(_leak(group, known[group[0].fingerprint]), group) for group in groups]
    found.sort(key=lambda one: ([_by_age(sighting) for sighting in one[1]], *map(str, one[0].values())))
    named = list(zip(_ids(found), found, strict=True))
    leaks = with_force(Leaks.of({"leak_id": id_} | leak for id_, (leak, _) in named), inventory)
    places = {id_: [{"leak_id": id_} | _place(one) for one in group] for id_, (_, group) in named}
    return leaks, LeakPlaces.of(place for id_ in leaks["leak_id"] for place in places[id_])


def _ids(found: list[tuple[dict[str, Any], list[Any]]]) -> Iterator[str]:
    """The id of each leak, in order of age (docs/leak_search.md#identifiers).

    It is made of what a report shows anyway, never of the value: no key is needed to get the same again.
    """
    met: Counter[tuple[str, ...]] = Counter()
    for leak, group in found:
        about = (leak["kind"], leak["variable"], group[0].path)
        met[about] += 1
        yield leak_id(*about, met[about])


def leak_id(kind: str, variable: str, path: str, ordinal: int) -> str:
    """The stable name of a leak: of its kind, its variable, the path where it was first, and which there."""
    text = "\0".join(("leak", kind, variable, path, str(ordinal)))
    return f"leak-{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"


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


def _leak(group: list[Any], target: Any) -> dict[str, Any]:
    """Of the whole value, wherever a copy cut short is; if there are only such, of those."""
    group = [one for one in group if one.matched == "exact"] or group
    matched = group[0].matched
    first = min((one for one in group if one.commit), key=_by_commit, default=None)
    kind = "truncated" if matched == "truncated" else target.kind
    return {
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
        "force": NOT_KNOWN,
        "occurrences": sum(one.occurrences for one in group),
    }


def _place(sighting: Any) -> dict[str, Any]:
    row = {name: getattr(sighting, name) for name in ("place", "path", "line", "commit", "encoding")}
    short = ", shortened" if sighting.matched == "truncated" else ""
    return row | {"encoding": sighting.encoding + short}


def pattern_coverage(met: PatternSearch) -> pd.DataFrame:
    """`LeakCoverage` of the search by patterns."""
    state = "incomplete" if met.failed else "partly" if met.left_out else "searched"
    parts = [_coverage_row(".", state, None, met.failed)]
    if met.idle:
        parts.append(_coverage_row("files", "partly", len(met.idle), _IDLE))
    parts += [_coverage_row(one.place, "not searched", 1, one.reason) for one in sorted(met.left_out)]
    return LeakCoverage.of(parts)


def _coverage_row(place: str, state: str, count: int | None, reason: str) -> dict[str, Any]:
    return {"part": "patterns", "place": place, "state": state, "count": count, "reason": reason}
