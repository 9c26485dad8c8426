"""What leaks mean: whether the value is in force in each place, for how long, and of each secret the worst."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from math import ceil, floor
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import day_words
from audit_lib.leaks.contracts import Exposure, LeakedSecrets
from audit_lib.ledger.timeline import SecretPlace, Tenure

FORCES = IN_FORCE, NOT_KNOWN, NOT_IN_FORCE = "in force", "not known", "not in force"
STATUSES = {IN_FORCE: "emergency", NOT_KNOWN: "unknown", NOT_IN_FORCE: "historic"}  # the worst first
PRODUCTION = "production"
SECRETS = ("leak", "pattern", "truncated")
_MOST_PLACES = 5
_UNDECIDED = "another value is in force there, but nothing shows that it replaced this one"


@dataclass(frozen=True)
class _Home:
    """A place where a leaked secret lives, and whether the leaked value is in force there."""

    place: SecretPlace
    force: str
    reason: str


def _homes_of(leak: Any, inventory: Collection[Any], stays: Iterable[Tenure]) -> list[_Home]:
    """Where secrets live that have the leaked value, or had it by the ledger, or have its name.

    In an environment where it is in force, another service's value under the same name is another secret,
    and not what followed this one.
    """
    last = {stay.home: stay for stay in stays if stay.fingerprint == leak.fingerprint}
    holding = {SecretPlace.of(row) for row in inventory if row.fingerprint and row.fingerprint == leak.fingerprint}
    secrets = {place.secret for place in (*last, *holding)}
    secrets |= {row.secret for row in inventory if row.variable == leak.variable}
    in_force = {place.environment for place in holding}
    homes: dict[SecretPlace, _Home] = {}
    for row in inventory:
        place = SecretPlace.of(row)
        if row.secret in secrets and (place in holding or row.environment not in in_force):
            before, now = _rotated(last.get(place)), f"what is in force there is {row.state}"
            if place in holding:
                homes[place] = _Home(place, IN_FORCE, "the leaked value is in force: rotate now")
            elif row.fingerprint:
                homes[place] = _Home(place, NOT_IN_FORCE, before or "another value is in force there")
            else:  # one that the ledger saw go may have come back
                homes[place] = _Home(place, NOT_KNOWN, f"{before}; {now}" if before else now)
    for place, stay in last.items():
        if place not in homes:
            reason = _rotated(stay) or "what is in force there was not supplied"
            homes[place] = _Home(place, NOT_IN_FORCE if stay.gone else NOT_KNOWN, reason)
    return list(homes.values())


def _rotated(stay: Tenure | None) -> str:
    if stay is None or stay.gone is None:
        return ""
    return f"leaked before, {'rotated' if stay.gone.fingerprint else 'taken out'} by {day_words(stay.gone.at)}"


def force_of(leak: Any, inventory: Collection[Any], stays: Collection[Tenure], *, standing: bool) -> str:
    """Whether a leaked value, a row of Leaks, is in force in any of the places where its secret lives.

    Not in force needs another value in production of each service that has the secret: a name alone, or
    another environment, does not say which value was replaced. Of one `standing` in a file that deploys only
    the ledger can say so.
    """
    homes = _homes_of(leak, inventory, stays)
    force = min([home.force for home in homes], key=FORCES.index, default=NOT_KNOWN)
    if leak.in_force or force == IN_FORCE:
        return IN_FORCE
    secrets = {home.place.secret for home in homes}
    places = {home.place for home in homes} | {stay.home for stay in stays if stay.home.secret in secrets}
    in_production = {place.service for place in places if place.environment == PRODUCTION}
    by_ledger = any(stay.fingerprint == leak.fingerprint for stay in stays)
    proved = {home.place.service for home in homes} <= in_production and (by_ledger or not standing)
    return force if proved else NOT_KNOWN


def tabulate_exposure(
    leaks: pd.DataFrame,
    inventory: pd.DataFrame,
    freshness: pd.DataFrame,
    as_of: datetime,
    stays: Collection[Tenure] = (),
) -> pd.DataFrame:
    """`Exposure`: each leak in each place where its secret lives, joined with the age of the value there.

    Emergency: the leaked value is in force there. Historic: it is not, another one is, or the ledger's
    `stays` show that it went. Unknown: what is in force there was not supplied, nobody gave the value, or
    nothing shows that it was this one that was replaced. Days are counted while leaked and in force, be it
    in another place: an age is its value's, wherever that was seen first.
    """
    held = list(rows(inventory))
    adopted = {SecretPlace.of(row): (row.lo_at, row.hi_at) for row in rows(freshness)}
    exposed: list[dict[str, Any]] = []
    for leak in rows(leaks[leaks["kind"].isin(SECRETS)]):
        homes = _homes_of(leak, held, stays)
        undecided = leak.force == NOT_KNOWN and all(home.force == NOT_IN_FORCE for home in homes)
        nobody = _Home(SecretPlace(leak.variable, "", ""), NOT_KNOWN, "nobody gave this value")
        for home in homes or [nobody]:
            row = {"leak_id": leak.leak_id, "first_at": leak.first_at} | home.place._asdict()
            if undecided and homes:
                exposed.append(row | {"status": STATUSES[NOT_KNOWN], "reason": _UNDECIDED})
                continue
            days = _days_exposed(home, leak.first_at, adopted, as_of)
            exposed.append(row | {"status": STATUSES[home.force], "reason": home.reason} | days)
    return Exposure.of(exposed)


def _days_exposed(home: _Home, first: Any, adopted: dict[SecretPlace, Any], as_of: Any) -> dict[str, Any]:
    """Days while the value was leaked and in force, from the adoption of what is in force there now.

    In force: since the later of the first sighting and the adoption, which is in (lo, hi]. Replaced: from the
    first sighting until the present value took over, if it followed the leaked one. Rounded so that no more
    is claimed than is known.
    """
    if first is None or home.force == NOT_KNOWN:
        return {}
    lo, hi = adopted.get(home.place, (None, None))
    if home.force == NOT_IN_FORCE:
        return {"days_exposed_min": 0.0, "days_exposed_max": None if hi is None else _days(hi - first, ceil)}
    return {
        "days_exposed_min": None if hi is None else _days(as_of - max(first, hi), floor),
        "days_exposed_max": _days(as_of - (first if lo is None else max(first, lo)), ceil),
    }


def _days(span: Any, outward: Any) -> float:
    return float(max(outward(span / pd.Timedelta(days=1)), 0))


def tabulate_leaked_secrets(
    leaks: pd.DataFrame, places: pd.DataFrame, exposure: pd.DataFrame
) -> pd.DataFrame:
    """`LeakedSecrets`, in the order of `Leaks`. The worst that any place shows is the secret's status."""
    position = {leak_id: number for number, leak_id in enumerate(leaks["leak_id"])}
    worst = list(STATUSES.values())
    ordered = exposure.assign(
        rank=exposure["status"].map(worst.index),
        elsewhere=exposure["environment"].ne(PRODUCTION),
        position=exposure["leak_id"].map(position),
    )
    ordered = ordered.sort_values(["rank", "elsewhere", "environment", "service"], kind="stable")
    found = [_secret_row(secret, list(rows(every)), places) for secret, every in ordered.groupby("secret")]
    found.sort(key=lambda row: row.pop("order"))
    return LeakedSecrets.of(found)


