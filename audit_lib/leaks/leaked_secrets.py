"""One row for each secret that leaked, however many values, places and environments: for its one finding."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.leaks.contracts import LeakedSecrets
from audit_lib.leaks.urgency import PRODUCTION

STATUSES = ("emergency", "unknown", "historic")
MOST_PLACES = 5


def tabulate_leaked_secrets(
    leaks: pd.DataFrame, places: pd.DataFrame, exposure: pd.DataFrame
) -> pd.DataFrame:
    """`LeakedSecrets`, in the order of `Leaks`. The worst that any place shows is the secret's status."""
    position = {leak_id: number for number, leak_id in enumerate(leaks["leak_id"])}
    by_secret: dict[str, list[Any]] = {}
    for row in rows(exposure):
        by_secret.setdefault(row.secret, []).append(row)

    def order(exposed: list[Any]) -> tuple[Any, ...]:
        first = min(position[row.leak_id] for row in exposed)
        elsewhere = all(row.environment != PRODUCTION for row in exposed)
        return STATUSES.index(exposed[0].status), elsewhere, first, exposed[0].secret

    found = sorted(map(_worst, by_secret.values()), key=order)
    return LeakedSecrets.of(_row(exposed, by_secret[exposed[0].secret], places) for exposed in found)


def _worst(exposed: list[Any]) -> list[Any]:
    """Of the rows of a secret those of its worst status."""
    status = min((row.status for row in exposed), key=STATUSES.index)
    return [row for row in exposed if row.status == status]


def _row(exposed: list[Any], every: list[Any], places: pd.DataFrame) -> dict[str, Any]:
    secret, status = exposed[0].secret, exposed[0].status
    places_of = {(row.environment != PRODUCTION, row.environment, row.service) for row in exposed}
    holders = [(environment, service) for _, environment, service in sorted(places_of) if service]
    leak_ids = list(dict.fromkeys(row.leak_id for row in exposed))
    return {
        "secret": secret,
        "environment": holders[0][0] if holders and status == "emergency" else "",
        "service": "",
        "status": status,
        "held_by": ", ".join(f"{environment}/{service}" for environment, service in holders),
        "covers": tuple((secret, environment, service) for environment, service in holders),
        "leak_ids": ", ".join(leak_ids),
        "also": _also(dict.fromkeys(row.leak_id for row in every if row.leak_id not in leak_ids)),
        "places": first_places(places[places["leak_id"].isin(leak_ids)]),
        "first_at": min((row.first_at for row in exposed if row.first_at is not None), default=None),
        "days_exposed_min": max(_known(row.days_exposed_min for row in exposed), default=None),
        "days_exposed_max": _most([row.days_exposed_max for row in exposed]),
        "reason": "; ".join(dict.fromkeys(row.reason for row in exposed)),
    }


def _also(leak_ids: Iterable[str]) -> str:
    """The other values of the secret that leaked: less urgent, and not lost."""
    others = ", ".join(leak_ids)
    return f"; other values of it that leaked: {others}" if others else ""


def _known(days: Iterable[float | None]) -> list[float]:
    return [one for one in days if one is not None]


def _most(days: list[float | None]) -> float | None:
    """The longest, not known if that of any place is not."""
    known = _known(days)
    return max(known) if known and len(known) == len(days) else None


def first_places(places: pd.DataFrame) -> str:
    """The first places by path and line, and how many more there are."""
    named = list(dict.fromkeys(map(_place, rows(places))))
    more = len(named) - MOST_PLACES
    return "; ".join(named[:MOST_PLACES]) + (f"; and {more} more in report.json" if more > 0 else "")


def _place(place: Any) -> str:
    line = "" if place.line is None else f":{place.line}"
    commit = f" in {place.commit[:12]}" if place.commit else ""
    return f"{place.path or place.place}{line}{commit}"
