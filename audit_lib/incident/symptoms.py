"""The guide's emergency triggers and troubleshooting symptoms, diagnosed from evidence."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from audit_lib.base.contracts import Symptoms, rows
from audit_lib.base.log_kinds import DECLARED, SHOWING_VALUES
from audit_lib.incident.explanation import few
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.newcomers import new_addresses
from audit_lib.incident.outages import worst_outage
from audit_lib.incident.pairs import has_equal_pairs, unequal_pairs
from audit_lib.incident.window_detections import detected_in_window
from audit_lib.leaks.whole_search import searched_whole
from audit_lib.logins.detections.thresholds import unknown_wording
from audit_lib.logins.detections.traffic import kinds_met
from audit_lib.rotation.triggers import KINDS

# The kinds of message without which a symptom is not known to be absent, by its key.
_SAID = {
    "failed_start": ("startup_failed", "secret_validation_failed"),
    "database": ("database_failure",),
    "validation": ("validation_error",),
    "sessions": ("jwt_invalid",),
}
_REFUSED = ("unauthorized", "forbidden", DECLARED)


def tabulate_symptoms(investigation: Investigation) -> pd.DataFrame:
    """`Symptoms`: first the triggers of an emergency rotation, then the symptoms (docs/rules.md#symptoms).

    The lines of the guide that name each are the policy's [emergency].
    """
    events = investigation.said
    troubles = (_seen(investigation, row) for row in _troubles(investigation, events))
    told = [*_triggers(investigation, events), *troubles]
    table = investigation.policy.options.get("emergency", {})
    lines = table if isinstance(table, Mapping) else {}
    return Symptoms.of(row | {"guide_lines": str(lines.get(row["guide_lines"], ""))} for row in told)


def _row(key: str, symptom: str, verdict: str, diagnosis: str, **more: str) -> dict[str, Any]:
    blank = {"evidence": "", "remedy": ""}
    return blank | {"guide_lines": key, "symptom": symptom, "verdict": verdict, "diagnosis": diagnosis} | more


def _seen(investigation: Investigation, row: dict[str, Any]) -> dict[str, Any]:
    """The row; if the window was not read and understood, nothing is known not to have happened in it."""
    if row["verdict"] != "none":
        return row
    reason = "" if investigation.seen else "no log line of the window could be read"
    logs = investigation.sources[investigation.sources["kind"].eq("log")]
    if lines := int(logs["not_understood"].sum()):
        reason = reason or f"lines of the logs that were not understood: {lines:,}"
    if row["guide_lines"] == "limits" and not investigation.rules.limiter_declared:
        reason = reason or f"{row['diagnosis']}: the policy does not declare one (limits_requests)"
    if kinds := _SAID.get(row["guide_lines"]):
        reason = reason or unknown_wording(kinds, kinds_met(investigation.events), investigation.rules)
    return row | {"verdict": "unknown", "diagnosis": reason} if reason else row


def _triggers(investigation: Investigation, events: pd.DataFrame) -> Iterator[dict[str, Any]]:
    places = investigation.leak_places.merge(
        investigation.leaks[["leak_id", "variable", "in_force"]], on="leak_id"
    )
    absent = "none" if searched_whole(investigation.leak_coverage) else "unknown"
    yield _leaked("logs", "a secret appears in logs", places[places["place"] == "log"], absent)
    yield _leaked("committed", "a secret was committed", places[places["commit"] != ""], absent)
    shown = events[events["message"].isin(SHOWING_VALUES)]
    if len(shown):
        lines = few(f"{row.file}:{row.line}" for row in rows(shown))
        yield _row("logs", "a log line shows a value", "found", "the value counts as leaked", evidence=lines)
    remedy = "compare the day with the age of each secret, and `attest` what was done"
    yield _listed(investigation, "left", "somebody with access left", "leaver", remedy)
    yield _breach(investigation)
    remedy = "read its status page; rotate if the secret is older than the breach"
    yield _listed(investigation, "provider", "a provider reports a breach", "breach", remedy)


def _listed(investigation: Investigation, key: str, symptom: str, kind: str, remedy: str) -> dict[str, Any]:
    """What a list of leavers or breaches says: which secrets were not, or perhaps not, rotated since."""
    sources, events = investigation.sources, investigation.triggers
    lists, events = sources[sources["kind"].eq(KINDS[kind])], events[events["kind"].eq(kind)]
    if lists.empty:
        return _row(key, symptom, "unknown", f"audit.toml names no {KINDS[kind]}", remedy=remedy)
    path = str(lists["source"].iloc[0])
    if not lists["state"].eq("read").all():
        return _row(key, symptom, "unknown", f"{path} was not read", remedy=remedy)
    if events.empty:
        return _row(key, symptom, "none", f"{path} names nobody", remedy=remedy)
    counts = events["answer"].value_counts()
    late, doubt = (int(counts.get(answer, 0)) for answer in ("no", "unknown"))
    text = (
        f"{path}: {few(dict.fromkeys(events['subject']))}; not rotated since: {late}, not known of: {doubt}"
    )
    first = f"{path}:{events['line'].iloc[0]}"
    return _row(key, symptom, "found", text, evidence=first, remedy=remedy)


def _leaked(key: str, symptom: str, places: pd.DataFrame, absent: str) -> dict[str, Any]:
    """The row of the places where values leaked to; `absent` is the verdict if there are none."""
    if places.empty:
        return _row(key, symptom, absent, "none was found")
    force = places[places["in_force"] != ""]
    names = ", ".join(sorted(set((places if force.empty else force)["variable"])))
    text = f"only values that are not in force: {names}"
    if len(force):
        text = f"in force: rotate {names} at once"
    first = places.iloc[0]
    return _row(key, symptom, "found", text, evidence=f"{first['path']} {first['commit'][:12]}".strip())


def _breach(investigation: Investigation) -> dict[str, Any]:
    """New addresses that were answered; what was refused shows no breach, and its absence none either."""
    new = new_addresses(investigation)
    kinds = investigation.said["kind"].value_counts()
    refused, failed = sum(int(kinds.get(kind, 0)) for kind in _REFUSED), int(kinds.get("login_failed", 0))
    text = f"new addresses that were answered on protected routes: {len(new)}; refused: {refused}; "
    return _row(
        "breach",
        "a breach or unauthorized access is suspected",
        "found" if new else "unknown",
        f"{text}failed logins: {failed}",
        evidence=", ".join(one.client for one in new[:3]),
        remedy="read the explanations; counting 401 does not show a request with a good token",
    )


def _troubles(investigation: Investigation, events: pd.DataFrame) -> Iterator[dict[str, Any]]:
    yield _failed_start(investigation, events)
    yield _unauthorized(investigation)
    yield _sessions(investigation, events)
    yield _database(investigation, events)
    yield _short_value(events, investigation)
    limited = events[events["status"] == 429]
    text = "no 429 was logged; without a limiter, that proves nothing"
    if len(limited):
        text = f"{len(limited)} answers of 429 from {limited['client'].nunique()} addresses"
    yield _logged("limits", "requests are rate limited", limited, text)


def _logged(key: str, symptom: str, events: pd.DataFrame, diagnosis: str, remedy: str = "") -> dict[str, Any]:
    """The row of a symptom that is found if lines of the logs show it."""
    if not len(events):
        return _row(key, symptom, "none", diagnosis, remedy=remedy)
    first = f"{events.iloc[0]['file']}:{events.iloc[0]['line']}"
    return _row(key, symptom, "found", diagnosis, evidence=first, remedy=remedy)


def _failed_start(investigation: Investigation, events: pd.DataFrame) -> dict[str, Any]:
    """The names that a failed start logged, joined with the state of each in the env files."""
    failed = events[events["kind"].isin(("secret_validation_failed", "startup_failed"))]
    named = events[events["message"].isin(("required secret missing", "recommended secret missing"))]
    states = []
    for name in sorted(set(named["subject"]) - {""}):
        homes = investigation.inventory[investigation.inventory["variable"] == name]
        said = [f"{row.state}{_faults(row)} in {row.environment}/{row.service}" for row in rows(homes)]
        states.append(f"{name}: {', '.join(said) or 'not in any env file that was read'}")
    text = "; ".join(states) or ("it did not name any" if len(failed) else "no start failed in the window")
    remedy = "set what is missing, then restart"
    return _logged("failed_start", "the start-up validation failed", failed, text, remedy)


def _faults(row: Any) -> str:
    faults = {
        "placeholder": row.placeholder is True,
        "too short": row.length == "short",
        "wrong format": row.format_ok is False,
    }
    words = ", ".join(word for word, holds in faults.items() if holds)
    return f" ({words})" if words else ""


def _unauthorized(investigation: Investigation) -> dict[str, Any]:
    """401 on the frontend, joined with the pair and with when its halves changed."""
    unequal, outage = unequal_pairs(investigation), worst_outage(investigation)
    key, symptom = "unauthorized", "the frontend gets 401"
    if unequal:
        refused = investigation.said["kind"].isin(_REFUSED).any()
        text = "; ".join(unequal[:3]) + "; a public half needs a rebuild, not a restart"
        remedy = "give both halves one value, rebuild the frontend, restart the backend"
        return _row(key, symptom, "found" if outage or refused else "none", text, remedy=remedy)
    known = outage is None and detected_in_window(investigation).are_none("A10")
    compared = has_equal_pairs(investigation)
    text = "the pairs that were compared are equal" if compared else "no pair was compared"
    text += "; what the last build holds is not known"
    remedy = "search the bundle (`leaks`), or rebuild it"
    return _row(key, symptom, "none" if known else "unknown", text, remedy=remedy)


def _sessions(investigation: Investigation, events: pd.DataFrame) -> dict[str, Any]:
    """Sessions that ended: a signing key that changed, or that was never set."""
    invalid = events[events["kind"] == "jwt_invalid"]
    refresh = events[events["route"].str.contains("refresh") & (events["status"] == 401)]
    keys = [rule for rule in investigation.policy.secrets if "session" in rule.title.lower()]
    changed = [
        f"{stay.home} changed between {stay.absent.place} and {stay.first.place}"
        for stay in investigation.tenures
        if stay.home.secret in {rule.name for rule in keys}
        and stay.absent is not None
        and stay.absent.at <= investigation.window.until
        and stay.first.at >= investigation.window.since
    ]
    unset = [
        f"{row.variable} is {row.state} in {row.environment}: {rule.fallback or 'its fallback is not known'}"
        for rule in keys
        for row in rows(investigation.inventory[investigation.inventory["secret"] == rule.name])
        if row.state in ("missing", "empty")
    ]
    failed = pd.concat([invalid, refresh])
    text = "; ".join([*changed, *unset]) or "no change of a signing key is known in the window"
    text = f"{len(failed)} such failures; {text}"
    remedy = "after a rotation of the key this is expected: users log in again"
    return _logged("sessions", "tokens are invalid after a deployment", failed, text, remedy)


def _database(investigation: Investigation, events: pd.DataFrame) -> dict[str, Any]:
    """Database failures, joined with what the connection string looks like."""
    failed = events[events["kind"] == "database_failure"]
    urls = investigation.inventory[
        (investigation.inventory["component"] == "password") & (investigation.inventory["state"] == "present")
    ]
    bad = [
        f"{row.variable} in {row.environment}: "
        + ("two parsers read different passwords" if row.url_ok is False else "in the wrong format")
        for row in rows(urls)
        if row.url_ok is False or row.format_ok is False
    ]
    text = "; ".join(bad) or "the connection strings that were read are well formed"
    remedy = "percent-encode the password; check host, network and the role's password"
    text = f"{len(failed)} failures; {text}"
    return _logged("database", "the database cannot be used", failed, text, remedy)


def _short_value(events: pd.DataFrame, investigation: Investigation) -> dict[str, Any]:
    """A validation error: which value is too short; the line itself may show it."""
    failed = events[events["kind"] == "validation_error"]
    short = [
        f"{row.variable} in {row.environment}"
        for row in rows(investigation.inventory[investigation.inventory["length"] == "short"])
    ]
    text = f"too short: {', '.join(short)}" if short else "no value that was read is too short"
    remedy = "make a longer one; the log line shows the refused value"
    return _logged("validation", "a value fails its validation", failed, text, remedy)
