"""What leaks mean: in each place an emergency or history, of each secret the worst, and what to do first."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from math import ceil, floor
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, day_words
from audit_lib.leaks.contracts import CleanUp, Exposure, LeakedSecrets
from audit_lib.leaks.purge import IN_HISTORY
from audit_lib.leaks.tables import (
    IN_FORCE,
    NOT_KNOWN,
    PRODUCTION,
    SECRETS,
    first_places,
    force_at,
    homes_of,
    last_stays,
)
from audit_lib.ledger.timeline import SecretPlace, Tenure

STATUSES = ("emergency", "unknown", "historic")
_DAY = pd.Timedelta(days=1)
_PURGE = (
    "clones and forks that exist, the host's caches and pull request refs, build logs, backups and mails "
    "keep it; only the rotation ends the exposure"
)
_STAYS = {
    "log": "copies that were shipped, archived or pasted into tickets keep it",
    "bundle": "browsers, caches and content networks keep what they were served",
    "notebook": "copies that were sent or rendered keep it",
}
_NAMED = 5  # paths of the purge


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
    return LeakedSecrets.of(_secret_row(exposed, by_secret[exposed[0].secret], places) for exposed in found)


def _worst(exposed: list[Any]) -> list[Any]:
    """Of the rows of a secret those of its worst status."""
    status = min((row.status for row in exposed), key=STATUSES.index)
    return [row for row in exposed if row.status == status]


def _secret_row(exposed: list[Any], every: list[Any], places: pd.DataFrame) -> dict[str, Any]:
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


def clean_up(leaks: pd.DataFrame, places: pd.DataFrame, exposure: pd.DataFrame) -> pd.DataFrame:
    """`CleanUp`: rotate what may be in force, take it out of what is in use, then purge once, then tell."""
    steps: list[dict[str, Any]] = []
    real = leaks[leaks["kind"].isin(SECRETS)]
    by_status = exposure.groupby("leak_id")["status"].agg(set).to_dict() if len(exposure) else {}
    for status in ("emergency", "unknown"):
        for leak in real.itertuples():
            statuses = by_status.get(leak.leak_id, set())
            if status in statuses and (status == "emergency" or "emergency" not in statuses):
                steps.append(_rotate(leak, status, exposure))
    steps += [step for leak in real.itertuples() for step in _removals(leak, places)]
    history = places[places["leak_id"].isin(real["leak_id"]) & places["place"].isin(IN_HISTORY)]
    if len(history):
        paths = sorted(set(history["path"]) - {""})
        more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        where = f": {', '.join(paths[:_NAMED])}{more}" if paths else ""
        text = (
            "purge all of them from the history at once (git filter-repo), then force-push and re-clone; "
            f"`rotate plan NAME --compromised` has the commands{where}"
        )
        steps.append(_step("", "", "purge", text, _PURGE))
        steps.append(
            _step("", "", "tell", "ask everyone with a clone or fork to delete it and clone anew", "")
        )
    return CleanUp.of({"step": number} | step for number, step in enumerate(steps, 1))


def _rotate(leak: Any, status: str, exposure: pd.DataFrame) -> dict[str, Any]:
    """Under whatever names its value is in force: all of them take the new one."""
    mine = exposure[(exposure["leak_id"] == leak.leak_id) & (exposure["status"] == status)]
    homes = sorted(
        {f"{row.secret} in {row.environment}/{row.service}" for row in mine.itertuples() if row.service}
    )
    force = f"it is in force as {', '.join(homes)}" if homes else "it is in force"
    what = {"emergency": force, "unknown": "it may be in force: find out, or rotate"}[status]
    text = f"make a new value, deploy it, revoke the old one at its provider: {what}"
    return _step(leak.leak_id, leak.variable, "rotate", text, "what was done with it before")


def _removals(leak: Any, places: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """What still holds it outside the history: a file at HEAD or on disk, a log, a bundle, a notebook."""
    mine = places[places["leak_id"] == leak.leak_id]
    for place in ("working tree", "notebook", "bundle", "log"):
        there = mine[mine["place"] == place]
        if len(there):
            action = "replace" if place in ("working tree", "notebook") else "remove"
            text = f"{action} it in {counted(len(there), 'place')} ({place}), first {there.iloc[0]['path']}"
            yield _step(
                leak.leak_id, leak.variable, action, text, _STAYS.get(place, "the history still holds it")
            )


def _step(leak: str, secret: str, action: str, text: str, not_undone: str) -> dict[str, Any]:
    return {"leak_id": leak, "secret": secret, "action": action, "text": text, "not_undone": not_undone}
