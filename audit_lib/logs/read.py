"""Reads logs for a quarter: every line counted, failures with their place and time, a row for each file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from audit_lib.base.cache import Cache, user_cache
from audit_lib.base.clock import Quarter
from audit_lib.base.files import Unreadable
from audit_lib.base.frames import Sources
from audit_lib.base.in_words import Progress, quiet
from audit_lib.logs.contracts import LogCoverage
from audit_lib.logs.files import LogFile, log_files, source_row
from audit_lib.logs.formats import LogFormats, load_formats
from audit_lib.logs.line import UNREAD
from audit_lib.logs.processes import read_all
from audit_lib.logs.tally import MOST_NAMES, LogSums, Plan, categories, tabulate
from audit_lib.logs.times import NONE, ZONELESS, instant_of, micros_of
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.redact import Redactor
from audit_lib.settings import LogSource, Project

_NOTHING_COUNTED = "no request and no message was recognised in the lines that were read"
COPY = "holds the same lines as"  # how the reason begins why a packed copy is not read
BROKEN_OFF = "is read up to where it is damaged or cut short"  # and why a file is not read to its end
PACKED = ("gz", "zst", "bz2", "xz")
_MOST_KEPT = 400  # logs in the cache
_SHAPES = 3  # that are shown of a file
_STATES = ("requests", "messages", "text_only", "not_understood", "blank")  # columns of LOG_LINE_STATES
_ROTATED = re.compile(
    r"[.-]\d{4}-?\d\d-?\d\d(?:[T_-]?\d\d?){0,3}(?=\.|$)|(?:[.-]\d{1,3}|\.(?:gz|zst|bz2|xz))+$"
)
# Text that other people wrote: a request may bear a value in its path, a log in its name.
_FOREIGN = ("route", "client", "subject", "source", "file")


@dataclass(frozen=True)
class LogRead:
    """What the logs gave: frames by the contracts Sources, LogCounts, LogEvents and LogMinutes."""

    sources: pd.DataFrame
    counts: pd.DataFrame
    events: pd.DataFrame
    minutes: pd.DataFrame


class _Log(NamedTuple):
    """A log that is to be read: its row of Sources so far, and how."""

    source: LogSource
    file: LogFile
    plan: Plan
    row: dict[str, Any]


class _Kept:
    """What logs hold, kept between runs without known values, by contents and formats."""

    def __init__(self, folder: Path, keeper: Keeper, search: Redactor) -> None:
        self._cache = Cache(folder, keeper.key.derive("log cache"), "log", _MOST_KEPT)
        self._search = search

    def recall(self, log: _Log, formats: LogFormats) -> LogSums | None:
        """What was kept of a log; None if that is lost."""
        body = self._cache.recall(self._name(log, formats))
        return LogSums.loads(body) if body else None

    def keep(self, log: _Log, formats: LogFormats, sums: LogSums) -> None:
        """Keeps what a log holds if it could be read to its end; known values are removed in place."""
        for frame in (sums.requests, sums.events):
            _redact(frame, self._search)
        if not (sums.broken or sums.state):
            self._cache.keep(self._name(log, formats), sums.dumps())

    def _name(self, log: _Log, formats: LogFormats) -> str:
        return self._cache.name(log.row["sha256"], repr(log.plan), formats.digest, self._search.contents)


def nothing_read() -> LogRead:
    """What a command has that reads no logs."""
    return LogRead(Sources.of([]), *tabulate({}, 0))


def read_logs(
    project: Project,
    quarter: Quarter | None,
    formats: LogFormats | None = None,
    *,
    scheduler: str = "",
    progress: Progress = quiet,
    routes: int = MOST_NAMES,
    kept: _Kept | None = None,
) -> LogRead:
    """The logs of a project, with what lies in the quarter (all of it where none is given)."""
    formats = formats or load_formats()
    rows: list[dict[str, Any]] = []
    logs: list[_Log] = []
    for source, files in log_files(project):
        rows += _not_supplied(project, source, files)
        for file in files:
            row, plan = _opened(source, file, quarter)
            rows.append(row)
            logs += [_Log(source, file, plan, row)] if plan else []
    known = {log.file.name: sums for log in logs if kept and (sums := kept.recall(log, formats))}
    new = [(log.file, log.plan) for log in logs if log.file.name not in known]
    found: dict[str, LogSums] = {}
    total = sum(log.row["size_bytes"] for log in logs)
    done = 0
    read = read_all(formats, new, total, scheduler)
    for log in logs:
        if (sums := known.get(log.file.name)) is None:
            sums = next(read)
            if kept:
                kept.keep(log, formats, sums)
        if plain := _unpacked_copy(log, sums, found):
            log.row.update(state="refused", reason=f"{COPY} {plain}", sha256=None)
        else:
            log.row.update(_described(log, sums, quarter))
            found[log.file.name] = sums
        done += log.row["size_bytes"]
        progress("bytes of logs", done, total)
    return LogRead(Sources.of(rows), *tabulate(found, routes))


def cached_logs(project: Project, keeper: Keeper, folder: Path | None = None, **how: Any) -> LogRead:
    """All logs of a project, known values removed from routes, clients, subjects and names of files."""
    search, kept = Redactor.of(keeper), None
    if keeper.key.origin != "throw-away":
        kept = _Kept((folder or user_cache()) / "logs", keeper, search)
    return without_values(read_logs(project, None, kept=kept, **how), search)


def without_values(logs: LogRead, search: Redactor) -> LogRead:
    """The frames without known values."""
    for frame in (logs.sources, logs.counts, logs.events, logs.minutes):
        _redact(frame, search)
    return logs


def _redact(frame: pd.DataFrame, search: Redactor) -> None:
    for column in _FOREIGN:
        if column in frame and (changed := search.texts(frame[column].unique())):
            texts = frame[column].astype("str").replace(changed)
            frame[column] = categories(texts) if frame[column].dtype == "category" else texts


def _opened(source: LogSource, file: LogFile, quarter: Quarter | None) -> tuple[dict[str, Any], Plan | None]:
    """The row of Sources of a file, and how it is read; None if it is not."""
    try:
        with file.open() as opened:
            given = opened.facts
            facts = given if file.dated else {"size_bytes": given["size_bytes"]}
            row = source_row(source, file.name, "log", **facts, sha256=opened.finish())
    except Unreadable as error:
        return source_row(source, file.name, "log", state=error.state, reason=error.reason), None
    plan = Plan(ZoneInfo(source.time_zone), micros_of(given["modified_at"]) if file.dated else None)
    if quarter:
        plan = replace(plan, first=micros_of(quarter.start), end=micros_of(quarter.end))
    return row, plan


def _unpacked_copy(log: _Log, sums: LogSums, read: Mapping[str, LogSums]) -> str:
    """The file beside a packed one that holds the same, as rotation leaves for a while; else ""."""
    name, _, suffix = log.file.name.rpartition(".")
    plain = read.get(name) if suffix in PACKED else None
    if plain is None or (plain.facts, plain.broken) != (sums.facts, sums.broken):
        return ""
    return name if plain.requests.equals(sums.requests) and plain.events.equals(sums.events) else ""


def _not_supplied(project: Project, source: LogSource, files: Sequence[LogFile]) -> Iterator[dict[str, Any]]:
    """A row if the source has no file, or fewer than it has instances."""
    place = f"{source.environment or 'production'}/{source.service or 'backend'}"
    given = f"--log {place}=FILE (- is stdin)"
    if source.file is not None:  # the pattern of its place counts the instances
        return
    here = (source.environment, source.service)
    beside = [each for each in project.log_sources if each.file and (each.environment, each.service) == here]
    names = [file.name for file in files] or [each.pattern for each in beside]
    # Rotated files of one instance have the path without number, date and packing in common.
    instances = len({_ROTATED.sub("", name) for name in names})
    if not instances or instances < source.instances:
        reason = f"{instances} of {source.instances} instances have a log" if instances else "no file matches"
        remedy = f"export the platform's log to {source.pattern}, or give it with {given}"
        yield source_row(source, source.pattern, "log", state="missing", reason=reason, remedy=remedy)


def _described(log: _Log, sums: LogSums, quarter: Quarter | None) -> dict[str, Any]:
    """What the row of a log says of how its lines were read."""
    facts = sums.facts
    if sums.state:
        return {"state": sums.state, "reason": sums.reason, "sha256": None}
    return {
        "state": "read" if facts.lines or sums.broken else "empty",
        "reason": "; ".join(_reasons(sums, quarter)),
        "zone_assumed": bool(facts.lacks & ZONELESS) and not log.source.zone_declared,
        "lines": facts.lines,
        "read": facts.understood,
        **dict(zip(_STATES, facts.states.values(), strict=True)),
        "own_words": sum(facts.refusals.values()),
        "last_at": None if facts.last == NONE else instant_of(facts.last),
    }


def _reasons(sums: LogSums, quarter: Quarter | None) -> Iterator[str]:
    """What a log could not give, in clauses."""
    facts = sums.facts
    unread, refusals = (
        " and ".join(f"`{shape}`" for shape in islice(shapes, _SHAPES))
        for shapes in (facts.shapes[UNREAD], facts.refusals)
    )
    if sums.broken:
        yield f"{BROKEN_OFF} ({sums.broken})"
    elif facts.lines and not facts.understood:
        yield "no line was understood"
    elif facts.lines and facts.undated == facts.lines:
        yield "no line carries a date"
    elif facts.lines and quarter and not facts.in_period:
        first, last = (f"{instant_of(at):%Y-%m-%d}" for at in (facts.first, facts.last))
        yield f"no line of {quarter}: its lines are of {first} to {last}"
    if facts.remark:
        yield facts.remark
    if unread:
        numbers = ", ".join(map(str, facts.unread))
        yield f"not understood are lines such as {unread} (from the first on: {numbers})"
    if refusals:
        yield f"may tell of refusals in words of their own: lines such as {refusals}"


def days_by_service(sources: pd.DataFrame, log_counts: pd.DataFrame) -> "pd.Series[int]":
    """How many days have a request or message, by `environment/service` of each log that holds any."""
    logs = sources[sources["kind"].eq("log") & sources["state"].eq("read")]
    places = logs["environment"].replace("", "production") + "/" + logs["service"].replace("", "backend")
    of_file = dict(zip(logs["source"], places, strict=True))
    days = log_counts.groupby(log_counts["file"].map(of_file))["day"].nunique()
    holds = (logs["requests"] + logs["messages"]).gt(0).fillna(False).astype(bool)
    return days.reindex(sorted({*places[holds], *days.index}), fill_value=0)


def tabulate_log_coverage(
    sources: pd.DataFrame, log_counts: pd.DataFrame, quarter: Quarter, as_of: datetime
) -> pd.DataFrame:
    """`LogCoverage`: the quarter's days until `as_of` beside the days and lines that were read."""
    logs = sources[sources["kind"].eq("log")]
    read = logs[logs["state"].eq("read")]
    by_service = days_by_service(sources, log_counts)
    why = "" if len(log_counts) else "no log was read" if read.empty else _NOTHING_COUNTED
    if len(read) and read["reason"].str.startswith(f"no line of {quarter}").all():
        why = "; ".join(sorted(set(read["reason"])))
    row = {
        "quarter": str(quarter),
        "files": len(read),
        "lines": int(read["lines"].sum()),
        "counted": int(log_counts["count"].sum()),
        "untimed": int(log_counts["untimed"].sum()),
        "days_read": int(by_service.min()) if len(by_service) else int(log_counts["day"].nunique()),
        "days": max(0, -int(-(min(quarter.end, as_of) - quarter.start) // timedelta(days=1))),
        "why": why,
        "places": "; ".join(sorted(logs["source"])),
        "remedy": "; ".join(sorted(set(logs["remedy"]) - {""})),
    }
    return LogCoverage.of([row])
