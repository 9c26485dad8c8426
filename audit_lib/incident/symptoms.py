"""The guide's emergency triggers and troubleshooting symptoms, diagnosed from evidence."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pandas as pd

from audit_lib.base.contracts import Symptoms, rows
from audit_lib.incident.data import Scene
from audit_lib.incident.facts import failures_in, longest_break, newcomers, unnamed_routes, unpaired


def tabulate_symptoms(scene: Scene) -> pd.DataFrame:
    """`Symptoms`: first the triggers of an emergency rotation, then the symptoms (docs/rules.md#symptoms).

    The lines of the guide that name each are the policy's [emergency].
    """
    told = [*_triggers(scene, scene.said), *map(partial(_seen, scene), _troubles(scene, scene.said))]
    table = scene.policy.options.get("emergency", {})
    lines = table if isinstance(table, Mapping) else {}
    return Symptoms.of(row | {"guide_lines": str(lines.get(row["guide_lines"], ""))} for row in told)


def _row(key: str, symptom: str, verdict: str, diagnosis: str, **more: str) -> dict[str, Any]:
    blank = {"evidence": "", "remedy": ""}
    return blank | {"guide_lines": key, "symptom": symptom, "verdict": verdict, "diagnosis": diagnosis} | more


def _seen(scene: Scene, row: dict[str, Any]) -> dict[str, Any]:
    """The row; where nothing of the window was read, nothing is known not to have happened in it."""
    if scene.seen or row["verdict"] != "none":
        return row
    return row | {"verdict": "unknown", "diagnosis": "no log line of the window was read"}


def _triggers(scene: Scene, events: pd.DataFrame) -> Iterator[dict[str, Any]]:
    places = scene.leak_places.merge(scene.leaks[["leak_id", "variable", "in_force"]], on="leak_id")
    for key, symptom, chosen in (
        ("logs", "a secret appears in logs", places[places["place"] == "log"]),
        ("committed", "a secret was committed", places[places["commit"] != ""]),
    ):
        force = chosen[chosen["in_force"] != ""]
        names = ", ".join(sorted(set(force["variable"] if len(force) else chosen["variable"])))
        if len(force):
            text = f"in force: rotate {names} at once"
        else:
            text = f"only values that are in force nowhere: {names}" if len(chosen) else "none was found"
        first = chosen.iloc[0] if len(chosen) else None
        place = "" if first is None else f"{first['path']} {first['commit'][:12]}".strip()
        yield _row(key, symptom, "found" if len(chosen) else "none", text, evidence=place)
    shown = events[events["message"].isin(("secret in a url", "value in a validation error"))]
    if len(shown):
        places_ = "; ".join(f"{row.file}:{row.line}" for row in rows(shown.head(3)))
        yield _row(
            "logs", "a log line shows a value", "found", "the value counts as leaked", evidence=places_
        )
    yield _row(
        "left",
        "somebody with access left",
        "unknown",
        "no roster is read",
        remedy="compare the day with each secret's age; `attest` what was done",
    )
    new = newcomers(scene)
    refused, failed, _ = failures_in(scene)
    text = f"{len(new)} new sources succeeded on protected routes; {refused} refusals, {failed} failed logins"
    yield _row(
        "breach",
        "a breach or unauthorized access is suspected",
        "found" if new else "unknown",
        text,
        evidence=", ".join(one.client for one in new[:3]),
        remedy="see the explanations; a 401 count is blind to a request with a good token",
    )
    yield _row(
        "provider",
        "a provider reports a breach",
        "unknown",
        "no provider is asked",
        remedy="read its status page; rotate if the secret is older than the breach",
    )


def _troubles(scene: Scene, events: pd.DataFrame) -> Iterator[dict[str, Any]]:
    yield _failed_start(scene, events)
    yield _unauthorized(scene)
    yield _sessions(scene, events)
    yield _database(scene, events)
    yield _short_value(events, scene)
    limited = events[events["status"] == 429]
    yield _row(
        "limits",
        "requests are rate limited",
        "found" if len(limited) else "none",
        f"{len(limited)} answers of 429 from {limited['client'].nunique()} addresses"
        if len(limited)
        else "no 429 was written; where no limit is wired, that proves nothing",
        evidence=_first(limited),
    )


def _first(events: pd.DataFrame) -> str:
    return f"{events.iloc[0]['file']}:{events.iloc[0]['line']}" if len(events) else ""


def _failed_start(scene: Scene, events: pd.DataFrame) -> dict[str, Any]:
    """The names that a failed start told, joined with the state of each in the env files."""
    failed = events[events["kind"].isin(("secret_validation_failed", "startup_failed"))]
    named = events[events["message"].isin(("required secret missing", "recommended secret missing"))]
    states = []
    for name in sorted(set(named["subject"]) - {""}):
        homes = scene.inventory[scene.inventory["variable"] == name]
        said = [f"{row.state}{_faults(row)} in {row.environment}/{row.service}" for row in rows(homes)]
        states.append(f"{name}: {', '.join(said) or 'in no env file that was read'}")
    text = "; ".join(states) or ("it did not say which" if len(failed) else "no failed start in the window")
    return _row(
        "failed_start",
        "the start-up validation failed",
        "found" if len(failed) else "none",
        text,
        evidence=_first(failed),
        remedy="set what is missing, then restart",
    )


def _faults(row: Any) -> str:
    words = [
        word
        for word, holds in (
            ("placeholder", row.placeholder is True),
            ("too short", row.length == "short"),
            ("wrong format", row.format_ok is False),
        )
        if holds
    ]
    return f" ({', '.join(words)})" if words else ""


def _unauthorized(scene: Scene) -> dict[str, Any]:
    """401 on the frontend, joined with the pair and with when its halves changed."""
    refused, _, _ = failures_in(scene)
    apart, gap = unpaired(scene), longest_break(scene)
    broken = gap is not None and gap.minutes >= 5 and gap.failures >= 5
    if apart:
        text = "; ".join(apart[:3]) + "; a public half needs a rebuild, not a restart"
        return _row(
            "unauthorized",
            "the frontend gets 401",
            "found" if broken or refused else "none",
            text,
            remedy="give both halves one value, rebuild the frontend, restart the backend",
        )
    verdict = "unknown" if broken or unnamed_routes(scene) else "none"
    text = "the pairs that were looked at are equal; what the last build holds is not known"
    return _row(
        "unauthorized",
        "the frontend gets 401",
        verdict,
        text,
        remedy="search the bundle (`leaks`), or rebuild it",
    )


def _sessions(scene: Scene, events: pd.DataFrame) -> dict[str, Any]:
    """Sessions that ended: a signing key that changed, or that was never set."""
    invalid = events[events["kind"] == "jwt_invalid"]
    refresh = events[events["route"].str.contains("refresh") & (events["status"] == 401)]
    keys = [rule for rule in scene.policy.secrets if "session" in rule.title.lower()]
    changed = [
        f"{stay.home} changed between {stay.absent.place} and {stay.first.place}"
        for stay in scene.stays
        if stay.home.secret in {rule.name for rule in keys}
        and stay.absent is not None
        and stay.absent.at <= scene.window.until
        and stay.first.at >= scene.window.since
    ]
    unset = [
        f"{row.variable} is {row.state} in {row.environment}: {rule.fallback or 'its fallback is not known'}"
        for rule in keys
        for row in rows(scene.inventory[scene.inventory["secret"] == rule.name])
        if row.state in ("missing", "empty")
    ]
    count = len(invalid) + len(refresh)
    text = "; ".join([*changed, *unset]) or "no change of a signing key is known in the window"
    return _row(
        "sessions",
        "tokens are invalid after a deployment",
        "found" if count else "none",
        f"{count} such failures; {text}",
        evidence=_first(pd.concat([invalid, refresh])),
        remedy="expected after a rotation of the key: users log in again",
    )


def _database(scene: Scene, events: pd.DataFrame) -> dict[str, Any]:
    """Database failures, joined with what the connection string looks like."""
    failed = events[events["kind"] == "database_failure"]
    urls = scene.inventory[
        (scene.inventory["component"] == "password") & (scene.inventory["state"] == "present")
    ]
    bad = [
        f"{row.variable} in {row.environment}: "
        + ("two parsers read two passwords" if row.url_ok is False else "not of the format demanded")
        for row in rows(urls)
        if row.url_ok is False or row.format_ok is False
    ]
    text = "; ".join(bad) or "the connection strings that were read have the form demanded"
    return _row(
        "database",
        "the database cannot be used",
        "found" if len(failed) else "none",
        f"{len(failed)} failures; {text}",
        evidence=_first(failed),
        remedy="percent-encode the password; check host, network and the role's password",
    )


def _short_value(events: pd.DataFrame, scene: Scene) -> dict[str, Any]:
    """A validation error: which value is too short; the line itself may show it."""
    failed = events[events["kind"] == "validation_error"]
    short = [
        f"{row.variable} in {row.environment}"
        for row in rows(scene.inventory[scene.inventory["length"] == "short"])
    ]
    text = f"too short: {', '.join(short)}" if short else "no value that was read is too short"
    return _row(
        "validation",
        "a value fails its validation",
        "found" if len(failed) else "none",
        text,
        evidence=_first(failed),
        remedy="make a longer one; the log line shows the refused one",
    )
