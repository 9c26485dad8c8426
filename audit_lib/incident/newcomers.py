"""The addresses that were answered and are new (A8), and those of them that had guessed before (A1 to A7)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from audit_lib.incident.investigation import Investigation
from audit_lib.incident.window_detections import DetectedInWindow, detected_in_window
from audit_lib.logins.clients import reaches_back
from audit_lib.logins.declared import READING, REDIRECTS
from audit_lib.logins.detections.alarm import Alarm
from audit_lib.logins.detections.callers import network_of
from audit_lib.logins.detections.traffic import fits
from audit_lib.logins.requests import succeeded, totals

GUESSING = ("A1", "A2", "A3", "A4", "A5", "A6")
GOT_IN = "A7"
NOBODY_NEW = "nobody of a new network was let in, or answered on a protected route (A8)"


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
    detected, rule = detected_in_window(investigation), investigation.rules.rules.get("A8")
    firsts = {alarm.subject: alarm for alarm in detected.alarms("A8") if alarm.classification}
    if not firsts or rule is None:
        return ()
    loud = guessing_networks(detected)
    found = []
    for client, successes in _answered(investigation).items():
        home = network_of(str(client))
        alarm = firsts.get(home)
        if alarm is not None and alarm.first_at is not None:
            guessed = home in loud or alarm.severity != rule.severity
            found.append(NewAddress(str(client), int(successes), alarm.first_at, guessed))
    return tuple(sorted(found, key=lambda one: (-one.successes, one.client)))


def _answered(investigation: Investigation) -> "pd.Series[int]":
    """How many answers each address got that A8 counts: on protected routes, and logins that succeed."""
    here = investigation.here
    login = fits(here["route"].astype("str"), investigation.rules.access.login)
    login &= ~here["method"].isin((*READING, "")) & ~here["refused"]
    login &= here["status"].between(200, 299) | here["status"].isin(REDIRECTS)
    return totals(here, "client", succeeded(here) | login)


def neighbours(investigation: Investigation) -> tuple[str, ...]:
    """Addresses that are new, of a network that is known, and were answered: A8 does not find them."""
    clients = investigation.clients
    mine = clients["classification"].eq("new address") & clients["successes"].gt(0)
    return tuple(clients.loc[mine].sort_values(["successes", "client"], ascending=[False, True])["client"])


def lacks_history(investigation: Investigation) -> tuple[str, bool]:
    """The logs without which no address is known to be new, and whether they are missing."""
    days = investigation.newcomer_days
    if days is None:
        return "after how many days an address counts as new: the policy does not state A8", True
    missing = not reaches_back(investigation.requests, investigation.window, days)
    text = f"logs of {days:.0f} days before the window: without them nobody is known to be new"
    return text if missing else "", missing


def guessing_networks(detected: DetectedInWindow) -> frozenset[str]:
    """The networks of those who guess, by the detections that say so."""
    threats = detected.threats(*GUESSING, GOT_IN)
    return frozenset(network_of(name) for alarms in threats.values() for name in addresses(alarms))


def addresses(alarms: Iterable[Alarm]) -> tuple[str, ...]:
    """The addresses, and of many together the networks, that incidents name, the most failures first."""
    counts: dict[str, int] = {}
    for alarm in alarms:
        names = [alarm.client] if alarm.client else sorted(alarm.clients)
        for name in names:
            counts[name] = max(counts.get(name, 0), alarm.count)
    return tuple(sorted(counts, key=lambda name: (-counts[name], name)))
