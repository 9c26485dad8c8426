"""Pickers of window, address, route and secret that redraw table and figure at once, where widgets live."""

import base64
from dataclasses import dataclass
from typing import Any

import pandas as pd
from IPython.core.getipython import get_ipython

from audit_lib.base.contracts import trusted
from audit_lib.incident.pivots import suspect
from audit_lib.investigation import Incident, seen_through
from audit_lib.logins.requests import Window, totals
from audit_lib.report import escape as inert
from audit_lib.report.incident_tables import client_routes_table, client_table, route_table, secret_table
from audit_lib.report.table import Table, as_html, as_text, show
from audit_lib.report.timeline_figure import timeline_figure

MOST_CHOICES = 500
STEPS = 240
_HINT = "Set since, until, secret and client as parameters; where widgets live, pickers stand here."


@dataclass(frozen=True)
class StaticPickers:
    """What stands in place of the pickers where nobody can pick: the parameters do the same."""

    table: Table

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": as_text(self.table), "text/html": as_html(self.table)}


def pickers(incident: Incident) -> Any:
    """The pickers; what the parameters chose where nobody can pick, or widgets are missing."""
    if _is_watched():
        try:
            return _widgets(incident)
        except ImportError:
            pass
    return StaticPickers(_choices(incident))


def _is_watched() -> bool:
    """Whether a front end with a person runs the cell: it names the cell, papermill and nbclient do not."""
    kernel = getattr(get_ipython(), "kernel", None)
    return kernel is not None and "cellId" in kernel.get_parent().get("metadata", {})


def _choices(incident: Incident) -> Table:
    chosen = incident.client or suspect(incident.scene) or "none"
    facts = {
        "window": f"{incident.window.since:%Y-%m-%d %H:%M} to {incident.window.until:%Y-%m-%d %H:%M} UTC",
        "address": f"{chosen}, of {len(incident.scene.clients)} in the window",
        "secret": incident.scene.secret or f"none, of {incident.scene.inventory['secret'].nunique()}",
    }
    return show(pd.DataFrame({"chosen": list(facts), "value": list(facts.values())}), "Looked at", _HINT)


def _widgets(incident: Incident) -> Any:
    import ipywidgets  # noqa: PLC0415  without it the parameters do the same

    board = PickedView.of(incident)
    wide = ipywidgets.Layout(width="48%")
    span = ipywidgets.SelectionRangeSlider(
        options=_instants(incident),
        value=(pd.Timestamp(incident.window.since), pd.Timestamp(incident.window.until)),
        description="window",
        continuous_update=False,
        readout=False,  # too wide to be read there: the figure says it
        layout=ipywidgets.Layout(width="98%"),
    )
    client = ipywidgets.Combobox(
        options=board.choices("address"),
        value=board.client,
        description="address",
        continuous_update=False,
        layout=wide,
    )
    route = ipywidgets.Dropdown(options=["", *board.choices("route")], description="route", layout=wide)
    secret = ipywidgets.Dropdown(
        options=["", *board.choices("secret")], value=board.secret, description="secret", layout=wide
    )
    figure, tables = ipywidgets.HTML(board.figure()), ipywidgets.HTML(board.tables())
    names = {span: "window", client: "address", route: "route", secret: "secret"}

    def redraw(change: Any) -> None:
        figure.value, tables.value = board.pick(names[change["owner"]], change["new"])

    for widget in names:
        widget.observe(redraw, names="value")
    choices = ipywidgets.HBox([client, route, secret], layout=ipywidgets.Layout(flex_flow="row wrap"))
    return ipywidgets.VBox([span, choices, figure, tables])


@dataclass
class PickedView:
    """What is chosen, and the incident as seen through it."""

    incident: Incident
    client: str
    route: str
    secret: str

    @classmethod
    def of(cls, incident: Incident) -> "PickedView":
        """The board as the parameters chose."""
        chosen = incident.client or suspect(incident.scene)
        return cls(incident, chosen, "", incident.scene.secret)

    def choices(self, name: str) -> list[str]:
        """The addresses, routes or secrets that can be picked, the busiest first."""
        scene = self.incident.scene
        if name == "secret":
            return sorted(set(scene.inventory["secret"]))
        if name == "route":
            routes = totals(scene.requests, "route").sort_values(ascending=False, kind="stable")
            return list(map(str, routes.index[:MOST_CHOICES]))
        return [name for name in scene.clients["client"] if name][:MOST_CHOICES]

    def pick(self, name: str, choice: Any) -> tuple[str, str]:
        """The figure and the tables after a choice, as HTML; what the choice leaves as it is is kept."""
        with trusted():
            if name == "window":
                window = Window(*choice)
                if window.since < window.until:
                    self.incident = seen_through(self.incident, window)
            elif name == "address":
                self.client = choice
            elif name == "route":
                self.route = choice
            else:
                self.secret = choice
                self.incident = seen_through(self.incident, self.incident.window, choice)
            return self.figure(), self.tables()

    def figure(self) -> str:
        """The timeline as an image, and its window."""
        drawn = timeline_figure(self.incident, self.client, self.route)
        encoded = base64.b64encode(drawn.svg.encode()).decode("ascii")
        window = self.incident.window
        said = f"<p>{window.since:%Y-%m-%d %H:%M} to {window.until:%Y-%m-%d %H:%M} UTC</p>"
        source = f"data:image/svg+xml;base64,{encoded}"
        return f'{said}<img src="{source}" alt="{inert.html(drawn.alt)}" style="width:100%">'

    def tables(self) -> str:
        """The tables of what is chosen."""
        found = [client_table(self.incident, self.client), client_routes_table(self.incident, self.client)]
        found += [route_table(self.incident, self.route)] if self.route else []
        found += [secret_table(self.incident, self.secret)] if self.secret else []
        return "".join(map(as_html, found))


def _instants(incident: Incident) -> list[tuple[str, pd.Timestamp]]:
    """The instants between which a window can be chosen: what the logs show, and its own ends."""
    since, until = pd.Timestamp(incident.window.since), pd.Timestamp(incident.window.until)
    first = min([since, *incident.scene.written["at"].nsmallest(1)])
    # Two thirds of the steps lie in and near the window: there it must be fine.
    near = pd.date_range(since - (until - since), until + (until - since), periods=2 * STEPS // 3)
    far = pd.date_range(first, pd.Timestamp(incident.scene.as_of), periods=STEPS // 3)
    every = {at.round("min") for at in [*near, *far] if first <= at <= pd.Timestamp(incident.scene.as_of)}
    return [(f"{at:%Y-%m-%d %H:%M}", at) for at in sorted(every | {since, until})]