def _secret_row(secret: Any, every: list[Any], places: pd.DataFrame) -> dict[str, Any]:
    """The row of a secret from its rows of Exposure, the worst first, and its place in the order."""
    worst = [row for row in every if row.status == every[0].status]
    homes = dict.fromkeys((row.environment, row.service) for row in worst if row.service)
    ids = list(dict.fromkeys(row.leak_id for row in sorted(worst, key=lambda row: row.position)))
    others = ", ".join(dict.fromkeys(row.leak_id for row in every if row.leak_id not in ids))
    least = [row.days_exposed_min for row in worst if row.days_exposed_min is not None]
    most = [row.days_exposed_max for row in worst]
    first = min(row.position for row in worst)
    return {
        "order": (worst[0].rank, all(row.elsewhere for row in worst), first, secret),
        "secret": secret,
        "environment": next(iter(homes))[0] if homes and worst[0].status == STATUSES[IN_FORCE] else "",
        "service": "",
        "status": worst[0].status,
        "held_by": ", ".join(f"{environment}/{service}" for environment, service in homes),
        "covers": tuple((secret, environment, service) for environment, service in homes),
        "leak_ids": ", ".join(ids),
        "also": f"; other values of it that leaked: {others}" if others else "",
        "places": first_places(places[places["leak_id"].isin(ids)]),
        "first_at": min((row.first_at for row in worst if row.first_at is not None), default=None),
        "days_exposed_min": max(least, default=None),
        "days_exposed_max": None if None in most else max(most),  # not known if that of any place is not
        "reason": "; ".join(dict.fromkeys(row.reason for row in worst)),
    }


def first_places(places: pd.DataFrame) -> str:
    """The first places by path and line, and how many more there are."""
    named = list(dict.fromkeys(place_words(row, "") for row in rows(places)))
    more = f"; and {len(named) - _MOST_PLACES} more in report.json" if len(named) > _MOST_PLACES else ""
    return "; ".join(named[:_MOST_PLACES]) + more


def place_words(row: Any, kind: str) -> str:
    """Path, line and commit of a place, after what kind it is if that is given."""
    line = "" if row.line is None else f":{row.line}"
    commit = f" in {row.commit[:12]}" if row.commit else ""
    return f"{kind}{row.path or row.place}{line}{commit}"
