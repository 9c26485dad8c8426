"""The two figures of the review: how old each secret is against its limit, and what was refused when."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd

from audit_lib.audit import Audit
from audit_lib.base.in_words import NOT_KNOWN, counted, day_words
from audit_lib.base.log_kinds import DECLARED, kind_words
from audit_lib.report import escape as inert
from audit_lib.report.columns import status_words
from audit_lib.report.days_of_quarter import days, message_kinds, stretches, undated
from audit_lib.report.review_tables import age_text, by_pressing, place
from audit_lib.report.svg import INK, MUTED, Axes, Figure, MaxNLocator, panels, style, svg
from audit_lib.report.table import as_text, show

MOST_ROWS = 40  # more would not be read; the table holds all
EDGE = 2.5  # the axis ends at this many limits; what is older is drawn as an arrow

# Okabe and Ito's colours, distinct for the colour-blind; the marker shows the status in grey print.
STATUS = {
    "overdue": ("#d55e00", "s"),
    "unknown": ("#6e7781", "D"),
    "due": ("#b8860b", "^"),
    "fresh": ("#0072b2", "o"),
}
REQUESTS = {
    "unauthorized": ("401 unauthorized", "#0072b2", ""),
    "forbidden": ("403 forbidden", "#e69f00", "////"),
    "rate_limited": ("429 rate limited", "#009e73", "xxxx"),
    DECLARED: ("declared as a failed login", "#cc79a7", ".."),
}


def freshness_figure(audit: Audit) -> Figure:
    """Each secret's age as an interval, in shares of its own limit, so that one line is the limit of all."""
    rows = by_pressing(audit.tables["freshness"])
    rows = rows[rows["max_age_days"].notna() & rows["status"].ne("exempt")].reset_index(drop=True)
    rows["place"], rows["age"] = place(rows), age_text(rows)
    shown = rows.head(MOST_ROWS)
    counts = rows["status"].value_counts()
    words = ", ".join(f"{counts.get(status, 0)} {status_words(status)}" for status in STATUS)
    cut = f" The {len(shown)} most pressing are drawn." if len(shown) < len(rows) else ""
    alt = f"Age of {counted(len(rows), 'secret')} against their limits: {words}.{cut}"
    data = show(
        shown[["secret", "place", "status", "age", "max_age_days"]], empty="no secret has an age limit"
    )
    return Figure(_draw_freshness(shown, alt), as_text(data), alt)


def _draw_freshness(rows: pd.DataFrame, alt: str) -> str:
    with style():
        names = [f"{inert.label(row.secret, 30)}  {inert.label(row.place, 22)}" for row in rows.itertuples()]
        margin = 0.3 + 0.08 * max(map(len, names), default=0)
        canvas, (axes,) = panels([0.27 * max(len(rows), 1)], left=margin, middle=3.4, right=2.5, gap=0.3)
        for height, row in enumerate(rows.itertuples()):
            _draw_interval(axes, height, row)
        axes.set_yticks(range(len(rows)), names)
        axes.set_ylim(max(len(rows), 1) - 0.4, -0.6)
        axes.set_xlim(0, EDGE)
        axes.axvline(1, color=INK, linewidth=1.2)
        axes.set_xticks([0, 0.5, 1, 1.5, 2, 2.5], ["0", "half", "limit", "1.5 ×", "2 ×", "2.5 ×"])
        axes.set_xlabel("age as a share of the secret's own limit; the true age is within the bar")
        axes.tick_params(length=0)
        return svg(canvas, alt)


def _draw_interval(axes: Axes, height: int, row: Any) -> None:
    """A bar for the interval, an arrow where it goes on, the status as marker, word and colour."""
    limit = max(float(row.max_age_days), 1)
    low = 0.0 if pd.isna(row.age_days_min) else min(row.age_days_min / limit, EDGE)
    high = EDGE + 1 if pd.isna(row.age_days_max) else row.age_days_max / limit
    colour, marker = STATUS[row.status]
    end = min(high, EDGE)
    axes.hlines(height, low, end, color=colour, linewidth=5, alpha=0.35)
    if high > EDGE:
        axes.plot(EDGE - 0.02, height, ">", color=colour, markersize=5)
    middle = min((low + end) / 2, EDGE - 0.12)
    face = "white" if row.status == "unknown" else colour
    axes.plot(middle, height, marker, color=colour, markersize=7, markerfacecolor=face)
    age = "" if row.age == NOT_KNOWN else f"{row.age} d, "
    _beside(axes, height, 8, status_words(row.status), color=colour, fontweight="bold")
    _beside(axes, height, 72, f"{age}limit {row.max_age_days} d", fontsize=8)


def _beside(axes: Axes, height: int, offset: int, text: str, **how: Any) -> None:
    """Text to the right of the plot, `offset` points from its edge."""
    at = ("axes fraction", "data")
    axes.annotate(text, (1, height), (offset, 0), xycoords=at, textcoords="offset points", va="center", **how)


