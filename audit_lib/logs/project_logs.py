"""Reads a project's logs for one quarter: every line counted, failures with their place and time."""

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast
from zoneinfo import ZoneInfo

import pandas as pd

from audit_lib.base.archives import Bomb, LogStream
from audit_lib.base.cache import ColumnCache, user_cache
from audit_lib.base.clock import Quarter
from audit_lib.base.files import Unreadable
from audit_lib.base.frames import Contract
from audit_lib.base.in_words import counted
from audit_lib.base.log_kinds import OTHER_ROUTES
from audit_lib.base.progress import Progress, adding_up, quiet
from audit_lib.logs.contracts import LogCounts, LogEvents, LogMinutes
from audit_lib.logs.formats import LogFormats, load_formats
from audit_lib.logs.frames import LogRead, LogSums, day_text, frames_of
from audit_lib.logs.line import UNREAD
from audit_lib.logs.log_files import LogFile, allowed_folder, is_outside, log_files
from audit_lib.logs.read_files import LogPart, Part, Run, processes, read_files, split
from audit_lib.logs.stream import Plan
from audit_lib.logs.sums import EVENTS, MOST_NAMES, OTHER_CLIENTS, REQUESTS, Period, Sums
from audit_lib.logs.values import DAY, NONE, ZONELESS, instant_of, micros_of
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.redact import Redactor
from audit_lib.settings import LogSource, Project
from audit_lib.settings.models import source_row
from audit_lib.settings.outside import FOLDERS

COPY = "holds the same lines as"  # how the reason begins why a packed copy is not read
NOT_ALLOWED = "is outside the project, and only the owner may allow that"
BROKEN_OFF = "is read up to where it is damaged or cut short"  # and why a file is not read to its end
PACKED = (".gz", ".zst", ".bz2", ".xz")
MOST_KEPT = 400  # logs in the cache
_SHAPES = 3  # that are shown of a file
_ROTATED = re.compile(
    r"[.-]\d{4}-?\d\d-?\d\d(?:[T_-]?\d\d?){0,3}(?=\.|$)|(?:[.-]\d{1,3}|\.(?:gz|zst|bz2|xz))+$"
)
# Text that other people wrote: a request may bear a value in its path, a log in its name.
_FOREIGN = ("route", "client", "subject", "source", "file")


@dataclass(frozen=True)
class _Log:
    """A file that is to be read: its row of Sources so far, and in which parts."""

    source: LogSource
    row: dict[str, Any]
    plan: Plan
    parts: tuple[Part, ...]
    cached: str = ""  # its name in the cache


@dataclass(frozen=True)
class LogCache:
    """What logs gave before, by their content, without known values."""

    columns: ColumnCache
    search: Redactor

    def name(self, log: _Log, formats: LogFormats) -> str:
        """Names all that decides what reading a log gives."""
        plan = repr((log.plan.zone.key, log.plan.period, log.plan.written))
        return self.columns.name(log.row["sha256"], plan, formats.digest, self.search.digest)

    def recall(self, name: str) -> Sums | None:
        """What was kept of a log."""
        found = self.columns.recall_columns(name)
        if found is None:
            return None
        facts, columns = found
        requests, events = (
            {column: columns[f"{table}/{column}"] for column in names}
            for table, names in (("requests", REQUESTS), ("events", EVENTS))
        )
        days = {int(day): count for day, count in facts["days"]}
        shapes = {(state, shape): (count, line) for state, shape, count, line in facts["shapes"]}
        known = facts | {"names": tuple(facts["names"]), "unread": tuple(facts["unread"])}
        return Sums(**(known | {"days": days, "shapes": shapes, "requests": requests, "events": events}))

    def keep(self, name: str, sums: Sums) -> Sums:
        """Keeps what a log holds, and gives it without known values."""
        changed = self.search.texts(sums.names)
        sums = replace(sums, names=tuple(changed.get(text, text) for text in sums.names))
        facts = {key: value for key, value in vars(sums).items() if key not in ("requests", "events")}
        facts["days"] = list(sums.days.items())
        facts["shapes"] = [[*key, *counted] for key, counted in sums.shapes.items()]
        tables = {"requests": sums.requests, "events": sums.events}
        columns = {f"{key}/{name}": column for key, table in tables.items() for name, column in table.items()}
        self.columns.keep_columns(name, facts, columns)
        return sums


