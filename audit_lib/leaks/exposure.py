"""What each leak means in each place where its secret lives: an emergency or history, for how many days."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from math import ceil, floor
from typing import Any

import pandas as pd

from audit_lib.base.contracts import Exposure, rows
from audit_lib.base.in_words import day_words
from audit_lib.leaks.urgency import IN_FORCE, NOT_KNOWN, SECRETS, force_at, homes_of, last_stays
from audit_lib.ledger.tenures import SecretPlace, Tenure

_DAY = pd.Timedelta(days=1)


def tabulate_exposure(
    leaks: pd.DataFrame,
    inventory: pd.DataFrame,
    freshness: pd.DataFrame,
    as_of: datetime,
    stays: Collection[Tenure] = (),
) -> pd.DataFrame:
    """`Exposure`: each leak in each place where its secret lives, joined with the age of the value there.

    Emergency: the leaked value is in force there. Historic: it is not, another one is, or the
    ledger's `stays` show that it went. Unknown: what is in force there was not supplied, nobody gave the
    value, or nothing shows that it was this one that was replaced. Days are counted while leaked and in
    force, be it in another place: an age is its value's, wherever that was seen first.
    """
    exposed: list[dict[str, Any]] = []
    held = list(rows(inventory))
    for leak in rows(leaks[leaks["kind"].isin(SECRETS)]):
        last = last_stays(leak.fingerprint, stays)
        homes = homes_of(leak, held, stays)
        found = [_exposed(leak, home, _adoption(home, freshness), as_of, last) for home in homes]
        found += [
            _seen(leak, stay) for place, stay in last.items() if place not in map(SecretPlace.of, homes)
        ]
        if not found:
            found = [_unknown(leak, "nobody gave this value")]
        elif leak.force == NOT_KNOWN and all(row["status"] == "historic" for row in found):
            found = [_undecided(row) for row in found]
        exposed += found
    return Exposure.of(exposed)


def _seen(leak: Any, stay: Tenure) -> dict[str, Any]:
    """Of a place that only the ledger knows."""
    row = _unknown(leak, "what is in force there was not supplied") | stay.home._asdict()
    return row | {"status": "historic", "reason": _rotated(stay)} if stay.gone else row


def _rotated(stay: Tenure) -> str:
    if stay.gone is None:
        return ""
    return (
        f"leaked before, {'rotated' if stay.gone.fingerprint else 'taken out'} by {day_words(stay.gone.at)}"
    )


def _undecided(row: dict[str, Any]) -> dict[str, Any]:
    """Another value under the same name does not say that it followed this one."""
    unknown = {"status": "unknown", "days_exposed_min": None, "days_exposed_max": None}
    return (
        row
        | unknown
        | {"reason": "another value is in force there, but nothing shows that it replaced this one"}
    )


def _adoption(home: Any, freshness: pd.DataFrame) -> tuple[Any, Any]:
    """The interval in which the value in force there was adopted; nulls if it is not known."""
    same = freshness[
        (freshness["secret"] == home.secret)
        & (freshness["environment"] == home.environment)
        & (freshness["service"] == home.service)
    ]
    return (same.iloc[0]["lo_at"], same.iloc[0]["hi_at"]) if len(same) else (pd.NaT, pd.NaT)


def _exposed(
    leak: Any, home: Any, adopted: tuple[Any, Any], as_of: datetime, last: Mapping[SecretPlace, Tenure]
) -> dict[str, Any]:
    row = _unknown(leak, "") | {
        "secret": home.secret,
        "environment": home.environment,
        "service": home.service,
        "first_at": leak.first_at,
    }
    lo, hi = adopted
    force = force_at(leak.fingerprint, home)
    stay = last.get(SecretPlace.of(home))
    before = (stay and _rotated(stay)) or ""
    if force == NOT_KNOWN:
        now = f"what is in force there is {home.state}"
        return row | {"reason": f"{before}; {now}" if before else now}
    if force == IN_FORCE:
        days = _span(leak.first_at, lo, hi, pd.Timestamp(as_of))
        return row | {"status": "emergency", "reason": "the leaked value is in force: rotate now", **days}
    days = _until(leak.first_at, lo, hi)
    return row | {"status": "historic", "reason": before or "another value is in force there", **days}


def _span(first: Any, lo: Any, hi: Any, as_of: Any) -> dict[str, float | None]:
    """Days leaked and in force: since the later of first sighting and adoption, which is in (lo, hi]."""
    if pd.isna(first):
        return {}
    least = max(first, hi) if not pd.isna(hi) else None
    most = max(first, lo) if not pd.isna(lo) else first
    return {"days_exposed_min": _days(as_of, least, floor), "days_exposed_max": _days(as_of, most, ceil)}


def _until(first: Any, lo: Any, hi: Any) -> dict[str, float | None]:
    """Days from the first sighting until the value in force now took over, if it followed the leaked one."""
    if pd.isna(first):
        return {}
    return {"days_exposed_min": 0.0, "days_exposed_max": None if pd.isna(hi) else _days(hi, first, ceil)}


def _days(end: Any, start: Any, outward: Callable[[float], int]) -> float | None:
    """Whole days, rounded so that no more is claimed than is known."""
    return None if start is None else float(max(outward((end - start) / _DAY), 0))


def _unknown(leak: Any, reason: str) -> dict[str, Any]:
    return {
        "leak_id": leak.leak_id,
        "secret": leak.variable,
        "environment": "",
        "service": "",
        "status": "unknown",
        "first_at": leak.first_at,
        "reason": reason,
    }
