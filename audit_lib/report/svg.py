"""Draws with matplotlib so that the same data gives the same SVG, on every machine.

No settings but ours count: no matplotlibrc of the audited project is read, no system font, no pyplot state.
"""

import contextlib
import io
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.report import escape as inert
from audit_lib.report.colours import COLOURS

_FOUND = find_spec("matplotlib")
assert _FOUND is not None
assert _FOUND.origin is not None
_DATA = Path(_FOUND.origin).parent / "mpl-data"

# Neither "building the font cache" nor a complaint about a folder is output of a review.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

# The first matplotlibrc that matplotlib looks for lies in the working folder, which a hostile project can
# fill: it is imported from the folder of its own defaults.
with contextlib.chdir(_DATA):
    import matplotlib
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.patches import Rectangle

_OPENING = re.compile(r"<svg\b[^>]*?(viewBox=\"[^\"]*\")[^>]*>")
_IDS = re.compile(r' id="([^"]*)"')
_NOISE = re.compile(r'<defs>\s*<style.*?</style>\s*</defs>|\s*transform="rotate\(-0 [^)]*\)"', re.DOTALL)
_BREAKS = re.compile(r" ?\n(?=[LMCQz])")
_FACE = "font-family: 'DejaVu Sans';"
_MONO = "font-family: 'DejaVu Sans Mono';"
_FACES = "Inter,'Segoe UI',system-ui,-apple-system,Roboto,Arial,sans-serif"
_CODE = "font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;"

__all__ = ["MONO", "Axes", "Figure", "bar", "canvas_of", "line", "style", "svg", "text"]

MONO = "DejaVu Sans Mono"

STYLE: dict[Any, Any] = {
    "axes.edgecolor": COLOURS["line"],
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.dpi": 72,  # a unit of the drawing is a pixel of the page
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.family": "DejaVu Sans",
    "font.size": 12,
    "path.simplify": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "audit_lib",
    "text.color": COLOURS["soft"],
    "text.parse_math": False,
}


@dataclass(frozen=True)
class Figure:
    """A figure for a reader: a title that says what is seen, the drawing, and its data as text."""

    title: str
    note: str
    svg: str
    data: str
    alt: str  # a text for who cannot see it
    place: str = "wide"  # where it is on a wide screen, as of a `Block`
    frame: pd.DataFrame = field(default_factory=pd.DataFrame, compare=False, repr=False)  # the data behind it

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        said = {"title": self.title, "note": self.note, "alt": self.alt, "place": self.place}
        text = "\n".join(filter(None, (self.title, self.note, self.alt, "", self.data)))
        return {"image/svg+xml": self.svg, "text/plain": text}, {"image/svg+xml": said}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Within it, matplotlib's own defaults and `STYLE` hold, whatever was set before."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def canvas_of(width: float, height: float) -> tuple[Canvas, Axes]:
    """A canvas and axes over all of it, in pixels from its upper left corner, without anything drawn.

    matplotlib's own layouts sum in the order of a set, so that the last digits depend on the hash seed.
    """
    canvas = Canvas(figsize=(width / 72, height / 72))
    axes = canvas.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    return canvas, axes


def bar(axes: Axes, corner: tuple[float, float], size: tuple[float, float], colour: str) -> None:
    """A filled rectangle from its upper left corner, in a colour by its name."""
    axes.add_patch(Rectangle(corner, *size, facecolor=COLOURS[colour], linewidth=0))


def line(axes: Axes, xs: Sequence[float], ys: Sequence[float], colour: str, width: float = 1) -> None:
    """A line through points, in a colour by its name."""
    behind = 0 if colour == "line" else 2
    axes.plot(xs, ys, color=COLOURS[colour], linewidth=width, solid_capstyle="butt", zorder=behind)


def text(axes: Axes, left: float, base: float, said: str, colour: str = "soft", **how: Any) -> None:
    """A text on its base line, in a colour by its name."""
    axes.text(left, base, said, color=COLOURS[colour], va="baseline", **how)


def svg(canvas: Canvas, alt: str) -> str:
    """The drawing as SVG with real text and the alt text as its label; equal for equal drawings."""
    for artist in canvas.findobj():
        artist.set_clip_on(False)
    canvas.patch.set_visible(False)
    written = io.StringIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    canvas.savefig(written, format="svg", metadata=nothing)
    drawn = written.getvalue()
    drawn = _NOISE.sub("", drawn[drawn.index("<svg") :])
    drawn = _IDS.sub(lambda found: found[0] if f"#{found[1]}" in drawn else "", drawn)
    drawn = _BREAKS.sub("", drawn.replace(_MONO, _CODE).replace(_FACE, ""))
    for name, colour in COLOURS.items():
        drawn = drawn.replace(f": {colour}", f":var(--{name},{colour})")
    head = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    label = f'role="img" aria-label="{inert.html(alt)}" font-family="{_FACES}">'
    return _OPENING.sub(lambda found: f"{head}{found[1]} {label}", drawn, count=1)
