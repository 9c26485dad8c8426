"""The tables of an incident: what was asked, what happened, what explains it, what to do."""

from dataclasses import replace

import pandas as pd

from audit_lib.base.clock import briefly
from audit_lib.incident.explanations import best_explanation, tabulate_explanations
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.pivots import NEW, suspect
from audit_lib.incident.record import deploys_in_words, tabulate_record
from audit_lib.incident.steps import tabulate_steps
from audit_lib.incident.symptoms import tabulate_symptoms
from audit_lib.incident.timeline import tabulate_timeline
from audit_lib.incident.where_to_look import tabulate_suspicions
from audit_lib.incident.window_detections import tabulate_window_detections
from audit_lib.logins.requests import surely_within
from audit_lib.logs.quote_lines import quote_lines
from audit_lib.report.log_tables import detected_and_not, shown_evidence
from audit_lib.report.pivot_tables import with_brief_instants
from audit_lib.report.table import Table, Tables, show
from audit_lib.secrecy import guard

MOST_ROWS = 60
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
    return f"{best.explanation} ({best.verdict})" if best else NOTHING_SPEAKS


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
    return show(found.drop(columns=["weight", "addresses"]), "What may explain it", note, whole=found)


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
