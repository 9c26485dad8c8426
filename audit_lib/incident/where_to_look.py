"""Where to look first: the days and addresses that stand out in all logs, the leaks that are in force."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from audit_lib.base.in_words import counted
from audit_lib.base.log_kinds import DECLARED
from audit_lib.incident.exposure_windows import exposed, places_of, tabulate_exposure_windows
from audit_lib.incident.investigation import Investigation
from audit_lib.logins.detections.callers import is_known

COLUMNS = ["what", "first_at", "last_at", "count", "since", "until", "secret", "client", "evidence"]
MOST = 12  # days and addresses; a leak that is in force is never left out
HOUR = pd.Timedelta(hours=1)
MARGIN = 12 * HOUR
_BLANK = dict.fromkeys(("since", "until", "secret", "client", "evidence"), "") | dict.fromkeys(
    ("first_at", "last_at")
)
_FAILURES = ("unauthorized", "forbidden", DECLARED, "rate_limited", "login_failed")


def tabulate_suspicions(investigation: Investigation) -> pd.DataFrame:
    """One row for each thing that stands out, with the parameters that look into it."""
    days = sorted(_days(investigation), key=lambda row: (-row["count"], row["client"]))
    return pd.DataFrame([*days, *_leaks(investigation)], columns=COLUMNS)


def _days(investigation: Investigation) -> Iterator[dict[str, Any]]:
    """An address that failed on one day as often as makes it stand out among others (A14)."""
    rule = investigation.rules.rules.get("A14")
    if rule is None:
        return
    both = investigation.events["not_before_at"].notna() & investigation.events["not_after_at"].notna()
    dated = investigation.events[investigation.events["kind"].isin(_FAILURES) & both]
    keys = [dated["not_before_at"].dt.floor("D").rename("day"), dated["client"]]
    counts = dated.groupby(keys, observed=True).size()
    every = counts[counts >= rule["failures"]]
    loud = every.nlargest(MOST)
    # Only the busiest are shown, so only of those is more than the count asked for.
    for day, client, count in loud.rename("count").reset_index().itertuples(index=False):
        group = dated[(keys[0] == day) & (dated["client"] == client)]
        first = group.iloc[0]
        low, high = group["not_before_at"].min(), group["not_after_at"].max()
        kinds = ", ".join(str(kind).replace("_", " ") for kind in sorted(set(group["kind"])))
        yield {
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
