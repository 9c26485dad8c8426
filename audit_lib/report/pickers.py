"""Pickers of window, address and secret that redraw timeline and routes at once, if widgets work."""

import base64
from functools import partial
from typing import Any

import pandas as pd

from audit_lib.base.clock import briefly
from audit_lib.base.errors import BadInput
from audit_lib.incident.investigation import Investigation
from audit_lib.investigation import seen_through
from audit_lib.report import escape as inert
from audit_lib.report.focus import Focus
from audit_lib.report.incident_tables import exposure_table, routes_table
from audit_lib.report.table import Tables, as_html, is_watched, show, together
from audit_lib.report.timeline_figure import timeline_figure

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
        self.fields = {
            "since": ipywidgets.Text(description="from (UTC)", **wide),
            "until": ipywidgets.Text(description="to (UTC)", **wide),
            "client": ipywidgets.Combobox(
                description="address", options=focus.clients[:MOST_CHOICES], **wide
            ),
            "secret": ipywidgets.Combobox(description="secret", options=focus.secrets, **wide),
        }
        self.remark, self.shown = ipywidgets.HTML(), ipywidgets.HTML()
        for name, field in self.fields.items():
            field.observe(partial(self._picked, name), names="value")
        choices = ipywidgets.HBox(list(self.fields.values()), layout={"flex_flow": "row wrap"})
        self.box = ipywidgets.VBox([choices, self.remark, self.shown])
        self._draw(focus.remark)

    def _picked(self, name: str, change: Any) -> None:
        """Go by a choice; of one that cannot be used say why, and stay as it was."""
        if self._busy:
            return
        before = self.focus.seen
        try:
            self._draw(self.focus.pick(**{name: change["new"]}).remark)
        except BadInput as error:
            self.focus.seen = before
            self._draw(str(error))

    def _draw(self, remark: str) -> None:
        """Show the focus; the pickers live on if that fails."""
        self._busy = True
        try:
            self.remark.value = f"<p>{inert.html(remark)}</p>" if remark else ""
            for name, text in (self.focus.parameters | {"client": self.focus.client}).items():
                self.fields[name].value = text
            self.shown.value = picture(self.focus) + tables(self.focus)
        finally:
            self._busy = False

    def _repr_mimebundle_(self, **options: Any) -> Any:
        shown = self.box._repr_mimebundle_(**options)
        data, *metadata = shown if isinstance(shown, tuple) else (shown,)
        static = {"text/html": picture(self.focus) + tables(self.focus)}
        return ({**data, **static}, *metadata) if metadata else {**data, **static}


def picture(focus: Focus) -> str:
    """The timeline as an image, and its window."""
    drawn = timeline_figure(focus.seen, focus.client)
    encoded = base64.b64encode(drawn.svg.encode()).decode("ascii")
    said = f"<p>{_window_in_words(focus.seen)}</p>"
    source = f"data:image/svg+xml;base64,{encoded}"
    return f'{said}<img src="{source}" alt="{inert.html(drawn.alt)}" style="width:100%">'


def tables(focus: Focus) -> str:
    """The tables of what is chosen."""
    seen = focus.seen
    found = [routes_table(seen_through(seen, client=focus.client))] if focus.client else []
    found += [exposure_table(seen)] if seen.secret else []
    return "".join(map(as_html, found))


def _window_in_words(seen: Investigation) -> str:
    since, until = seen.window.since, seen.window.until
    return f"{briefly(since, seen.as_of)} to {briefly(until, seen.as_of)} {until.year} (UTC)"
