"""What the logs cover of a quarter, and whether the guide's own searches of them can find anything."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import pandas as pd

from audit_lib.clock import Quarter
from audit_lib.contracts import GuideSearches, LogCoverage
from audit_lib.policy import Policy


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
        "places": "; ".join(sorted(logs["source"])),
        "remedy": "; ".join(sorted(set(logs["remedy"]) - {""})),
    }
    return LogCoverage.of([row])


def tabulate_guide_searches(
    policy: Policy, written: Mapping[str, Sequence[str]], log_counts: pd.DataFrame
) -> pd.DataFrame:
    """`GuideSearches`: each search in the policy beside what the application writes.

    `written` gives, for each kind of event, example lines as log_formats.toml holds them; a search is
    fixed text, case and all, as grep takes it (rules.md D9).
    """
    searches = policy.options.get("log_search", ())
    assert isinstance(searches, list | tuple)
    counted = log_counts.groupby("kind")["count"].sum()
    return GuideSearches.of(
        {
            "pattern": search["pattern"],
            "path": search["path"],
            "guide_line": str(search.get("guide_line", "")),
            "means": search["means"],
            "counted": int(counted.get(search["means"], 0)),
            "can_match": any(search["pattern"] in line for line in written.get(search["means"], ())),
        }
        for search in searches
    )
