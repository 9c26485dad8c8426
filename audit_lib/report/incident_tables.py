"""The tables of an incident: what was asked, what happened, what explains it, what to do."""

from dataclasses import replace
from datetime import datetime
from functools import partial

import pandas as pd

from audit_lib.base.clock import briefly
from audit_lib.base.in_words import NOT_KNOWN, counted
from audit_lib.incident.addresses import NEW, lacks_history, tabulate_routes
from audit_lib.incident.explanations import best_explanation, suspect, tabulate_explanations
from audit_lib.incident.exposure_windows import leak_places, tabulate_couplings, tabulate_exposure_windows
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.notes import Pointed, places, tabulate_notes
from audit_lib.incident.record import deploys_in_words, exposed_uses, first_exposed, tabulate_record
from audit_lib.incident.steps import tabulate_steps
from audit_lib.incident.symptoms import tabulate_symptoms
from audit_lib.incident.timeline import tabulate_timeline
from audit_lib.incident.where_to_look import tabulate_suspicions
from audit_lib.incident.window_detections import tabulate_window_detections
from audit_lib.logins.parameters import is_known
from audit_lib.logins.requests import NOT_KNOWN as UNKNOWN_CLASS, surely_within
from audit_lib.logs.quote_lines import quote_lines
from audit_lib.report.leak_tables import shown_lives
from audit_lib.report.log_tables import detected_and_not, shown_evidence
from audit_lib.report.table import Table, Tables, show
from audit_lib.rotation.progress import RotationRead, tabulate_leak_lives
from audit_lib.secrecy import guard
from audit_lib.secrecy.identities import marked_clients
from audit_lib.settings import Project

MOST_ROWS = 60
MOST_SECRETS = 3
MOST_PLACES = 20  # whose lines are shown
UNSEEN = "this address is in no request that was read"
_WORDS = {
    "client": "address",
    "classification": "class",
    "not_before_at": "from",
    "not_after_at": "to",
    "successes": "answered",
    "successes_before": "answered before",
    "may_be": "perhaps outside",
}
NOTHING_SPEAKS = "not known: nothing that was read speaks for one"
DEMO = "under the public DEMO key: anyone could have written it"


def summary_table(investigation: Investigation) -> Table:
    """What is looked into, by which logs, and what the first explanation is."""
    requests, window, as_of = investigation.requests, investigation.window, investigation.as_of
    inside = int(requests.loc[surely_within(requests, window), "count"].sum())
    logs = investigation.sources[investigation.sources["kind"] == "log"]
    reach = requests["not_before_at"].min()
    facts = {
        "investigation": investigation.name,
        "window": f"{briefly(window.since, as_of)} to {briefly(window.until, as_of)} {as_of.year}",
        "as of": briefly(as_of, as_of) + (" (pinned in audit.toml)" if investigation.pinned else ""),
        "first explanation": first_explanation(investigation),
        "address": investigation.client
        or f"none named: {suspect(investigation) or 'none'} is looked at first",
        "secret": investigation.secret or "none named: those that have leaked",
        "requests surely in the window": f"{inside:,}",
        "logs read": f"{(logs['state'] == 'read').sum()} of {len(logs)}, back to "
        + ("no date" if pd.isna(reach) else briefly(reach, as_of)),
        "newest line of the logs": newest_line(investigation),
        "deploys": deploys_in_words(investigation)[0],
        "ledger": ledger_in_words(investigation),
    }
    return show(pd.DataFrame({"fact": list(facts), "value": list(facts.values())}), "What is looked into")


def first_explanation(investigation: Investigation) -> str:
    """The best explanation and its verdict; that there is none if nothing speaks for any."""
    best = best_explanation(investigation)
    return f"{best.name} ({best.verdict})" if best else NOTHING_SPEAKS


def newest_line(investigation: Investigation) -> str:
    """The newest time in the logs, and its line."""
    written = investigation.written
    if written.empty:
        asked = len(investigation.requests) or len(investigation.events)
        return (
            "no request and no message carries a time"
            if asked
            else "no request and no message was recognised"
        )
    newest = written.sort_values("at", kind="stable").iloc[-1]
    return f"{briefly(newest['at'], investigation.as_of)} ({newest['file']}:{newest['line']})"


def ledger_in_words(investigation: Investigation) -> str:
    """Whether the ledger is whole, and whether that says anything."""
    if not investigation.ledger.entries:
        return "none"
    state = "; ".join(map(str, investigation.ledger.faults)) or "whole"
    return f"{state}; {DEMO}" if investigation.project.key == "demo" else state


def read_table(investigation: Investigation) -> Table:
    """Each file with its lines: the rest speaks of these and of nothing else."""
    names = {"requests": "log_requests", "messages": "log_messages"}
    columns = ["source", "kind", "state", "lines", *names.values(), "text_only", "not_understood", "blank"]
    rows = investigation.sources.rename(columns=names)[[*columns, "reason", "remedy"]]
    return show(rows.rename(columns={"source": "file"}), "What was read", whole=investigation.sources)


