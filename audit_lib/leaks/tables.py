"""One leak for each secret, however many names, files and encodings, with its places, by urgency."""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from math import floor
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted
from audit_lib.leaks.chosen import Chosen
from audit_lib.leaks.contracts import ChosenPasswords, LeakPlaces, Leaks, LeaksElsewhere
from audit_lib.leaks.kinds import deploys
from audit_lib.ledger.timeline import SecretPlace, Tenure

IN_FORCE, NOT_KNOWN, NOT_IN_FORCE = "in force", "not known", "not in force"
FORCES = (IN_FORCE, NOT_KNOWN, NOT_IN_FORCE)
PRODUCTION = "production"
SECRETS = ("leak", "pattern", "truncated")
NO_SECRETS = ("possible", "hash", "weak default", "template")
KINDS = (*SECRETS, *NO_SECRETS)
ELSEWHERE = "tests, examples and documents"
MOST_PLACES = 5
_GRAVE_DAYS = {IN_FORCE: 7, NOT_KNOWN: 30}  # from then on a place outside is graver by one step
_DAY = 86400.0
FOUND, UNDECIDED = 3, 2  # exit codes
_MOST_NAMES = 3
_POSSIBLE = ("possible", "hash")
_SEARCHED = ("git objects", "files")
_SOUGHT = ("values", "patterns")
_OUTSIDE = ("assistant", "shell history", "chat export", "outside")


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


def urgency(leak: Any) -> tuple[Any, ...]:
    """The place of a row of Leaks in every list of leaks, secrets and findings; lower is more urgent.

    In force in production, in force elsewhere, not known to be in force, replaced; of each what stands at
    HEAD or on disk before what only the history holds; then what has been out longest, then what is met
    most often. What is no secret comes last.
    """
    undated = leak.first_at is None or pd.isna(leak.first_at)
    return (
        leak.kind in NO_SECRETS,
        FORCES.index(leak.force),
        leak.force == IN_FORCE and PRODUCTION not in leak.in_force.split(","),
        bool(leak.first_commit) and not leak.at_head and leak.force != IN_FORCE,
        undated,
        0 if undated else pd.Timestamp(leak.first_at).value,
        not leak.reachable,
        -leak.occurrences,
        KINDS.index(leak.kind),
        leak.variable,
        leak.leak_id,
    )


def with_force(
    leaks: pd.DataFrame,
    inventory: pd.DataFrame,
    stays: Collection[Tenure] = (),
    standing: Collection[str] = (),
) -> pd.DataFrame:
    """`Leaks`, the most urgent first, each with what the values at hand and the ledger's `stays` say: is it
    in force or not? Of those `standing` in a file that deploys another value in an env file says nothing.
    """
    held = list(rows(inventory))
    force = [
        _force_of(leak, homes_of(leak, held, stays), stays, standing=leak.leak_id in standing)
        for leak in rows(leaks)
    ]
    found = leaks.assign(force=pd.Series(force, index=leaks.index, dtype="str"))
    keys = list(map(urgency, rows(found)))
    return Leaks.checked(found.iloc[sorted(range(len(keys)), key=keys.__getitem__)])


def _force_of(leak: Any, homes: Collection[Any], stays: Collection[Tenure], *, standing: bool) -> str:
    """Whether a leaked value is in force in one of the places where its secret lives.

    Not in force needs another value in production of each service that has the secret: a name alone, or
    another environment, does not say which value was replaced.
    """
    if leak.in_force:
        return IN_FORCE
    last = last_stays(leak.fingerprint, stays)
    states = {force_at(leak.fingerprint, home) for home in homes}
    there = {SecretPlace.of(home) for home in homes}
    states |= {NOT_IN_FORCE if stay.gone else NOT_KNOWN for place, stay in last.items() if place not in there}
    force = min(states, key=FORCES.index, default=NOT_KNOWN)
    secrets = {place.secret for place in (*there, *last)}
    seen = {stay.home for stay in stays if stay.home.secret in secrets} | there
    in_production = {place.service for place in seen if place.environment == PRODUCTION}
    proved = {place.service for place in (*there, *last)} <= in_production and (last or not standing)
    return NOT_KNOWN if force == NOT_IN_FORCE and not proved else force


def last_stays(fingerprint: str | None, stays: Iterable[Tenure]) -> dict[SecretPlace, Tenure]:
    """The last stay of a value in each place that the ledger saw it in."""
    return {stay.home: stay for stay in stays if stay.fingerprint == fingerprint}


def force_at(fingerprint: str, home: Any) -> str:
    """Whether a value is in force in one place of Inventory: not known if no value is there now, since one
    that the ledger saw go may have come back."""
    if home.fingerprint is None or pd.isna(home.fingerprint):
        return NOT_KNOWN
    return IN_FORCE if home.fingerprint == fingerprint else NOT_IN_FORCE


def homes_of(leak: Any, inventory: Collection[Any], stays: Iterable[Tenure] = ()) -> list[Any]:
    """The rows of Inventory where a leaked secret lives: those of secrets that have its value, or had it by
    the ledger, or have its name.

    In an environment where it is in force, another service's value under the same name is another secret,
    and not what followed this one.
    """

    def holds(home: Any) -> bool:
        return home.fingerprint is not None and home.fingerprint == leak.fingerprint

    known = {place.secret for place in last_stays(leak.fingerprint, stays)}
    secrets = known | {one.secret for one in inventory if holds(one) or one.variable == leak.variable}
    homes = [one for one in inventory if one.secret in secrets]
    in_force = {one.environment for one in homes if holds(one)}
    return [one for one in homes if holds(one) or one.environment not in in_force]


