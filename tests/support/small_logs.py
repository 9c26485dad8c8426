"""Small logs as frames, for tests of detections: requests at given minutes, read by the real reader."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.ledger import Ledger
from audit_lib.logins.detect import judge, tabulate
from audit_lib.logins.parameters import DetectionPolicy, detection_policy
from audit_lib.logins.traffic import Traffic, Window, recorded_changes, tabulate_activity
from audit_lib.logs.deploys import Deploys
from audit_lib.logs.formats import MOST_NAMES, LogFormats, load_formats
from audit_lib.logs.read import LogRead, read_logs
from audit_lib.settings import LogSource, Policy, Project, bundled_policy
from audit_lib.settings.models import Login

NO_DEPLOYS = Deploys.of(())
START = datetime(2026, 9, 1, tzinfo=UTC)
DECLARED_LOG = LogSource("app.log", instances=1, zone_declared=True)
# Seconds since START, client, route, status, and the method if it is not GET.
Ask = tuple[float, str, str, int] | tuple[float, str, str, int, str]


def line(ask: Ask) -> str:
    """A line of the platform's export, which carries a time."""
    (at, client, route, status), method = ask[:4], ask[4] if len(ask) == 5 else "GET"
    instant = iso(START + timedelta(seconds=at))
    return f'{instant} INFO:     {client}:1 - "{method} {route} HTTP/1.1" {status} X\n'


@cache
def formats_of(statuses: tuple[int, ...], logins: tuple[Login, ...] = ()) -> LogFormats:
    """The bundled formats with what is declared a failed login; what they are compiled to is made once."""
    return load_formats().declaring(statuses, logins)


@lru_cache(maxsize=64)
def _read(text: str, source: LogSource, statuses: tuple[int, ...], routes: int) -> LogRead:
    """What a log of this text holds; the same log is read once, whatever is then judged of it."""
    with TemporaryDirectory() as folder:
        Path(folder, "app.log").write_text(text, "utf-8")
        project = Project("test", Path(folder), log_sources=(source,))
        return read_logs(project, None, formats_of(statuses), routes=routes)


def detections(asks: Iterable[Ask | str], **given: Any) -> pd.DataFrame:
    """`Detections` of a log with these requests, as `small_traffic` takes them."""
    return tabulate(judge(small_traffic(asks, **given)))


def incidents(found: pd.DataFrame) -> set[tuple[str, str, str]]:
    """What was found: detection, subject and severity of each incident; and whether a person is likely."""
    rows = found[found["verdict"].eq("found")]
    grave = rows["severity"] + rows["cause"].eq("known").map({True: ", known", False: ""})
    return set(zip(rows["detection"], rows["subject"], grave, strict=True))


def small_traffic(
    asks: Iterable[Ask | str],
    *,
    days: int = 1,
    since: float = 0,
    ledger: Ledger | None = None,
    policy: str = "paiid",
    deploys: pd.DataFrame = NO_DEPLOYS,
    routes: int = MOST_NAMES,
    source: LogSource = DECLARED_LOG,
    **declared: object,
) -> Traffic:
    """The traffic of a log with these requests, in order of time; a text is a line as it stands.
    `routes` are kept in each budget. `declared` lies over the policy's [detections]; None takes a key out."""
    given = list(asks)
    timed = sorted((ask for ask in given if not isinstance(ask, str)), key=lambda ask: ask[0])
    text = "".join([*map(line, timed), *(ask for ask in given if isinstance(ask, str))])
    rules = _rules(bundled_policy(policy), declared)
    read = _read(text, source, rules.failure.statuses, routes)
    project = Project("test", Path(), log_sources=(source,))
    window = Window(START + timedelta(days=since), START + timedelta(days=days))
    return traffic_of(read, rules, window, project, ledger=ledger, deploys=deploys)


def traffic_of(
    read: LogRead,
    rules: DetectionPolicy,
    window: Window,
    project: Project,
    *,
    ledger: Ledger | None = None,
    deploys: pd.DataFrame = NO_DEPLOYS,
    as_of: datetime | None = None,
) -> Traffic:
    """What detections look at, of logs that were read."""
    activity = tabulate_activity(read, rules)
    changes = recorded_changes(ledger or Ledger(), activity.events, deploys, window)
    return Traffic(activity, rules, window, project.log_sources, changes, as_of)


def _rules(policy: Policy, declared: dict[str, object]) -> DetectionPolicy:
    stated = {key: value for key, value in (dict(policy.detections) | declared).items() if value is not None}
    table = {**bundled_policy("generic").detections, **stated}
    logins = policy.logins if "failure" in table else ()
    return detection_policy(replace(policy, logins=logins, detections=table))
