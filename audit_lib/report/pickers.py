"""Pickers of window, address, route and secret that redraw timeline and tables at once, if widgets work."""

import base64
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from audit_lib.base.clock import briefly, iso
from audit_lib.base.errors import BadInput
from audit_lib.incident.investigation import Investigation
from audit_lib.report import escape as inert
from audit_lib.report.focus import Focus
from audit_lib.report.notes import lines_table
from audit_lib.report.pivot_tables import client_routes_table, client_table, route_table, secret_table
from audit_lib.report.table import Tables, as_html, is_watched, show, together
from audit_lib.report.timeline_figure import timeline_figure
from audit_lib.report.timeline_marks import timeline_marks

MOST_CHOICES = 2000  # of a list to choose from; anything else can be typed
_HINT = "Set since, until, secret and client as parameters; JupyterLab with widgets shows pickers here."
_HALF = {"width": "48%"}


def pickers(focus: Focus) -> Any:
    """The pickers of a focus; what the parameters chose if nobody can pick, or widgets are missing."""
    if is_watched():
        try:
            return LivePickers(focus)
        except ImportError:
            pass
    return _choices(focus.seen)


def _choices(seen: Investigation) -> Tables:
    chosen = Focus(seen).client or "none"
    facts = {
        "window": _window_in_words(seen),
        "address": f"{chosen}, of {len(seen.clients)} in the window",
        "secret": seen.secret or f"none, of {seen.inventory['secret'].nunique()}",
    }
    table = show(pd.DataFrame({"chosen": list(facts), "value": list(facts.values())}), "Looked at", _HINT)
    return together(table, brief=" · ".join(f"{name} {fact}" for name, fact in facts.items()))


class LivePickers:
    """The widgets of a focus; what they show outside of a front end is the focus as it was at first."""

    def __init__(self, focus: Focus) -> None:
        import ipywidgets  # noqa: PLC0415  without it the parameters do the same

        self.focus, self._busy = focus, False
        wide = {"layout": _HALF, "continuous_update": False}
        self.since = ipywidgets.Text(description="from (UTC)", **wide)
        self.until = ipywidgets.Text(description="to (UTC)", **wide)
        self.client = ipywidgets.Combobox(description="address", options=focus.clients[:MOST_CHOICES], **wide)
        self.route = ipywidgets.Combobox(description="route", options=focus.routes[:MOST_CHOICES], **wide)
        self.secret = ipywidgets.Combobox(description="secret", options=focus.secrets, **wide)
        self.go = ipywidgets.Button(description="Go there", button_style="info")
        self.remark, self.lines, self.tables = (ipywidgets.HTML() for _ in range(3))
        rows = {"rows": 5, "layout": {"width": "98%"}}
        self.parameters = ipywidgets.Textarea(description="parameters", **rows)
        self.timeline = self._timeline(ipywidgets)
        for field in (self.since, self.until, self.client, self.route, self.secret):
            field.observe(self._typed, names="value")
        self.go.on_click(lambda _: self._show(focus.go))
        choices = [self.since, self.until, self.client, self.route, self.secret]
        wrapped = {"layout": {"flex_flow": "row wrap"}}
        above = [ipywidgets.HBox(choices, **wrapped), ipywidgets.HBox([self.remark, self.go])]
        below = [self.timeline, self.lines, self.tables, self.parameters]
        self.box = ipywidgets.VBox([*above, *below])
        self._show(lambda: focus)

    def _timeline(self, ipywidgets: Any) -> Any:
        """The timeline that can be worked with; without anywidget its picture."""
        try:
            from audit_lib.report.timeline_widget import TimelineWidget  # noqa: PLC0415  an extra
        except ImportError:
            return ipywidgets.HTML()
        window = self.focus.seen.window
        opened = [at.timestamp() * 1000 for at in (window.since, window.until)]
        made = TimelineWidget(opened=opened, alt="Timeline: the figure above says it in words")
        made.observe(self._brushed, names="brushed")
        made.observe(self._clicked, names="clicked")
        return made

    def _typed(self, change: Any) -> None:
        names = {id(getattr(self, name)): name for name in ("since", "until", "client", "route", "secret")}
        if not self._busy:
            self._show(lambda: self.focus.pick(**{names[id(change["owner"])]: change["new"]}))

    def _brushed(self, change: Any) -> None:
        since, until = (datetime.fromtimestamp(max(at, 0) / 1000, UTC) for at in change["new"])
        self._show(lambda: self.focus.pick(iso(since), iso(until)))

    def _clicked(self, change: Any) -> None:
        if change["new"]:
            self.lines.value = as_html(lines_table(self.focus.seen.project, change["new"]))

    def _show(self, change: Any) -> None:
        """Make a change, and show the focus after it; of a fault its words, and the focus as it was."""
        try:
            said = change().remark
        except BadInput as error:
            said = str(error)
        seen, focus, self._busy = self.focus.seen, self.focus, True
        self.remark.value = f"<p>{inert.html(said)}</p>" if said else ""
        self.go.layout.display = "" if focus.elsewhere else "none"
        self.since.value, self.until.value = focus.parameters["since"], focus.parameters["until"]
        self.client.value, self.route.value, self.secret.value = focus.client, seen.route, seen.secret
        self.parameters.value = "\n".join(f'{name} = "{text}"' for name, text in focus.parameters.items())
        self.tables.value = tables(focus)
        if hasattr(self.timeline, "marks"):
            self.timeline.marks = timeline_marks(seen, focus.client, seen.route)
        else:
            self.timeline.value = picture(focus)
        self._busy = False

    def _repr_mimebundle_(self, **options: Any) -> Any:
        shown = self.box._repr_mimebundle_(**options)
        data, *metadata = shown if isinstance(shown, tuple) else (shown,)
        static = {"text/html": picture(self.focus) + tables(self.focus)}
        return ({**data, **static}, *metadata) if metadata else {**data, **static}


def picture(focus: Focus) -> str:
    """The timeline as an image, and its window."""
    drawn = timeline_figure(focus.seen, focus.client, focus.seen.route)
    encoded = base64.b64encode(drawn.svg.encode()).decode("ascii")
    said = f"<p>{_window_in_words(focus.seen)}</p>"
    source = f"data:image/svg+xml;base64,{encoded}"
    return f'{said}<img src="{source}" alt="{inert.html(drawn.alt)}" style="width:100%">'


def tables(focus: Focus) -> str:
    """The tables of what is chosen."""
    seen, found = focus.seen, []
    if focus.client:
        found += [client_table(seen, focus.client), client_routes_table(seen, focus.client)]
    found += [route_table(seen, seen.route)] if seen.route else []
    found += [secret_table(seen, seen.secret)] if seen.secret else []
    return "".join(map(as_html, found))


def _window_in_words(seen: Investigation) -> str:
    since, until = seen.window.since, seen.window.until
    return f"{briefly(since, seen.as_of)} to {briefly(until, seen.as_of)} {until.year} (UTC)"
