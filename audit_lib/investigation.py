"""One incident as lazy frames: read `Investigation` from top to bottom, from what was read to what to do."""

from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

import nbformat
import pandas as pd
from matplotlib.axes import Axes

from audit_lib.base.cache import user_cache
from audit_lib.base.clock import iso
from audit_lib.base.errors import BadInput
from audit_lib.incident.case import Case
from audit_lib.incident.explain import Explanation, explain, tabulate_explanations
from audit_lib.incident.exposure import tabulate_exposure
from audit_lib.incident.look import address_of, secret_of, window_of
from audit_lib.incident.steps import tabulate_steps
from audit_lib.incident.symptoms import tabulate_symptoms
from audit_lib.incident.timeline import tabulate_timeline
from audit_lib.leaks.find_leaks import LeakOptions, find_leaks
from audit_lib.ledger.keys import keeper_of
from audit_lib.ledger.timeline import tenures
from audit_lib.logins.detect import tabulate
from audit_lib.logins.parameters import detection_policy, formats_of
from audit_lib.logins.requests import tabulate_activity
from audit_lib.logs.files import quote_lines
from audit_lib.logs.read import cached_logs
from audit_lib.opening import check_parameters, current_instant, open_project, refuse_values
from audit_lib.report.exports import to_csv
from audit_lib.report.incident import IncidentSummary, summarise
from audit_lib.report.inherited import report_progress
from audit_lib.report.known_values import guard_values
from audit_lib.report.package import digested, tool, write_package
from audit_lib.report.render import page
from audit_lib.report.timeline import plot_events
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.read_project import read_project
from audit_lib.settings import choose_policy, instant_of

NOTEBOOK = "incident.ipynb"
EVIDENCE = (
    *("sources", "timeline", "detections", "addresses", "exposure"),
    *("explanations", "symptoms", "steps", "notes"),
)


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
    check_parameters(given)
    opened, values = open_project(project, ledger, logs)
    moment = instant_of(opened, as_of or opened.pinned_as_of or current_instant())
    keeper, rules = keeper_of(opened), choose_policy(opened, "")
    guard.install(keeper)
    log_reader = partial(
        cached_logs, opened, keeper, formats=formats_of(opened, rules), progress=report_progress
    )
    read = read_project(opened, rules, keeper, moment, log_reader, given=values)
    guard_values(keeper, read.inventory, rules, opened)
    refuse_values(given)
    options = LeakOptions(cache=user_cache(), patterns=False, progress=report_progress)
    found, stays = (read.entries, read.inventory), tenures(read.ledger)
    leaked = find_leaks(opened, keeper, rules, *found, stays=stays, options=options)
    if not (read.sources["state"].eq("read").any() or read.ledger.entries or len(leaked.leaks)):
        raise BadInput.at("project", "holds nothing of an application: no env file, log, ledger or leak")
    name, detections = secret_of(secret, rules, read.inventory), detection_policy(rules)
    window = window_of(since, until, moment, name, leaked.leaks, read.history)
    parts = (opened, rules, moment, values, read, leaked, tabulate_activity(read.logs, detections))
    return Investigation(Case(*parts, window, name, address_of(address)), keeper)


