"""The guide's six troubleshooting symptoms, with the evidence of the window for each."""

from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.incident.case import KNOWN_CLIENTS, Case
from audit_lib.incident.contracts import Symptoms
from audit_lib.incident.explain import few
from audit_lib.incident.outage import find_outage, pairs_apart
from audit_lib.logins.coverage import unknown_wording

FAILED_STARTS = ("startup_failed", "secret_validation_failed")


def tabulate_symptoms(case: Case) -> pd.DataFrame:
    """`Symptoms`, in the guide's order; `guide_lines` are those that the policy's [emergency] names."""
    said = case.said
    found = [
        ("failed_start", "the start-up validation failed", said[said["kind"].isin(FAILED_STARTS)],
         _of_start(case), "set what is missing, then restart", FAILED_STARTS),
        ("sessions", "tokens are invalid after a deployment", said[said["kind"].eq("jwt_invalid")],
         _of_keys(case), "expected after a rotation of the key: users log in again", ("jwt_invalid",)),
        ("database", "the database cannot be used", said[said["kind"].eq("database_failure")],
         _of_values(case, "format_ok", value=False, what="in the wrong format"),
         "percent-encode the password; check host, network and role", ("database_failure",)),
        ("validation", "a value fails its validation", said[said["kind"].eq("validation_error")],
         _of_values(case, "length", value="short", what="too short"),
         "make a longer one; the log line shows the refused value", ("validation_error",)),
        ("limits", "requests are rate limited", said[said["status"].eq(429)], "", "", ()),
    ]  # fmt: skip
    told = [_from_lines(case, *symptom) for symptom in found]
    told.insert(1, _unauthorized(case))
    lines = case.policy.emergency
    return Symptoms.of(row | {"guide_lines": str(lines.get(row["guide_lines"], ""))} for row in told)


def _from_lines(  # noqa: PLR0917  the cells of one row
    case: Case, key: str, symptom: str, events: pd.DataFrame, why: str, remedy: str, kinds: tuple[str, ...]
) -> dict[str, str]:
    """Found if lines show it; none only if lines of the window were read, and would have shown it."""
    row = {"guide_lines": key, "symptom": symptom, "remedy": remedy, "evidence": ""}
    if len(events):
        diagnosis = f"{len(events)} lines; {why}" if why else f"{len(events)} lines"
        evidence = few(f"{event.file}:{event.line}" for event in rows(events.head(9)))
        return row | {"verdict": "found", "diagnosis": diagnosis, "evidence": evidence}
    lost = int(case.read.logs.sources["not_understood"].sum())
    reasons = (
        "" if case.is_seen else "no log line of the window could be read",
        f"lines of the logs that were not understood: {lost:,}" if lost else "",
        unknown_wording(kinds, case.events, case.rules) if kinds else "",
        "the policy declares no limiter (limits_requests)"
        if not (kinds or case.rules.limits_requests)
        else "",
    )
    reason = next(filter(None, reasons), "")
    return row | {"verdict": "unknown" if reason else "none", "diagnosis": reason or "no line shows it"}


def _unauthorized(case: Case) -> dict[str, str]:
    """401 on the frontend, joined with the pairs that differed in the window."""
    apart = [str(pair) for pair in pairs_apart(case) if pair.within(case.window)]
    refused = case.here["refused"].any()
    text = (
        f"{few(apart)}; a public half needs a rebuild, not a restart"
        if apart
        else "no pair is known to differ"
    )
    known = find_outage(case) is None and case.are_none(KNOWN_CLIENTS)
    verdict = "found" if apart and refused else "none" if known else "unknown"
    remedy = "give both halves one value, rebuild the frontend, restart the backend"
    symptom = {"guide_lines": "unauthorized", "symptom": "the frontend gets 401", "evidence": ""}
    return symptom | {"verdict": verdict, "diagnosis": text, "remedy": remedy}


def _of_start(case: Case) -> str:
    """The state in the env files of each name that a failed start logged."""
    named = case.said[case.said["message"].isin(("required secret missing", "recommended secret missing"))]
    states = []
    for name in sorted(set(named["subject"]) - {""}):
        homes = rows(case.read.inventory[case.read.inventory["variable"] == name])
        found = few(f"{row.state} in {row.environment}/{row.service}" for row in homes)
        states.append(f"{name}: {found or 'in no env file that was read'}")
    return "; ".join(states)


def _of_keys(case: Case) -> str:
    """The signing keys that changed in the window."""
    keys = {rule.name for rule in case.policy.secrets if "session" in rule.title.lower()}
    changed = few(str(stay.home) for stay in case.changes_seen if stay.home.secret in keys)
    return f"changed: {changed}" if changed else "no change of a signing key is known in the window"


def _of_values(case: Case, column: str, *, value: Any, what: str) -> str:
    """The variables of which a column says something bad."""
    bad = case.read.inventory[case.read.inventory[column].eq(value).fillna(False)]
    named = few(f"{row.variable} in {row.environment}" for row in rows(bad))
    return f"{what}: {named}" if named else f"no value that was read is {what}"
