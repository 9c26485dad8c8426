"""From when until when a value could be used by others, and which values a secret has or had."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from audit_lib.base.frames import Contract, Field, Instant, Series, rows
from audit_lib.incident.case import Case
from audit_lib.leaks.tables import PRODUCTION, SECRETS
from audit_lib.ledger.timeline import Tenure
from audit_lib.logs.formats import BOOT

Sighting = tuple[datetime | None, str]  # when and where; None: a place has no date, and may be the oldest


class ExposureWindows(Contract):
    """One row for each value that others may have used: from when until when, and by which proof."""

    secret: Series[str]
    environment: Series[str]
    service: Series[str]
    begins_at: Series[Instant] = Field(nullable=True)  # at the earliest; null: no evidence bounds it
    begins_by: Series[str]  # the evidence of its beginning
    ends_earliest_at: Series[Instant] = Field(nullable=True)  # null: in force to this day
    ends_at: Series[Instant] = Field(nullable=True)  # at the latest; null: still open, or not shown
    ends_by: Series[str]  # the evidence of its end
    leaked: Series[bool]  # a place of a leak is known
    open: Series[bool]  # in force when it was last seen


def tabulate_exposure(case: Case) -> pd.DataFrame:
    """`ExposureWindows`: of the secret under suspicion all values, else every value that has leaked. It
    begins when the leak was first seen, if that is dated, else when the value came into use; it ends when a
    rotation takes effect, at the first start after the change. The most urgent comes first."""
    secrets = (case.secret,) if case.secret else leaked_secrets(case)
    found = [window for secret in secrets for window in _windows(case, secret)]
    ranks = {value: rank for rank, value in reversed(list(enumerate(case.leaked.leaks["fingerprint"])))}

    def urgency(row: Mapping[str, Any]) -> tuple[Any, ...]:
        rank = ranks.get(row["fingerprint"], len(ranks))
        first = (not row["leaked"], not row["open"], row["environment"] != PRODUCTION, rank)
        return *first, row["secret"], row["environment"], row["service"], str(row.get("begins_at"))

    return ExposureWindows.of(sorted(found, key=urgency))


def in_force(exposure: pd.DataFrame) -> dict[str, str]:
    """Each secret that leaked and is in force, the most urgent first, with its ENVIRONMENT/SERVICE. Several
    places are sorted and joined by commas. What was replaced everywhere is left out, and so is what is in
    force and was not found where others can read it."""
    here = exposure[exposure["open"] & exposure["leaked"]]
    by_secret = (here["environment"] + "/" + here["service"]).groupby(here["secret"], sort=False)
    return {str(name): ", ".join(sorted(set(found))) for name, found in by_secret}


def values_of(case: Case, secret: str) -> frozenset[str]:
    """The fingerprints of every value that a secret has or had, by ledger and env files. One that only a
    commit held, and no snapshot, is not among them: nothing says whose it was."""
    inventory = case.read.inventory
    held = {one.fingerprint for one in case.tenures if one.home.secret == secret}
    return frozenset({*held, *inventory.loc[inventory["secret"] == secret, "fingerprint"].dropna()})


def first_seen(case: Case, secret: str) -> datetime | None:
    """When a leak of one of a secret's values was first seen; None if none is known, or none is dated. Of a
    commit it is the author's date, which the author chooses."""
    leaks = case.leaked.leaks
    mine = leaks.loc[leaks["fingerprint"].isin(values_of(case, secret)), "first_at"].dropna()
    return min(mine).to_pydatetime() if len(mine) else None


def leaked_secrets(case: Case) -> tuple[str, ...]:
    """The secrets of which a leak is known, the most urgent first. What the policy does not name is a setting
    if the inventory says so, as in a review."""
    leaks, inventory = case.leaked.leaks, case.read.inventory
    named = leaks.loc[leaks["kind"].isin(("leak", "truncated")), "variable"]
    shown = set(leaks.loc[leaks["kind"].isin(SECRETS), "fingerprint"].dropna())
    retired = [stay.home.secret for stay in case.tenures if stay.fingerprint in shown]  # under every name
    settings = set(inventory.loc[inventory["kind"].eq("setting"), "secret"])
    found = [
        rule.name if rule else name
        for name, rule in ((name, case.policy.rule(name)) for name in (*named, *retired))
        if (rule.kind == "secret" if rule else name not in settings)
    ]
    return tuple(dict.fromkeys(found))


