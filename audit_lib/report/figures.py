"""Figures as matplotlib Axes; in a kernel each shows as a PNG with its alternative text."""

import io
from datetime import timedelta
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from audit_lib.base.frames import rows
from audit_lib.base.in_words import age_words, counted, day_words, instant_words
from audit_lib.incident.case import APPLICATION, GUESSING, KNOWN_CLIENTS, LET_IN, Case
from audit_lib.incident.outage import deploys_around, find_outage
from audit_lib.logins.traffic import Window
from audit_lib.report import escape as inert

SCALE, DPI = 2, 96  # a PNG that is shown at half its size is sharp on every screen
INK, SOFT, LINE = "#16191d", "#555e68", "#dfe3e8"
BAD, GOOD, OPEN = "#d9665f", "#6aa5dc", "#aeb6bf"
COLOURS = {"overdue": BAD, "unknown": OPEN, "due": "#d9a021", "fresh": GOOD}  # in a reader's order
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "xtick.color": SOFT,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
}
WORDS = {"unknown": "not known"}
MOST_BARS, LABELLED = 40, 3  # secrets, days
LANES = (
    "refused", "failed logins", "answered", "detected", "change", "leak", "deploy", "boot",
    "failed start", "database failure",
)  # fmt: skip
HARMLESS = ("answered", "change", "deploy", "boot")
MOST_EPISODES, MOST_ADDRESSES = 3, 5
AROUND = timedelta(minutes=6)


def _panels(width: int, heights: list[int], title: str) -> list[Axes]:
    """Empty axes, one for each height in pixels, under a title; no window and no backend is involved."""
    figure = Figure(figsize=(width / DPI, (sum(heights) + 30) / DPI), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(inert.label(title, 110), x=0.01, ha="left", fontsize=10, fontweight="bold")
    return list(figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])


def _beside(axes: Axes, height: float, text: str) -> None:
    place: Any = {"xycoords": ("axes fraction", "data"), "va": "center", "annotation_clip": False}
    axes.annotate(text, (1.01, height), **place, fontsize=7, color=SOFT)


def png(axes: Axes) -> bytes:
    """The figure of these axes; the same bytes for the same data."""
    written = io.BytesIO()
    with mpl.rc_context(STYLE):
        _figure(axes).savefig(written, format="png", dpi=DPI * SCALE, metadata={"Software": None})
    return written.getvalue()


def output(axes: Axes) -> tuple[bytes, dict[str, Any]] | None:
    """Described axes as a PNG, with its size and alternative text; None for axes of somebody's own."""
    figure = _figure(axes)
    if not figure.get_label():  # pyplot shows them
        return None
    width, height = (int(side * DPI) for side in figure.get_size_inches())
    return png(axes), {"width": width, "height": height, "alt": figure.get_label()}


def description(axes: Axes) -> str:
    """The alternative text of axes, which is also their text."""
    return str(_figure(axes).get_label() or repr(axes))


def _figure(axes: Axes) -> Figure:
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure


def plot_ages(ages: pd.DataFrame, title: str = "Ages against each secret's limit") -> Axes:
    """A bar for each secret from its least to its greatest possible age, in days before and after its limit.
    An arrow has no known end; a dashed bar is not decided. `ages` are rows of `audit.ages` with a limit."""
    limited = ages[ages["max_age_days"].notna() & ages["status"].isin(COLOURS)]
    limit = limited["max_age_days"].astype("float64")
    low, high = limited["age_days_min"] - limit, limited["age_days_max"] - limit
    bars = limited.assign(low=low, high=high, rank=limited["status"].map(list(COLOURS).index))
    order = ["rank", "low", "secret", "environment", "service"]
    bars = bars.sort_values(order, ascending=[True, False, True, True, True]).head(MOST_BARS)
    reach = max(90.0, bars[["low", "high"]].abs().max().max()) * 1.12 if bars["low"].notna().any() else 100.8
    several = bars["environment"].nunique() > 1
    names = [f"{row.secret}, {row.environment}" if several else row.secret for row in rows(bars)]
    with mpl.rc_context(STYLE):
        (axes,) = _panels(620, [34 + 19 * max(len(bars), 1)], title)
        for height, row in enumerate(rows(bars)):
            _draw_age(axes, height, row, reach)
        axes.axvline(0, color=INK, linewidth=1.2)
        axes.set(xlim=(-reach, reach), ylim=(max(len(bars), 1) - 0.4, -0.6))
        axes.set_xticks([-90, 0, 90], ["90 d left", "limit", "90 d over"])
        axes.set_yticks(range(len(names)), map(inert.label, names))
        axes.grid(axis="x")
    shown = ", ".join(f"{limited['status'].eq(it).sum()} {WORDS.get(it, it)}" for it in COLOURS)
    more = f"; the first {MOST_BARS} are drawn" if len(limited) > MOST_BARS else ""
    _figure(axes).set_label(inert.plain(f"{title}: {shown} of {counted(len(limited), 'secret')}{more}"))
    return axes


