"""What is known of one address, one secret, one route; and the pivots from one to the next."""

from datetime import datetime
from typing import Any

import pandas as pd

from audit_lib.base.clock import briefly
from audit_lib.base.frames import rows
from audit_lib.base.log_kinds import OTHER_ROUTES
from audit_lib.incident.explanations import best_explanation
from audit_lib.incident.investigation import Investigation
from audit_lib.logins.parameters import is_known
from audit_lib.logins.requests import Window, named, network, succeeded, totals

NEW = ("new network", "new address")  # classes of an address that was never answered before


def suspect(investigation: Investigation) -> str:
    """The address to look at first: the best explanation's, else whoever was refused most."""
    best = best_explanation(investigation)
    if best and best.addresses:
        return str(best.addresses).partition("; ")[0]
    clients = investigation.clients
    named = clients.loc[clients["client"] != "", "client"]
    return str(named.iloc[0]) if len(named) else ""


def client_facts(investigation: Investigation, client: str) -> pd.DataFrame:
    """One row for each thing known of an address: `fact`, `value`."""
    mine = investigation.requests[investigation.requests["client"] == client]
    here = investigation.clients[investigation.clients["client"] == client]
    if mine.empty:
        return _facts({"address": client or "not named", "seen": "in none of the logs that were read"})
    known = here.iloc[0] if len(here) else None
    good, bad = _split(mine)
    named = is_known(client, investigation.rules)
    after = good[good["not_after_at"] >= bad["not_before_at"].min()] if len(bad) else good.iloc[:0]
    return _facts(
        {
            "address": client,
            "network": network(client) or "no address",
            "class in the window": "not in the window" if known is None else known["classification"],
            **({"known to the policy": "yes (known_clients)"} if named else {}),
            "first seen (UTC)": _instant(mine["not_before_at"].min(), investigation.as_of),
            "last seen (UTC)": _instant(mine["not_after_at"].max(), investigation.as_of),
            "requests, in all logs": int(mine["count"].sum()),
            "refused": int(bad["count"].sum()),
            "answered on protected routes": int(good["count"].sum()),
            "answered there after the first refusal": int(after["count"].sum()),
            "requests without a time": int(mine.loc[~mine["timed"], "count"].sum()),
        }
    )


def client_routes(investigation: Investigation, client: str) -> pd.DataFrame:
    """One row for each route that an address asked for, in all logs."""
    return _by(investigation.requests[investigation.requests["client"] == client], "route")


def neighbours(investigation: Investigation, client: str) -> pd.DataFrame:
    """One row for each other address of the same /24 or /64, in all logs."""
    home = network(client)
    names = {name for name in investigation.spans.index if name != client and home}
    near = {name for name in names if network(name) == home}
    return _by(investigation.requests[investigation.requests["client"].isin(near)], "client")


def route_clients(investigation: Investigation, route: str) -> pd.DataFrame:
    """One row for each address that asked for a route in the window."""
    return _by(investigation.here[investigation.here["route"] == route], "client")


def pivot(investigation: Investigation, client: str) -> pd.DataFrame:
    """From an address by its routes to the others who asked for them in the window, most in common first."""
    here = investigation.here
    routes = set(here.loc[here["client"] == client, "route"]) - {OTHER_ROUTES}
    others = here[here["route"].isin(routes) & (here["client"] != client)]
    found = _by(others, "client")
    shared = others.groupby("client", observed=True)["route"].nunique()
    classes = dict(zip(investigation.clients["client"], investigation.clients["classification"], strict=True))
    found.insert(1, "routes in common", found["client"].map(shared).astype("int64"))
    found.insert(1, "class", found["client"].map(classes))
    return found.sort_values(["routes in common", "client"], ascending=[False, True]).reset_index(drop=True)


def secrets_then(investigation: Investigation, window: Window) -> pd.DataFrame:
    """One row for each value that may have been in force within a window: its home and bounds."""
    found = [
        {
            "secret": stay.home.secret,
            "environment": stay.home.environment,
            "service": stay.home.service,
            "seen_since_at": stay.first.at,
            "not_before_at": stay.absent.at if stay.absent else None,
            "gone_by_at": stay.gone.at if stay.gone else None,
            "evidence": f"{stay.first.place} to {stay.last.place}",
        }
        for stay in investigation.tenures
        if (stay.absent is None or stay.absent.at <= window.until)
        and (stay.gone is None or stay.gone.at >= window.since)
    ]
    columns = ["secret", "environment", "service", "seen_since_at", "not_before_at", "gone_by_at", "evidence"]
    return pd.DataFrame(found, columns=columns)


def secret_facts(investigation: Investigation, freshness: pd.DataFrame, secret: str) -> pd.DataFrame:
    """One row for each place of a secret: its state, age, leaks, and whether the browser has it."""
    leaks = investigation.leaks.set_index("fingerprint")["occurrences"]
    ages = {(row.secret, row.environment, row.service): row for row in rows(freshness)}
    found = []
    for home in rows(investigation.inventory[investigation.inventory["secret"] == secret]):
        age = ages.get((home.secret, home.environment, home.service))
        twins = (
            investigation.inventory[investigation.inventory["fingerprint"] == home.fingerprint]
            if home.fingerprint
            else []
        )
        found.append(
            {
                "variable": home.variable,
                "place": f"{home.environment}/{home.service}",
                "state": home.state,
                "source": home.source,
                "status": age.status if age else "",
                "age_days_min": age.age_days_min if age else None,
                "age_days_max": age.age_days_max if age else None,
                "places of leaks": int(leaks.get(home.fingerprint, 0)),
                "other places of the value": max(len(twins) - 1, 0),
                "in the browser": home.public,
            }
        )
    return pd.DataFrame(found)


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


def _split(requests: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return requests[succeeded(requests)], requests[requests["refused"]]


def _by(requests: pd.DataFrame, key: str) -> pd.DataFrame:
    """One row for each client or route: requests, refusals, successes, first and last, the busiest first."""
    good, bad = _split(requests)
    groups = requests.groupby(key, observed=True)
    spans = named(groups.agg(first_at=("not_before_at", "min"), last_at=("not_after_at", "max")))
    sums = {"requests": totals(requests, key), "refused": totals(bad, key), "answered": totals(good, key)}
    frame = pd.DataFrame(sums).join(spans, how="right")
    counts = ["requests", "refused", "answered"]
    frame[counts] = frame[counts].fillna(0).astype("int64")
    frame = frame.rename_axis(key).reset_index()
    return frame.sort_values(["requests", key], ascending=[False, True]).reset_index(drop=True)


def _facts(facts: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame({"fact": list(facts), "value": [str(value) for value in facts.values()]})


def _instant(at: Any, as_of: datetime) -> str:
    return "not known" if pd.isna(at) else briefly(at, as_of)
