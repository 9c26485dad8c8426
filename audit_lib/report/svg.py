"""Draws with matplotlib so that the same data gives the same SVG, on every machine.

No settings but ours count: no matplotlibrc of the audited project is read, no system font, no pyplot state.
"""

import contextlib
import io
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from audit_lib.report import escape as inert

_FOUND = find_spec("matplotlib")
assert _FOUND is not None
assert _FOUND.origin is not None
_DATA = Path(_FOUND.origin).parent / "mpl-data"
_FONTS = _DATA / "fonts" / "ttf"

# Neither "building the font cache" nor a complaint about a folder is output of a review.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

# The first matplotlibrc that matplotlib looks for lies in the working folder, which a hostile project can
# fill: it is imported from the folder of its own defaults.
with contextlib.chdir(_DATA):
    import matplotlib
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.text import Text
    from matplotlib.ticker import MaxNLocator

_OPENING = re.compile(r"(<svg\b[^>]*)>")

__all__ = ["INK", "MUTED", "Axes", "Figure", "MaxNLocator", "panels", "style", "svg"]

INK, MUTED, FAINT = "#1f2328", "#57606a", "#d0d7de"

STYLE: dict[Any, Any] = {
    "axes.edgecolor": FAINT,
    "axes.grid": True,
    "axes.grid.axis": "x",
    "axes.axisbelow": True,
    "axes.labelcolor": MUTED,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": "#eaeef2",
    "hatch.linewidth": 0.6,
    "path.simplify": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "audit_lib",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "ytick.color": INK,
}


@dataclass(frozen=True)
class Figure:
    """A figure for a reader: the drawing, the plotted data as text, and a text for who cannot see it."""

    svg: str
    data: str
    alt: str

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        return (
            {"image/svg+xml": self.svg, "text/plain": f"{self.alt}\n\n{self.data}"},
            {"image/svg+xml": {"alt": self.alt}},
        )


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Within it, matplotlib's own defaults and `STYLE` hold, whatever was set before."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def panels(
    heights: Sequence[float], left: float, middle: float, right: float, gap: float
) -> tuple[Canvas, list[Axes]]:
    """A canvas with panels of these heights below each other, `middle` wide between margins; inches.

    matplotlib's own layouts sum in the order of a set, so that the last digits depend on the hash seed.
    """
    width, tall = left + middle + right, sum(heights) + gap * (len(heights) + 1)
    canvas = Canvas(figsize=(width, tall))
    tops = [tall - gap * (number + 0.5) - sum(heights[:number]) for number in range(len(heights))]
    boxes = [
        (left / width, (top - height) / tall, middle / width, height / tall)
        for top, height in zip(tops, heights, strict=True)
    ]
    return canvas, [canvas.add_axes(box) for box in boxes]


def svg(canvas: Canvas, alt: str) -> str:
    """The drawing as SVG, with the alt text as its title; equal for equal drawings."""
    canvas.draw_without_rendering()
    for text in canvas.findobj(Text):
        bold = text.get_fontweight() in ("bold", 700)
        text.get_fontproperties().set_file(
            str(_FONTS / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"))
        )
    written = io.StringIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    canvas.savefig(written, format="svg", metadata=nothing)
    drawn = written.getvalue()
    title = f' role="img"><title>{inert.html(alt)}</title>'
    return _OPENING.sub(lambda found: found[1] + title, drawn[drawn.index("<svg") :], count=1)