class Investigation:
    """Everything that was found about one incident; each frame is computed when it is asked for, and once."""

    def __init__(self, case: Case, keeper: Keeper) -> None:
        self.case, self.keeper = case, keeper
        self._notes: list[tuple[str, str]] = []

    def __repr__(self) -> str:
        since, until = iso(self.case.window.since), iso(self.case.window.until)
        return f"Investigation of {self.case.project.name} from {since} to {until}"

    def look(
        self, since: str = "", until: str = "", secret: str | None = None, address: str | None = None
    ) -> None:
        """Look at another window, secret or address: every frame follows, and nothing is read again."""
        case, window = self.case, self.case.window
        if since or until:
            window = window_of(since or iso(window.since), until or iso(window.until), case.as_of)
        name = case.secret if secret is None else secret_of(secret, case.policy, case.read.inventory)
        client = case.address if address is None else address_of(address)
        self.case = replace(case, window=window, secret=name, address=client)
        for attribute, member in vars(type(self)).items():
            if isinstance(member, cached_property):
                vars(self).pop(attribute, None)

    # ---- What was read ----

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

    # ---- What happened ----

    @property
    def addresses(self) -> pd.DataFrame:
        """Who sent the requests of the window, and what is known of them from before."""
        return self.case.clients.rename(columns={"client": "address"})

    @cached_property
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

    # ---- Why, and what to do ----

    @cached_property
    def _exposure(self) -> pd.DataFrame:
        return tabulate_exposure(self.case)

    @property
    def exposure(self) -> pd.DataFrame:
        """`ExposureWindows`: from when until when a value could be used by others."""
        return self._exposure.drop(columns="fingerprint")

    @cached_property
    def _explained(self) -> tuple[Explanation, ...]:
        return explain(self.case, self._exposure)

    @property
    def suspects(self) -> tuple[str, ...]:
        """The address that is looked at, else those of the best explanation that names one."""
        named = (one.addresses for one in self._explained if one.addresses)
        return (self.case.address,) if self.case.address else next(named, ())

    @property
    def explanations(self) -> pd.DataFrame:
        """`Explanations`: what speaks for each, what against, and what is missing."""
        return tabulate_explanations(self._explained)

    @cached_property
    def symptoms(self) -> pd.DataFrame:
        """`Symptoms`: the guide's six, with the evidence of the window."""
        return tabulate_symptoms(self.case)

    @cached_property
    def steps(self) -> pd.DataFrame:
        """`Steps`: what to do, in order, with its commands."""
        return tabulate_steps(self.case, self._explained, self._exposure)

    def summary(self) -> IncidentSummary:
        """The first screen: what it was, five answers, the first steps, what explains it."""
        return summarise(self.case, self._explained, self._exposure, self.steps)

    # ---- For the record ----

    def lines(self, place: str | pd.DataFrame, around: int = 2) -> pd.DataFrame:
        """The lines at a place such as "backend.log:121", or that rows cite, and those around, redacted."""
        named = [place] if isinstance(place, str) else list(place["evidence"])
        found = quote_lines(self.case.project, named, around)
        return found.assign(text=[guard.scrub(text) for text in found["text"]])

    def note(self, text: str, place: str = "") -> pd.DataFrame:
        """All notes on this incident, with a new one and the place that shows it."""
        self._notes.append((text, place))
        return self.notes

    @property
    def notes(self) -> pd.DataFrame:
        """What was written down while looking."""
        return pd.DataFrame(self._notes, columns=["note", "evidence"])

    def publish(self, folder: str) -> None:
        """Write page and evidence beside the saved notebook, and search all of it for every value.

        Raises:
            Refused: a value is in one of them.
        """
        case, home = self.case, Path(folder)
        frames = {name: getattr(self, name) for name in EVIDENCE} | {"quoted_lines": self._quoted()}
        files: dict[str, str | bytes] = {
            f"evidence/{name}.csv": to_csv(_scrubbed(one)) for name, one in frames.items()
        }
        title = f"{case.project.name}: incident"
        files["incident.html"] = page(nbformat.read(home / NOTEBOOK, as_version=4), title)
        manifest = {
            "schema": "audit_lib/incident/2",
            "project": case.project.name,
            "as_of": iso(case.as_of),
            "window": {"since": iso(case.window.since), "until": iso(case.window.until)},
            "policy": {"name": case.policy.name, "sha256": case.policy.sha256},
            "tool": tool(),
            "inputs": digested(case.read.sources),
        }
        classes = guard_values(self.keeper, case.read.inventory, case.policy, case.project)
        write_package(home, files, manifest, self.keeper, classes)

    def _quoted(self) -> pd.DataFrame:
        cited = [self.timeline, self.detections, self.notes]
        return self.lines(pd.concat([frame[["evidence"]] for frame in cited]))


def _scrubbed(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame without known values: a request may bear one in layers of escapes, which a CSV adds to."""
    return frame.astype(object).map(lambda cell: guard.scrub(cell) if isinstance(cell, str) else cell)
