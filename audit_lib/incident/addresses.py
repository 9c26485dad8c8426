"""The addresses of a window: who is new, who guessed before, what each asked for."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from audit_lib.incident.investigation import Investigation
from audit_lib.incident.window_detections import DetectedInWindow, detected_in_window
from audit_lib.logins.declared import READING, REDIRECTS
from audit_lib.logins.detect.incidents import Incident
from audit_lib.logins.requests import named, network_of, reaches_back, succeeded, totals
from audit_lib.logins.traffic import fits

GUESSING = ("guessing", "spraying")
GOT_IN = "let-in"
NEW = ("new network", "new address")  # classes of an address that was never answered before
NOBODY_NEW = "nobody of a new network was let in, or answered on a protected route"


@dataclass(frozen=True)
class NewAddress:
    """An address of a network that is new, and was let in or answered on a protected route."""

    client: str
    successes: int
    first_at: datetime
    guessed: bool  # logins of its network had failed, as the detections count it


def new_addresses(investigation: Investigation) -> tuple[NewAddress, ...]:
    """The new addresses that were answered in the window, the busiest first."""
    return investigation.of_window("new addresses", lambda: _new_addresses(investigation))


def _new_addresses(investigation: Investigation) -> tuple[NewAddress, ...]:
    loud = guessing_networks(detected_in_window(investigation))
    good, here = _answered(investigation), investigation.here
    here = here[here["timed"] & here["client"].isin(good.index)]
    answered = named(here.groupby("client", observed=True)["not_before_at"].min())
    spans = investigation.spans["first_at"]
    homes = [network_of(str(client)) for client in spans.index]
    arrived = spans.groupby(homes).min()
    reach = spans.min() + pd.Timedelta(days=investigation.newcomer_days)
    found = []
    for client, at in answered.items():
        home = network_of(str(client))
        # Tries of the last day belong to the same arrival.
        if client and at >= reach and arrived[home] >= at - pd.Timedelta(days=1):
            found.append(NewAddress(str(client), int(good[client]), at.to_pydatetime(), home in loud))
    return tuple(sorted(found, key=lambda one: (-one.successes, one.client)))


def nobody_new(investigation: Investigation) -> bool:
    """Whether logs that would have shown a new address show none."""
    _, missing = lacks_history(investigation)
    doubts = detected_in_window(investigation).doubts(GOT_IN)
    return not (missing or doubts or new_addresses(investigation))


def _answered(investigation: Investigation) -> "pd.Series[int]":
    """How many answers each address got that count: on protected routes, and logins that succeed."""
    here = investigation.here
    login = fits(here["route"].astype("str"), investigation.rules.access.login)
    login &= ~here["method"].isin((*READING, "")) & ~here["refused"]
    login &= here["status"].between(200, 299) | here["status"].isin(REDIRECTS)
    return totals(here, "client", succeeded(here) | login)


def neighbours(investigation: Investigation) -> tuple[str, ...]:
    """Addresses that are new, of a network that is known, and were answered."""
    clients = investigation.clients
    mine = clients["classification"].eq("new address") & clients["successes"].gt(0)
    return tuple(clients.loc[mine].sort_values(["successes", "client"], ascending=[False, True])["client"])


def lacks_history(investigation: Investigation) -> tuple[str, bool]:
    """The logs without which no address is known to be new, and whether they are missing."""
    days = investigation.newcomer_days
    missing = not reaches_back(investigation.requests, investigation.window, days)
    text = f"logs of {days:.0f} days before the window: without them nobody is known to be new"
    return text if missing else "", missing


def guessing_networks(detected: DetectedInWindow) -> frozenset[str]:
    """The networks of those who guess, by the detections that say so."""
    threats = detected.threats(*GUESSING, GOT_IN)
    return frozenset(network_of(name) for alarms in threats.values() for name in addresses(alarms))


def addresses(alarms: Iterable[Incident]) -> tuple[str, ...]:
    """The addresses, and of many together the networks, that incidents name, the most failures first."""
    counts: dict[str, int] = {}
    for alarm in alarms:
        names = [alarm.client] if alarm.client else sorted(alarm.clients)
        for name in names:
            counts[name] = max(counts.get(name, 0), alarm.count)
    return tuple(sorted(counts, key=lambda name: (-counts[name], name)))


def tabulate_routes(investigation: Investigation, client: str) -> pd.DataFrame:
    """Counts of requests by route of one address, in all logs, the busiest first."""
    mine = investigation.requests[investigation.requests["client"] == client]
    groups = mine.groupby("route", observed=True)
    spans = named(groups.agg(first_at=("not_before_at", "min"), last_at=("not_after_at", "max")))
    sums = {
        "requests": totals(mine, "route"),
        "refused": totals(mine, "route", mine["refused"]),
        "answered": totals(mine, "route", succeeded(mine)),
    }
    frame = pd.DataFrame(sums).join(spans, how="right")
    frame[list(sums)] = frame[list(sums)].fillna(0).astype("int64")
    frame = frame.rename_axis("route").reset_index()
    return frame.sort_values(["requests", "route"], ascending=[False, True]).reset_index(drop=True)
