"""What happened in an incident as one figure: each episode close up, a mark a request, then the window."""

from datetime import timedelta
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib import dates
from matplotlib.axes import Axes

from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, instant_words
from audit_lib.incident.case import APPLICATION, GUESSING, KNOWN_CLIENTS, LET_IN, Case
from audit_lib.incident.outage import deploys_around, find_outage
from audit_lib.logins.requests import Window, unanswered
from audit_lib.report import escape as inert
from audit_lib.report.figures import INK, LINE, SOFT, STYLE, canvas, describe

BAD, GOOD, BETWEEN = "#d9665f", "#6aa5dc", "#aeb6bf"
LANES = (
    "refused", "failed logins", "answered", "detected", "change", "leak", "deploy", "boot",
    "failed start", "database failure",
)  # fmt: skip
REFUSED = ("refused", "failed logins", "detected", "leak", "failed start", "database failure")
MOST_EPISODES, MOST_ADDRESSES = 3, 5
AROUND = timedelta(minutes=6)


def plot_events(case: Case, timeline: pd.DataFrame) -> Axes:
    """The axes of the whole window; above them one axes for each episode with most failures."""
    episodes = find_episodes(case)
    lanes = [lane for lane in LANES if timeline["kind"].eq(lane).any()]
    heights = [40 + 22 * (len(_addresses(case, one)) + 1) for one in episodes] + [
        52 + 20 * max(len(lanes), 2)
    ]
    window, refused = case.window, int(case.here.loc[case.here["refused"], "count"].sum())
    title = f"What happened: {refused:,} of {counted(int(case.here['count'].sum()), 'request')} refused"
    with mpl.rc_context(STYLE):
        first = canvas(1000, sum(heights) + 30, title)
        figure: Any = first.get_figure()
        first.remove()
        figure.suptitle(inert.label(title, 110), x=0.01, ha="left", fontsize=10, fontweight="bold")
        panels = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        for axes, episode in zip(panels, episodes, strict=False):
            _draw_episode(axes, case, episode)
        axes = panels[-1]
        _prepare(axes, window, lanes)
        for height, lane in enumerate(lanes):
            _draw_lane(
                axes, timeline[timeline["kind"] == lane], height, BAD if lane in REFUSED else GOOD, window
            )
        for episode in episodes:
            axes.axvspan(episode.since, episode.until, color=INK, alpha=0.12, linewidth=0)
        counts = timeline.groupby("kind")["count"].sum()
        words = ", ".join(f"{counts[lane]} {lane}" for lane in lanes) or "nothing"
        since, until = (instant_words(at, case.as_of.year) for at in (window.since, window.until))
        return describe(axes, f"{title}. From {since} to {until} {window.until.year}, UTC: {words}")


def find_episodes(case: Case) -> list[Window]:
    """The stretches around the outage and the worst failures that detections found, in order of time."""
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
    """The addresses that failed most within a stretch."""
    here = _timed(case, stretch)
    failed = here[unanswered(here)].groupby(here["client"])["count"].sum()
    return list(failed.sort_values(ascending=False, kind="stable").index[:MOST_ADDRESSES])


def _draw_episode(axes: Axes, case: Case, stretch: Window) -> None:
    """Deploys on the first lane, then a lane for each address with a mark a request."""
    names = _addresses(case, stretch)
    _prepare(axes, stretch, ["deploys", *(inert.label(name or "not named", 22) for name in names)])
    deploys = case.read.deploys
    for one in rows(deploys[deploys["began_at"].between(stretch.since, stretch.until)]):
        end = one.ended_at or one.began_at
        axes.hlines(0, one.began_at, end, color=INK, linewidth=6)
        text = f"{one.trigger or 'deploy'}, in effect {end:%H:%M:%S}"
        axes.annotate(
            inert.label(text, 60), (one.began_at, 0), (0, 6), textcoords="offset points", fontsize=7
        )
    here, failures = _timed(case, stretch), case.traffic.failures
    failures = failures[failures["at"].between(stretch.since, stretch.until)]
    for height, name in enumerate(names, 1):
        mine, own = here[here["client"].eq(name)], failures[failures["client"].eq(name)]
        bad, good = mine[unanswered(mine)], mine[~unanswered(mine)]
        # A request has its minute alone; a failed login that a line reports has its second.
        at = own["at"] if len(own) >= int(bad["count"].sum()) else bad["not_before_at"]
        axes.plot(at, [height] * len(at), "x", color=BAD, markersize=5)
        axes.plot(good["not_before_at"], [height] * len(good), "o", color=GOOD, markersize=3.5)
        said = f"{int(bad['count'].sum())} of {int(mine['count'].sum())} failed"
        axes.annotate(
            said, (1.005, height), xycoords=("axes fraction", "data"), va="center", fontsize=7, color=SOFT
        )


def _draw_lane(axes: Axes, here: pd.DataFrame, height: int, colour: str, window: Window) -> None:
    """Marks for what has an instant, bars for what lies between bounds."""
    for row in rows(here[here["at"].isna()]):
        since: Any = max(row.not_before_at or window.since, window.since)
        until: Any = min(row.not_after_at or window.until, window.until)
        axes.hlines(height, since, until, color=BETWEEN, linewidth=2)
    at = here["at"].dropna()
    axes.plot(at, [height] * len(at), "x" if colour == BAD else "o", color=colour, markersize=4)


def _prepare(axes: Axes, window: Window, lanes: list[str]) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xlim(window.since, window.until)  # type: ignore[arg-type]
    axes.set_ylim(max(len(lanes), 1) - 0.4, -0.8)
    axes.set_yticks(range(len(lanes)), lanes, fontsize=7)
    locator = dates.AutoDateLocator(maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.grid(axis="both", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
