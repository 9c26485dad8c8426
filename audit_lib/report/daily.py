"""The logs of a quarter by day and by service; a day without a line is not known, which is not zero."""

from datetime import datetime, timedelta

import pandas as pd

from audit_lib.base.clock import Quarter
from audit_lib.base.frames import Contract, Field, Series
from audit_lib.base.log_kinds import DECLARED, FAILED_REQUESTS

REQUESTS = (*FAILED_REQUESTS, "other")
LOGIN_FAILURES = ("login_failed", DECLARED)


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


def tabulate_days(log_counts: pd.DataFrame, quarter: Quarter) -> pd.DataFrame:
    """Counts by day (UTC) of the quarter: requests, refused, one column for each status of a refusal, and
    failed_logins as the application reported them; null on a day without a line."""
    start = quarter.start
    days = [f"{start + timedelta(days=day):%Y-%m-%d}" for day in range((quarter.end - start).days)]
    dated = log_counts.dropna(subset=["day"])
    seen = pd.Index(days).isin(dated["day"])

    def by_day(rows: pd.DataFrame) -> "pd.Series[int]":
        counts = rows.groupby("day")["count"].sum().reindex(days, fill_value=0).astype("Int64")
        return counts.mask(~seen)

    kinds = dated["kind"]
    columns = {
        "requests": by_day(dated[kinds.isin(REQUESTS)]),
        "refused": by_day(dated[kinds.isin(FAILED_REQUESTS)]),
        **{kind: by_day(dated[kinds.eq(kind)]) for kind in FAILED_REQUESTS if kinds.eq(kind).any()},
        "failed_logins": by_day(dated[kinds.isin(LOGIN_FAILURES)]),
    }
    return pd.DataFrame(columns).rename_axis("day")


def tabulate_coverage(
    sources: pd.DataFrame, log_counts: pd.DataFrame, quarter: Quarter, as_of: datetime
) -> pd.DataFrame:
    """`ServiceDays` of the quarter until `as_of`."""
    logs = sources[sources["kind"].eq("log")].astype({"environment": "str", "service": "str"})
    place = ["environment", "service"]
    states = ["lines", "requests", "messages", "text_only", "not_understood", "blank"]
    lines = logs.groupby(place)[states].sum().astype("int64")
    files = logs[logs["state"].eq("read")].groupby(place).size().reindex(lines.index, fill_value=0)
    of_file = logs.drop_duplicates("source").set_index("source")[place]
    dated = log_counts.dropna(subset=["day"]).join(of_file, on="file")
    days = dated.groupby(place)["day"].agg(["nunique", "min", "max"]).reindex(lines.index)
    every = max(0, -int(-(min(quarter.end, as_of) - quarter.start).total_seconds() // 86400))
    table = pd.DataFrame(
        {
            "files": files.astype("int64"),
            "days_with_lines": days["nunique"].fillna(0).astype("int64"),
            "days": every,
            "first_day": days["min"],
            "last_day": days["max"],
        }
    )
    return ServiceDays.checked(table.join(lines).reset_index())