def where_in_use(
    sightings: pd.DataFrame,
    targets: pd.DataFrame,
    chosen: Iterable[Chosen],
    counted: Collection[tuple[str, int]],
) -> pd.DataFrame:
    """`Sightings` without those of a default in a test, a document or a comment: counted and not listed."""
    possible = set(targets.loc[targets["kind"] == "possible", "fingerprint"])
    defaults = possible.intersection(one.fingerprint for one in chosen if one.default)
    there = pd.Series(zip(sightings["path"], sightings["line"], strict=True), sightings.index, dtype=object)
    idle = ~sightings["path"].map(deploys).astype(bool) | there.isin(set(counted))
    return sightings[~(idle & sightings["fingerprint"].isin(defaults))]


def tabulate_chosen_passwords(leaks: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """`ChosenPasswords`: what a file that deploys holds, in the order of `Leaks`; all others in one row."""
    possible = leaks[leaks["kind"] == "possible"]
    in_use = places[places["path"].map(deploys).astype(bool)]
    by_name: dict[str, list[str]] = {}
    for leak in rows(possible[possible["leak_id"].isin(in_use["leak_id"])]):
        by_name.setdefault(leak.variable, []).append(leak.leak_id)
    rest = list(possible.loc[~possible["leak_id"].isin(in_use["leak_id"]), "leak_id"])
    found = [_chosen_row(name, leak_ids, in_use, in_use=True) for name, leak_ids in by_name.items()]
    return ChosenPasswords.of(
        [*found, *([_chosen_row(ELSEWHERE, rest, places, in_use=False)] if rest else [])]
    )


def _chosen_row(variable: str, leak_ids: list[str], places: pd.DataFrame, *, in_use: bool) -> dict[str, Any]:
    more = len(leak_ids) - MOST_PLACES
    return {
        "variable": variable,
        "deploys": in_use,
        "values": len(leak_ids),
        "leak_ids": ", ".join(leak_ids[:MOST_PLACES]) + (f" and {more} more" if more > 0 else ""),
        "places": first_places(places[places["leak_id"].isin(leak_ids)]),
    }


def first_places(places: pd.DataFrame) -> str:
    """The first places by path and line, and how many more there are."""
    named = list(dict.fromkeys(map(_place_words, rows(places))))
    more = len(named) - MOST_PLACES
    return "; ".join(named[:MOST_PLACES]) + (f"; and {more} more in report.json" if more > 0 else "")


def _place_words(place: Any) -> str:
    line = "" if place.line is None else f":{place.line}"
    commit = f" in {place.commit[:12]}" if place.commit else ""
    return f"{place.path or place.place}{line}{commit}"


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
    found = sorted(_outside_rows(leaks, places, as_of), key=lambda row: -(row["days_min"] or 0))
    return LeaksElsewhere.of(found)


def _outside_rows(leaks: pd.DataFrame, places: pd.DataFrame, as_of: datetime) -> Iterator[dict[str, Any]]:
    outside = places[places["place"].isin(_OUTSIDE)]
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


def searched_whole(coverage: pd.DataFrame) -> bool:
    """Whether every object of git and every file was searched, by the LeakCoverage."""
    states = coverage.loc[coverage["part"].isin((*_SEARCHED, "files outside"))]
    every = states["state"].eq("searched").all() and set(_SEARCHED) <= set(states["part"])
    return bool(every)


def shows_no_leak(coverage: pd.DataFrame) -> bool:
    """Whether no leak found means that there is none: all was searched, and for something."""
    sought = coverage["part"].isin(_SOUGHT) & coverage["state"].eq("searched")
    return searched_whole(coverage) and bool(coverage.loc[sought, "count"].ne(0).fillna(True).any())


def next_step(leaks: pd.DataFrame, coverage: pd.DataFrame) -> str:
    """What to do first, about the most urgent class that there is."""
    real = leaks[~leaks["kind"].isin(NO_SECRETS)]
    by_force = {force: real[real["force"] == force] for force in FORCES}
    if not by_force[IN_FORCE].empty:
        return f"rotate {_names(by_force[IN_FORCE])} now, then take the value out of the places above"
    if not by_force[NOT_KNOWN].empty:
        return (
            f"rotate {_names(by_force[NOT_KNOWN])}, or give the values in force (--env) "
            "to show that it was replaced"
        )
    if not real.empty:
        return f"make sure that the old value of {_names(real)} was revoked at its provider"
    if leaks["kind"].isin(_POSSIBLE).any():
        return "take the passwords that are in use out of the files, and let each environment set its own"
    if shows_no_leak(coverage):
        return "nothing: no leak was found, and everything was searched"
    return "nothing, as far as was searched; what was not is listed above, and may hold leaks"


def _names(leaks: pd.DataFrame) -> str:
    """The first few secrets, by name, and how many more there are."""
    names = list(dict.fromkeys(leaks["variable"]))
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {counted(more, 'more secret')}" if more > 0 else "")


def exit_code(leaks: pd.DataFrame, coverage: pd.DataFrame, stops: tuple[str, ...]) -> int:
    """3 if a leak is in force, not known or not in force, or possible, as `stops` says; else 2 if part was
    not searched, else 0.
    """
    forces = {one.replace("-", " ") for one in stops}
    real = ~leaks["kind"].isin(NO_SECRETS)
    if (real & leaks["force"].isin(forces)).any():
        return FOUND
    if "possible" in stops and leaks["kind"].isin(_POSSIBLE).any():
        return FOUND
    unsearched = coverage["state"].eq("not searched") & coverage["part"].isin(
        ("git objects", "files", "files outside")
    )
    return UNDECIDED if (coverage["state"].eq("incomplete") | unsearched).any() else 0
