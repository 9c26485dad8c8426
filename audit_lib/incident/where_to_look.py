"""Where to look first: hours that stand out in the window, addresses in all logs, leaks that are in force."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from audit_lib.base.in_words import SEVERITIES, counted
from audit_lib.base.log_kinds import FAILED_REQUESTS
from audit_lib.incident.exposure_windows import exposed, places_of, tabulate_exposure_windows
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.window_detections import detected_in_window
from audit_lib.logins.detect.incidents import Incident
from audit_lib.logins.parameters import is_known

COLUMNS = ["kind", "what", "first_at", "last_at", "count", "since", "until", "secret", "client", "evidence"]
MOST = 12  # days and addresses; a leak that is in force is never left out
LOUD = 10  # failures of an address on a day
DETECTED, ADDRESS, LEAK = "detected", "address", "leak"
# What is no login and explains none, yet says what happened.
_BESIDE_LOGINS = ("probing", "secret-in-url", "application-failing")
HOUR = pd.Timedelta(hours=1)
MARGIN = 12 * HOUR
_BLANK = dict.fromkeys(("since", "until", "secret", "client", "evidence"), "") | dict.fromkeys(
    ("first_at", "last_at")
)
_FAILURES = (*FAILED_REQUESTS, "login_failed")


def tabulate_suspicions(investigation: Investigation) -> pd.DataFrame:
    """One row for each thing that stands out, with the parameters that look into it."""
    found = [
        *_detected(investigation),
        *_loudest(investigation),
        *_leaks(investigation),
    ]
    return pd.DataFrame(found, columns=COLUMNS)


def in_words(row: Any, times: str = " ") -> str:
    """What stands out in a row, with how often; a detection says that itself."""
    return str(row.what) if row.kind == DETECTED else f"{row.count}{times}{row.what}"


def looks_with(row: Any) -> str:
    """The options of `investigate` that look into a row."""
    asked = {name: getattr(row, name) for name in ("since", "until", "secret", "client")}
    return " ".join(f"--{name} {text}" for name, text in asked.items() if text)


def _loudest(investigation: Investigation) -> list[dict[str, Any]]:
    return sorted(_days(investigation), key=lambda row: (-row["count"], row["client"]))


def _detected(investigation: Investigation) -> list[dict[str, Any]]:
    """What the detections that are not about logins found in the window, the gravest first."""
    detected = detected_in_window(investigation)
    found = [
        (one, name)
        for name in _BESIDE_LOGINS
        for one in detected.alarms(name)
        if one.severity != "info" and one.first_at and one.last_at
    ]
    found.sort(key=lambda pair: (-SEVERITIES.index(pair[0].severity), -pair[0].count))
    return [
        _stretch(pd.Timestamp(one.first_at or 0), pd.Timestamp(one.last_at or 0), one)
        | {"kind": DETECTED, "client": one.client, "what": _beside(one, name)}
        for one, name in found[:MOST]
    ]


def _beside(one: Incident, name: str) -> str:
    whose = f"{one.client or one.subject}: " if one.client or one.subject else ""
    return f"{whose}{one.classification} ({name})"


def _stretch(first: pd.Timestamp, last: pd.Timestamp, found: Incident) -> dict[str, Any]:
    return _BLANK | {
        "first_at": first,
        "last_at": last,
        "count": found.count,
        "since": f"{first - HOUR:%Y-%m-%dT%H:%MZ}",
        "until": f"{last + HOUR:%Y-%m-%dT%H:%MZ}",
        "evidence": found.evidence[0] if found.evidence else "",
    }


def _days(investigation: Investigation) -> Iterator[dict[str, Any]]:
    """An address that failed on one day as often as makes it stand out among others."""
    both = investigation.events["not_before_at"].notna() & investigation.events["not_after_at"].notna()
    dated = investigation.events[investigation.events["kind"].isin(_FAILURES) & both]
    keys = [dated["not_before_at"].dt.floor("D").rename("day"), dated["client"]]
    counts = dated.groupby(keys, observed=True).size()
    every = counts[counts >= LOUD]
    loud = every.nlargest(MOST)
    # Only the busiest are shown, so only of those is more than the count asked for.
    for day, client, count in loud.rename("count").reset_index().itertuples(index=False):
        group = dated[(keys[0] == day) & (dated["client"] == client)]
        first = group.iloc[0]
        low, high = group["not_before_at"].min(), group["not_after_at"].max()
        kinds = ", ".join(str(kind).replace("_", " ") for kind in sorted(set(group["kind"])))
        yield {
            "kind": ADDRESS,
            "what": f"{kinds}; known to the policy" if is_known(str(client), investigation.rules) else kinds,
            "first_at": low,
            "last_at": high,
            "count": int(count),
            "since": f"{low - MARGIN:%Y-%m-%dT%H:%MZ}",
            "until": f"{high + MARGIN:%Y-%m-%dT%H:%MZ}",
            "secret": "",
            "client": str(client),
            "evidence": f"{first['file']}:{first['line']}",
        }
    if len(every) > MOST:
        yield _BLANK | {
            "kind": ADDRESS,
            "what": f"and {counted(len(every) - MOST, 'more day')} of an address: `failures` counts all",
            "count": 0,
        }


def _leaks(investigation: Investigation) -> Iterator[dict[str, Any]]:
    """Leaked values that are in force, the most urgent first, of whatever secret is asked."""
    windows = tabulate_exposure_windows(replace(investigation, secret=""))
    # By value: a leak bears one name, and its value may be in force under several.
    found = investigation.leaks.groupby("fingerprint")["occurrences"].sum()
    for secret, here in exposed(windows).items():
        first = here.sort_values("begins_at", kind="stable", na_position="first").iloc[0]
        yield {
            "kind": LEAK,
            "what": f"leaked, in force in {places_of(here)}",
            "first_at": first["begins_at"] if pd.notna(first["begins_at"]) else None,
            "last_at": None,
            "count": int(found.reindex(here["fingerprint"].unique(), fill_value=0).sum()),
            "since": "",
            "until": "",
            "secret": secret,
            "client": "",
            "evidence": first["begins_by"],
        }
