"""Small logs as frames, for tests of detections: requests at given minutes, read by the real reader."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.ledger import Ledger
from audit_lib.logins.detect import judge, tabulate
from audit_lib.logins.parameters import DetectionPolicy, detection_policy
from audit_lib.logins.traffic import Traffic, Window, recorded_changes, tabulate_activity
from audit_lib.logs.formats import MOST_ROUTES, load_formats
from audit_lib.logs.read import LogRead, read_logs
from audit_lib.settings import LogSource, Policy, Project, bundled_policy

START = datetime(2026, 9, 1, tzinfo=UTC)
DECLARED_LOG = LogSource("app.log", instances=1, zone_declared=True)
# Seconds since START, client, route, status, and the method if it is not GET.
Ask = tuple[float, str, str, int] | tuple[float, str, str, int, str]


def line(ask: Ask) -> str:
    """A line of the platform's export, which carries a time."""
    (at, client, route, status), method = ask[:4], ask[4] if len(ask) == 5 else "GET"
    instant = iso(START + timedelta(seconds=at))
    return f'{instant} INFO:     {client}:1 - "{method} {route} HTTP/1.1" {status} X\n'


def detections(folder: Path, asks: Iterable[Ask | str], **given: Any) -> pd.DataFrame:
    """`Detections` of a log with these requests, as `small_traffic` takes them."""
    return tabulate(judge(small_traffic(folder, asks, **given)))


def small_traffic(
    folder: Path,
    asks: Iterable[Ask | str],
    *,
    days: int = 1,
    ledger: Ledger | None = None,
    policy: str = "paiid",
    deploys: pd.DataFrame | None = None,
    routes: int = MOST_ROUTES,
    source: LogSource = DECLARED_LOG,
    **declared: object,
) -> Traffic:
    """The traffic of a log with these requests, in order of time; a text is a line as it stands.

    `routes` are kept in each budget. `declared` lies over the policy's [detections]; None takes a key out.
    """
    given = list(asks)
    timed = sorted((ask for ask in given if not isinstance(ask, str)), key=lambda ask: ask[0])
    text = "".join([*map(line, timed), *(ask for ask in given if isinstance(ask, str))])
    (folder / "app.log").write_text(text, "utf-8")
    project = Project("test", folder, log_sources=(source,))
    rules = _rules(bundled_policy(policy), declared)
    read = read_logs(project, None, load_formats().declaring(rules.failed_statuses), routes=routes)
    window = Window(START, START + timedelta(days=days))
    return traffic_of(read, rules, window, project, ledger=ledger, deploys=deploys)


def traffic_of(
    read: LogRead,
    rules: DetectionPolicy,
    window: Window,
    project: Project,
    *,
    ledger: Ledger | None = None,
    deploys: pd.DataFrame | None = None,
    as_of: datetime | None = None,
) -> Traffic:
    """What detections look at, of logs that were read."""
    activity = tabulate_activity(read, rules)
    changes = recorded_changes(ledger or Ledger(), activity.events, deploys, window)
    return Traffic(activity, rules, window, project.log_sources, changes, as_of)


def _rules(policy: Policy, declared: dict[str, object]) -> DetectionPolicy:
    table = {key: value for key, value in (dict(policy.detections) | declared).items() if value is not None}
    logins = policy.logins if "failure" in table else ()
    return detection_policy(replace(policy, logins=logins, detections=table))


def verdicts(found: pd.DataFrame) -> dict[str, str]:
    """The verdict of each detection."""
    return dict(zip(found["detection"], found["verdict"], strict=True))
