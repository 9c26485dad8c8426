"""Figures of a review as matplotlib Axes; in a kernel each shows as a PNG with its alternative text."""

import io
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from audit_lib.base.frames import rows
from audit_lib.base.in_words import age_words, counted, day_words
from audit_lib.report import escape as inert

SCALE = 2  # the density of the PNG: shown at half its size it is sharp on every screen
DPI = 96
INK, SOFT, LINE = "#16191d", "#555e68", "#dfe3e8"
# In the order in which a reader needs them.
COLOURS = {"overdue": "#d9665f", "unknown": "#aeb6bf", "due": "#d9a021", "fresh": "#6aa5dc"}
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.axisbelow": True,
    "xtick.color": SOFT,
    "ytick.color": INK,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
}
WORDS = {"unknown": "not known"}
MOST_BARS = 40
LABELLED = 3  # days


def canvas(width: float, height: float, title: str) -> Axes:
    """Empty axes in a figure of so many pixels, with a title; no window and no backend is involved."""
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes: Axes = figure.add_subplot()
    axes.set_title(inert.label(title, 90), loc="left", fontsize=10, fontweight="bold")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    return axes


def describe(axes: Axes, text: str) -> Axes:
    """The axes with the alternative text of their figure."""
    _figure(axes).set_label(inert.plain(text))
    return axes


def png(axes: Axes) -> bytes:
    """The figure of these axes; the same bytes for the same data."""
    written = io.BytesIO()
    with mpl.rc_context(STYLE):
        _figure(axes).savefig(written, format="png", dpi=DPI * SCALE, metadata={"Software": None})
    return written.getvalue()


def show_in_kernel(shell: Any) -> None:
    """Have a notebook show described axes as a PNG with alternative text, which is also their text."""
    formatters = shell.display_formatter.formatters
    formatters["image/png"].for_type(Axes, _output)
    plain = formatters["text/plain"]
    plain.for_type(Axes, lambda axes, printer, _: printer.text(_figure(axes).get_label() or repr(axes)))


def _figure(axes: Axes) -> Figure:
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure


def _output(axes: Axes) -> tuple[bytes, dict[str, Any]] | None:
    figure = _figure(axes)
    if not figure.get_label():  # axes of somebody's own, which pyplot shows
        return None
    width, height = (int(side * DPI) for side in figure.get_size_inches())
    return png(axes), {"width": width, "height": height, "alt": figure.get_label()}


def plot_ages(ages: pd.DataFrame, title: str = "Ages against each secret's own limit") -> Axes:
    """A bar for each secret from its least to its greatest possible age, in days before and after its limit.

    An arrow has no known end; a dashed bar is not decided. `ages` are rows of `audit.ages` with a limit.
    """
    limited = ages[ages["max_age_days"].notna() & ages["status"].isin(COLOURS)]
    limit = limited["max_age_days"].astype("float64")
    bars = limited.assign(
        low=limited["age_days_min"] - limit,
        high=limited["age_days_max"] - limit,
        rank=limited["status"].map(list(COLOURS).index),
    )
    order = ["rank", "low", "secret", "environment", "service"]
    bars = bars.sort_values(order, ascending=[True, False, True, True, True]).head(MOST_BARS)
    reach = max(90.0, bars[["low", "high"]].abs().max().max()) * 1.12 if bars["low"].notna().any() else 100.8
    several = bars["environment"].nunique() > 1
    with mpl.rc_context(STYLE):
        axes = canvas(620, 64 + 19 * max(len(bars), 1), title)
        for height, row in enumerate(rows(bars)):
            _draw_age(axes, height, row, reach)
        axes.axvline(0, color=INK, linewidth=1.2)
        axes.set(xlim=(-reach, reach), ylim=(max(len(bars), 1) - 0.4, -0.6))
        axes.set_xticks([-90, 0, 90], ["90 d left", "limit", "90 d over"])
        names = [f"{row.secret}, {row.environment}" if several else row.secret for row in rows(bars)]
        axes.set_yticks(range(len(names)), [inert.label(name) for name in names])
        axes.grid(axis="x")
    counts = Counter(limited["status"])
    shown = ", ".join(f"{counts[status]} {WORDS.get(status, status)}" for status in COLOURS)
    more = f"; the first {MOST_BARS} are drawn" if len(limited) > MOST_BARS else ""
    return describe(axes, f"{title}: {shown} of {counted(len(limited), 'secret')}{more}")


def _draw_age(axes: Axes, height: int, row: Any, reach: float) -> None:
    colour, decided = COLOURS[row.status], row.status != "unknown"
    begin = -float(row.max_age_days) if row.low is None else row.low
    end = reach if row.high is None else max(row.high, begin)
    fill: Any = {"color": colour} if decided else {"color": "white", "edgecolor": colour, "linestyle": "--"}
    axes.barh(height, max(end - begin, reach / 150), left=max(begin, -reach), height=0.5, **fill)
    if row.high is None:
        axes.plot([reach * 0.985], [height], marker=">", color=colour, markersize=5, clip_on=False)
    axes.annotate(
        f"{WORDS.get(row.status, row.status)}, {age_words(row.age_days_min, row.age_days_max, ' d')}",
        (1.01, height),
        xycoords=("axes fraction", "data"),
        va="center",
        fontsize=7,
        color=SOFT,
        annotation_clip=False,
    )


def plot_daily(daily: pd.DataFrame, title: str = "Requests refused a day") -> Axes:
    """Bars of refused requests by day, the worst days labelled; a grey band is days without a line."""
    refused = daily["refused"].astype("Float64")
    heights, silent = refused.fillna(0).to_numpy(float), refused.isna().to_numpy()
    days = [_day(day) for day in daily.index]
    with mpl.rc_context(STYLE):
        axes = canvas(620, 190, title)
        axes.bar(range(len(days)), heights, width=0.8, color=COLOURS["overdue"])
        for place in np.flatnonzero(silent):
            axes.axvspan(place - 0.5, place + 0.5, color="#eceff2", linewidth=0)
        worst = [place for place in np.argsort(-heights, kind="stable")[:LABELLED] if heights[place] > 0]
        for place in worst:
            side = "right" if place > len(days) * 0.8 else "left"
            text = f"{days[place]}: {int(heights[place])}"
            axes.annotate(text, (place, heights[place]), ha=side, va="bottom", fontsize=7, fontweight="bold")
        firsts = [place for place, day in enumerate(days) if day.startswith("1 ")]
        axes.set_xticks(firsts, [days[place] for place in firsts])
        axes.set(xlim=(-0.6, max(len(days) - 0.4, 1)), ylim=(0, max([1.0, *(heights * 1.2)])))
        axes.grid(axis="y")
    gaps = f"; {counted(int(silent.sum()), 'day')} without a line" if silent.any() else ""
    requests = counted(int(daily["requests"].sum()), "request")
    return describe(axes, f"{title}: {int(heights.sum()):,} of {requests} refused{gaps}")


def _day(name: object) -> str:
    at = datetime.fromisoformat(str(name)).replace(tzinfo=UTC)
    return day_words(at, at.year)
