"""The folded sections of an incident's page: their tables, and on one line what is in them."""

from audit_lib.base.in_words import NOT_KNOWN, counted
from audit_lib.incident.explanations import suspect
from audit_lib.incident.exposure_windows import tabulate_exposure_windows
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.record import tabulate_record
from audit_lib.incident.steps import tabulate_steps
from audit_lib.incident.symptoms import tabulate_symptoms
from audit_lib.incident.timeline import tabulate_timeline
from audit_lib.incident.window_detections import tabulate_window_detections
from audit_lib.report.incident_tables import (
    cited_lines_table,
    clients_table,
    couplings_table,
    detected_tables,
    explanations_table,
    exposure_table,
    leaks_table,
    lives_table,
    read_table,
    record_table,
    routes_table,
    steps_table,
    summary_table,
    symptoms_table,
    timeline_table,
    uses_table,
    where_to_look_table,
)
from audit_lib.report.log_tables import detections_counted
from audit_lib.report.table import Tables, together


def timeline_section(investigation: Investigation) -> Tables:
    """What happened, in order, with the lines that it cites."""
    brief = f"{counted(len(tabulate_timeline(investigation)), 'row')} · the lines themselves"
    return together(timeline_table(investigation), cited_lines_table(investigation), brief=brief)


def steps_section(investigation: Investigation) -> Tables:
    """Every step, and what stands out in all logs."""
    brief = f"{counted(len(tabulate_steps(investigation)), 'step')} · what stands out in all that was read"
    return together(steps_table(investigation), where_to_look_table(investigation), brief=brief)


def explanations_section(investigation: Investigation) -> Tables:
    """Each explanation in full, and what the detections found in the window."""
    every, found, blind = detections_counted(tabulate_window_detections(investigation))
    brief = f"of {counted(every, 'detection')} {found} found something, {blind} not known"
    return together(explanations_table(investigation), detected_tables(investigation), brief=brief)


def addresses_section(investigation: Investigation) -> Tables:
    """Who sent the requests of the window, and the routes of the address that is looked at."""
    classes = investigation.clients["classification"].value_counts()
    counts = ", ".join(f"{count} {name}" for name, count in classes.items()) or "none"
    brief = f"{counts} · looked at: {investigation.client or suspect(investigation) or 'none'}"
    return together(clients_table(investigation), routes_table(investigation), brief=brief)


def exposure_section(investigation: Investigation) -> Tables:
    """From when until when a value could be used by others, who was answered then, and what it touches."""
    windows = tabulate_exposure_windows(investigation)
    brief = f"{counted(len(windows), 'window')}, {int(windows['open'].sum())} still open"
    tables = (exposure_table, uses_table, leaks_table, lives_table, couplings_table)
    return together(*(table(investigation) for table in tables), brief=brief)


def symptoms_section(investigation: Investigation) -> Tables:
    """The guide's emergency triggers and symptoms."""
    verdicts = tabulate_symptoms(investigation)["verdict"].value_counts()
    words = (("found", "found"), ("unknown", "not known"), ("none", "none"))
    brief = ", ".join(f"{verdicts.get(verdict, 0)} {said}" for verdict, said in words)
    return together(symptoms_table(investigation), brief=brief)


def record_section(investigation: Investigation) -> Tables:
    """The record of the incident."""
    record = tabulate_record(investigation)
    open_ = list(record.loc[record["value"].str.startswith((NOT_KNOWN, "not yet")), "field"])
    brief = f"{counted(len(record), 'field')}; still open: {', '.join(open_) or 'none'}"
    return together(record_table(investigation), brief=brief)


def read_section(investigation: Investigation) -> Tables:
    """What is looked into, and each file with its lines."""
    sources = investigation.sources
    read = int(sources["state"].eq("read").sum())
    brief = f"{read} of {counted(len(sources), 'file')} read"
    return together(summary_table(investigation), read_table(investigation), brief=brief)