def read_logs(
    project: Project,
    period: Quarter | None,
    formats: LogFormats | None = None,
    *,
    scheduler: str = "",
    progress: Progress = quiet,
    routes: int = MOST_NAMES,
    cache: LogCache | None = None,
) -> LogRead:
    """The logs of a project, with what lies in the quarter (all of it where none is given).

    A line without a time counts on the last day seen before it in its file, and on no day before the first;
    lines on no day belong to every quarter. Each file that cannot be read, and each pattern without a file,
    is a row of Sources. Beyond so many `routes` in either budget, and 100,000 addresses, over all files, the
    others are one, and the rows of their files say so. With a `scheduler` the workers of its cluster read
    them, by the same paths. Raises what `ZoneInfo` raises for a zone that does not exist.
    """
    formats = formats or load_formats()
    rows: list[dict[str, Any]] = []
    logs: list[_Log] = []
    for source, files in log_files(project):
        rows += _not_supplied(project, source, files)
        for file in files:
            row, log = _opened(source, file, files, formats, period)
            rows.append(row)
            logs += [log] if log else []
    if cache:
        logs = [replace(log, cached=cache.name(log, formats)) for log in logs]
    kept = {log.cached: cache.recall(log.cached) for log in logs} if cache else {}
    unread = [log for log in logs if kept.get(log.cached) is None]
    total = sum(part.size for log in unread for part in log.parts)
    more = adding_up(progress, "bytes of logs", total)
    with _readers(formats, total, scheduler) as run:
        fresh = read_files([(log.plan, log.parts) for log in unread], formats, run, more)
        read = [_log_sums(log, kept.get(log.cached), fresh, cache, period) for log in logs]
    digest = cache.columns.name([log.cached for log in logs], rows) if cache else ""
    return _noted(frames_of(rows, [log for log in read if log.sums.lines], digest, routes), routes)


def _readers(formats: LogFormats, total: int, scheduler: str) -> AbstractContextManager[Run]:
    if not scheduler:
        return processes(formats, total)
    from audit_lib.logs.cluster import workers  # noqa: PLC0415  slow to import

    return workers(formats, scheduler)


def cached_logs(
    project: Project,
    keeper: Keeper,
    folder: Path | None = None,
    *,
    formats: LogFormats | None = None,
    progress: Progress = quiet,
) -> LogRead:
    """All logs of a project, known values removed from routes, clients, subjects and names of files.

    Of the frames, but for the sources, texts are categories, and the minutes stand in the order of time:
    millions of rows are then sliced and summed within a moment. What a file gave before is believed if its
    bytes are the same, under the same key, formats and values, by the same code. Under a throw-away key
    nothing is kept.
    """
    search = Redactor.of(keeper)
    cache = None
    if keeper.key.origin != "throw-away":
        home = (folder or user_cache()) / "logs"
        cache = LogCache(ColumnCache(home, keeper.key.derive("log cache"), "npz", MOST_KEPT), search)
    logs = read_logs(project, None, formats, progress=progress, cache=cache)
    return _coded(without_values(logs, search))


def without_values(logs: LogRead, search: Redactor) -> LogRead:
    """The frames without known values."""
    for frame in (logs.sources, logs.counts, logs.events, logs.minutes, logs.days, logs.shapes):
        for column in _FOREIGN:
            if column in frame and (changed := search.texts(frame[column].unique())):
                frame[column] = frame[column].replace(changed)
    return logs


def _coded(logs: LogRead) -> LogRead:
    """The frames with texts as categories, the minutes in the order of time."""
    minutes = logs.minutes.sort_values("minute_at", kind="stable", ignore_index=True)
    return replace(
        logs,
        counts=logs.counts.astype(_categories(LogCounts)),
        events=logs.events.astype(_categories(LogEvents)),
        minutes=minutes.astype(_categories(LogMinutes)),
    )


def _categories(contract: type[Contract]) -> dict[str, str]:
    texts = contract.types().items()
    return {name: "category" for name, dtype in texts if isinstance(dtype, pd.StringDtype)}


def _instance(path: str) -> str:
    """What the rotated files of one instance have in common: the path without number, date and packing."""
    return _ROTATED.sub("", path)


def _not_supplied(project: Project, source: LogSource, files: Sequence[LogFile]) -> Iterator[dict[str, Any]]:
    """A row if the source is not allowed, has no file, or fewer than it has instances."""
    place = f"{source.environment or 'production'}/{source.service or 'backend'}"
    given = f"--log {place}=FILE (- is stdin)"
    if is_outside(source) and not allowed_folder(project, source):
        folder = PurePosixPath(source.pattern).parent
        remedy = f"allow its folder ({FOLDERS}={folder}), or give the log with {given}"
        yield source_row(source, source.pattern, "log", state="refused", reason=NOT_ALLOWED, remedy=remedy)
        return
    if source.file is not None:  # the pattern of its place counts the instances
        return
    place_of = (source.environment, source.service)
    same_place = [each for each in project.log_sources if (each.environment, each.service) == place_of]
    names = [file.name for file in files] or [each.pattern for each in same_place if each.file]
    instances = len({_instance(name) for name in names})
    if not instances or instances < source.instances:
        reason = f"{instances} of {source.instances} instances have a log" if instances else "no file matches"
        remedy = (
            f"export the platform's log to {source.pattern}, give it with {given}, "
            "or name the log files in audit.toml ([[log]])"
        )
        yield source_row(source, source.pattern, "log", state="missing", reason=reason, remedy=remedy)