def steps_table(investigation: Investigation) -> Table:
    """What to do, in order."""
    return show(tabulate_steps(investigation), "What to do, in order")


def explanations_table(investigation: Investigation) -> Table:
    """Each explanation with what speaks for and against it."""
    found = tabulate_explanations(investigation)
    note = "Ordered by the evidence for and against; the ratings are not probabilities."
    return show(found.drop(columns="addresses"), "What may explain it", note, whole=found)


def detected_tables(investigation: Investigation) -> Tables:
    """What the detections come to in the window, and what they cannot say."""
    detections = tabulate_window_detections(investigation)
    found, *others = detected_and_not(detections, "detections.csv of the evidence package").tables
    return Tables((_linked(investigation, found, "lines"), *others))


def timeline_table(investigation: Investigation) -> Table:
    """What happened, in order; the first rows if there are many."""
    frame, busy = tabulate_timeline(investigation), _busy(investigation)
    left = len(frame) - len(busy)
    note = f"{left:,} more rows are in the figure and in timeline.csv of evidence.zip." if left else ""
    shown = with_brief_instants(busy.drop(columns=["at"]), investigation.as_of, subject="of")
    table = show(shown, "Timeline", note, "nothing that was read shows anything", whole=frame)
    return _linked(investigation, table, "evidence")


def _linked(investigation: Investigation, table: Table, heading: str) -> Table:
    """The table with a link at each place of a column whose line is quoted."""
    quoted = frozenset(_places(_cited(investigation)))
    columns = (
        replace(one, link="at-", among=quoted) if one.heading == heading and quoted else one
        for one in table.columns
    )
    return replace(table, columns=tuple(columns))


def cited_lines_table(investigation: Investigation) -> Table:
    """The lines that the timeline and the detections cite, for their links; without known values."""
    found = _cited(investigation)
    fold = f"The lines themselves: {len(found)}, each with file and number"
    ids = [f"at-{place}" for place in _places(found)]
    return show(found, "Lines that timeline and detections cite", fold=fold, ids=ids)


def _busy(investigation: Investigation) -> pd.DataFrame:
    """The rows of the timeline that are shown: all, or of many those that are not as usual."""
    frame = tabulate_timeline(investigation)
    quiet = frame[(frame["kind"] != "answered") | frame["subject"].isin(NEW)]
    return frame if len(frame) <= MOST_ROWS else quiet.head(MOST_ROWS)


def _cited(investigation: Investigation) -> pd.DataFrame:
    def read() -> pd.DataFrame:
        detected = shown_evidence(tabulate_window_detections(investigation))
        cited = [*_busy(investigation)["evidence"], *detected]
        found = quote_lines(investigation.project, cited, around=0)
        return found.assign(text=[guard.scrub(text) for text in found["text"]])

    return investigation.of_window("cited lines", read)


def _places(lines: pd.DataFrame) -> list[str]:
    return [f"{file}:{line}" for file, line in zip(lines["file"], lines["line"], strict=True)]


def symptoms_table(investigation: Investigation) -> Table:
    """The guide's emergency triggers and symptoms, diagnosed from evidence."""
    found = tabulate_symptoms(investigation)
    shown = with_brief_instants(found, investigation.as_of)
    return show(shown, "The guide's triggers and symptoms", whole=found)


def where_to_look_table(investigation: Investigation) -> Table:
    """What stands out in all logs, with the parameters that look into it."""
    found = tabulate_suspicions(investigation)
    shown = with_brief_instants(found.drop(columns="kind"), investigation.as_of, client="client")
    shown.loc[found["last_at"].isna(), "last"] = ""
    shown.loc[found["evidence"] == "", "first"] = ""
    note = "To look into a row, set its since, until, secret and client as parameters."
    return show(shown, "What stands out in all that was read", note, whole=found)


def record_table(investigation: Investigation) -> Table:
    """The record of the incident; what nothing proves says so."""
    return show(tabulate_record(investigation), "Incident record")


def with_brief_instants(frame: pd.DataFrame, as_of: datetime, **words: str) -> pd.DataFrame:
    """The frame for a reader: `first_at` becomes `first`, `20 Aug 03:00`; `words` name columns anew."""
    shown = frame.copy()
    for name in frame:
        if isinstance(frame[name].dtype, pd.DatetimeTZDtype):
            texts = [NOT_KNOWN if pd.isna(at) else briefly(at, as_of) for at in frame[name]]
            shown[name] = pd.Series(texts, index=frame.index, dtype="object")
    named = {name: (_WORDS | words).get(name, name.removesuffix("_at")) for name in map(str, frame)}
    return shown.rename(columns=named)


