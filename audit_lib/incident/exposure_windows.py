"""From when until when a value could be used by others, who may have used it, what its rotation touches."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import few
from audit_lib.incident.contracts import Couplings, ExposureWindows, Uses
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.secret_values import leaked_secrets
from audit_lib.incident.timeline import first_start
from audit_lib.leaks.tables import PRODUCTION
from audit_lib.ledger.timeline import Tenure
from audit_lib.logins.requests import Window, succeeded, surely_within, totals, within

MOST_ROUTES = 4  # of one address
_NOVELTY = (
    "new network", "new address", "not known if new", "not in the window", "unnamed", "failing only",
    "internal", "known",
)  # fmt: skip


def tabulate_exposure_windows(investigation: Investigation) -> pd.DataFrame:
    """`ExposureWindows`: of the secret under suspicion all values, else every value that has leaked.

    A window begins when the leak was first seen, if that is dated, else when the value
    came into use; it ends when a rotation takes effect: at the first start after the change.
    """
    return investigation.of_secret("exposure windows", lambda: _exposure_windows(investigation))


def _exposure_windows(investigation: Investigation) -> pd.DataFrame:
    secrets = (investigation.secret,) if investigation.secret else leaked_secrets(investigation)
    found = [window for secret in secrets for window in _windows(investigation, secret)]
    place = _urgency_of(investigation.leaks)
    found.sort(key=lambda row: _order(row, place.get(row["fingerprint"], len(place))))
    return ExposureWindows.of(found)


def _urgency_of(leaks: pd.DataFrame) -> dict[str, int]:
    """Each leaked value's place in the order of urgency, which is that of `Leaks`."""
    return {fingerprint: number for number, fingerprint in reversed(list(enumerate(leaks["fingerprint"])))}


def _order(row: dict[str, Any], place: int) -> tuple[Any, ...]:
    """What has leaked first, of that what is open, and of that the most urgent."""
    elsewhere = row["environment"] != PRODUCTION
    home = (row["secret"], row["environment"], row["service"])
    return (not row["leaked"], not row["open"], elsewhere, place, *home, str(row.get("begins_at")))


def _windows(investigation: Investigation, secret: str) -> Iterator[dict[str, Any]]:
    stays = [stay for stay in investigation.tenures if stay.home.secret == secret]
    watched = {(stay.home.environment, stay.home.service, stay.fingerprint) for stay in stays}
    for stay in stays:
        leaked, home = _first_sighting(investigation, stay.fingerprint), stay.home
        if leaked or investigation.secret:
            bounds = _beginning(investigation, stay.fingerprint, leaked) | _end(investigation, stay)
            row = _row(home.secret, home.environment, home.service, stay.fingerprint)
            yield row | bounds | {"leaked": bool(leaked)}
    # What no snapshot has seen is in force by its env file alone.
    for held in rows(investigation.inventory[investigation.inventory["secret"] == secret]):
        key = (held.environment, held.service, held.fingerprint)
        if held.state != "present" or held.fingerprint is None or key in watched:
            continue
        leaked = _first_sighting(investigation, held.fingerprint)
        if leaked or investigation.secret:
            still = {"ends_by": f"in force by {held.source}; no snapshot has seen it", "open": True}
            bounds = _beginning(investigation, held.fingerprint, leaked) | still
            yield _row(secret, *key) | bounds | {"leaked": bool(leaked)}


def _row(secret: str, environment: str, service: str, fingerprint: str) -> dict[str, Any]:
    return {"secret": secret, "environment": environment, "service": service, "fingerprint": fingerprint}


def _first_sighting(investigation: Investigation, fingerprint: str) -> tuple[datetime | None, str] | None:
    """The instant (None: not dated) and place at which a leak was first seen; None if none is known."""
    leaks = investigation.leaks[investigation.leaks["fingerprint"] == fingerprint]
    leaks = leaks[leaks["kind"].isin(("leak", "weak default", "truncated"))]
    dated = [
        (min(instant for instant in (leak.first_at, leak.first_committed_at) if instant is not None),
         f"commit {leak.first_commit[:12]}")
        for leak in rows(leaks)
        if leak.first_commit and (leak.first_at is not None or leak.first_committed_at is not None)
    ]  # fmt: skip
    history = investigation.history[investigation.history["fingerprint"] == fingerprint]
    dated += [(row.committed_at, f"commit {row.commit[:12]} ({row.file})") for row in rows(history)]
    in_logs, undated = _log_sightings(investigation, set(leaks["leak_id"]))
    dated += in_logs
    if dated and not undated:
        return min(dated)
    if undated:
        # A place without a date may be older than all that are dated.
        return None, undated
    return None if leaks.empty else (None, "no place has a date")


def _log_sightings(investigation: Investigation, leaks: set[str]) -> tuple[list[tuple[datetime, str]], str]:
    """The dated places in logs, by the last timed line at or before each; and one that has no date."""
    places = investigation.leak_places[investigation.leak_places["leak_id"].isin(leaks)]
    # A file that was committed was outside since the commit; before that it lay on one disk.
    committed = set(places.loc[places["commit"] != "", "path"])
    dated, undated = [], ""
    for place in rows(places[(places["commit"] == "") & ~places["path"].isin(committed)]):
        name = place.path if place.line is None else f"{place.path}:{place.line}"
        events = investigation.events[
            (investigation.events["file"] == place.path) & (investigation.events["line"] <= (place.line or 0))
        ]
        instants = events["at"].fillna(events["not_before_at"]).dropna()
        if place.place == "log" and len(instants):
            dated.append((instants.iloc[-1], name))
        else:
            undated = undated or f"{place.place} {name}, whose date is not known"
    return dated, undated


