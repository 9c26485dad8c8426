"""What the logs cover of a quarter, and whether the guide's own searches of them can find anything."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

import pandas as pd

from audit_lib.base.bounded_patterns import SLOW, TooSlow, from_basic, is_found
from audit_lib.base.clock import Quarter
from audit_lib.base.errors import BadInput
from audit_lib.logins.contracts import GuideSearches, LogCoverage
from audit_lib.logs.formats import LogFormats
from audit_lib.logs.line import LineReader
from audit_lib.logs.project_logs import PACKED
from audit_lib.project.policy import DocumentedGrep, Policy


def written_lines(formats: LogFormats, met: Collection[str] = ()) -> dict[str, list[str]]:
    """For each kind of request and message the example lines that show it, as applications write them.

    `met` are the names of the messages that logs hold: of their kinds no other application's words count.
    """
    shown: dict[str, list[tuple[str, str]]] = {}
    reader = LineReader(formats, ZoneInfo("UTC"))
    for block in formats.bodies:
        for example in block.examples:
            for event in reader.read(example.encode()).events:
                shown.setdefault(event.kind, []).append((event.message, example))
    for block in formats.messages:  # a message is seen in its examples: a test reads each
        shown.setdefault(block.kind, []).extend((block.name, example) for example in block.examples)
    known = set(met)
    own = {kind: [pair for pair in pairs if pair[0] in known] for kind, pairs in shown.items()}
    return {kind: [example for _, example in own[kind] or pairs] for kind, pairs in shown.items()}


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


def tabulate_guide_searches(
    policy: Policy, written: Mapping[str, Sequence[str]], log_counts: pd.DataFrame
) -> pd.DataFrame:
    """`GuideSearches`: each search that the guide prescribes beside what the application writes.

    `written` gives, for each kind of event, example lines of log_formats.toml (docs/rules.md#rule-d9).
    """
    counted = log_counts.groupby("kind")["count"].sum()
    in_files = log_counts.groupby(["file", "kind"])["count"].sum()
    return GuideSearches.of(
        {
            "pattern": grep.pattern,
            "path": grep.path,
            "guide_line": grep.guide_line,
            "looks_for": grep.looks_for,
            "counted": int(counted.reindex(grep.kinds, fill_value=0).sum()),
            "reached": _reached(grep, in_files),
            "can_match": _can_match(grep, written),
            "prints_values": grep.prints_values,
            "remedy": grep.remedy,
        }
        for grep in policy.greps
    )


def _reached(grep: DocumentedGrep, in_files: "pd.Series[int]") -> int:
    """How many of the events are in files that the search opens; what is packed grep reads as it is."""
    own = in_files[in_files.index.get_level_values("kind").isin(grep.kinds)]
    files = own.groupby("file").sum()
    opened = [
        PurePosixPath(file).match(grep.path) and PurePosixPath(file).suffix not in PACKED
        for file in files.index
    ]
    return int(files[opened].sum())


def _can_match(grep: DocumentedGrep, written: Mapping[str, Sequence[str]]) -> bool | None:
    """Whether a line of the kinds it is to find fits; None if it searches no log."""
    lines = [line for kind in grep.kinds for line in written.get(kind, ())]
    if not lines:
        return None
    pattern = from_basic(grep.pattern)
    try:
        return any(is_found(pattern, line, ignore_case=grep.ignore_case) for line in lines)
    except TooSlow:
        raise BadInput.at(f"the policy's [[grep]] of line {grep.guide_line}", SLOW) from None
