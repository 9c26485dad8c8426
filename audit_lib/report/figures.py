"""Figures of a review as matplotlib Axes; in a kernel each shows as a PNG with its alternative text."""

import io
from datetime import datetime
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
COLOURS = {"overdue": "#d9665f", "due": "#d9a021", "fresh": "#6aa5dc", "unknown": "#aeb6bf"}
RANK = ("overdue", "unknown", "due", "fresh")
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": INK,
    "figure.facecolor": "white",
}
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
    formatters["text/plain"].for_type(Axes, lambda axes, printer, _: printer.text(_said(axes) or repr(axes)))


def _figure(axes: Axes) -> Figure:
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure


def _said(axes: Axes) -> str:
    return str(_figure(axes).get_label())


def _output(axes: Axes) -> tuple[bytes, dict[str, Any]] | None:
    if not _said(axes):  # axes of somebody's own, which pyplot shows
        return None
    width, height = (int(side * DPI) for side in _figure(axes).get_size_inches())
    return png(axes), {"width": width, "height": height, "alt": _said(axes)}


# ---- Ages ----


def plot_ages(ages: pd.DataFrame, title: str = "Ages against each secret's own limit") -> Axes:
    """A bar for each secret from its least to its greatest possible age, in days before and after its limit.

    An arrow has no known end; a dashed bar is not decided. `ages` are rows of `audit.ages` with a limit.
    """
    limited = ages[ages["max_age_days"].notna() & ages["status"].ne("exempt")]
    order = limited.assign(
        rank=limited["status"].map(RANK.index), low=limited["age_days_min"] - limited["max_age_days"]
    ).sort_values(
        ["rank", "low", "secret", "environment", "service"], ascending=[True, False, True, True, True]
    )
    shown = list(rows(order.head(MOST_BARS)))
    places = order["environment"].nunique() > 1
    with mpl.rc_context(STYLE):
        axes = canvas(620, 64 + 19 * max(len(shown), 1), title)
        ends = [edge for row in shown for edge in _edges(row) if edge is not None]
        reach = max(90.0, *map(abs, ends)) * 1.12 if ends else 90.0
        for height, row in enumerate(shown):
            _draw_age(axes, height, row, reach)
        axes.axvline(0, color=INK, linewidth=1.2)
        axes.set_xlim(-reach, reach)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        names = [
            inert.label(f"{row.secret} ({row.environment})" if places else row.secret, 40) for row in shown
        ]
        axes.set_yticks(range(len(shown)), names, fontfamily="DejaVu Sans Mono", fontsize=7)
        axes.set_xlabel("days before (-) and after the limit")
        axes.grid(axis="x", color=LINE, linewidth=0.6)
        axes.set_axisbelow(True)
        counts = limited["status"].value_counts()
        said = ", ".join(f"{counts.get(status, 0)} {_word(status)}" for status in RANK)
        more = f"; the first {MOST_BARS} are drawn" if len(order) > MOST_BARS else ""
        return describe(axes, f"{title}: {said} of {counted(len(limited), 'secret')}{more}")


def _edges(row: Any) -> tuple[float | None, float | None]:
    """The least and the greatest age, in days after the limit."""
    limit = float(row.max_age_days)
    low = None if row.age_days_min is None or np.isnan(row.age_days_min) else row.age_days_min - limit
    high = None if row.age_days_max is None or np.isnan(row.age_days_max) else row.age_days_max - limit
    return low, high


def _draw_age(axes: Axes, height: int, row: Any, reach: float) -> None:
    low, high = _edges(row)
    colour = COLOURS[row.status]
    begin = -float(row.max_age_days) if low is None else low
    end = reach if high is None else max(high, begin)
    width = max(end - begin, reach / 150)
    decided = row.status != "unknown"
    axes.barh(
        height,
        width,
        left=max(begin, -reach),
        height=0.5,
        color=colour if decided else "white",
        edgecolor=colour,
        linestyle="-" if decided else "--",
        linewidth=0 if decided else 1,
    )
    if high is None:
        axes.plot([reach * 0.985], [height], marker=">", color=colour, markersize=5, clip_on=False)
    words = age_words(row.age_days_min, row.age_days_max, " d")
    axes.annotate(
        f"{_word(row.status)}, {words}",
        (1.01, height),
        xycoords=("axes fraction", "data"),
        va="center",
        fontsize=7,
        color=SOFT,
        annotation_clip=False,
    )


def _word(status: str) -> str:
    return "not known" if status == "unknown" else status


# ---- Days ----


def plot_daily(daily: pd.DataFrame, title: str = "Requests refused a day") -> Axes:
    """Bars of refused requests by day, the worst days labelled; a grey band is days without a line."""
    refused = daily["refused"].astype("Float64")
    silent = refused.isna()
    with mpl.rc_context(STYLE):
        axes = canvas(620, 190, title)
        places = np.arange(len(daily))
        heights = refused.fillna(0).to_numpy(float)
        axes.bar(places, heights, width=0.8, color=COLOURS["overdue"])
        for place in places[silent.to_numpy()]:
            axes.axvspan(place - 0.5, place + 0.5, color="#eceff2", linewidth=0)
        for place in map(int, np.argsort(-heights, kind="stable")[:LABELLED]):
            if heights[place] > 0:
                said = f"{_day(daily.index[place])}: {int(heights[place])}"
                side = "right" if place > len(daily) * 0.8 else "left"
                axes.annotate(
                    said, (place, heights[place]), ha=side, va="bottom", fontsize=7, fontweight="bold"
                )
        firsts = [place for place, day in enumerate(daily.index) if str(day).endswith("-01")]
        axes.set_xticks(firsts, [_day(daily.index[place]) for place in firsts])
        axes.set_xlim(-0.6, max(len(daily) - 0.4, 1))
        axes.set_ylim(0, max(1.0, float(heights.max(initial=0)) * 1.2))
        axes.grid(axis="y", color=LINE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", colors=SOFT)
        total, asked = int(refused.sum()), int(daily["requests"].sum())
        gaps = f"; {counted(int(silent.sum()), 'day')} without a line" if silent.any() else ""
        return describe(axes, f"{title}: {total:,} of {counted(asked, 'request')} refused{gaps}")


def _day(name: object) -> str:
    at = datetime.fromisoformat(f"{name}T00:00:00+00:00")
    return day_words(at, at.year)
