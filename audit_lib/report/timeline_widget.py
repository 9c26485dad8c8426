"""The timeline as a widget: it is told marks, and tells what was brushed and which place was clicked."""

from pathlib import Path

import anywidget
import traitlets


class TimelineWidget(anywidget.AnyWidget):
    """A drawing in the browser by timeline.js; instants are milliseconds since 1970."""

    _esm = Path(__file__).with_name("timeline.js")
    marks = traitlets.Dict().tag(sync=True)  # as `timeline_marks` gives them
    alt = traitlets.Unicode().tag(sync=True)
    opened: traitlets.List[float] = traitlets.List().tag(sync=True)  # the window to go back to
    brushed: traitlets.List[float] = traitlets.List().tag(sync=True)  # what a person chose
    clicked = traitlets.Unicode().tag(sync=True)  # a place such as file:line
