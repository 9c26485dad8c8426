"""What happened in an incident as one drawing: the outage close up, then the whole window, a lane a kind."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd

from audit_lib.base.clock import briefly
from audit_lib.base.frames import rows
from audit_lib.base.in_words import MONTHS, counted
from audit_lib.incident.addresses import NEW
from audit_lib.incident.exposure_windows import tabulate_exposure_windows
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.matter import matter
from audit_lib.incident.outages import Outage, deploy_after, deploy_before
from audit_lib.incident.timeline import tabulate_lane, tabulate_timeline
from audit_lib.logins.requests import Window, maybe_within, succeeded, unanswered
from audit_lib.report import escape as inert
from audit_lib.report.colours import COLOURS
from audit_lib.report.svg import Axes, Figure, bar, canvas_of, line, style, svg, text
from audit_lib.report.table import as_text, show

NEWCOMERS = "new addresses"  # answered ones: a few marks would be lost on the lane of all others
LANES = (
    "refused", "failed logins", NEWCOMERS, "answered", "this address", "exposed", "change",
    "commit", "leak", "deploy", "boot", "failed start", "database failure", "log gap",
)  # fmt: skip
REFUSED = ("refused", "failed logins", "failed start", "database failure", "leak")
MOST_TICKS, MOST_ADDRESSES = 8, 5
WIDTHS = (
    "1min", "2min", "5min", "15min", "1h", "3h", "6h", "12h", "1D", "2D", "7D", "14D", "30D", "91D", "365D",
)  # fmt: skip
AROUND = timedelta(minutes=6)
_WIDE, _LEFT, _RIGHT, _ROW = 1152.0, 150.0, 1136.0, 24.0


@dataclass(frozen=True)
class _Panel:
    """A stretch of time on a part of the drawing."""

    window: Window
    top: float
    bottom: float

    def at(self, instant: Any) -> float:
        """The place of an instant; of one outside the nearest edge."""
        length = (self.window.until - self.window.since).total_seconds()
        share = (pd.Timestamp(instant) - self.window.since).total_seconds() / length
        return _LEFT + min(max(share, 0.0), 1.0) * (_RIGHT - _LEFT)


def timeline_figure(investigation: Investigation, client: str = "") -> Figure:
    """The timeline on one drawing, times in UTC, with what it shows as text.

    An address has a lane of its own if it is picked.
    """
    table = timeline_lanes(investigation, client)
    counts = table.groupby("kind")["count"].sum()
    words = ", ".join(f"{counts[lane]} {lane}" for lane in LANES if lane in counts) or "nothing"
    window = investigation.window
    since, until = (briefly(at, investigation.as_of) for at in (window.since, window.until))
    alt = f"Timeline from {since} to {until} {investigation.as_of.year}, UTC: {words}."
    drawn = table.groupby(["kind", "subject"], sort=True)["count"].sum().reset_index()
    close = _close(investigation)
    note = "× refused, ● answered, each with a time of its own; a bar is between its bounds."
    note += " Below: the whole window; the box is what is drawn above." if close else ""
    drawing = _draw(investigation, table, close, alt)
    return Figure(_title(investigation), note, drawing, as_text(show(drawn)), alt, frame=table)


def timeline_lanes(investigation: Investigation, client: str = "") -> pd.DataFrame:
    """The rows of the timeline by lane (`kind`): newcomers, exposure windows and an address apart."""
    told = tabulate_timeline(investigation)
    new = told["kind"].eq("answered") & told["subject"].isin(NEW)
    parts = [told.assign(kind=told["kind"].mask(new, NEWCOMERS)), _exposed(investigation)]
    parts += [tabulate_lane(investigation, client)] if client else []
    return pd.concat([part for part in parts if len(part)] or parts[:1])


def colour_of(lane: str, bounded: bool = False) -> str:
    """The name of a lane's colour: of its marks, or of its bars, which have bounds alone."""
    if bounded:
        return "badb" if lane == "exposed" else "unkb"
    return "badb" if lane in REFUSED else "dueb" if lane == NEWCOMERS else "okb"


def _title(investigation: Investigation) -> str:
    outage = _outage(investigation)
    if outage is None:
        here = investigation.here
        refused = int(here.loc[here["refused"], "count"].sum())
        return f"What happened: {refused:,} of {counted(int(here['count'].sum()), 'request')} refused"
    minutes = max(round((outage.last_at - outage.first_at).total_seconds() / 60), 1)
    whom = counted(outage.addresses, "address", "addresses")
    begins = "What happened" if matter(investigation).outage else "What else happened"
    return f"{begins}: {outage.refused} requests of {whom} {outage.how} within {counted(minutes, 'minute')}"


def _outage(investigation: Investigation) -> Outage | None:
    about = matter(investigation)
    return about.outage or about.beside


def _close(investigation: Investigation) -> Window | None:
    """The worst outage with the deploys around it; None without one, or if it is most of the window."""
    outage = _outage(investigation)
    if outage is None:
        return None
    before, after = deploy_before(investigation, outage), deploy_after(investigation, outage)
    since = before.began_at if before else outage.first_at
    until = after.ended_at if after else outage.last_at
    asked = investigation.window
    close = Window(max(since - AROUND, asked.since), min(until + AROUND, asked.until))
    return close if close.until - close.since < (asked.until - asked.since) / 3 else None


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


