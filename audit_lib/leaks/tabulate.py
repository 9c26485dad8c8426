"""One leak for each secret, however many names, files and encodings, and the places of each."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.leaks.contracts import LeakCoverage, LeakPlaces, Leaks
from audit_lib.leaks.kinds_of_files import deploys
from audit_lib.leaks.pattern_objects import PatternSearch
from audit_lib.leaks.urgency import NOT_KNOWN, with_force
from audit_lib.ledger.timeline import Tenure

_IDLE = (
    "values under a password's name are placeholders, or defaults in a comment, a test, an example or a "
    "document: counted, not listed"
)


def tabulate_leaks(
    sightings: pd.DataFrame,
    targets: pd.DataFrame,
    inventory: pd.DataFrame,
    as_of: datetime | None = None,
    *,
    stays: Collection[Tenure] = (),
    keyed: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`Leaks` and `LeakPlaces`, the most urgent first; a shortened copy joins the leak of its value.

    With `as_of` what a later commit brought is left out. By the ledger's `stays` a value that was replaced is
    known again, whatever it was found by. `keyed`: fingerprints are under a key that lasts.
    """
    if as_of is not None:
        sightings = sightings[~(sightings["committed_at"] > pd.Timestamp(as_of))]
    known = {target.fingerprint: target for target in rows(targets)}
    owners = {stay.fingerprint: stay.home.secret for stay in stays}
    met: dict[str, list[Any]] = {}
    for sighting in rows(sightings):
        met.setdefault(sighting.fingerprint, []).append(sighting)
    groups = [sorted(group, key=_by_age) for group in met.values()]
    found = [(_leak(group, known[group[0].fingerprint], owners), group) for group in groups]
    found.sort(key=lambda one: ([_by_age(sighting) for sighting in one[1]], *map(str, one[0].values())))
    named = list(zip(_ids(found, keyed=keyed), found, strict=True))
    standing = {id_ for id_, (_, group) in named if any(map(_stands, group))}
    leaks = Leaks.of({"leak_id": id_} | leak for id_, (leak, _) in named)
    leaks = with_force(leaks, inventory, stays, standing)
    places = {id_: [{"leak_id": id_} | _place(one) for one in group] for id_, (_, group) in named}
    return leaks, LeakPlaces.of(place for id_ in leaks["leak_id"] for place in places[id_])


def _stands(sighting: Any) -> bool:
    """Whether it is in a file that may be in use where it stands."""
    return (sighting.at_head or sighting.place in ("working tree", "staged")) and deploys(sighting.path)


def _ids(found: list[tuple[dict[str, Any], list[Any]]], *, keyed: bool) -> Iterator[str]:
    """The id of each leak, in order of age (docs/leak_search.md#identifiers).

    It follows from the keyed fingerprint: a date in a commit is its author's to choose. Under a throw-away
    key it is made of what a report shows, so that two runs give the same.
    """
    met: Counter[tuple[str, ...]] = Counter()
    for leak, group in found:
        about = (leak["kind"], leak["variable"], group[0].path)
        met[about] += 1
        yield leak_id(leak["fingerprint"]) if keyed else leak_id(*about, str(met[about]))


def leak_id(*parts: str) -> str:
    """The name of a leak: of its value's fingerprint, or of kind, variable, first path and number there."""
    text = "\0".join(("leak", *parts))
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


def _leak(group: list[Any], target: Any, owners: Mapping[str, str]) -> dict[str, Any]:
    """Of the whole value, wherever a copy cut short is; if there are only such, of those.

    What a pattern found has the name of the secret of which the ledger knows it.
    """
    group = [one for one in group if one.matched == "exact"] or group
    matched = group[0].matched
    # A line of a log is dated, too, and on disk: what it shows was there before any commit.
    first = min(
        (one for one in group if one.commit or one.authored_at is not None), key=_by_commit, default=None
    )
    kind = "truncated" if matched == "truncated" else target.kind
    return {
        "variable": owners.get(target.fingerprint, "") * (kind == "pattern") or target.variable,
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
