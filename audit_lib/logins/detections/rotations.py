"""A9: what a rotation or a deploy did to each source that fails after it, and what that explains."""

from dataclasses import dataclass
from functools import partial

import pandas as pd

from audit_lib.base.in_words import day_words, instant_words
from audit_lib.logins.detections.after_a_change import BEGUN, REPLAY, STALE, FailedAfterChange
from audit_lib.logins.detections.alarm import Alarm, alarm, earliest, runs
from audit_lib.logins.detections.recorded_changes import RecordedChange
from audit_lib.logins.detections.thresholds import Rule


@dataclass(frozen=True)
class Causes:
    """What explains failures that are no attack: sources with an old secret, and breaks of all sources."""

    after: tuple[FailedAfterChange, ...] = ()
    breaks: tuple[Alarm, ...] = ()
    steps: tuple[Alarm, ...] = ()  # A11: changes on no record
    after_steps: tuple[FailedAfterChange, ...] = ()

    def explanation(self, found: Alarm) -> str:
        """Why the failures of an incident are an accident; "" if nothing on record explains them."""
        if found.first_at is None or found.last_at is None or not found.clients:
            return ""
        for one in self.breaks:
            if one.first_at is not None and one.last_at is not None and found.clients <= one.clients:
                early = found.first_at >= one.first_at - pd.Timedelta(minutes=10)
                if early and found.last_at <= one.last_at + pd.Timedelta(minutes=10):
                    return "during a configuration break (A10)"
        for after in (*self.after, *self.after_steps):
            # A client that is stuck goes on failing after the time to follow is over.
            within = found.last_at <= after.until or found.clients <= after.stuck
            if after.change.at <= found.first_at and within and found.clients <= after.stale:
                return after.told
        return ""


def classified(after: tuple[FailedAfterChange, ...], rule: Rule) -> list[Alarm]:
    """A9: one row for each change that known sources failed after, and one for each of these sources."""
    found = []
    for one in after:
        if not one.stale and not one.sources["kind"].eq(REPLAY).any():
            continue
        found.append(_summary(one, rule))
        kinds = one.sources.set_index("client")["kind"]
        own = one.failures[one.failures["client"].isin(kinds.index[kinds.ne("unrelated")])]
        own = own.sort_values(["client", "at", "file", "line"], kind="stable")
        found += earliest(own, runs(own, "client"), partial(_classed, one.change, kinds, rule))
    return found


def _classed(
    change: RecordedChange, kinds: "pd.Series[str]", rule: Rule, client: str, own: pd.DataFrame
) -> Alarm:
    severities = {"recovered": "info", "stale client": "low", "stuck": rule.severity, REPLAY: "high"}
    kind = kinds[client]
    return alarm(own, f"{kind} after {_named(change)}", severities[kind], client=client)


def _named(change: RecordedChange) -> str:
    of_day = change.until - change.at > pd.Timedelta(hours=12)
    when = day_words(change.at) if of_day else instant_words(change.at)
    if change.name in BEGUN:
        return f"the {change.name} of {when}"
    return f"the rotation of {change.name} ({when})"


def _summary(one: FailedAfterChange, rule: Rule) -> Alarm:
    """Numbers by class, how long clients took, and what failed on after the grace time."""
    kinds = one.sources["kind"].value_counts()
    parts = [f"{kinds[kind]} {kind}" for kind in (*STALE, REPLAY, "unrelated") if kind in kinds]
    back = one.sources.dropna(subset=["recovered_at"])
    text = f"after {_named(one.change)}: {', '.join(parts)}"
    if len(back):
        waits = pd.to_datetime(back["recovered_at"], utc=True) - pd.to_datetime(back["first_at"], utc=True)
        text += f"; half of those back within {waits.median().total_seconds() / 60:.0f} minutes"
    return Alarm(
        text,
        rule.severity if "stuck" in kinds else "info",
        int(one.sources.loc[one.sources["kind"].isin(STALE), "count"].sum()),
        subject=one.change.name,
        first_at=one.change.at,
        last_at=one.sources["last_at"].max(),
        evidence=(one.change.place,),
    )
