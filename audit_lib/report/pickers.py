"""Pickers of window, address, route and secret that redraw table and figure at once, where widgets live."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from IPython.core.getipython import get_ipython

from audit_lib.incident import Incident, seen_through
from audit_lib.report import inert
from audit_lib.report.incident_views import client_routes_table, client_table, route_table, secret_table
from audit_lib.report.show import Table, as_html, as_text, show
from audit_lib.report.timeline_figure import timeline_figure
from audit_lib.tables.entities import suspect
from audit_lib.tables.requests import Window

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

    state = _State(incident)
    names = [name for name in incident.scene.clients["client"] if name][:MOST_CHOICES]
    routes = incident.scene.requests.groupby("route")["count"].sum().sort_values(ascending=False)
    secrets = sorted(set(incident.scene.inventory["secret"]))
    wide = ipywidgets.Layout(width="48%")
    span = ipywidgets.SelectionRangeSlider(
        options=_instants(incident),
        index=state.bounds(),
        description="window",
        continuous_update=False,
        readout=False,  # too wide to be read there: the figure says it
        layout=ipywidgets.Layout(width="98%"),
    )
    client = ipywidgets.Combobox(
        options=names, value=state.client, description="address", continuous_update=False, layout=wide
    )
    route = ipywidgets.Dropdown(
        options=["", *map(str, routes.index[:MOST_CHOICES])], description="route", layout=wide
    )
    secret = ipywidgets.Dropdown(
        options=["", *secrets], value=incident.scene.secret, description="secret", layout=wide
    )
    figure, tables = ipywidgets.HTML(), ipywidgets.HTML()

    def redraw(change: Any = None) -> None:
        if change is None or change["owner"] in (span, secret):
            state.look(Window(*span.value), secret.value)
            figure.value = _image(state.incident)
        tables.value = "".join(map(as_html, state.tables(client.value, route.value, secret.value)))

    for widget in (span, client, route, secret):
        widget.observe(redraw, names="value")
    redraw()
    choices = ipywidgets.HBox([client, route, secret], layout=ipywidgets.Layout(flex_flow="row wrap"))
    return ipywidgets.VBox([span, choices, figure, tables])


@dataclass
class _State:
    """What is chosen: the incident through the window and about the secret."""

    incident: Incident

    @property
    def client(self) -> str:
        """The address that is looked at first."""
        return self.incident.client or suspect(self.incident.scene)

    def bounds(self) -> tuple[int, int]:
        """The places of the incident's own window among the choices."""
        choices = [at for _, at in _instants(self.incident)]
        window = self.incident.window
        return choices.index(pd.Timestamp(window.since)), choices.index(pd.Timestamp(window.until))

    def look(self, window: Window, secret: str) -> None:
        """Choose a window and a secret."""
        if window.since < window.until:
            self.incident = seen_through(self.incident, window, secret)

    def tables(self, client: str, route: str, secret: str) -> list[Table]:
        """The tables of what is chosen."""
        found = [client_table(self.incident, client), client_routes_table(self.incident, client)]
        chosen: tuple[tuple[str, Callable[[Incident, str], Table]], ...] = (
            (route, route_table),
            (secret, secret_table),
        )
        return found + [table(self.incident, name) for name, table in chosen if name]


def _instants(incident: Incident) -> list[tuple[str, pd.Timestamp]]:
    """The instants between which a window can be chosen: what the logs show, and its own ends."""
    since, until = pd.Timestamp(incident.window.since), pd.Timestamp(incident.window.until)
    first = min([since, *incident.scene.requests["not_before_at"].dropna().head(1)])
    # Two thirds of the steps lie in and near the window: there it must be fine.
    near = pd.date_range(since - (until - since), until + (until - since), periods=2 * STEPS // 3)
    far = pd.date_range(first, pd.Timestamp(incident.scene.as_of), periods=STEPS // 3)
    every = {at.round("min") for at in [*near, *far] if first <= at <= pd.Timestamp(incident.scene.as_of)}
    return [(f"{at:%Y-%m-%d %H:%M}", at) for at in sorted(every | {since, until})]


def _image(incident: Incident) -> str:
    drawn = timeline_figure(incident)
    encoded = base64.b64encode(drawn.svg.encode()).decode("ascii")
    window = incident.window
    said = f"<p>{window.since:%Y-%m-%d %H:%M} to {window.until:%Y-%m-%d %H:%M} UTC</p>"
    source = f"data:image/svg+xml;base64,{encoded}"
    return f'{said}<img src="{source}" alt="{inert.html(drawn.alt)}" style="width:100%">'