def exposure_table(investigation: Investigation) -> Table:
    """From when until when each value could be used by others."""
    frame = tabulate_exposure_windows(investigation).drop(columns="fingerprint")
    empty = "no secret is named, and none is known to have leaked"
    shown = with_brief_instants(frame, investigation.as_of, ends_earliest_at="ends at the earliest")
    shown.loc[frame["open"], ["ends at the earliest", "ends"]] = ""
    note = "The widest windows that the evidence allows."
    return show(shown, "Exposure windows", note, empty, whole=frame)


def uses_table(investigation: Investigation) -> Table:
    """Who was answered on protected routes within the first exposure window, new addresses first."""
    secret, _ = first_exposed(investigation)
    name = f"the exposure window of {secret}" if secret else "the window"
    note = "The logs do not say which token a request carried: each of these may have used it."
    found = exposed_uses(investigation)
    shown = with_brief_instants(_marked(investigation, found), investigation.as_of)
    return show(shown, f"Answered on protected routes in {name}", note, whole=found)


def lives_table(investigation: Investigation) -> Table:
    """How far the clean-up of each leak is."""
    read = RotationRead(investigation.as_of, investigation.inventory, investigation.ledger)
    return shown_lives(tabulate_leak_lives(investigation.leaks, read))


def couplings_table(investigation: Investigation) -> Table:
    """What else the rotation of the secret touches."""
    leaked = list(dict.fromkeys(tabulate_exposure_windows(investigation)["secret"]))
    secrets = [investigation.secret] if investigation.secret else leaked
    frames = [tabulate_couplings(investigation, secret) for secret in secrets[:MOST_SECRETS]]
    frame = pd.concat(frames) if frames else tabulate_couplings(investigation, "")
    left = secrets[MOST_SECRETS:]
    note = f"And {counted(len(left), 'more secret')}, with `--secret`: {', '.join(left)}." if left else ""
    empty = "nothing that the policy or an equal value shows"
    return show(frame, "What else a rotation touches", note, empty)


def leaks_table(investigation: Investigation) -> Table:
    """Where values were found outside their homes."""
    frame = leak_places(investigation, investigation.secret)
    columns = ["secret", "in_force", "place", "path", "line", "commit", "encoding"]
    left = len(frame) - MOST_ROWS
    note = f"{left:,} more places: `leaks` lists all." if left > 0 else ""
    shown = frame.head(MOST_ROWS)
    ids = shown["leak_id"].mask(shown["leak_id"].duplicated()).fillna("")  # of each its first place
    return show(
        shown[columns], "Places of the leak", note, empty="no place was found", ids=list(ids), whole=frame
    )


def clients_table(investigation: Investigation) -> Table:
    """Who sent the requests of the window."""
    clients = investigation.clients
    frame = _marked(investigation, clients.head(MOST_ROWS))
    shown = with_brief_instants(frame, investigation.as_of, failures="refused")
    notes = [_more(clients, "addresses.csv of evidence.zip lists all")]
    if clients["classification"].eq(UNKNOWN_CLASS).any():
        notes.append(f"Missing: {lacks_history(investigation)[0]}.")
    return show(shown, "Addresses in the window", " ".join(filter(None, notes)), whole=clients)


def routes_table(investigation: Investigation) -> Table:
    """What the address that is looked at asked for."""
    client = investigation.client or suspect(investigation)
    found = tabulate_routes(investigation, client)
    shown = with_brief_instants(found.head(MOST_ROWS), investigation.as_of)
    return show(shown, f"Routes of {client or 'no address'}", empty=UNSEEN, whole=found)


def _marked(investigation: Investigation, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with a word behind each address that the policy knows (known_clients)."""
    known = partial(is_known, policy=investigation.rules)
    return marked_clients(frame, known) if "client" in frame else frame


def _more(frame: pd.DataFrame, how: str) -> str:
    """How many rows are not shown, and what shows them."""
    left = len(frame) - MOST_ROWS
    return f"And {counted(left, 'more row')}: {how}." if left > 0 else ""


def lines_table(project: Project, pointed: Pointed, around: int = 2) -> Table:
    """Each line that is pointed at, marked, with so many lines before and after it.

    Raises:
        BadInput: the rows that are pointed at name no places.
    """
    every = places(pointed)
    found = quote_lines(project, every[:MOST_PLACES], around)
    cited = [f"{file}:{line}" in every for file, line in zip(found["file"], found["line"], strict=True)]
    found["text"] = [guard.scrub(text) for text in found["text"]]
    found.insert(0, "cited", ["→" if one else "" for one in cited])
    title = every[0] if len(every) == 1 else f"{len(every)} places"
    more = f"The first {MOST_PLACES} places are shown." if len(every) > MOST_PLACES else ""
    return show(found, title, more, empty="not a line of a log of this project")


def notes_table(investigation: Investigation) -> Table:
    """The observations of this incident."""
    return show(
        tabulate_notes(investigation), "Observations", empty='none so far: report.note("…", "evidence")'
    )