def public_twins(case: Case, secret: str) -> tuple[str, ...]:
    """The public variables that hold, or held, one of the secret's values, in order: a bundle shows them.
    Public are those that the policy says are, and those with a build tool's public prefix."""
    held, inventory = values_of(case, secret), case.read.inventory
    found = set(inventory.loc[inventory["fingerprint"].isin(held) & inventory["public"], "secret"])
    own = ((it, case.policy.rule(it)) for it in (secret, *case.coupled(secret)) if held & values_of(case, it))
    found |= {it for it, rule in own if (rule and rule.public) or it.startswith(case.policy.public_prefixes)}
    return tuple(sorted(found))


def _windows(case: Case, secret: str) -> Iterator[dict[str, Any]]:
    stays = [stay for stay in case.tenures if stay.home.secret == secret]
    ends = {(*stay.home, stay.fingerprint): _end(case, stay) for stay in stays}
    held = case.read.inventory.query("secret == @secret and state == 'present'").dropna(subset="fingerprint")
    for row in rows(held):  # what no snapshot has seen is in force by its env file alone
        still = {"ends_by": f"in force by {row.source}; no snapshot has seen it", "open": True}
        ends.setdefault((secret, row.environment, row.service, row.fingerprint), still)
    for home, end in ends.items():
        leaked = _first_sighting(case, home[-1])
        if leaked or case.secret:
            named = dict(zip(("secret", "environment", "service", "fingerprint"), home, strict=True))
            yield named | _beginning(case, home[-1], leaked) | end | {"leaked": bool(leaked)}


def _first_sighting(case: Case, fingerprint: str) -> Sighting | None:
    """When and where the value was first outside of its places; None if no leak of it is known. A commit
    counts by the earlier of its dates; before it a file lay on one disk."""
    leaks, places = case.leaked.leaks, case.leaked.places
    leaks = leaks[leaks["fingerprint"].eq(fingerprint) & leaks["kind"].isin(SECRETS)]
    places = places[places["leak_id"].isin(leaks["leak_id"])]
    commits = leaks[leaks["first_commit"] != ""].dropna(subset=["first_at", "first_committed_at"], how="all")
    dated = [
        (min(filter(None, (one.first_at, one.first_committed_at))), f"commit {one.first_commit[:12]}")
        for one in rows(commits)
    ]
    for place in rows(places[~places["path"].isin(places.loc[places["commit"] != "", "path"])].head(1)):
        return None, f"{place.place} {place.path}, whose date is not known"
    return min(dated, default=None if leaks.empty else (None, "no place has a date"))


def _beginning(case: Case, fingerprint: str, leaked: Sighting | None) -> dict[str, Any]:
    if leaked and leaked[0] is not None:
        return {"begins_at": leaked[0], "begins_by": f"the leak was first seen in {leaked[1]}"}
    why = f"; the date of the leak is not known ({leaked[1]})" if leaked else ""
    before = [stay.absent for stay in case.tenures if stay.fingerprint == fingerprint]
    if not before or None in before:
        return {"begins_by": f"it is not known since when the value exists{why}"}
    at, place = min((seen.at, seen.place) for seen in before if seen)
    return {"begins_at": at, "begins_by": f"the value came into use after {place}{why}"}


def _end(case: Case, stay: Tenure) -> dict[str, Any]:
    if stay.gone is None:
        return {"ends_by": f"still in force in the last snapshot ({stay.last.place})", "open": True}
    row, by = {"ends_earliest_at": stay.last.at, "open": False}, f"another value in {stay.gone.place}"
    starts = case.activity.events[case.activity.events["message"].eq(BOOT)].query("at >= @stay.gone.at")
    if starts.empty:
        return row | {"ends_by": f"{by}; no log shows a start after it: when it took effect is not known"}
    at, file, line = starts.sort_values(["at", "file", "line"]).iloc[0][["at", "file", "line"]]
    return row | {"ends_at": at, "ends_by": f"{by}, in effect since the start in {file}:{line}"}
