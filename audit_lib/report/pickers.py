"""Pickers of window, address, route and secret that redraw figure and tables at once, if widgets work."""

import base64
from dataclasses import dataclass
from typing import Any

import pandas as pd
from IPython.core.getipython import get_ipython

from audit_lib.base.clock import briefly
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.pivots import suspect
from audit_lib.investigation import seen_through
from audit_lib.logins.requests import Window, totals
from audit_lib.report import escape as inert
from audit_lib.report.pivot_tables import client_routes_table, client_table, route_table, secret_table
from audit_lib.report.table import Table, as_html, as_text, show
from audit_lib.report.timeline_figure import timeline_figure

MOST_CHOICES = 500
STEPS = 240
_HINT = "Set since, until, secret and client as parameters; JupyterLab with widgets shows pickers here."


@dataclass(frozen=True)
class StaticPickers:
    """What is shown instead of the pickers if nobody can pick: the parameters do the same."""

    table: Table

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": as_text(self.table), "text/html": as_html(self.table)}


def pickers(investigation: Investigation) -> Any:
    """The pickers; what the parameters chose if nobody can pick, or widgets are missing."""
    if _is_watched():
        try:
            return _widgets(investigation)
        except ImportError:
            pass
    return StaticPickers(_choices(investigation))


def _is_watched() -> bool:
    """Whether a front end with a person runs the cell: it names the cell, papermill and nbclient do not."""
    kernel = getattr(get_ipython(), "kernel", None)
    return kernel is not None and "cellId" in kernel.get_parent().get("metadata", {})


def _choices(investigation: Investigation) -> Table:
    chosen = investigation.client or suspect(investigation) or "none"
    facts = {
        "window": _window_in_words(investigation),
        "address": f"{chosen}, of {len(investigation.clients)} in the window",
        "secret": investigation.secret or f"none, of {investigation.inventory['secret'].nunique()}",
    }
    return show(pd.DataFrame({"chosen": list(facts), "value": list(facts.values())}), "Looked at", _HINT)


def _widgets(investigation: Investigation) -> Any:
    import ipywidgets  # noqa: PLC0415  without it the parameters do the same

    view = PickedView.of(investigation)
    wide = ipywidgets.Layout(width="48%")
    span = ipywidgets.SelectionRangeSlider(
        options=_instants(investigation),
        value=(pd.Timestamp(investigation.window.since), pd.Timestamp(investigation.window.until)),
        description="window",
        continuous_update=False,
        readout=False,  # too wide to be read there: the figure says it
        layout=ipywidgets.Layout(width="98%"),
    )
    client = ipywidgets.Combobox(
        options=view.choices("address"),
        value=view.client,
        description="address",
        continuous_update=False,
        layout=wide,
    )
    route = ipywidgets.Dropdown(options=["", *view.choices("route")], description="route", layout=wide)
    secret = ipywidgets.Dropdown(
        options=["", *view.choices("secret")], value=view.secret, description="secret", layout=wide
    )
    figure, tables = ipywidgets.HTML(view.figure()), ipywidgets.HTML(view.tables())
    names = {span: "window", client: "address", route: "route", secret: "secret"}

    def redraw(change: Any) -> None:
        figure.value, tables.value = view.pick(names[change["owner"]], change["new"])

    for widget in names:
        widget.observe(redraw, names="value")
    choices = ipywidgets.HBox([client, route, secret], layout=ipywidgets.Layout(flex_flow="row wrap"))
    return ipywidgets.VBox([span, choices, figure, tables])


@dataclass
class PickedView:
    """What is chosen, and the investigation as seen through it."""

    investigation: Investigation
    client: str
    route: str
    secret: str

    @classmethod
    def of(cls, investigation: Investigation) -> "PickedView":
        """The view as the parameters chose."""
        chosen = investigation.client or suspect(investigation)
        return cls(investigation, chosen, "", investigation.secret)

    def choices(self, name: str) -> list[str]:
        """The addresses, routes or secrets that can be picked, the busiest first."""
        investigation = self.investigation
        if name == "secret":
            return sorted(set(investigation.inventory["secret"]))
        if name == "route":
            routes = totals(investigation.requests, "route").sort_values(ascending=False, kind="stable")
            return list(map(str, routes.index[:MOST_CHOICES]))
        return [name for name in investigation.clients["client"] if name][:MOST_CHOICES]

    def pick(self, name: str, choice: Any) -> tuple[str, str]:
        """The figure and the tables after a choice, as HTML; what the choice leaves as it is is kept."""
        if name == "window":
            window = Window(*choice)
            if window.since < window.until:
                self.investigation = seen_through(self.investigation, window)
        elif name == "address":
            self.client = choice
        elif name == "route":
            self.route = choice
        else:
            self.secret = choice
            self.investigation = seen_through(self.investigation, self.investigation.window, choice)
        return self.figure(), self.tables()

    def figure(self) -> str:
        """The timeline as an image, and its window."""
        drawn = timeline_figure(self.investigation, self.client, self.route)
        encoded = base64.b64encode(drawn.svg.encode()).decode("ascii")
        said = f"<p>{_window_in_words(self.investigation)}</p>"
        source = f"data:image/svg+xml;base64,{encoded}"
        return f'{said}<img src="{source}" alt="{inert.html(drawn.alt)}" style="width:100%">'

    def tables(self) -> str:
        """The tables of what is chosen."""
        seen, found = self.investigation, []
        if self.client:
            found += [client_table(seen, self.client), client_routes_table(seen, self.client)]
        found += [route_table(seen, self.route)] if self.route else []
        found += [secret_table(seen, self.secret)] if self.secret else []
        return "".join(map(as_html, found))


def _window_in_words(investigation: Investigation) -> str:
    since, until = investigation.window.since, investigation.window.until
    return (
        f"{briefly(since, investigation.as_of)} to {briefly(until, investigation.as_of)} {until.year} (UTC)"
    )


def _instants(investigation: Investigation) -> list[tuple[str, pd.Timestamp]]:
    """The instants between which a window can be chosen: what the logs show, and its own ends."""
    since, until = pd.Timestamp(investigation.window.since), pd.Timestamp(investigation.window.until)
    first = min([since, *investigation.written["at"].nsmallest(1)])
    # Two thirds of the steps are in and near the window, which needs the finer choice.
    near = pd.date_range(since - (until - since), until + (until - since), periods=2 * STEPS // 3)
    far = pd.date_range(first, pd.Timestamp(investigation.as_of), periods=STEPS // 3)
    every = {at.round("min") for at in [*near, *far] if first <= at <= pd.Timestamp(investigation.as_of)}
    return [(briefly(at, investigation.as_of), at) for at in sorted(every | {since, until})]
