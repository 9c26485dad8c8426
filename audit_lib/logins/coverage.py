"""What the logs cover of a quarter."""

from datetime import datetime

import pandas as pd

from audit_lib.base.clock import Quarter
from audit_lib.logins.contracts import LogCoverage


def days_by_service(sources: pd.DataFrame, log_counts: pd.DataFrame) -> "pd.Series[int]":
    """How many days have a request or message, by `environment/service` of each log that holds any."""
    logs = sources[sources["kind"].eq("log") & sources["state"].eq("read")]
    places = logs["environment"].replace("", "production") + "/" + logs["service"].replace("", "backend")
    of_file = dict(zip(logs["source"], places, strict=True))
    days = log_counts.assign(service=log_counts["file"].map(of_file)).groupby("service")["day"].nunique()
    holds = (logs["requests"] + logs["messages"]).gt(0).fillna(False).astype(bool)
    return days.reindex(sorted({*places[holds], *days.index}), fill_value=0)


def tabulate_log_coverage(
    sources: pd.DataFrame, log_counts: pd.DataFrame, quarter: Quarter, as_of: datetime
) -> pd.DataFrame:
    """`LogCoverage`: the quarter's days until `as_of` beside the days and lines that were read."""
    logs = sources[sources["kind"].eq("log")]
    read = logs[logs["state"].eq("read")]
    days = (min(quarter.end, as_of) - quarter.start).total_seconds() / 86400
    by_service = days_by_service(sources, log_counts)
    row = {
        "quarter": str(quarter),
        "files": len(read),
        "lines": int(read["lines"].sum()),
        "counted": int(log_counts["count"].sum()),
        "untimed": int(log_counts["untimed"].sum()),
        "days_read": int(by_service.min()) if len(by_service) else int(log_counts["day"].nunique()),
        "fewest": str(by_service.idxmin()) if len(by_service) else "",
        "days": max(0, -int(-days // 1)),
        "why": "" if len(log_counts) else _why(logs, quarter),
        "places": "; ".join(sorted(logs["source"])),
        "remedy": "; ".join(sorted(set(logs["remedy"]) - {""})),
    }
    return LogCoverage.of([row])


def _why(logs: pd.DataFrame, quarter: Quarter) -> str:
    """Why no request and no message of the quarter was counted."""
    read = logs[logs["state"].eq("read")]
    if read.empty:
        return "no log was read"
    others = sorted(reason for reason in set(read["reason"]) if reason.startswith(f"no line of {quarter}"))
    if others and read["reason"].str.startswith(f"no line of {quarter}").all():
        return "; ".join(others)
    return "no request and no message was recognised in the lines that were read"
