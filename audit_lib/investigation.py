"""One incident as lazy frames: read `Investigation` from top to bottom, from what was read to what to do."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.errors import BadInput
from audit_lib.incident.case import Case, read_case
from audit_lib.incident.explain import explain, tabulate_explanations
from audit_lib.incident.exposure import first_seen, tabulate_exposure
from audit_lib.incident.look import address_of, secret_of, window_of
from audit_lib.incident.steps import tabulate_steps
from audit_lib.incident.symptoms import tabulate_symptoms
from audit_lib.incident.timeline import tabulate_timeline
from audit_lib.logins.detect import tabulate
from audit_lib.logs.files import quote_lines
from audit_lib.report import notebook
from audit_lib.report.incident import summarise
from audit_lib.report.package import publish_incident
from audit_lib.report.render import Screen
from audit_lib.secrecy import guard
from audit_lib.secrets.read_project import frame


class Investigation:
    """Everything that was found about one incident. Each frame is computed when it is asked for, and once.

    Times are in UTC; a row without a time of its own is in each window that its bounds touch.

    sources       `Sources`: each file with its lines; the rest speaks of these and of nothing else
    requests      requests of the window, by minute, address and route
    events        failures and messages of the window, each with its place and time
    addresses     who sent the requests of the window, and what is known of them from before
    detections    `Detections` of the window: what was found, what was not, and what is not known
    timeline      `Timeline`: what happened in the window, in order
    exposure      `ExposureWindows`: from when until when a value could be used by others
    explanations  what speaks for each, what against, and what is missing
    symptoms      the guide's six, with the evidence of the window
    steps         what to do, in order, with its commands
    notes         one's own, each with the place that shows it
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.notes = pd.DataFrame(columns=["note", "evidence"])

    def __repr__(self) -> str:
        since, until = iso(self.case.window.since), iso(self.case.window.until)
        return f"Investigation of {self.case.project.name} from {since} to {until}"

    def look(self, **changed: str) -> None:
        """Look at another window, secret or address, named as in `open_incident`; nothing is read again."""
        case, window = self.case, self.case.window
        old = {"since": iso(window.since), "until": iso(window.until)}
        given = old | {"secret": case.secret, "address": case.address} | changed
        secret = secret_of(given["secret"], case.policy, case.read.inventory)
        window = window_of(given["since"], given["until"], case.as_of)
        case = replace(case, window=window, secret=secret, address=address_of(given["address"]))
        notes = self.notes
        vars(self).clear()  # every frame is computed again
        vars(self).update(case=case, notes=notes)

    sources = frame(lambda it: it.case.read.sources)
    requests = frame(lambda it: it.case.here.rename(columns={"client": "address"}).reset_index(drop=True))
    events = frame(lambda it: it.case.said.rename(columns={"client": "address"}).reset_index(drop=True))
    addresses = frame(lambda it: it.case.clients.rename(columns={"client": "address"}))
    detections = frame(lambda it: tabulate(it.case.verdicts.values()))
    timeline = frame(lambda it: tabulate_timeline(it.case))
    exposure = frame(lambda it: tabulate_exposure(it.case))
    _explained = cached_property(lambda it: explain(it.case, it.exposure))
    explanations = frame(lambda it: tabulate_explanations(it._explained))
    symptoms = frame(lambda it: tabulate_symptoms(it.case))
    steps = frame(lambda it: tabulate_steps(it.case, it._explained, it.exposure))

    @property
    def suspects(self) -> tuple[str, ...]:
        """The address that is looked at, else those of the best explanation that names one."""
        named = (one.addresses for one in self._explained if one.addresses)
        return (self.case.address,) if self.case.address else next(named, ())

    def summary(self) -> Screen:
        """The first screen: what it was, five answers, the first steps, what explains it."""
        return summarise(self.case, self._explained, self.exposure, self.steps)

    def plot_timeline(self) -> Any:
        """The timeline as a figure, with a close-up of each episode."""
        from audit_lib.report.figures import plot_events  # noqa: PLC0415  matplotlib is slow to import

        return plot_events(self.case, self.timeline)

    def lines(self, place: str | pd.DataFrame, around: int = 2) -> pd.DataFrame:
        """The lines at a place such as "backend.log:121", or that rows cite, and those around, redacted."""
        named = [place] if isinstance(place, str) else list(place["evidence"])
        found = quote_lines(self.case.project, named, around)
        return found.assign(text=found["text"].map(guard.scrub))

    def note(self, text: str, place: str = "") -> pd.DataFrame:
        """All notes on this incident, with a new one and the place that shows it."""
        self.notes.loc[len(self.notes)] = [text, place]
        return self.notes

    def publish(self, folder: str) -> None:
        """Write page and evidence beside the saved notebook; `Refused` if a value is in one of them."""
        publish_incident(self, Path(folder))


def open_incident(  # noqa: PLR0917  so that a cell of a notebook is one line
    project: str = "",
    since: str = "",
    until: str = "",
    secret: str = "",
    address: str = "",
    as_of: str = "",
    ledger: str = "",
    logs: str = "",
) -> Investigation:
    """The investigation of a project, or of the bundled sample for "".

    By default its window begins when a leak of the secret was first seen, or is the last seven days. Raises
    `BadInput` for a parameter that cannot be used; its text is not repeated, for it may be the value.
    """
    parameters = dict(locals())
    case = read_case(**notebook.open_project(parameters), progress=notebook.report_progress)
    read, leaks = case.read, case.leaked.leaks
    notebook.guard_read(read, parameters)
    if not (read.sources["state"].eq("read").any() or read.ledger.entries or len(leaks)):
        raise BadInput.at("project", "holds nothing of an application: no env file, log, ledger or leak")
    name = secret_of(secret, case.policy, read.inventory)
    window = window_of(since, until, case.as_of, first_seen(case, name))
    return Investigation(replace(case, window=window, secret=name, address=address_of(address)))
