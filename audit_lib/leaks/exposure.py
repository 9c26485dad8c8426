"""What each leak means: an emergency or history, for how many days, and in which order to clean up."""

from collections.abc import Callable, Iterator
from datetime import datetime
from math import ceil, floor
from typing import Any

import pandas as pd

from audit_lib.base.contracts import CleanUp, Exposure

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
_IN_HISTORY = ("commit", "note", "stash", "other ref", "reflog", "unreachable", "path", "commit message",
               "commit author", "tag", "staged", "git file")  # fmt: skip


def tabulate_exposure(
    leaks: pd.DataFrame, inventory: pd.DataFrame, freshness: pd.DataFrame, as_of: datetime
) -> pd.DataFrame:
    """`Exposure`: each leak in each place where its secret lives, joined with the age of the value there.

    Emergency: the leaked value is in force there. Historic: it is not, another one is. Unknown: what is in
    force there was not supplied, or nobody gave the value. Days are counted while leaked and in
    force, be it in another place: an age is its value's, wherever that was seen first.
    """
    rows: list[dict[str, Any]] = []
    for leak in leaks[leaks["kind"].isin(("leak", "pattern", "truncated"))].itertuples():
        homes = _homes(leak, inventory)
        rows += [_exposed(leak, home, _adoption(home, freshness), as_of) for home in homes.itertuples()]
        if homes.empty:
            rows.append(_unknown(leak, "nobody gave this value: whether it is in force is not known"))
    return Exposure.of(rows)


def _homes(leak: Any, inventory: pd.DataFrame) -> pd.DataFrame:
    """The places where the leaked secret lives. In an environment where it is in force, another service's
    value under the same name is another secret, and not what followed this one.
    """
    homes = inventory[inventory["secret"].isin(_secrets_of(leak, inventory))]
    in_force = homes["fingerprint"].eq(leak.fingerprint).fillna(False).astype(bool)
    return homes[in_force | ~homes["environment"].isin(homes.loc[in_force, "environment"])]


def _secrets_of(leak: Any, inventory: pd.DataFrame) -> set[str]:
    same = (inventory["fingerprint"] == leak.fingerprint) | (inventory["variable"] == leak.variable)
    return set(inventory.loc[same, "secret"])


def _adoption(home: Any, freshness: pd.DataFrame) -> tuple[Any, Any]:
    """The interval in which the value in force there was adopted; nulls if it is not known."""
    same = freshness[
        (freshness["secret"] == home.secret)
        & (freshness["environment"] == home.environment)
        & (freshness["service"] == home.service)
    ]
    return (same.iloc[0]["lo_at"], same.iloc[0]["hi_at"]) if len(same) else (pd.NaT, pd.NaT)


def _exposed(leak: Any, home: Any, adopted: tuple[Any, Any], as_of: datetime) -> dict[str, Any]:
    row = _unknown(leak, "") | {
        "secret": home.secret,
        "environment": home.environment,
        "service": home.service,
        "first_at": leak.first_at,
    }
    lo, hi = adopted
    if pd.isna(home.fingerprint):
        return row | {"reason": f"what is in force there is {home.state}"}
    if home.fingerprint == leak.fingerprint:
        days = _span(leak.first_at, lo, hi, pd.Timestamp(as_of))
        return row | {"status": "emergency", "reason": "the leaked value is in force: rotate now", **days}
    days = _until(leak.first_at, lo, hi)
    return row | {"status": "historic", "reason": "another value is in force there", **days}


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


def clean_up(leaks: pd.DataFrame, places: pd.DataFrame, exposure: pd.DataFrame) -> pd.DataFrame:
    """`CleanUp`: rotate what may be in force, take it out of what is in use, then purge once, then tell."""
    steps: list[dict[str, Any]] = []
    real = leaks[leaks["kind"].isin(("leak", "pattern", "truncated"))]
    by_status = exposure.groupby("leak_id")["status"].agg(set).to_dict() if len(exposure) else {}
    for status in ("emergency", "unknown"):
        for leak in real.itertuples():
            statuses = by_status.get(leak.leak_id, set())
            if status in statuses and (status == "emergency" or "emergency" not in statuses):
                steps.append(_rotate(leak, status, exposure))
    steps += [step for leak in real.itertuples() for step in _removals(leak, places)]
    history = places[places["leak_id"].isin(real["leak_id"]) & places["place"].isin(_IN_HISTORY)]
    if len(history):
        text = "purge all of them from the history at once (git filter-repo), then force-push and re-clone"
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
            text = f"{action} it in {len(there)} places ({place}), first {there.iloc[0]['path']}"
            yield _step(
                leak.leak_id, leak.variable, action, text, _STAYS.get(place, "the history still holds it")
            )


def _step(leak: str, secret: str, action: str, text: str, not_undone: str) -> dict[str, Any]:
    return {"leak_id": leak, "secret": secret, "action": action, "text": text, "not_undone": not_undone}
