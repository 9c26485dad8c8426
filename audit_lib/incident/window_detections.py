"""What the detections A1-A20 come to for an incident: in its window, learnt from the weeks before it."""

from dataclasses import replace
from datetime import timedelta

import pandas as pd

from audit_lib.base.contracts import Detections
from audit_lib.incident.data import Scene
from audit_lib.ledger import Ledger
from audit_lib.logins.detections import Detected, detect, detection_policy, gather, tabulate
from audit_lib.logins.requests import Window, maybe_within, within

LEARNT = timedelta(days=28)  # the longest that a detection looks back (docs/detections.md#a13)
_BEFORE = "only before the window"


def tabulate_window_detections(
    scene: Scene, sources: pd.DataFrame, counts: pd.DataFrame, ledger: Ledger
) -> pd.DataFrame:
    """`Detections` of the window: incidents that reach into it, and what was not found or cannot be said."""
    # Days before the first line are no gap in what was kept: they are not asked for.
    first = min([scene.window.since, *scene.written["at"].nsmallest(1)])
    span = Window(max(scene.window.since - LEARNT, first), scene.window.until)
    requests = within(scene.requests, span)
    minutes = requests[requests["timed"]].rename(columns={"not_before_at": "minute_at"})
    events = scene.events[maybe_within(scene.events, span)]
    days = counts["day"].astype("str")
    dated = days.isna() | days.between(f"{span.since:%Y-%m-%d}", f"{span.until:%Y-%m-%d}")
    traffic = gather(
        sources[sources["kind"] == "log"],
        _texts(counts[dated]),
        _texts(events),
        _texts(minutes),
        ledger,
        detection_policy(scene.policy),
        span.since,
        span.until,
        scene.deploys,
    )
    return _of_window(detect(traffic, detection_policy(scene.policy)), scene.window)


def _texts(frame: pd.DataFrame) -> pd.DataFrame:
    coded = [name for name, dtype in frame.dtypes.items() if isinstance(dtype, pd.CategoricalDtype)]
    return frame.astype(dict.fromkeys(coded, "str")).reset_index(drop=True)


def _of_window(detected: tuple[Detected, ...], window: Window) -> pd.DataFrame:
    """The rows that may lie in the window; a detection that found something before it alone has one row."""
    found = tabulate(detected)
    bounds = found.rename(columns={"first_at": "not_before_at", "last_at": "not_after_at"})
    kept = found[found["verdict"].ne("found") | maybe_within(bounds, window)]
    told = set(kept["detection"])
    earlier = tabulate(_silent(one) for one in detected if one.detection not in told)
    return Detections.checked(pd.concat([kept, earlier]).sort_values("detection", key=_number, kind="stable"))


def _silent(one: Detected) -> Detected:
    """The detection as if it had found nothing, which it has not in the window."""
    reason = "; ".join(filter(None, (_BEFORE, one.doubt)))
    return replace(one, verdict="unknown" if one.doubt else "none", reason=reason, incidents=())


def _number(detections: "pd.Series[str]") -> "pd.Series[int]":
    return detections.str[1:].astype("int64")