def auth_failures_figure(audit: Audit) -> Figure:
    """Three panels over the days of the quarter: all requests, refused ones by kind, messages by kind."""
    table = days(audit)
    messages = message_kinds(audit.tables["log_counts"])
    alt = _failures_alt(audit, table, messages)
    data = as_text(
        show(
            stretches(table, audit.as_of.year).drop(columns="other"),
            note="not known: no request and no known message of these days was read",
        )
    )
    return Figure(_draw_failures(table, messages, alt), data, alt)


def _failures_alt(audit: Audit, table: pd.DataFrame, messages: list[str]) -> str:
    read = int(table["requests"].notna().sum())
    if not read:
        nothing = f"nothing was recognised in the logs of any of the {len(table)} days"
        return f"Refused requests in {audit.quarter}: {nothing}."
    refused = _refused_in(table)
    sums = {name: int(table[name].sum()) for name in ("requests", *refused, *messages)}
    words = ", ".join(f"{sums[name]} {looks[0]}" for name, looks in refused.items())
    kinds = ", ".join(f"{sums[name]} {kind_words(name)}" for name in messages)
    lost = undated(audit.tables["log_counts"])
    without = f" {lost} more have no date and are not drawn." if lost else ""
    return (
        f"Refused requests in {audit.quarter}, day by day: of {counted(sums['requests'], 'request')} {words};"
        f" messages: {kinds or 'none'}. {read} of {len(table)} days have a log line.{without}"
    )


def _refused_in(table: pd.DataFrame) -> dict[str, tuple[str, str, str]]:
    """How each kind of refused request that has a column is named and drawn."""
    return {name: looks for name, looks in REQUESTS.items() if name in table}


def _draw_failures(table: pd.DataFrame, messages: list[str], alt: str) -> str:
    with style():
        heights = [0.7, 1.6, 0.24 * max(len(messages), 1)]
        canvas, every = panels(heights, left=1.9, middle=6.6, right=0.3, gap=0.4)
        total, failed, said = every
        _draw_stack(total, table, {"requests": ("", "#8c959f", "")})
        _draw_stack(failed, table, _refused_in(table))
        _draw_messages(said, table, messages)
        if failed.patches:
            failed.legend(loc="lower right", bbox_to_anchor=(1.02, 0.98), ncols=3, frameon=False, fontsize=8)
        titles = ("requests a day", "refused requests a day", "messages of the application")
        starts = [datetime.fromisoformat(name).replace(tzinfo=UTC) for name in table["day"]]
        ticks = {index: day_words(day) for index, day in enumerate(starts) if day.day == 1}
        for axes, title in zip(every, titles, strict=True):
            axes.set_title(title, loc="left", fontsize=9)
            axes.set_xlim(-0.6, len(table) - 0.4)
            axes.set_xticks(list(ticks), list(ticks.values()) if axes is said else [""] * len(ticks))
            axes.tick_params(length=0)
            _shade_unread(axes, table, first=axes is total)
        return svg(canvas, alt)


def _draw_stack(axes: Axes, table: pd.DataFrame, kinds: dict[str, tuple[str, str, str]]) -> None:
    """Bars of the kinds on top of each other; a day without any gets no bar."""
    floor = pd.Series(0, index=table.index)
    for kind, (name, colour, hatch) in kinds.items():
        counts = table[kind].fillna(0).astype(int)
        some = counts > 0
        if some.any():
            look: dict[str, Any] = {"color": colour, "hatch": hatch, "edgecolor": "white", "linewidth": 0}
            axes.bar(table.index[some], counts[some], bottom=floor[some], width=0.9, label=name, **look)
        floor = floor + counts
    axes.set_ylim(0, max(floor.max() * 1.05, 1))
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))


def _draw_messages(axes: Axes, table: pd.DataFrame, messages: list[str]) -> None:
    """A dot for each day and kind, larger for more: a single message must be seen."""
    for height, kind in enumerate(messages):
        for day, count in enumerate(table[kind].fillna(0).astype(int)):
            if count:
                axes.plot(day, height, "o", color="#d55e00", markersize=4 + min(count, 25) ** 0.5)
    axes.set_yticks(range(len(messages)), [inert.label(kind_words(kind), 30) for kind in messages])
    axes.set_ylim(max(len(messages), 1) - 0.4, -0.6)
    if not messages:
        axes.annotate("none", (0.5, 0.5), xycoords="axes fraction", ha="center", va="center", color=MUTED)


def _shade_unread(axes: Axes, table: pd.DataFrame, first: bool) -> None:
    unread = table["requests"].isna()
    days_unread = pd.Series(range(len(table)))[unread]
    for _, run in days_unread.groupby((~unread).cumsum()):
        left, right = run.min() - 0.5, run.max() + 0.5
        axes.axvspan(left, right, facecolor="#f0f2f4", edgecolor="#c8ced4", hatch="//", linewidth=0, zorder=0)
    if first and unread.any():
        axes.annotate(
            "hatched: no log line was read",
            (1, 1.05),
            xycoords="axes fraction",
            ha="right",
            color=MUTED,
            fontsize=8,
        )
