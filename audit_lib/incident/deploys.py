"""What is known of deploys within a window: those that a list has, and the time that no list covers."""

import pandas as pd

from audit_lib.base.clock import briefly
from audit_lib.base.contracts import rows
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.timeline import tabulate_timeline
from audit_lib.logins.requests import maybe_within


def deploys_in_words(investigation: Investigation) -> tuple[str, str]:
    """How many deploys there were, and by what; of the time that no list covers nothing is known."""
    if investigation.deploys.empty:
        return _starts(tabulate_timeline(investigation))
    bounds = investigation.deploys.rename(columns={"began_at": "not_before_at", "ended_at": "not_after_at"})
    here = bounds.assign(near=maybe_within(bounds, investigation.window))
    told = []
    for names, listed in here.groupby(["environment", "service"]):
        place = "/".join(name for name in map(str, names) if name) or "(place not named)"
        inside = listed.loc[listed["near"], "outcome"].value_counts().sort_index()
        counts = ", ".join(f"{count} {outcome}" for outcome, count in inside.items()) or "none"
        told.append(f"{place}: {counts}{_outside(listed, investigation)}")
    return "; ".join(told), "; ".join(sorted(set(investigation.deploys["file"])))


def _outside(listed: pd.DataFrame, investigation: Investigation) -> str:
    """Which parts of the window the list of a place does not cover."""
    first, last = listed["not_before_at"].min(), listed["not_before_at"].max()
    silent = [f"before {briefly(first, investigation.as_of)}"] if first > investigation.window.since else []
    silent += [f"after {briefly(last, investigation.as_of)}"] if last < investigation.window.until else []
    return f"; nothing is known {' and '.join(silent)}" if silent else ""


def _starts(timeline: pd.DataFrame) -> tuple[str, str]:
    """The starts in the logs: the nearest to a deploy if there is no list."""
    starts = list(rows(timeline[timeline["kind"].isin(("boot", "failed start"))]))
    without = "no deploy list was read: export one and name it in audit.toml ([[deploys]])"
    if not starts:
        return "not known: the logs show no start, and no deploy list was exported", without
    return f"starts in the logs (boot): {len(starts)}; whether one was a deploy is not known", without
