"""The guide's six troubleshooting symptoms, with the evidence of the window for each."""

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import few
from audit_lib.incident.case import KNOWN_CLIENTS, Case
from audit_lib.incident.outage import find_outage, pairs_apart
from audit_lib.logins.coverage import unknown_wording
from audit_lib.logins.traffic import FAILED_STARTS

COLUMNS = ["guide_lines", "symptom", "verdict", "diagnosis", "evidence", "remedy"]
_LOGGED = {  # by keys of the policy's [emergency]: what lines of these kinds show, and what to do about it
    "failed_start": ("the start-up validation failed", FAILED_STARTS, "set what is missing, then restart"),
    "sessions": ("tokens are invalid after a deployment", ("jwt_invalid",), "expected after a rotation"),
    "database": ("the database cannot be used", ("database_failure",), "check password, host and role"),
    "validation": ("a value fails its validation", ("validation_error",), "make a longer one"),
    "limits": ("requests are rate limited", ("rate_limited",), "ask who sends so many"),
}


def tabulate_symptoms(case: Case) -> pd.DataFrame:
    """One row for each of the six, in the guide's order: what of it the window shows. `verdict` is found |
    none | unknown; `diagnosis` says what was found, or why nothing is known; `evidence` is FILE:LINE;
    `guide_lines` are those of the policy's [emergency], "" if it names none."""
    told = [(key, text, *_from_lines(case, key, kinds), do) for key, (text, kinds, do) in _LOGGED.items()]
    told.insert(1, ("unauthorized", "the frontend gets 401", *_unauthorized(case), "give both one value"))
    lines = case.policy.emergency
    return pd.DataFrame([(str(lines.get(key, "")), *row) for key, *row in told], columns=COLUMNS)


def _from_lines(case: Case, key: str, kinds: tuple[str, ...]) -> tuple[str, str, str]:
    """Found if lines show it; none only if lines of the window were read, and would have shown it."""
    events = case.said[case.said["kind"].isin(kinds)]
    if len(events):
        detail = "; ".join([f"{len(events)} lines", *_details(case, key)])
        return "found", detail, few(f"{one.file}:{one.line}" for one in rows(events.head(9)))
    lost = int(case.read.logs.sources["not_understood"].sum())
    unlimited = "" if case.rules.limits_requests else "[detections] of audit.toml lacks limits_requests"
    wording = unlimited if key == "limits" else unknown_wording(kinds, case.activity.events, case.rules)
    not_read = f"lines of the logs that were not understood: {lost:,}" if lost else wording
    reason = not_read if case.is_seen else "no log line of the window could be read"
    return "unknown" if reason else "none", reason or "no line shows it", ""


def _details(case: Case, key: str) -> list[str]:
    if key == "sessions":
        return [f"{one.home} changed" for one in case.changes_seen]
    missing = case.said["message"].isin(("required secret missing", "recommended secret missing"))
    names = set(case.said.loc[missing, "subject"]) - {""} if key == "failed_start" else set()
    here = case.read.inventory[["variable", "state", "environment"]]
    states = (here["state"] + " in " + here["environment"]).groupby(here["variable"]).agg(few)
    return [f"{name}: {states.get(name, 'in no env file that was read')}" for name in sorted(names)]


def _unauthorized(case: Case) -> tuple[str, str, str]:
    apart = few(str(pair) for pair in pairs_apart(case) if pair.within(case.window))
    if apart and case.here["refused"].any():
        return "found", f"{apart}; a public half needs a rebuild, not a restart", ""
    known = find_outage(case) is None and case.are_none(KNOWN_CLIENTS)
    return "none" if known else "unknown", apart or "no pair is known to differ", ""