def _beginning(
    investigation: Investigation, fingerprint: str, leaked: tuple[datetime | None, str] | None
) -> dict[str, Any]:
    if leaked and leaked[0] is not None:
        return {"begins_at": leaked[0], "begins_by": f"the leak was first seen in {leaked[1]}"}
    first = [stay for stay in investigation.tenures if stay.fingerprint == fingerprint]
    known = [stay.absent for stay in first]
    why = f"; the date of the leak is not known ({leaked[1]})" if leaked else ""
    bounds = [look.at for look in known if look is not None]
    if not first or len(bounds) < len(known):
        return {"begins_by": f"it is not known since when the value exists{why}"}
    by = min((look.at, look.place) for look in known if look is not None)[1]
    return {"begins_at": min(bounds), "begins_by": f"the value came into use after {by}{why}"}


def _end(investigation: Investigation, stay: Tenure) -> dict[str, Any]:
    if stay.gone is None:
        return {"ends_by": f"still in force in the last snapshot ({stay.last.place})", "open": True}
    boot = first_start(investigation.events, stay.gone.at)
    row: dict[str, Any] = {"ends_earliest_at": stay.last.at, "open": False}
    if boot is None:
        by = f"another value in {stay.gone.place}; the logs show no start after it, so when it took effect"
        return row | {"ends_by": f"{by} is not known"}
    by = f"another value in {stay.gone.place}, in effect since the start in {boot['file']}:{boot['line']}"
    return row | {"ends_at": boot["at"], "ends_by": by}


def span(row: Any, as_of: datetime) -> Window:
    """The widest window that a row of `ExposureWindows` allows."""
    begin = (
        row.begins_at if row.begins_at is not None else datetime.min.replace(tzinfo=as_of.tzinfo, year=1971)
    )
    return Window(begin, row.ends_at if row.ends_at is not None else as_of)


def exposed(windows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The windows of each secret that leaked and is in force, in their order: that of urgency."""
    here = windows[windows["open"] & windows["leaked"]]
    return {name: here[here["secret"] == name] for name in dict.fromkeys(here["secret"])}


def places_of(windows: pd.DataFrame) -> str:
    """The places of exposure windows, as ENVIRONMENT/SERVICE."""
    return ", ".join(sorted(set(windows["environment"] + "/" + windows["service"])))


def tabulate_uses(investigation: Investigation, window: Window) -> pd.DataFrame:
    """`Uses`: every address that was answered on a protected route in an exposure window, new ones first."""
    here = within(investigation.requests, window)
    here = here[succeeded(here)]
    classes = dict(zip(investigation.clients["client"], investigation.clients["classification"], strict=True))
    found = [
        _use(str(client), group, window, classes) for client, group in here.groupby("client", observed=True)
    ]
    found.sort(key=lambda use: (_NOVELTY.index(use["classification"]), -use["successes"], use["client"]))
    return Uses.of(found)


def _use(client: str, group: pd.DataFrame, window: Window, classes: dict[str, str]) -> dict[str, Any]:
    routes = totals(group, "route").sort_values(ascending=False, kind="stable")
    known = group[group["timed"]] if group["timed"].any() else group
    first = known.sort_values(["not_before_at", "file", "line"], na_position="first").iloc[0]
    return {
        "client": client,
        "classification": classes.get(client, "not in the window"),
        "first_at": group["not_before_at"].min(),
        "last_at": group["not_after_at"].max(),
        "successes": int(group["count"].sum()),
        "may_be": int(group.loc[~surely_within(group, window), "count"].sum()),
        "routes": few((f"{route} ({count})" for route, count in routes.items()), MOST_ROUTES),
        "evidence": f"{first['file']}:{first['line']}",
    }


def tabulate_couplings(investigation: Investigation, secret: str) -> pd.DataFrame:
    """`Couplings`: what else a secret's rotation touches, by the policy and by equal values."""
    rule = investigation.policy.rule(secret)
    found = [
        {"touches": name, "relation": word, "why": "the policy says so"}
        for word, names in (
            ("equals", rule.equals if rule else ()),
            ("rotates with", rule.rotates_with if rule else ()),
            ("consumer", rule.consumers if rule else ()),
        )
        for name in names
    ]
    values = investigation.inventory[investigation.inventory["secret"] == secret]["fingerprint"].dropna()
    same = investigation.inventory[
        investigation.inventory["fingerprint"].isin(values) & (investigation.inventory["state"] == "present")
    ]
    found += [
        {
            "touches": row.variable,
            "relation": "same value",
            "environment": row.environment,
            "service": row.service,
            "why": f"the same fingerprint in {row.source}",
        }
        for row in rows(same)
    ]
    blank = {"secret": secret, "environment": "", "service": ""}
    return Couplings.of(blank | row for row in found)


def leak_places(investigation: Investigation, secret: str = "") -> pd.DataFrame:
    """One row for each place at which a value of the secret, or of any, was found outside of its home."""
    places, leaks = investigation.leak_places, investigation.leaks
    names = dict(zip(leaks["leak_id"], leaks["variable"], strict=True))
    force = dict(zip(leaks["leak_id"], leaks["in_force"], strict=True))
    frame = places.assign(secret=places["leak_id"].map(names), in_force=places["leak_id"].map(force))
    # A value that was rotated since is in no file to search for: its commit is known all the same.
    history = investigation.history
    committed = history.assign(
        secret=history["name"], in_force="", path=history["file"], place="commit", line=None, encoding="plain"
    )
    seen = set(zip(frame["secret"], frame["commit"], strict=True))
    known = [pair in seen for pair in zip(committed["secret"], committed["commit"], strict=True)]
    frame = pd.concat([frame, committed[[not one for one in known]]], ignore_index=True)
    return frame[frame["secret"] == secret].reset_index(drop=True) if secret else frame