def _draw_age(axes: Axes, height: int, row: Any, reach: float) -> None:
    colour, decided = COLOURS[row.status], row.status != "unknown"
    begin = -float(row.max_age_days) if row.low is None else row.low
    end = reach if row.high is None else max(row.high, begin)
    fill: Any = {"color": colour} if decided else {"color": "white", "edgecolor": colour, "linestyle": "--"}
    axes.barh(height, max(end - begin, reach / 150), left=max(begin, -reach), height=0.5, **fill)
    if row.high is None:
        axes.plot([reach * 0.985], [height], marker=">", color=colour, markersize=5, clip_on=False)
    age = age_words(row.age_days_min, row.age_days_max, " d")
    _beside(axes, height, ", ".join(dict.fromkeys((WORDS.get(row.status, row.status), age))))


def plot_daily(daily: pd.DataFrame, title: str = "Requests refused a day") -> Axes:
    """Bars of refused requests by day, the worst days labelled; a grey band is days without a line."""
    refused = daily["refused"].astype("Float64")
    heights, silent = refused.fillna(0).to_numpy(float), refused.isna().to_numpy()
    days = [day_words(at, at.year) for at in pd.to_datetime(daily.index, utc=True)]
    with mpl.rc_context(STYLE):
        (axes,) = _panels(620, [160], title)
        axes.bar(range(len(days)), heights, width=0.8, color=BAD)
        for place in np.flatnonzero(silent):
            axes.axvspan(place - 0.5, place + 0.5, color="#eceff2", linewidth=0)
        for place in np.argsort(-heights, kind="stable")[:LABELLED]:
            if heights[place] > 0:
                side = "right" if place > len(days) * 0.8 else "left"
                text = f"{days[place]}: {int(heights[place])}"
                axes.annotate(text, (place, heights[place]), ha=side, va="bottom", fontsize=7, weight="bold")
        firsts = [place for place, day in enumerate(days) if day.startswith("1 ")]
        axes.set_xticks(firsts, [days[place] for place in firsts])
        axes.set(xlim=(-0.6, max(len(days) - 0.4, 1)), ylim=(0, max([1.0, *(heights * 1.2)])))
        axes.grid(axis="y")
    gaps = f"; {counted(int(silent.sum()), 'day')} without a line" if silent.any() else ""
    requests = counted(int(daily["requests"].sum()), "request")
    _figure(axes).set_label(inert.plain(f"{title}: {int(heights.sum()):,} of {requests} refused{gaps}"))
    return axes


def plot_events(case: Case, timeline: pd.DataFrame) -> Axes:
    """The axes of the whole window; above them one axes for each episode with most failures."""
    episodes, window, here = _find_episodes(case), case.window, case.here
    names = [_addresses(case, episode) for episode in episodes]
    lanes = [lane for lane in LANES if timeline["kind"].eq(lane).any()]
    heights = [62 + 22 * len(several) for several in names] + [52 + 20 * max(len(lanes), 2)]
    refused = int(here.loc[here["refused"], "count"].sum())
    title = f"What happened: {refused:,} of {counted(int(here['count'].sum()), 'request')} refused"
    with mpl.rc_context(STYLE):
        *closer, axes = _panels(1000, heights, title)
        for close, episode, several in zip(closer, episodes, names, strict=True):
            _draw_episode(close, case, episode, several)
            axes.axvspan(episode.since, episode.until, color=INK, alpha=0.12, linewidth=0)  # type: ignore[arg-type]
        _set_lanes(axes, window, lanes)
        for row, lane in enumerate(lanes):
            _draw_lane(axes, timeline.query("kind == @lane"), row, GOOD if lane in HARMLESS else BAD, window)
    said = ", ".join(f"{timeline.query('kind == @it')['count'].sum()} {it}" for it in lanes) or "nothing"
    since, until = (instant_words(at, case.as_of.year) for at in (window.since, window.until))
    _figure(axes).set_label(inert.plain(f"{title}. From {since} to {until} {window.until.year}, UTC: {said}"))
    return axes


