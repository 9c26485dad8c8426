"""The guide's six troubleshooting symptoms, with the evidence of the window for each."""

from typing import Any, NamedTuple

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.incident.case import KNOWN_CLIENTS, Case
from audit_lib.incident.contracts import Symptoms
from audit_lib.incident.explain import few
from audit_lib.incident.outage import find_outage, pairs_apart
from audit_lib.logins.coverage import unknown_wording


class Symptom(NamedTuple):
    """A symptom that lines of the logs show: its key in the policy's [emergency], and their kinds."""

    key: str
    text: str
    kinds: tuple[str, ...]
    remedy: str


_LOGGED = (
    Symptom("failed_start", "the start-up validation failed", ("startup_failed", "secret_validation_failed"),
            "set what is missing, then restart"),
    Symptom("sessions", "tokens are invalid after a deployment", ("jwt_invalid",),
            "expected after a rotation of the key: users log in again"),
    Symptom("database", "the database cannot be used", ("database_failure",),
            "percent-encode the password; check host, network and role"),
    Symptom("validation", "a value fails its validation", ("validation_error",),
            "make a longer one; the log line shows the refused value"),
    Symptom("limits", "requests are rate limited", ("rate_limited",), "ask who sends so many"),
)  # fmt: skip


def tabulate_symptoms(case: Case) -> pd.DataFrame:
    """`Symptoms`, in the guide's order."""
    told = [(one.key, one.text, *_from_lines(case, one), one.remedy) for one in _LOGGED]
    remedy = "give both halves one value, rebuild the frontend, restart the backend"
    told.insert(1, ("unauthorized", "the frontend gets 401", *_unauthorized(case), remedy))
    named = [(str(case.policy.emergency.get(key, "")), *row) for key, *row in told]
    return Symptoms.checked(pd.DataFrame(named, columns=list(Symptoms.columns())))


def _from_lines(case: Case, symptom: Symptom) -> tuple[str, str, str]:
    """Found if lines show it; none only if lines of the window were read, and would have shown it."""
    events = case.said[case.said["kind"].isin(symptom.kinds)]
    if len(events):
        detail = "; ".join([f"{len(events)} lines", *_details(case, symptom.key)])
        return "found", detail, few(f"{one.file}:{one.line}" for one in rows(events.head(9)))
    lost = int(case.read.logs.sources["not_understood"].sum())
    limited, unlimited = symptom.key == "limits", "the policy declares no limiter (limits_requests)"
    reasons = (
        "" if case.is_seen else "no log line of the window could be read",
        f"lines of the logs that were not understood: {lost:,}" if lost else "",
        "" if limited else unknown_wording(symptom.kinds, case.activity.events, case.rules),
        unlimited if limited and not case.rules.limits_requests else "",
    )
    reason = next(filter(None, reasons), "")
    return "unknown" if reason else "none", reason or "no line shows it", ""


def _details(case: Case, key: str) -> list[str]:
    """What the env files say of the variables that a symptom is about."""
    inventory: Any = case.read.inventory
    if key == "failed_start":
        messages = ("required secret missing", "recommended secret missing")
        names = set(case.said.loc[case.said["message"].isin(messages), "subject"]) - {""}
        homes = {name: rows(inventory[inventory["variable"] == name]) for name in sorted(names)}
        states = {
            name: few(f"{one.state} in {one.environment}" for one in found) for name, found in homes.items()
        }
        return [f"{name}: {state or 'in no env file that was read'}" for name, state in states.items()]
    if key == "sessions":
        return [f"{one.home} changed" for one in case.changes_seen]
    bad = {"database": inventory["format_ok"].eq(False), "validation": inventory["length"].eq("short")}
    chosen = inventory[bad[key].fillna(False)] if key in bad else inventory.iloc[:0]
    return [f"{one.variable} in {one.environment} is malformed" for one in rows(chosen.head(3))]


def _unauthorized(case: Case) -> tuple[str, str, str]:
    """401 on the frontend, joined with the pairs that differed in the window."""
    apart = few(str(pair) for pair in pairs_apart(case) if pair.within(case.window))
    if apart and case.here["refused"].any():
        return "found", f"{apart}; a public half needs a rebuild, not a restart", ""
    known = find_outage(case) is None and case.are_none(KNOWN_CLIENTS)
    return "none" if known else "unknown", apart or "no pair is known to differ", ""
