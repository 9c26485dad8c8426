"""Changes of values near an incident, and which sources failed after each."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from audit_lib.incident.data import Scene
from audit_lib.incident.timeline import first_start
from audit_lib.ledger.tenures import Tenure
from audit_lib.logins.requests import Window, answered_or_refused, within

GRACE = pd.Timedelta(hours=24)  # docs/detections.md#a9
BEFORE = pd.Timedelta(days=7)


@dataclass(frozen=True)
class ValueChange:
    """A value that became another one, with the sources that failed from then on."""

    stay: Tenure
    stale: tuple[str, ...]  # had succeeded before, failed after
    recovered: tuple[str, ...]  # of them, who succeeded again
    early: str = ""  # of their failures those before the start that reads the new value

    @property
    def text(self) -> str:
        """The home, and the looks that bound the change."""
        assert self.stay.absent is not None
        return f"{self.stay.home} changed ({self.stay.absent.place} to {self.stay.first.place})"


def changes_near(scene: Scene) -> tuple[ValueChange, ...]:
    """The changes of values that may lie within the window or a day before, most stale sources first."""
    low, high = scene.window.since - GRACE, scene.window.until
    near = [
        stay
        for stay in scene.stays
        if stay.absent is not None
        and stay.absent.fingerprint is not None
        and stay.first.at >= low
        and stay.absent.at <= high
    ]
    found = [_change(scene, stay) for stay in near]
    return tuple(
        sorted(found, key=lambda change: (-len(change.stale), change.stay.home, change.stay.first.at))
    )


def _change(scene: Scene, stay: Tenure) -> ValueChange:
    assert stay.absent is not None
    span = Window(stay.absent.at - BEFORE, max(scene.window.until, stay.first.at + GRACE))
    good, bad = answered_or_refused(within(scene.requests, span))
    before = good[
        (good["not_after_at"] >= stay.absent.at - BEFORE) & (good["not_before_at"] <= stay.first.at)
    ]
    after = bad[(bad["not_before_at"] >= stay.absent.at) & (bad["not_before_at"] <= stay.first.at + GRACE)]
    failed = _by_client(after).min().to_dict()
    worked = _by_client(before).min().to_dict()
    stale = [str(name) for name, at in failed.items() if name and name in worked and worked[name] <= at]
    last, later = _by_client(after).max().to_dict(), _by_client(good).max().to_dict()
    recovered = [client for client in stale if later[client] > last[client]]
    early = _before_start(scene, stay.absent.at, after[after["client"].isin(stale)])
    return ValueChange(stay, tuple(sorted(stale)), tuple(sorted(recovered)), early)


def _before_start(scene: Scene, changed_at: datetime, failed: pd.DataFrame) -> str:
    """How many failures lie surely before the first start after a change: until then the old value held."""
    start = first_start(scene.events, changed_at)
    if start is None:
        return ""
    count = int(failed.loc[failed["not_after_at"] < start["at"], "count"].sum())
    return f"{count} of its failures lie before the start in {start['file']}:{start['line']}" if count else ""


def _by_client(requests: pd.DataFrame) -> Any:
    return requests.groupby("client", observed=True)["not_before_at"]