def _draw(investigation: Investigation, table: pd.DataFrame, close: Window | None, alt: str) -> str:
    hit = _hit(investigation, close) if close else []
    lanes = [lane for lane in LANES if table["kind"].eq(lane).any()]
    above = 46 + _ROW * (len(hit) + 1) if close else 0
    bottom = above + 8 + 18 * max(len(lanes), 1)
    with style():
        canvas, axes = canvas_of(_WIDE, bottom + 20)
        if close:
            _draw_close(axes, investigation, _Panel(close, 22, above - 24), hit)
        whole = _Panel(investigation.window, above + 4, bottom)
        _ticks(axes, whole)
        for number, lane in enumerate(lanes):
            base = whole.top + 14 + 18 * number
            text(axes, 0, base, lane, "ink")
            _lane(axes, whole, table[table["kind"] == lane], lane, base - 4)
        if close:
            left, right = whole.at(close.since) - 2, whole.at(close.until) + 2
            xs, ys = (left, right, right, left, left), (above, above, bottom + 2, bottom + 2, above)
            line(axes, xs, ys, "ink", 1.2)
        return svg(canvas, alt)


def _hit(investigation: Investigation, close: Window) -> list[str]:
    """The addresses that were refused most within a stretch."""
    here = _timed(investigation, close)
    refused = here[unanswered(here)].groupby(here["client"].astype("str"))["count"].sum()
    return list(refused.sort_values(ascending=False, kind="stable").index[:MOST_ADDRESSES])


def _timed(investigation: Investigation, stretch: Window) -> pd.DataFrame:
    here = investigation.here
    return here[here["timed"] & here["not_before_at"].between(stretch.since, stretch.until)]


def _draw_close(axes: Axes, investigation: Investigation, panel: _Panel, hit: Sequence[str]) -> None:
    """Deploys as bars on the first lane, then a lane for each address with a mark a request."""
    outage = _outage(investigation)
    here = _timed(investigation, panel.window)
    marks = [here[here["client"].astype("str").eq(client)] for client in hit]
    if outage:
        left, right = panel.at(outage.first_at), panel.at(outage.last_at)
        bar(axes, (left, panel.top), (max(right - left, 2), panel.bottom - panel.top), "band")
    _ticks(axes, panel)
    text(axes, 0, panel.top + 19, "deploys", "ink")
    free = 0.0
    for deploy in _deploys(investigation, panel.window):
        left, right = panel.at(deploy.began_at), panel.at(deploy.ended_at or deploy.began_at)
        bar(axes, (left, panel.top + 8), (max(right - left, 3), 13), "ink")
        cause = inert.label(deploy.trigger or "cause not listed", 30)
        said = f"Deploy ({cause}), in effect {deploy.ended_at:%H:%M:%S}"
        wide = 7 * len(said)
        begin = max(min(left, _RIGHT - wide), free)  # a late one ends with the figure
        text(axes, begin, 15, said, "ink", fontsize=11.5)
        free = begin + wide
    for number, (client, mine) in enumerate(zip(hit, marks, strict=True), 1):
        middle = panel.top + _ROW * number + 14
        text(axes, 0, middle + 4, inert.label(client or "not named", 20), "ink")
        line(axes, (_LEFT, _RIGHT), (middle, middle), "line")
        _marks(axes, [panel.at(at) for at in mine.loc[unanswered(mine), "not_before_at"]], middle, "badb")
        good = mine.loc[succeeded(mine), "not_before_at"]
        _marks(axes, [panel.at(at) for at in good], middle, "okb")


def _deploys(investigation: Investigation, stretch: Window) -> Iterator[Any]:
    deploys = investigation.deploys
    here = deploys["began_at"].between(stretch.since, stretch.until) & deploys["ended_at"].notna()
    yield from rows(deploys[here])


def _lane(axes: Axes, panel: _Panel, here: pd.DataFrame, lane: str, middle: float) -> None:
    """Marks for what has an instant, bars for what is between bounds."""
    timed, bounded = here[here["at"].notna()], here[here["at"].isna()]
    for row in rows(bounded):
        left = panel.at(panel.window.since if row.not_before_at is None else row.not_before_at)
        right = panel.at(panel.window.until if row.not_after_at is None else row.not_after_at)
        bar(axes, (left, middle - 1), (max(right - left, 4), 2), colour_of(lane, bounded=True))
    _marks(axes, [panel.at(at) for at in timed["at"]], middle, colour_of(lane))


def _marks(axes: Axes, places: Sequence[float], middle: float, colour: str) -> None:
    """A mark for each, those on one pixel once."""
    once = sorted({round(place) for place in places})
    refused = colour == "badb"
    look: dict[str, Any] = {"color": COLOURS[colour], "linestyle": "none", "zorder": 3}
    look |= {"marker": "x", "markersize": 6, "markeredgewidth": 1.7} if refused else {"marker": "o"}
    axes.plot(once, [middle] * len(once), **({"markersize": 4.6, "markeredgewidth": 0} | look))


def _ticks(axes: Axes, panel: _Panel) -> None:
    """A few round instants within the panel's window."""
    since, until = pd.Timestamp(panel.window.since), pd.Timestamp(panel.window.until)
    every = (pd.date_range(since.ceil(width), until, freq=width) for width in WIDTHS)
    found = next((few for few in every if len(few) <= MOST_TICKS), pd.DatetimeIndex([since, until]))
    days = all(at == at.floor("D") for at in found)
    for at in found:
        place = panel.at(at)
        line(axes, (place, place), (panel.top, panel.bottom), "line")
        day, time = f"{at.day} {MONTHS[at.month - 1]}", f"{at:%H:%M}"
        said = day if days else time if until - since < timedelta(hours=12) else f"{day} {time}"
        text(axes, place, panel.bottom + 15, said, ha="center")
