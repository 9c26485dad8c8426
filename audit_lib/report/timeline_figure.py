"""The timeline of an incident as one drawing: a lane a kind, a dot a group, a bar between bounds."""

from typing import Any

import pandas as pd

from audit_lib.base.clock import briefly
from audit_lib.incident.exposure_windows import tabulate_exposure_windows
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.pivots import NEW
from audit_lib.incident.timeline import tabulate_lane, tabulate_timeline
from audit_lib.logins.requests import Window, maybe_within
from audit_lib.report import escape as inert
from audit_lib.report.svg import MUTED, Axes, Figure, panels, style, svg
from audit_lib.report.table import as_text, show

NEWCOMERS = "new addresses"  # answered ones: a few dots would be lost on the lane of all others
LANES = (
    "refused", "failed logins", NEWCOMERS, "answered", "this address", "this route", "exposed", "change",
    "commit", "leak", "deploy", "boot", "failed start", "database failure", "log gap",
)  # fmt: skip
# Okabe and Ito's palette, which colour-blind readers can tell apart.
CLASSES = {
    "known": "#0072b2",
    "new address": "#e69f00",
    "new network": "#d55e00",
    "no history": "#56b4e9",
    "failing only": "#cc79a7",
    "internal": "#009e73",
    "unnamed": "#8c959f",
}
OTHER = "#1f2328"
MOST_TICKS = 8
LEAST_BAR = 0.006  # of the width: a shorter one would not be seen


def timeline_figure(investigation: Investigation, client: str = "", route: str = "") -> Figure:
    """The timeline on one drawing, times in UTC, with what it shows as text.

    An address and a route have lanes of their own if they are picked.
    """
    told = tabulate_timeline(investigation)
    new = told["kind"].eq("answered") & told["subject"].isin(NEW)
    parts = [told.assign(kind=told["kind"].mask(new, NEWCOMERS)), _exposed(investigation)]
    for lane, key, name in (("this address", "client", client), ("this route", "route", route)):
        parts += [tabulate_lane(investigation, lane, key, name)] if name else []
    table = pd.concat([part for part in parts if len(part)] or parts[:1])
    counts = table.groupby("kind")["count"].sum()
    words = ", ".join(f"{counts[lane]} {lane}" for lane in LANES if lane in counts) or "nothing"
    window = investigation.window
    since, until = (briefly(at, investigation.as_of) for at in (window.since, window.until))
    alt = f"Timeline from {since} to {until} {investigation.as_of.year}, UTC: {words}."
    lanes = [lane for lane in LANES if lane in counts]
    drawn = table.groupby(["kind", "subject"], sort=True)["count"].sum().reset_index()
    return Figure(_draw(table, lanes, window, alt), as_text(show(drawn)), alt)


def _exposed(investigation: Investigation) -> pd.DataFrame:
    """The exposure windows as bars: from the earliest beginning to the latest end."""
    windows = tabulate_exposure_windows(investigation)
    windows = windows if investigation.secret else windows[windows["leaked"]]
    bars = windows.rename(columns={"begins_at": "not_before_at", "ends_at": "not_after_at"})
    bars = bars.assign(kind="exposed", subject=bars["secret"], count=1, text="", evidence="")
    bars["at"] = pd.Series(pd.NaT, index=bars.index, dtype=bars["not_before_at"].dtype)
    bars = bars.loc[maybe_within(bars, investigation.window), list(tabulate_timeline(investigation).columns)]
    # Of many values that were exposed all the while one bar is drawn: more on top of it say nothing.
    since, until = pd.Timestamp(investigation.window.since), pd.Timestamp(investigation.window.until)
    low, high = bars["not_before_at"].fillna(since), bars["not_after_at"].fillna(until)
    bars = bars.assign(
        not_before_at=low.mask(low < since, since), not_after_at=high.mask(high > until, until)
    )
    same = bars.groupby(["not_before_at", "not_after_at"])["subject"]
    count, names = same.transform("size"), same.transform(lambda group: ", ".join(sorted(set(group))))
    return bars.assign(count=count, subject=names).drop_duplicates(["not_before_at", "not_after_at"])


def _draw(table: pd.DataFrame, lanes: list[str], window: Window, alt: str) -> str:
    with style():
        tall = 0.3 * max(len(lanes), 1)
        canvas, (axes,) = panels([tall], left=1.3, middle=7.2, right=1.4, gap=0.45)
        since, until = _seconds(window.since), _seconds(window.until)
        for height, lane in enumerate(lanes):
            _lane(axes, table[table["kind"] == lane], height, (since, until))
        axes.set_yticks(range(len(lanes)), lanes)
        axes.set_ylim(max(len(lanes), 1) - 0.4, -0.6)
        axes.set_xlim(since, until)
        ticks = _ticks(window)
        days = all(at == at.floor("D") for at in ticks)
        axes.set_xticks(
            [_seconds(at) for at in ticks],
            [f"{at.day} {at:%b}" if days else f"{at.day} {at:%b %H:%M}" for at in ticks],
        )
        axes.tick_params(length=0)
        axes.set_xlabel("UTC", fontsize=8, color=MUTED)
        _legend(axes, table)
        return svg(canvas, alt)


def _lane(axes: Axes, rows: pd.DataFrame, height: int, span: tuple[float, float]) -> None:
    """Dots for what has an instant, bars for what lies between bounds."""
    timed = rows[rows["at"].notna()]
    bounded = rows[rows["at"].isna()]
    size = 12 + 10 * timed["count"].clip(upper=400) ** 0.5
    axes.scatter(
        [_seconds(at) for at in timed["at"]],
        [height] * len(timed),
        s=list(size),
        c=[CLASSES.get(name, OTHER) for name in timed["subject"]],
        alpha=0.75,
        linewidths=0,
    )
    low = [span[0] if pd.isna(at) else _seconds(at) for at in bounded["not_before_at"]]
    high = [span[1] if pd.isna(at) else _seconds(at) for at in bounded["not_after_at"]]
    least = LEAST_BAR * (span[1] - span[0])
    high = [max(end, begin + least) for begin, end in zip(low, high, strict=True)]
    colours = [CLASSES.get(name, OTHER) for name in bounded["subject"]]
    axes.hlines([height] * len(bounded), low, high, colors=colours, linewidths=3, alpha=0.35)


def _legend(axes: Axes, table: pd.DataFrame) -> None:
    here = set(table["subject"])
    for name, colour in CLASSES.items():
        if name in here:
            axes.plot([], [], "o", color=colour, label=inert.label(name), markersize=5)
    axes.plot([], [], "-", color=OTHER, linewidth=3, alpha=0.35, label="between bounds")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.05), frameon=False, fontsize=7)


def _seconds(at: Any) -> float:
    return float(pd.Timestamp(at).timestamp())


def _ticks(window: Window) -> list[pd.Timestamp]:
    """A few round instants within the window."""
    since, until = pd.Timestamp(window.since), pd.Timestamp(window.until)
    for width in (
        "1min",
        "5min",
        "15min",
        "1h",
        "3h",
        "6h",
        "12h",
        "1D",
        "2D",
        "7D",
        "14D",
        "30D",
        "91D",
        "365D",
    ):
        found = pd.date_range(since.ceil(width), until, freq=width)
        if len(found) <= MOST_TICKS:
            return list(found)
    return [since, until]
