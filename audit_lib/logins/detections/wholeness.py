"""Hints that logs are not whole: files not read or declared, lines missing, thinned, copied, dated late."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from audit_lib.base.bounded_patterns import matches_glob
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted
from audit_lib.logins.detections.thresholds import DetectionPolicy
from audit_lib.logs.formats import CLOCK_SET_BACK
from audit_lib.logs.project_logs import BROKEN_OFF, COPY
from audit_lib.settings import LogSource

MINUTE, HOUR, DAY = pd.Timedelta(minutes=1), pd.Timedelta(hours=1), pd.Timedelta(days=1)
# So unlikely must a stretch without refusals be before it is a hint.
CHANCE = 1e-6
# A week below this share of the usual one, and a day below that of the usual day, are thin.
THIN_WEEK, THIN_DAY = 0.25, 0.05
USUAL_WEEK, USUAL_DAY = 50, 20  # requests: with fewer, chance alone makes weeks and days thin
WEEKS, DAYS = 4, 7  # fewer say nothing of what is usual
# Two days are copies of each other if they agree in so many requests of so many addresses, to the minute.
COPIED, COPIED_CLIENTS = 10, 3


def doubts(requests: pd.DataFrame, sources: pd.DataFrame, end: datetime) -> tuple[str, ...]:
    """Each hint, in words; `requests` are those of Traffic, `sources` by their contract, `end` the
    period's.

    None is a proof, so none is an incident. But while one stands, finding nothing proves nothing.
    """
    found = [*unread(sources), *_copied_files(sources)]
    if len(requests):
        found += [*_after(requests, end), *_ended(requests, end), *_thin(requests, end)]
        found += [*_without_refusals(requests), *_copied(requests)]
    return tuple(found)


def unread(sources: pd.DataFrame) -> Iterator[str]:
    """Each log that was expected and not read to its end, with the reason."""
    for row in rows(sources[sources["kind"].eq("log")]):
        # The packed copy of a log that was read beside it is no loss.
        lost = row.state != "read" and not row.reason.startswith(COPY)
        if lost or row.reason.startswith(BROKEN_OFF):
            yield f"{row.source}: {row.reason or row.state}"


def undeclared_instances(sources: Sequence[LogSource]) -> str:
    """Why a log may be missing; "" if audit.toml says of each how many instances write it."""
    logs = _listed(one.pattern for one in sources if not one.instances)
    return logs and f"another instance may have a log of its own: declare `instances` of {logs} in audit.toml"


def undeclared_zone(sources: pd.DataFrame) -> str:
    """Why times may be hours off; "" if each names its zone, or audit.toml does."""
    logs = _listed(sources.loc[sources["zone_assumed"].fillna(False).astype(bool), "source"])
    return logs and f"times without a zone may be hours off: declare `time_zone` of {logs} in audit.toml"


def _listed(logs: Iterable[str]) -> str:
    """The first of the logs, and how many more there are; "" if there is none."""
    first, *more = sorted(set(logs)) or [""]
    return f"{first} and {counted(len(more), 'more log')}" if more else first


def of_another(requests: pd.DataFrame, policy: DetectionPolicy) -> Iterator[str]:
    """Why these may be requests to another application: of its routes this one has none.

    Only an answer shows that a route is there: scanners ask for login pages of any application.
    """
    if len(requests) and not requests["succeeded"].any():
        yield "no request was answered with 2xx: the log may be another application's"
    elif (named := policy.named_routes) and len(requests):
        answered = set(requests.loc[requests["there"], "route"].unique())
        if not any(matches_glob(route, named) for route in answered):
            yield (
                "no route that the policy names was answered with 2xx: the log may be another application's"
            )


def _copied_files(sources: pd.DataFrame) -> Iterator[str]:
    logs = sources[sources["kind"].eq("log") & sources["state"].eq("read") & sources["sha256"].notna()]
    for _, group in logs.groupby("sha256", sort=True):
        if len(group) > 1:
            yield f"{' and '.join(sorted(group['source']))} hold the same bytes"


def _after(requests: pd.DataFrame, end: datetime) -> Iterator[str]:
    late = int(requests.loc[requests["at"].gt(pd.Timestamp(end) + MINUTE), "count"].sum())
    if late:
        yield f"{counted(late, 'request')} with a time after the review: a clock is wrong"


def beyond(sources: pd.DataFrame, events: pd.DataFrame, as_of: datetime) -> Iterator[str]:
    """Logs with a time after the review, also beyond the period, of which no request is counted."""
    latest = pd.Timestamp(as_of) + MINUTE
    ends = sources["kind"].eq("log") & sources["last_at"].gt(latest)
    back = events["message"].eq(CLOCK_SET_BACK) & events["not_after_at"].gt(latest)
    for source in sorted({*sources.loc[ends, "source"], *events.loc[back, "file"]}):
        yield f"{source} holds a time after the review: a clock is wrong"


def _ended(requests: pd.DataFrame, end: datetime) -> Iterator[str]:
    """That nothing was logged at the end for longer than ever before: who got in may have cut the log."""
    at = requests["at"].sort_values()
    silence = pd.Timestamp(end) - at.iloc[-1]
    lasts = at.iloc[-1] - at.iloc[0]  # of less than a day it is not known what is usual
    if lasts >= DAY and silence > max(at.diff().max(), HOUR):
        hours = counted(round(silence / HOUR), "hour")
        yield f"the log ends {hours} before the period does, with the longest pause in it"


def _by_day(requests: pd.DataFrame) -> pd.DataFrame:
    """One row for each day from the first to the last: `count`, and `failed`, how many of it failed."""
    days = requests["at"].dt.floor("D")
    failed = requests["count"].where(requests["failed"], 0)
    sums = requests.assign(bad=failed).groupby(days)[["count", "bad"]].sum()
    every = pd.date_range(sums.index[0], sums.index[-1], freq="D")
    return sums.reindex(every, fill_value=0)


def _thin(requests: pd.DataFrame, end: datetime) -> Iterator[str]:
    """Weeks and days of which hardly anything is left, where the others hold much."""
    days = _by_day(requests)["count"]
    weeks = days.groupby(np.arange(len(days)) // 7).agg(["sum", "size"])
    whole = weeks[weeks["size"].eq(7)]["sum"]
    if len(whole) >= WEEKS and (usual := float(whole.median())) >= USUAL_WEEK:
        for week in whole[whole < THIN_WEEK * usual].index[:1]:
            since = days.index[7 * int(week)]
            yield (
                f"the week from {since:%Y-%m-%d} on holds {whole[week]:,} requests, and a usual week "
                f"{usual:,.0f}: the log may be thinned"
            )
    usual = float(days[days > 0].median())
    over = days.index <= pd.Timestamp(end) + MINUTE - DAY  # the day in which the period ends is not whole
    thin = days[over & (days > 0) & (days < THIN_DAY * usual)]
    if len(days) >= DAYS and usual >= USUAL_DAY and len(thin):
        yield f"{counted(len(thin), 'day')} with less than a twentieth of a usual day's {usual:,.0f} requests"


def _without_refusals(requests: pd.DataFrame) -> Iterator[str]:
    """The longest stretch of days with requests and no failed login, if chance does not explain it."""
    days = _by_day(requests)
    days = days[days["count"] > 0]
    refusing = days["bad"].gt(0)
    if not refusing.any():
        return
    stretch = (~refusing).groupby(refusing.cumsum()).sum()
    longest = int(stretch.max())
    # As usual is what the days outside of the stretch show; it may begin on any day.
    share = refusing.sum() / (len(days) - longest + 1)
    if len(days) * (1 - share) ** longest < CHANCE:
        yield (
            f"{share:.0%} of the other days have a failed login, but {longest} days in a row have none: "
            "refusals may have been filtered out"
        )


def _copied(requests: pd.DataFrame) -> Iterator[str]:
    """Days that equal each other to the minute: nothing that people do repeats itself so."""
    days = requests["at"].dt.floor("D").rename("day")
    columns = ["client", "method", "route", "status", "count"]
    frame = requests[columns].assign(minute=requests["minute"] % 1440)
    hashes = pd.util.hash_pandas_object(frame, index=False)
    groups = requests.assign(row=hashes).groupby(days)
    sums = groups.agg(row=("row", "sum"), rows=("row", "size"), clients=("client", "nunique"))
    busy = sums[sums["rows"].ge(COPIED) & sums["clients"].ge(COPIED_CLIENTS)]
    copies = busy[busy.duplicated(["row", "rows"], keep="first")]
    if len(copies):
        first = f"{copies.index[0]:%Y-%m-%d}"
        yield f"days that repeat another to the minute: {len(copies)}, as {first}; lines may be copied"
