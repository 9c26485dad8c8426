"""What the detections A1-A20 come to for an incident: in its window, learnt from the weeks before it."""

from datetime import timedelta

import pandas as pd

from audit_lib.contracts import Detections
from audit_lib.ledger import Ledger
from audit_lib.tables.detections import detect, detection_policy, gather, tabulate
from audit_lib.tables.requests import Window, maybe_within, within
from audit_lib.tables.scene import Scene

LEARNT = timedelta(days=28)  # the longest that a detection looks back (detections.md, A13)
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
    return _of_window(tabulate(detect(traffic, detection_policy(scene.policy))), scene.window)


def _texts(frame: pd.DataFrame) -> pd.DataFrame:
    coded = [name for name, dtype in frame.dtypes.items() if isinstance(dtype, pd.CategoricalDtype)]
    return frame.astype(dict.fromkeys(coded, "str")).reset_index(drop=True)


def _of_window(found: pd.DataFrame, window: Window) -> pd.DataFrame:
    """The rows that may lie in the window; a detection that found something before it alone has one row."""
    bounds = found.rename(columns={"first_at": "not_before_at", "last_at": "not_after_at"})
    here = found["verdict"].ne("found") | maybe_within(bounds, window)
    earlier = found[~here & ~found["detection"].isin(found.loc[here, "detection"])]
    left = earlier.drop_duplicates("detection")[["detection"]]
    blank = dict.fromkeys(("subject", "classification", "evidence"), "")
    none = left.assign(verdict="none", reason=_BEFORE, count=0, severity="info", first_at=None, **blank)
    kept = pd.concat([found[here], none.assign(last_at=None).astype(Detections.types())[list(found)]])
    return Detections.checked(kept.sort_values("detection", key=_number, kind="stable"))


def _number(detections: "pd.Series[str]") -> "pd.Series[int]":
    return detections.str[1:].astype("int64")
