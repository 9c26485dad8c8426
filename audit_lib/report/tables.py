"""Frames for readers, and as JSON: logs by day and by service, sign-offs with when they were due."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.base.clock import Quarter, iso
from audit_lib.base.frames import Contract, Field, Series
from audit_lib.base.in_words import DECLARED, REQUEST_KINDS
from audit_lib.report import escape as inert

Row = dict[str, Any]
FAILED_REQUESTS = (*REQUEST_KINDS.values(), DECLARED)
DUE_DAYS = 30  # after its quarter a review is due: docs/review.md#the-package
_PLACE = ["environment", "service"]


class ServiceDays(Contract):
    """One row for each environment and service with logs: its days with lines, and how lines were read."""

    environment: Series[str]
    service: Series[str]
    files: Series[int]  # that were read
    days_with_lines: Series[int]  # that were counted; a line without a time counts on the day before it
    days: Series[int]  # of the quarter until the date of the review
    first_day: Series[str] = Field(nullable=True)
    last_day: Series[str] = Field(nullable=True)
    lines: Series[int]
    requests: Series[int]
    messages: Series[int]
    text_only: Series[int]
    not_understood: Series[int]
    blank: Series[int]


def requests_of(log_counts: pd.DataFrame) -> pd.DataFrame:
    """The requests among `LogCounts`, with whether they were refused; a message is none."""
    found = log_counts[log_counts["status"].notna()]
    return found.assign(refused=found["kind"].isin(FAILED_REQUESTS)).reset_index(drop=True)


def tabulate_days(log_counts: pd.DataFrame, failed_logins: pd.DataFrame, quarter: Quarter) -> pd.DataFrame:
    """Counts of requests, of refusals in all and by kind, and of failed logins by day (UTC) of the quarter.

    A day without a line has nulls, not zeros. A day is `unusual` if its refusals are far from the median, by
    the median absolute deviation: a few move neither."""
    days = pd.date_range(quarter.start, quarter.end, inclusive="left").strftime("%Y-%m-%d")
    requests = requests_of(log_counts)
    refusals = requests[requests["refused"]]
    by_kind = {kind: own for kind in FAILED_REQUESTS if len(own := refusals[refusals["kind"].eq(kind)])}
    parts = {"requests": requests, "refused": refusals, **by_kind, "failed_logins": failed_logins}
    sums = {name: part.groupby("day")["count"].sum().reindex(days) for name, part in parts.items()}
    table = pd.DataFrame(sums).fillna(0).astype("Int64").rename_axis("day")
    table.loc[~days.isin(log_counts["day"])] = pd.NA
    refused = table["refused"].astype("float64")
    far = (refused - refused.median()).abs()
    return table.assign(unusual=far.gt(5 * 1.4826 * far.median()) & far.ge(max(10, refused.median() / 2)))


def tabulate_coverage(
    sources: pd.DataFrame, log_counts: pd.DataFrame, quarter: Quarter, as_of: datetime
) -> pd.DataFrame:
    """`ServiceDays` of the quarter until `as_of`, by environment and service; `days` counts a day begun."""
    logs = sources[sources["kind"].eq("log")].astype(dict.fromkeys(_PLACE, "str"))
    sums = ["files", "lines", "requests", "messages", "text_only", "not_understood", "blank"]
    table = logs.assign(files=logs["state"].eq("read")).groupby(_PLACE)[sums].sum().astype("int64")
    of_file = logs.drop_duplicates("source").set_index("source")[_PLACE]
    seen = log_counts.dropna(subset=["day"]).join(of_file, on="file").groupby(_PLACE)["day"]
    days = seen.agg(days_with_lines="nunique", first_day="min", last_day="max").reindex(table.index)
    over = (min(quarter.end, as_of) - quarter.start) / timedelta(days=1)
    table = table.join(days.fillna({"days_with_lines": 0})).assign(days=max(0, -int(-over // 1)))
    return ServiceDays.checked(table.reset_index()[list(ServiceDays.columns)])


def review_due_at(quarter: Quarter) -> datetime:
    """By when the review of a quarter is due."""
    return quarter.end + timedelta(days=DUE_DAYS)


def with_lateness(sign_offs: pd.DataFrame) -> pd.DataFrame:
    """`SignOffs` with `due_at` of each review, and `on_time`, signed by then; null if not known."""
    due: Any = [None if pd.isna(at) else review_due_at(Quarter.named("", at)) for at in sign_offs["as_of"]]
    due_at = pd.Series(pd.to_datetime(due, utc=True), sign_offs.index, dtype="datetime64[us, UTC]")
    on_time = sign_offs["at"].le(due_at).astype("boolean").mask(due_at.isna())
    return sign_offs.assign(due_at=due_at, on_time=on_time)


def records(frame: pd.DataFrame) -> list[Row]:
    """The rows of a frame as JSON values, in its order and without the column `fingerprint`."""
    shown = frame.drop(columns="fingerprint", errors="ignore")
    return [
        dict(zip(map(str, shown), row, strict=True))
        for row in zip(*(map(plain, shown[name]) for name in shown), strict=True)
    ]


def plain(value: Any) -> Any:
    """A JSON value: a null for what is not known, ISO 8601 for an instant, inert text; also of lists."""
    if isinstance(value, dict):
        return {inert.plain(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return list(map(plain, value))
    value = value.item() if isinstance(value, np.generic) else value
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return iso(value.to_pydatetime())
    return value if isinstance(value, bool | int | float) else inert.plain(value)


def to_json(content: Mapping[str, Any]) -> str:
    """The text of a JSON file; a number that is not finite raises ValueError."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