def _opened(
    source: LogSource, file: LogFile, beside: Sequence[LogFile], formats: LogFormats, period: Quarter | None
) -> tuple[dict[str, Any], _Log | None]:
    """The row of a file, and how it is to be read if it is."""
    try:
        with file.open() as opened:
            plain = _unpacked_copy(file, beside)
            if plain:
                reason = f"{COPY} {plain}"
                return source_row(source, file.name, "log", state="refused", reason=reason), None
            facts = asdict(opened.facts) if file.dated else {"size_bytes": opened.facts.size_bytes}
            row = source_row(source, file.name, "log", **facts, sha256=opened.finish())
            written = micros_of(opened.facts.modified_at) if file.dated else None
        within = Period(micros_of(period.start), micros_of(period.end)) if period else Period()
        plan = Plan(ZoneInfo(source.time_zone), within, written=written)
        return row, _Log(source, row, plan, tuple(split(file, row["size_bytes"], formats, plan)))
    except Unreadable as error:
        return source_row(source, file.name, "log", state=error.state, reason=error.reason), None


def _log_sums(
    log: _Log,
    kept: Sums | None,
    fresh: Iterator[tuple[LogPart, str]],
    cache: LogCache | None,
    period: Quarter | None,
) -> LogSums:
    """What a log holds, by the cache or read afresh; its row says how that went."""
    read, remark = (LogPart(kept), "") if kept else next(fresh)
    sums = read.sums
    if read.fault[0]:
        log.row.update(state=read.fault[0], reason=read.fault[1], sha256=None)
        return LogSums(log.row, Sums())
    if cache and not kept and not read.broken and not remark:
        sums = cache.keep(log.cached, sums)
    broken = f"{BROKEN_OFF} ({read.broken})" if read.broken else ""
    reasons = (broken or _reason(sums, period), remark, _unread(sums), _refusals(sums))
    log.row.update(
        state="read" if sums.lines or broken else "empty",
        reason="; ".join(filter(None, reasons)),
        zone_assumed=bool(sums.lacks & ZONELESS) and not log.source.zone_declared,
        lines=sums.lines,
        read=sums.understood,
        requests=sums.states["request"],
        messages=sums.states["message"],
        text_only=sums.states["text only"],
        not_understood=sums.states["not understood"],
        blank=sums.states["blank"],
        own_words=sum(sums.refusals.values()),
        last_at=None if sums.last == NONE else instant_of(sums.last),
    )
    return LogSums(log.row, sums)


def _unread(sums: Sums) -> str:
    """Which shapes and numbers the lines have that were not understood, in a clause; "" if all were."""
    shapes = [shape for unknown, shape in sums.shapes if unknown == UNREAD]
    numbers = ", ".join(map(str, sums.unread))
    return (
        f"not understood are lines such as {_listed(shapes)} (from the first on: {numbers})" if shapes else ""
    )


def _refusals(sums: Sums) -> str:
    """Which lines of text alone may report refusals, in a clause; "" if none may."""
    refusals = sums.refusals
    if not refusals:
        return ""
    shapes = [shape for shape in refusals if shape]
    shown = f"lines such as {_listed(shapes)}" if shapes else counted(sum(refusals.values()), "line")
    return f"may tell of refusals in words of their own: {shown}"


def _listed(shapes: Sequence[str]) -> str:
    return " and ".join(f"`{shape}`" for shape in shapes[:_SHAPES])


def _noted(logs: LogRead, routes: int) -> LogRead:
    """The frames; the rows of files say how many of their requests are counted under no name of their own."""
    for column, others, what in (
        ("route", OTHER_ROUTES, f"{routes:,} routes"),
        ("client", OTHER_CLIENTS, f"{MOST_NAMES:,} addresses"),
    ):
        folded = logs.counts[logs.counts[column] == others].groupby("file")["count"].sum()
        for file, count in folded.items():
            held = f"{count:,} requests and messages are counted under {others}"
            note = f"more than {what} differ: {held}"
            rows = logs.sources["source"].eq(str(file)) & logs.sources["kind"].eq("log")
            reasons = logs.sources.loc[rows, "reason"]
            logs.sources.loc[rows, "reason"] = reasons.where(reasons == "", reasons + "; ") + note
    return logs


def _reason(sums: Sums, period: Quarter | None) -> str:
    if sums.lines and not sums.understood:
        return "no line was understood"
    if sums.lines and not sums.dated:
        return "no line carries a date"
    if sums.lines and period and not sums.in_period:
        first, last = (day_text(at // DAY + 1) for at in (sums.first, sums.last))
        return f"no line of {period}: its lines are of {first} to {last}"
    return ""


def _unpacked_copy(file: LogFile, beside: Sequence[LogFile]) -> str:
    """The file beside a packed one that holds the same content, as rotation leaves for a while; else ""."""
    suffix = PurePosixPath(file.path).suffix
    plain = replace(file, path=file.path.removesuffix(suffix), name=file.name.removesuffix(suffix))
    if suffix not in PACKED or plain not in beside:
        return ""
    return plain.name if _content_digest(file) == _content_digest(plain) else ""


def _content_digest(opened: LogFile) -> str:
    digest = sha256()
    with opened.open() as source:
        stream = LogStream(cast(BinaryIO, source.file))
        try:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
        except Bomb:
            return opened.name  # equal to nothing
    return opened.name if stream.broken else digest.hexdigest()
