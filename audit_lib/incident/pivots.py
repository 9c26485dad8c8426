"""What is known of one address, one secret, one route; and the pivots from one to the next."""

from typing import Any

import pandas as pd

from audit_lib.base.contracts import rows
from audit_lib.base.log_kinds import OTHER_ROUTES
from audit_lib.incident.data import Scene
from audit_lib.logins.clients import network
from audit_lib.logins.requests import REFUSED, Window, named, succeeded, totals


def suspect(scene: Scene) -> str:
    """The address to look at first: who failed in the worst burst, else the busiest newcomer, else anyone."""
    named = scene.clients[scene.clients["client"] != ""]
    order = {"new network": 0, "new address": 1, "no history": 2, "failing only": 3}
    ranked = sorted(
        rows(named),
        key=lambda row: (
            -row.worst_burst if row.worst_burst >= 5 else 0,
            order.get(row.classification, 9),
            -row.failures,
            -row.requests,
            row.client,
        ),
    )
    return ranked[0].client if ranked else ""


def client_facts(scene: Scene, client: str) -> pd.DataFrame:
    """One row for each thing known of an address: `fact`, `value`."""
    mine = scene.requests[scene.requests["client"] == client]
    here = scene.clients[scene.clients["client"] == client]
    if mine.empty:
        return _facts({"address": client or "none named", "seen": "in no log that was read"})
    known = here.iloc[0] if len(here) else None
    good, bad = _split(mine)
    after = good[good["not_after_at"] >= bad["not_before_at"].min()] if len(bad) else good.iloc[:0]
    return _facts(
        {
            "address": client,
            "network": network(client) or "no address",
            "class in the window": "not in the window" if known is None else known["classification"],
            "first seen": _instant(mine["not_before_at"].min()),
            "last seen": _instant(mine["not_after_at"].max()),
            "requests, in all logs": int(mine["count"].sum()),
            "refused (401, 403)": int(bad["count"].sum()),
            "2xx on protected routes": int(good["count"].sum()),
            "2xx on protected routes after the first refusal": int(after["count"].sum()),
            "most failures surely within ten minutes": 0 if known is None else int(known["worst_burst"]),
            "requests without a time": int(mine.loc[~mine["timed"], "count"].sum()),
        }
    )


def client_routes(scene: Scene, client: str) -> pd.DataFrame:
    """One row for each route that an address asked for, in all logs."""
    return _by(scene.requests[scene.requests["client"] == client], "route")


def neighbours(scene: Scene, client: str) -> pd.DataFrame:
    """One row for each other address of the same /24 or /64, in all logs."""
    home = network(client)
    names = {name for name in scene.spans.index if name != client and home}
    near = {name for name in names if network(name) == home}
    return _by(scene.requests[scene.requests["client"].isin(near)], "client")


def route_clients(scene: Scene, route: str) -> pd.DataFrame:
    """One row for each address that asked for a route in the window."""
    return _by(scene.here[scene.here["route"] == route], "client")


def pivot(scene: Scene, client: str) -> pd.DataFrame:
    """From an address by its routes to the others who asked for them in the window, most in common first."""
    here = scene.here
    routes = set(here.loc[here["client"] == client, "route"]) - {OTHER_ROUTES}
    others = here[here["route"].isin(routes) & (here["client"] != client)]
    found = _by(others, "client")
    shared = others.groupby("client", observed=True)["route"].nunique()
    classes = dict(zip(scene.clients["client"], scene.clients["classification"], strict=True))
    found.insert(1, "routes in common", found["client"].map(shared).astype("int64"))
    found.insert(1, "class", found["client"].map(classes))
    return found.sort_values(["routes in common", "client"], ascending=[False, True]).reset_index(drop=True)


def secrets_then(scene: Scene, window: Window) -> pd.DataFrame:
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
        for stay in scene.stays
        if (stay.absent is None or stay.absent.at <= window.until)
        and (stay.gone is None or stay.gone.at >= window.since)
    ]
    columns = ["secret", "environment", "service", "seen_since_at", "not_before_at", "gone_by_at", "evidence"]
    return pd.DataFrame(found, columns=columns)


def secret_facts(scene: Scene, freshness: pd.DataFrame, secret: str) -> pd.DataFrame:
    """One row for each place of a secret: its state, age, leaks, and whether the browser has it."""
    leaks = scene.leaks.set_index("fingerprint")["occurrences"]
    ages = {(row.secret, row.environment, row.service): row for row in rows(freshness)}
    found = []
    for home in rows(scene.inventory[scene.inventory["secret"] == secret]):
        age = ages.get((home.secret, home.environment, home.service))
        twins = (
            scene.inventory[scene.inventory["fingerprint"] == home.fingerprint] if home.fingerprint else []
        )
        found.append(
            {
                "variable": home.variable,
                "where": f"{home.environment}/{home.service}",
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


def _split(requests: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return requests[succeeded(requests)], requests[requests["status"].isin(REFUSED)]


def _by(requests: pd.DataFrame, key: str) -> pd.DataFrame:
    """One row for each client or route: requests, refusals, successes, first and last, the busiest first."""
    good, bad = _split(requests)
    groups = requests.groupby(key, observed=True)
    spans = named(groups.agg(first_at=("not_before_at", "min"), last_at=("not_after_at", "max")))
    sums = {
        "requests": totals(requests, key),
        "refused": totals(bad, key),
        "2xx, protected": totals(good, key),
    }
    frame = pd.DataFrame(sums).join(spans, how="right")
    counts = ["requests", "refused", "2xx, protected"]
    frame[counts] = frame[counts].fillna(0).astype("int64")
    frame = frame.rename_axis(key).reset_index()
    return frame.sort_values(["requests", key], ascending=[False, True]).reset_index(drop=True)


def _facts(facts: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame({"fact": list(facts), "value": [str(value) for value in facts.values()]})


def _instant(at: Any) -> str:
    return "not known" if pd.isna(at) else f"{at:%Y-%m-%d %H:%M} UTC"