def _find_episodes(case: Case) -> list[Window]:
    found = sorted(case.found(*GUESSING, LET_IN, KNOWN_CLIENTS, APPLICATION), key=lambda one: -one.count)
    bounds = [(one.first_at, one.last_at) for one in found if one.first_at and one.last_at]
    if outage := find_outage(case):
        before, after = deploys_around(case, outage)
        ends = before.began_at if before else outage.first_at, after.ended_at if after else outage.last_at
        bounds.insert(0, ends)
    episodes: list[Window] = []
    for first, last in bounds:
        since, until = max(first - AROUND, case.window.since), min(last + AROUND, case.window.until)
        apart = all(until < other.since or since > other.until for other in episodes)
        if apart and since < until and until - since < (case.window.until - case.window.since) / 3:
            episodes.append(Window(since, until))
    return sorted(episodes[:MOST_EPISODES], key=lambda one: one.since)


def _timed(case: Case, stretch: Window) -> pd.DataFrame:
    here = case.here
    return here[here["timed"] & here["not_before_at"].between(stretch.since, stretch.until)]


def _addresses(case: Case, stretch: Window) -> list[str]:
    here = _timed(case, stretch)
    failed = here[here["unanswered"]].groupby(here["client"])["count"].sum()
    return list(failed.sort_values(ascending=False, kind="stable").index[:MOST_ADDRESSES])


def _draw_episode(axes: Axes, case: Case, stretch: Window, names: list[str]) -> None:
    _set_lanes(axes, stretch, ["deploys", *(inert.label(name or "not named", 22) for name in names)])
    deploys = case.read.deploys
    for row in rows(deploys[deploys["began_at"].between(stretch.since, stretch.until)]):
        end = row.ended_at or row.began_at
        axes.hlines(0, row.began_at, end, color=INK, linewidth=6)
        text = inert.label(f"{row.trigger or 'deploy'}, in effect {end:%H:%M:%S}", 60)
        axes.annotate(text, (row.began_at, 0), (0, 6), textcoords="offset points", fontsize=7)
    here, failures = _timed(case, stretch), case.traffic.failures
    failures = failures[failures["at"].between(stretch.since, stretch.until)]
    for height, name in enumerate(names, 1):
        mine, own = here[here["client"].eq(name)], failures[failures["client"].eq(name)]
        bad, good = mine[mine["unanswered"]], mine[~mine["unanswered"]]
        count = int(bad["count"].sum())
        # A request has its minute alone; a failed login that a line reports has its second.
        at = own["at"] if len(own) >= count else bad["not_before_at"]
        axes.plot(at, [height] * len(at), "x", color=BAD, markersize=5)
        axes.plot(good["not_before_at"], [height] * len(good), "o", color=GOOD, markersize=3.5)
        _beside(axes, height, f"{count} of {int(mine['count'].sum())} failed")


def _draw_lane(axes: Axes, here: pd.DataFrame, height: int, colour: str, window: Window) -> None:
    for row in rows(here[here["at"].isna()]):
        since: Any = max(row.not_before_at or window.since, window.since)
        until: Any = min(row.not_after_at or window.until, window.until)
        axes.hlines(height, since, until, color=OPEN, linewidth=2)
    at = here["at"].dropna()
    axes.plot(at, [height] * len(at), "x" if colour == BAD else "o", color=colour, markersize=4)


def _set_lanes(axes: Axes, window: Window, lanes: list[str]) -> None:
    axes.set(xlim=(window.since, window.until), ylim=(max(len(lanes), 1) - 0.4, -0.8))
    axes.set_yticks(range(len(lanes)), lanes, fontsize=7)
    locator = dates.AutoDateLocator(maxticks=11)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.grid(axis="both")
