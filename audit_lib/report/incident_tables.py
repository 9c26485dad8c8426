"""The tables of an incident as a reader wants them, one function a question."""

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.contracts import rows
from audit_lib.incident.deploys import deploys_told
from audit_lib.incident.exposure_windows import span, tabulate_couplings
from audit_lib.incident.facts import NEW
from audit_lib.incident.pivots import (
    client_facts,
    client_routes,
    neighbours,
    pivot,
    route_clients,
    secret_facts,
    secrets_then,
    suspect,
)
from audit_lib.incident.record import record_frame
from audit_lib.incident.steps import tabulate_steps
from audit_lib.incident.symptoms import tabulate_symptoms
from audit_lib.incident.where_to_look import tabulate_suspicions
from audit_lib.investigation import Incident
from audit_lib.logins.requests import Window, surely_within
from audit_lib.report.detection_tables import detected_and_not
from audit_lib.report.table import Table, Tables, show

MOST_ROWS = 60
DEMO = "under the public DEMO key: anyone could have written it"


def summary_table(incident: Incident) -> Table:
    """What is looked into, by which logs, and what the first explanation is."""
    requests = incident.scene.requests
    inside = int(requests.loc[surely_within(requests, incident.window), "count"].sum())
    best = incident.explanations.iloc[0]
    logs = incident.sources[incident.sources["kind"] == "log"]
    reach = requests["not_before_at"].min()
    facts = {
        "incident": incident.name,
        "window (UTC)": f"{iso(incident.window.since)} to {iso(incident.window.until)}",
        "as of": iso(incident.scene.as_of) + (" (pinned in audit.toml)" if incident.pinned else ""),
        "newest line of the logs": newest_line(incident),
        "secret": incident.scene.secret or "none named: those that have leaked",
        "address": incident.client or f"none named: {suspect(incident.scene) or 'none'} is looked at first",
        "first explanation": f"{best['explanation']} ({best['verdict']})",
        "logs read": f"{(logs['state'] == 'read').sum()} of {len(logs)}, back to "
        + ("no date" if pd.isna(reach) else f"{reach:%Y-%m-%d}"),
        "requests surely in the window": str(inside),
        "deploys": deploys_told(incident.scene, incident.timeline)[0],
        "ledger": ledger_told(incident),
    }
    return show(pd.DataFrame({"fact": list(facts), "value": list(facts.values())}), "What is looked into")


def newest_line(incident: Incident) -> str:
    """The newest time in the logs, and where it stands."""
    written = incident.scene.written
    if written.empty:
        return "none carries a time"
    newest = written.sort_values("at", kind="stable").iloc[-1]
    return f"{iso(newest['at'])} ({newest['file']}:{newest['line']})"


def ledger_told(incident: Incident) -> str:
    """Whether the ledger is whole, and whether that says anything."""
    if not incident.ledger.entries:
        return "there is none"
    state = "; ".join(map(str, incident.ledger.faults)) or "whole"
    return f"{state}; {DEMO}" if incident.project.key == "demo" else state


def read_table(incident: Incident) -> Table:
    """Each source with its lines: the rest speaks of these and of nothing else."""
    columns = ["source", "kind", "state", "lines", "not_understood", "reason", "remedy"]
    return show(incident.sources[columns], "What was read")


def steps_table(incident: Incident) -> Table:
    """What to do, in order."""
    return show(
        tabulate_steps(incident.scene, incident.windows, incident.explanations), "What to do, in order"
    )


def explanations_table(incident: Incident) -> Table:
    """Each explanation with what speaks for and against it."""
    frame = incident.explanations.drop(columns="weight")
    return show(frame, "What may explain it", note="Ordered by the points for and against; no probability.")


def detected_tables(incident: Incident) -> Tables:
    """What the detections A1-A20 come to in the window, and what they cannot say."""
    return detected_and_not(incident.detections, "detections.csv of the evidence package")


def timeline_table(incident: Incident) -> Table:
    """What happened, in order; the first rows where there are many."""
    frame = incident.timeline
    shown = frame.drop(columns=["at"])
    quiet = shown[(shown["kind"] != "successes") | shown["subject"].isin(NEW)]
    busy = shown if len(shown) <= MOST_ROWS else quiet
    left = len(frame) - min(len(busy), MOST_ROWS)
    note = f"{left} more rows are in the figure and in timeline.csv of evidence.zip." if left else ""
    return show(busy.head(MOST_ROWS), "Timeline (UTC)", note, "nothing happened that a source shows")


def exposure_table(incident: Incident) -> Table:
    """From when until when each value could be used by others."""
    frame = incident.windows.drop(columns="fingerprint")
    empty = "no secret is named, and none is known to have leaked"
    return show(frame, "Exposure windows", "The widest that the evidence allows.", empty)


def uses_table(incident: Incident) -> Table:
    """Who succeeded on protected routes within the first exposure window, newcomers first."""
    secret, _ = _exposed(incident)
    name = f"the exposure window of {secret}" if secret else "the window"
    note = "The logs do not say which token a request bore: each of these may have used it."
    return show(exposed_uses(incident), f"Successes on protected routes in {name}", note)


