"""The timeline as marks for a front end: few enough to redraw at once, each with what it says."""

from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted
from audit_lib.incident.investigation import Investigation
from audit_lib.logins.requests import maybe_within
from audit_lib.report import escape as inert
from audit_lib.report.colours import COLOURS
from audit_lib.report.timeline_figure import LANES, colour_of, timeline_lanes

COLUMNS = 600  # of the drawing: marks of one lane and column are one


def timeline_marks(investigation: Investigation, client: str = "", route: str = "") -> dict[str, Any]:
    """What the timeline draws: its window, a lane a kind with its marks, and the deploys as bands.

    A mark is its two instants in milliseconds, its count, what it says, and its place.
    """
    table = timeline_lanes(investigation, client, route)
    window = investigation.window
    since, until = (int(at.timestamp() * 1000) for at in (window.since, window.until))
    told = table.assign(
        low=_milliseconds(table["not_before_at"].fillna(window.since)).clip(since, until),
        high=_milliseconds(table["not_after_at"].fillna(window.until)).clip(since, until),
    )
    told["high"] = told["high"].mask(told["at"].notna(), told["low"])
    names = [lane for lane in LANES if told["kind"].eq(lane).any()]
    lanes = [
        {
            "name": lane,
            "colour": COLOURS[colour_of(lane)],
            "bounded": COLOURS[colour_of(lane, bounded=True)],
            "marks": _marks(told[told["kind"] == lane], since, until),
        }
        for lane in names
    ]
    return {"since": since, "until": until, "lanes": lanes, "bands": _bands(investigation, since, until)}


def _milliseconds(instants: "pd.Series[Any]") -> "pd.Series[Any]":
    moments = pd.to_datetime(instants, utc=True).astype("datetime64[ms, UTC]")
    return moments.astype("int64")


def _marks(lane: pd.DataFrame, since: int, until: int) -> list[list[Any]]:
    """One mark for each column of the drawing; what has a length of its own is a mark by itself."""
    slot = ((lane["low"] - since) * COLUMNS // max(until - since, 1)).where(lane["low"].eq(lane["high"]), -1)
    groups = lane.assign(slot=slot, alone=slot.eq(-1).cumsum().where(slot.eq(-1), 0)).groupby(
        ["slot", "alone"]
    )
    sums = groups.agg(
        low=("low", "min"), high=("high", "max"), count=("count", "sum"), rows=("text", "size"),
        subject=("subject", "first"), text=("text", "first"), evidence=("evidence", "first"),
    )  # fmt: skip
    return [
        [row.low, row.high, row.count, inert.plain(_said(row)), row.evidence]
        for row in rows(sums.sort_values(["low", "high"], kind="stable"))
    ]


def _said(row: Any) -> str:
    said = ": ".join(filter(None, (row.subject, row.text)))
    return f"{said} (and {counted(row.rows - 1, 'more row')})" if row.rows > 1 else said


def _bands(investigation: Investigation, since: int, until: int) -> list[list[Any]]:
    """Each deploy in the window from its beginning to its end, and what it was."""
    deploys = investigation.deploys
    bounds = deploys.assign(not_before_at=deploys["began_at"], not_after_at=deploys["ended_at"])
    here = deploys[maybe_within(bounds, investigation.window)]
    low = _milliseconds(here["began_at"]).clip(since, until)
    high = _milliseconds(here["ended_at"].fillna(here["began_at"])).clip(since, until)
    said = [
        inert.plain(
            f"deploy {row.environment}/{row.service}: {row.outcome}; {row.trigger or 'cause not listed'}"
        )
        for row in rows(here)
    ]
    return [
        list(one) for one in zip(low.tolist(), high.tolist(), said, here["evidence"].tolist(), strict=True)
    ]
