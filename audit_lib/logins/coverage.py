"""What the logs cover of a quarter."""

from datetime import datetime

import pandas as pd

from audit_lib.base.clock import Quarter
from audit_lib.logins.contracts import LogCoverage


def tabulate_log_coverage(
    sources: pd.DataFrame, log_counts: pd.DataFrame, quarter: Quarter, as_of: datetime
) -> pd.DataFrame:
    """`LogCoverage`: the quarter's days until `as_of` beside the days and lines that were read."""
    logs = sources[sources["kind"].eq("log")]
    read = logs[logs["state"].eq("read")]
    days = (min(quarter.end, as_of) - quarter.start).total_seconds() / 86400
    row = {
        "quarter": str(quarter),
        "files": len(read),
        "lines": int(read["lines"].sum()),
        "counted": int(log_counts["count"].sum()),
        "untimed": int(log_counts["untimed"].sum()),
        "days_read": int(log_counts["day"].nunique()),
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