def exposed_uses(incident: Incident) -> pd.DataFrame:
    """`Uses` of the first exposure window; where there is none, of the window that is looked at."""
    return incident.uses(_exposed(incident)[1])


def _exposed(incident: Incident) -> tuple[str, Window]:
    """The first exposure window and its secret, "" where there is none."""
    for row in rows(incident.concerned):
        return str(row.secret), span(row, incident.scene.as_of)
    return "", incident.window


def couplings_table(incident: Incident) -> Table:
    """What else the rotation of the secret touches."""
    secrets = (
        [incident.scene.secret] if incident.scene.secret else list(dict.fromkeys(incident.windows["secret"]))
    )
    frames = [tabulate_couplings(incident.scene, secret) for secret in secrets[:3]]
    frame = pd.concat(frames) if frames else tabulate_couplings(incident.scene, "")
    return show(frame, "What hangs on it", empty="nothing that the policy or an equal value shows")


def leaks_table(incident: Incident) -> Table:
    """Where values were found outside their homes."""
    places, leaks = incident.scene.leak_places, incident.scene.leaks
    names = dict(zip(leaks["leak_id"], leaks["variable"], strict=True))
    force = dict(zip(leaks["leak_id"], leaks["in_force"], strict=True))
    frame = places.assign(secret=places["leak_id"].map(names), in_force=places["leak_id"].map(force))
    # A value that was rotated since is in no file to search for: its commit is known all the same.
    history = incident.scene.history
    committed = history.assign(
        secret=history["name"],
        in_force="",
        path=history["file"],
        place="commit",
        line=None,
        encoding="plain",
    )
    seen = set(zip(frame["secret"], frame["commit"], strict=True))
    known = [pair in seen for pair in zip(committed["secret"], committed["commit"], strict=True)]
    frame = pd.concat([frame, committed[[not one for one in known]]], ignore_index=True)
    if incident.scene.secret:
        frame = frame[frame["secret"] == incident.scene.secret]
    columns = ["secret", "in_force", "place", "path", "line", "commit", "encoding"]
    return show(frame[columns].head(MOST_ROWS), "Where it leaked", empty="no place was found")


def symptoms_table(incident: Incident) -> Table:
    """The guide's emergency triggers and symptoms, diagnosed from evidence."""
    return show(tabulate_symptoms(incident.scene), "The guide's triggers and symptoms")


def clients_table(incident: Incident) -> Table:
    """Who sent the requests of the window."""
    return show(incident.scene.clients.head(MOST_ROWS), "Addresses in the window")


def client_table(incident: Incident, client: str = "") -> Table:
    """What is known of an address."""
    chosen = client or incident.client or suspect(incident.scene)
    return show(client_facts(incident.scene, chosen), f"Address {chosen}")


def client_routes_table(incident: Incident, client: str = "") -> Table:
    """What an address asked for."""
    chosen = client or incident.client or suspect(incident.scene)
    return show(client_routes(incident.scene, chosen).head(MOST_ROWS), f"Routes of {chosen}")


def neighbours_table(incident: Incident, client: str = "") -> Table:
    """Who else comes from the same network."""
    chosen = client or incident.client or suspect(incident.scene)
    return show(neighbours(incident.scene, chosen).head(MOST_ROWS), f"Neighbours of {chosen}")


def pivot_table(incident: Incident, client: str = "") -> Table:
    """Who else asked for the same routes in the window."""
    chosen = client or incident.client or suspect(incident.scene)
    return show(pivot(incident.scene, chosen).head(MOST_ROWS), f"Others on the routes of {chosen}")


def secrets_then_table(incident: Incident) -> Table:
    """Which values may have been in force in the window."""
    return show(secrets_then(incident.scene, incident.window), "In force in the window, by the ledger")


def secret_table(incident: Incident, secret: str = "") -> Table:
    """What is known of a secret."""
    leaked = list(incident.windows["secret"])
    chosen = secret or incident.scene.secret or (leaked[0] if leaked else "")
    return show(
        secret_facts(incident.scene, incident.freshness, chosen), f"Secret {chosen or '(none named)'}"
    )


def route_table(incident: Incident, route: str) -> Table:
    """Who asked for a route in the window."""
    return show(route_clients(incident.scene, route).head(MOST_ROWS), f"Route {route}")


def where_to_look_table(incident: Incident) -> Table:
    """What stands out in all logs, with the parameters that look into it."""
    note = "Set since, until, secret and client as parameters to look into a row."
    return show(tabulate_suspicions(incident.scene), "What stands out in all that was read", note)


def record_table(incident: Incident) -> Table:
    """The incident's record; what nothing proves says so."""
    return show(record(incident), "Incident record")


def record(incident: Incident) -> pd.DataFrame:
    """The incident's record as a frame."""
    steps = tabulate_steps(incident.scene, incident.windows, incident.explanations)
    deploys = deploys_told(incident.scene, incident.timeline)
    return record_frame(
        incident.name,
        incident.scene,
        incident.concerned,
        incident.explanations,
        steps,
        deploys,
        incident.discovered,
    )
