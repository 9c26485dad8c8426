"""One incident as lazy frames: read `Investigation` from top to bottom, from what was read to what to do."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from audit_lib.base.clock import iso
from audit_lib.base.errors import BadInput
from audit_lib.incident.case import Case, read_case
from audit_lib.incident.explain import Explanation, explain, tabulate_explanations
from audit_lib.incident.exposure import tabulate_exposure
from audit_lib.incident.look import address_of, first_seen, secret_of, window_of
from audit_lib.incident.steps import tabulate_steps
from audit_lib.incident.symptoms import tabulate_symptoms
from audit_lib.incident.timeline import tabulate_timeline
from audit_lib.logins.detect import tabulate
from audit_lib.logs.files import quote_lines
from audit_lib.report.exports import to_csv
from audit_lib.report.incident import IncidentSummary, summarise
from audit_lib.report.known_values import guard_values
from audit_lib.report.notebook import open_project, refuse_values, report_progress
from audit_lib.report.package import write_package
from audit_lib.report.record import inputs_of, tool
from audit_lib.report.render import page, read_notebook
from audit_lib.report.timeline import plot_events
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import Keeper

NOTEBOOK = "incident.ipynb"
EVIDENCE = (
    "sources", "timeline", "detections", "addresses", "exposure", "explanations", "symptoms", "steps",
)  # fmt: skip


def open_incident(  # noqa: PLR0917  so that a cell of a notebook is one line
    project: str = "",
    since: str = "",
    until: str = "",
    secret: str = "",
    address: str = "",
    as_of: str = "",
    ledger: str = "",
    logs: str = "",
) -> "Investigation":
    """The investigation of a project, or of the bundled sample for "".

    By default its window begins when a leak of the secret was first seen, or is the last seven days.

    Raises:
        BadInput: a parameter that cannot be used; its text is not repeated, for it may be the value.
    """
    given = {"project": project, "since": since, "until": until, "secret": secret, "address": address}
    given |= {"as_of": as_of, "ledger": ledger, "logs": logs}
    opened = open_project(given)
    keeper, policy, moment = opened["keeper"], opened["policy"], opened["as_of"]
    case = read_case(opened["project"], policy, keeper, moment, opened["given"], progress=report_progress)
    guard_values(case.read)
    refuse_values(given)
    if not (
        case.read.sources["state"].eq("read").any() or case.read.ledger.entries or len(case.leaked.leaks)
    ):
        raise BadInput.at("project", "holds nothing of an application: no env file, log, ledger or leak")
    name = secret_of(secret, policy, case.read.inventory)
    window = window_of(since, until, moment, first_seen(name, case.leaked.leaks, case.read.history))
    return Investigation(replace(case, window=window, secret=name, address=address_of(address)), keeper)


class Investigation:
    """Everything that was found about one incident; each frame is computed when it is asked for, and once."""

    def __init__(self, case: Case, keeper: Keeper) -> None:
        self.case, self.keeper = case, keeper
        self.notes = pd.DataFrame(columns=["note", "evidence"])

    def __repr__(self) -> str:
        since, until = iso(self.case.window.since), iso(self.case.window.until)
        return f"Investigation of {self.case.project.name} from {since} to {until}"

    def look(self, **asked: str) -> None:
        """Look at another window, secret or address, named as in `open_incident`; nothing is read again."""
        case, old = self.case, {"since": iso(self.case.window.since), "until": iso(self.case.window.until)}
        new = old | {"secret": case.secret, "address": case.address} | asked
        window = window_of(new["since"], new["until"], case.as_of)
        name, address = secret_of(new["secret"], case.policy, case.read.inventory), address_of(new["address"])
        kept = {"keeper": self.keeper, "notes": self.notes}
        vars(self).clear()  # every frame is computed again
        vars(self).update(kept, case=replace(case, window=window, secret=name, address=address))

    @property
    def sources(self) -> pd.DataFrame:
        """`Sources`: each file with its lines; the rest speaks of these and of nothing else."""
        return self.case.read.sources

    @property
    def requests(self) -> pd.DataFrame:
        """The requests of the window, by minute, address and route."""
        return self.case.here.rename(columns={"client": "address"}).reset_index(drop=True)

    @property
    def events(self) -> pd.DataFrame:
        """The failures and messages of the window, each with its place and time."""
        return self.case.said.rename(columns={"client": "address"}).reset_index(drop=True)

    @property
    def addresses(self) -> pd.DataFrame:
        """Who sent the requests of the window, and what is known of them from before."""
        return self.case.clients.rename(columns={"client": "address"})

    @property
    def detections(self) -> pd.DataFrame:
        """`Detections` of the window: what was found, what was not, and what cannot be said."""
        return tabulate(self.case.verdicts.values())

    @cached_property
    def timeline(self) -> pd.DataFrame:
        """`Timeline`: what happened in the window, in order."""
        return tabulate_timeline(self.case)

    def plot_timeline(self) -> Axes:
        """The timeline as a figure, with a close-up of each episode."""
        return plot_events(self.case, self.timeline)

    @cached_property
    def exposure(self) -> pd.DataFrame:
        """`ExposureWindows`: from when until when a value could be used by others."""
        return tabulate_exposure(self.case)

    @cached_property
    def _explained(self) -> tuple[Explanation, ...]:
        return explain(self.case, self.exposure)

    @property
    def explanations(self) -> pd.DataFrame:
        """`Explanations`: what speaks for each, what against, and what is missing."""
        return tabulate_explanations(self._explained)

    @property
    def suspects(self) -> tuple[str, ...]:
        """The address that is looked at, else those of the best explanation that names one."""
        named = (one.addresses for one in self._explained if one.addresses)
        return (self.case.address,) if self.case.address else next(named, ())

    @cached_property
    def symptoms(self) -> pd.DataFrame:
        """`Symptoms`: the guide's six, with the evidence of the window."""
        return tabulate_symptoms(self.case)

    @cached_property
    def steps(self) -> pd.DataFrame:
        """`Steps`: what to do, in order, with its commands."""
        return tabulate_steps(self.case, self._explained, self.exposure)

    def summary(self) -> IncidentSummary:
        """The first screen: what it was, five answers, the first steps, what explains it."""
        return summarise(self.case, self._explained, self.exposure, self.steps)

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
        """Write page and evidence beside the saved notebook, and search all of it for every value.

        Raises:
            Refused: a value is in one of them.
        """
        case, home = self.case, Path(folder)
        frames = {name: getattr(self, name) for name in (*EVIDENCE, "notes")}
        cited = [frames[name][["evidence"]] for name in ("timeline", "detections", "notes")]
        frames["quoted_lines"] = self.lines(pd.concat(cited))
        files: dict[str, str | bytes] = {f"evidence/{name}.csv": to_csv(one) for name, one in frames.items()}
        files["incident.html"] = page(read_notebook(home / NOTEBOOK), f"{case.project.name}: incident")
        window = {"since": iso(case.window.since), "until": iso(case.window.until)}
        manifest: dict[str, Any] = {
            "schema": "audit_lib/incident/2",
            "project": case.project.name,
            "as_of": iso(case.as_of),
        }
        manifest |= {"window": window, "tool": tool(), "inputs": inputs_of(case.read.sources)}
        classes = guard_values(case.read)
        write_package(home, files, manifest, self.keeper, classes)
