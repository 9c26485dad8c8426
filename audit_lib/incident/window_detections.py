"""What the detections come to in an investigation's window, learnt from the weeks before it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

import pandas as pd

from audit_lib.incident.investigation import Investigation
from audit_lib.ledger.timeline import Tenure
from audit_lib.logins.changes import RecordedChange
from audit_lib.logins.contracts import Detections
from audit_lib.logins.coverage import cover
from audit_lib.logins.detect import Verdict, judge, tabulate
from audit_lib.logins.detect.incidents import Incident
from audit_lib.logins.requests import Window, maybe_within, within
from audit_lib.logins.traffic import Traffic, gather

LEARNT = timedelta(days=28)  # the longest that a detection looks back, new networks aside


@dataclass(frozen=True)
class DetectedInWindow:
    """What each detection came to in the window, and what is known of the addresses in its logs."""

    detected: tuple[Verdict, ...]
    proxied: str  # why addresses cannot be told apart; "" if they can
    few: str  # why addresses may be a proxy's; "" if they are known to be callers'
    requests: int  # with a time, in the window and in the weeks before it

    def alarms(self, *detections: str) -> tuple[Incident, ...]:
        """What these detections found."""
        return tuple(alarm for one in self._of(detections) for alarm in one.incidents)

    def threats(self, *detections: str) -> dict[str, tuple[Incident, ...]]:
        """What each of these found and does not itself explain as an accident."""
        found = {
            one.detection: tuple(alarm for alarm in one.incidents if alarm.severity != "info")
            for one in self._of(detections)
        }
        return {name: alarms for name, alarms in found.items() if alarms}

    def are_none(self, *detections: str) -> bool:
        """Whether each of these found nothing where the logs would have shown it."""
        return all(one.verdict == "none" for one in self._of(detections))

    def doubts(self, *detections: str) -> tuple[str, ...]:
        """Each reason why one of these may have missed something."""
        return tuple(dict.fromkeys(one.doubt for one in self._of(detections) if one.doubt))

    def _of(self, detections: tuple[str, ...]) -> Iterable[Verdict]:
        return (one for one in self.detected if one.detection in detections)


def tabulate_window_detections(investigation: Investigation) -> pd.DataFrame:
    """`Detections` of the window: incidents that reach into it, and what was not found or cannot be said."""
    return Detections.checked(tabulate(detected_in_window(investigation).detected))


def detected_in_window(investigation: Investigation) -> DetectedInWindow:
    """The detections of the window, run once for it."""
    return investigation.of_window("detections", lambda: _detected(investigation))


def _detected(investigation: Investigation) -> DetectedInWindow:
    traffic = _traffic(investigation)
    coverage = cover(traffic)
    found = tuple(_of_window(one, investigation.window) for one in judge(traffic, coverage))
    few = "" if traffic.collapsed else coverage.reason(["clients are callers"])
    return DetectedInWindow(found, traffic.collapsed, few, len(traffic.requests))


def _traffic(investigation: Investigation) -> Traffic:
    """The requests and events of the window and of the weeks before it."""
    window, rules = investigation.window, investigation.rules
    # Days before the first line are not a gap in what was kept: they are left out.
    first = min([window.since, *investigation.written["at"].nsmallest(1)])
    # A network is new by the days before its first request: one more than the number, to reach them all.
    learnt = max(LEARNT, timedelta(days=investigation.newcomer_days + 1))
    span = Window(max(window.since - learnt, first), window.until)
    requests = within(investigation.requests, span)
    minutes = requests[requests["timed"]].rename(columns={"not_before_at": "minute_at"})
    events = investigation.events[maybe_within(investigation.events, span)]
    counts = investigation.log_counts
    days = counts["day"].astype("str")
    dated = days.isna() | days.between(f"{span.since:%Y-%m-%d}", f"{span.until:%Y-%m-%d}")
    traffic = gather(
        investigation.sources[investigation.sources["kind"] == "log"],
        _texts(counts[dated]),
        _texts(events),
        # Of millions of rows few names differ: as categories they are grouped far sooner.
        minutes.reset_index(drop=True),
        investigation.ledger,
        rules,
        span.since,
        span.until,
        investigation.deploys,
        log_sources=investigation.project.log_sources,
        as_of=investigation.as_of,
    )
    seen = tuple(_change(one) for one in changes_seen(investigation))
    changes = sorted((*traffic.changes, *seen), key=lambda change: (change.at, change.name, change.place))
    return replace(traffic, changes=tuple(changes))


def changes_seen(investigation: Investigation) -> tuple[Tenure, ...]:
    """The values that changed between two snapshots, close enough together to say who failed after it.

    One that is known less exactly than callers have time to follow (grace_hours) says nothing about them.
    """
    low, high = investigation.window.since, investigation.window.until
    found = []
    for tenure in investigation.tenures:
        if tenure.absent is None or tenure.absent.fingerprint is None:
            continue
        grace = timedelta(hours=investigation.rules.grace(tenure.home.secret))
        exact = tenure.first.at - tenure.absent.at <= grace
        if exact and tenure.first.at >= low - grace and tenure.absent.at <= high:
            found.append(tenure)
    return tuple(found)


def _change(tenure: Tenure) -> RecordedChange:
    assert tenure.absent is not None
    at, until = pd.Timestamp(tenure.absent.at), pd.Timestamp(tenure.first.at)
    place = f"{tenure.absent.place}; {tenure.first.place}"
    return RecordedChange(tenure.home.secret, at, until, place, tenure.home.environment)


def _texts(frame: pd.DataFrame) -> pd.DataFrame:
    coded = [name for name, dtype in frame.dtypes.items() if isinstance(dtype, pd.CategoricalDtype)]
    return frame.astype(dict.fromkeys(coded, "str")).reset_index(drop=True)


def _of_window(one: Verdict, window: Window) -> Verdict:
    """What it found that may lie in the window; if that is nothing, that it found something before it."""
    inside = tuple(alarm for alarm in one.incidents if _may_lie_in(alarm, window))
    if inside or not one.incidents:
        return replace(one, incidents=inside)
    return replace(one, verdict="unknown" if one.doubt else "none", incidents=())


def _may_lie_in(alarm: Incident, window: Window) -> bool:
    """An incident without times may lie anywhere."""
    began = alarm.first_at is None or alarm.first_at <= window.until
    return began and (alarm.last_at is None or alarm.last_at >= window.since)
