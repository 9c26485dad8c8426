"""Reads a project's logs for one quarter: every line counted, failures with their place and time."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast
from zoneinfo import ZoneInfo

from audit_lib.base.clock import Quarter
from audit_lib.base.compressed import BOMB_RATIO, BROKEN, Bomb, Stream, is_packed, unpacked
from audit_lib.base.contracts import Sources
from audit_lib.base.files import OpenSource, Unreadable
from audit_lib.base.log_kinds import MOST_ROUTES
from audit_lib.base.progress import Progress, Watched, adding_up, quiet
from audit_lib.logs.count_lines import Period, raw_lines
from audit_lib.logs.explain_line import own_words, unread_lines
from audit_lib.logs.file_counts import LogSums, day_text
from audit_lib.logs.formats import LogFormats, load_formats
from audit_lib.logs.frames import FileSums, LogRead, counts_frame, events_frame, minutes_frame
from audit_lib.logs.log_files import LogFile, allowed_folder, is_outside, log_files
from audit_lib.logs.read_file import bytes_in, read_log, read_with_year
from audit_lib.logs.read_options import Plan
from audit_lib.logs.route_limit import Folding, other_requests, told
from audit_lib.logs.units import DAY, EPOCH, NONE, ZONELESS, micros_of
from audit_lib.project import LogSource, Project
from audit_lib.project.outside import FOLDERS
from audit_lib.project.places import source_row

COPY = "holds the same lines as"  # how the reason begins why a packed copy is not read
NOT_ALLOWED = "is outside the project, and only the owner may allow that"
BROKEN_OFF = "is read up to where it is damaged or cut short"  # and why a file is not read to its end
PACKED = (".gz", ".zst", ".bz2", ".xz")
_ROTATED = re.compile(
    r"[.-]\d{4}-?\d\d-?\d\d(?:[T_-]?\d\d?){0,3}(?=\.|$)|(?:[.-]\d{1,3}|\.(?:gz|zst|bz2|xz))+$"
)


@dataclass(frozen=True)
class _Source:
    """The files of one log source, and how they are read."""

    files: frozenset[LogFile]
    plan: Plan
    scheduler: str
    zone_declared: bool
    total: int  # bytes of the files of all sources
    more: Callable[[int], None]  # is told how many of them were read


def read_logs(
    project: Project,
    quarter: Quarter | None,
    formats: LogFormats | None = None,
    *,
    scheduler: str = "",
    routes: int = MOST_ROUTES,
    progress: Progress = quiet,
) -> LogRead:
    """The logs of a project, with what lies in the quarter (all of it where none is given).

    A line without a time counts on the last day seen before it in its file, and on no day before the first;
    lines on no day belong to every quarter. Each file that cannot be read, and each pattern without a file,
    is a row of Sources. Beyond so many `routes` in a budget, over all files, the others are one, and the rows
    of their files say so. With a `scheduler` the workers of its cluster read the plain ones, which must be
    there for each by the same path. Raises what `ZoneInfo` raises for a zone that does not exist.
    """
    formats = formats or load_formats()
    rows: list[dict[str, Any]] = []
    folding = Folding(routes)
    read: list[dict[str, Any]] = []  # the rows of the files that were read
    named = log_files(project)
    total = sum(bytes_in(file.root, [file.path]) for _, files in named for file in files)
    more = adding_up(progress, "bytes of logs", total)
    for source, files in named:
        rows += _not_supplied(project, source, files)
        zone = ZoneInfo(source.time_zone)
        plan = Plan(formats, zone, _period(quarter), routes=routes)
        own = _Source(frozenset(files), plan, scheduler, source.zone_declared, total, more)
        for file in files:
            row, sums = _read_file(own, file, quarter)
            rows.append(source_row(source, file.name, "log", **row))
            if sums:
                read.append(rows[-1])
                folding.add(sums)
    sums_of = [FileSums(row["source"], sums) for row, sums in zip(read, folding.all(), strict=True)]
    for row, (_, sums) in zip(read, sums_of, strict=True):
        if requests := other_requests([sums]):
            row["reason"] = "; ".join(filter(None, (row["reason"], told(requests, routes))))
    return LogRead(Sources.of(rows), counts_frame(sums_of), events_frame(sums_of), minutes_frame(sums_of))


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
        told = {"state": "refused", "reason": NOT_ALLOWED, "remedy": remedy}
        yield source_row(source, source.pattern, "log", **told)
        return
    if source.file is not None:  # the pattern of its place counts the instances
        return
    place_of = (source.environment, source.service)
    given_here = [
        one for one in project.log_sources if one.file and (one.environment, one.service) == place_of
    ]
    names = [file.name for file in files] or [one.pattern for one in given_here]
    found = len({_instance(name) for name in names})
    if not found or found < source.instances:
        reason = f"{found} of {source.instances} instances have a log" if found else "no file matches"
        yield _missing(source, reason, given)


def _missing(source: LogSource, reason: str, given: str) -> dict[str, Any]:
    remedy = (
        f"export the platform's log to {source.pattern}, give it with {given}, "
        "or name the log files in audit.toml ([[log]])"
    )
    return source_row(source, source.pattern, "log", state="missing", reason=reason, remedy=remedy)


def _read_file(own: _Source, file: LogFile, quarter: Quarter | None) -> tuple[dict[str, Any], LogSums | None]:
    """What one file adds to its row of Sources, and its sums."""
    try:
        with file.open() as source:
            plain = _unpacked_copy(own, file)
            if plain:
                return {"state": "refused", "reason": f"{COPY} {plain}"}, None
            broken: list[str] = []
            if file.dated:
                written = micros_of(source.facts.modified_at)
                sums, remark = read_with_year(lambda at: _sums(own, file, source, at, broken), written)
            else:
                sums, remark = _stream_sums(own, source.file, own.plan, broken), ""
            shapes = _shapes(own, file) if sums.not_understood else ""
            words, told = _own_words(own, file, sums)
            dates = {"modified_at": source.facts.modified_at, "mode": source.facts.mode}
            facts = {"size_bytes": source.facts.size_bytes, "sha256": source.finish()}
            facts |= dates if file.dated else {}
    except Unreadable as error:
        return {"state": error.state, "reason": error.reason}, None
    except Bomb:
        reason = f"unpacks to more than {BOMB_RATIO} times its size, which no honest log does"
        return {"state": "refused", "reason": reason}, None
    state = "read" if sums.lines or broken else "empty"
    reason = "".join(broken[:1]) or _reason(sums, quarter)
    reason = "; ".join(filter(None, (reason, remark, shapes, words)))
    assumed = bool(sums.lacks & ZONELESS) and not own.zone_declared
    last = None if sums.last == NONE else EPOCH + timedelta(microseconds=sums.last)
    found = {"state": state, "reason": reason, "zone_assumed": assumed, "own_words": told, "last_at": last}
    return facts | sums.states | found, sums


def _shapes(own: _Source, file: LogFile) -> str:
    """Which shapes and numbers the lines have that were not understood, in a clause; "" if they come late."""
    with file.open() as source, suppress(Bomb, *BROKEN):
        lines = raw_lines(cast(BinaryIO, unpacked(source.file)))
        shapes, numbers = unread_lines(lines, own.plan.formats, own.plan.zone)
        words = " and ".join(f"`{shape}`" for shape in shapes)
        places = ", ".join(map(str, numbers))
        return f"not understood are lines such as {words} (from the first on: {places})" if shapes else ""
    return ""


def _own_words(own: _Source, file: LogFile, sums: LogSums) -> tuple[str, int]:
    """Which lines of text alone may tell of refusals, in a clause, and how many; "" and 0 if none may."""
    if not sums.text_only:
        return "", 0
    with file.open() as source, suppress(Bomb, *BROKEN):
        lines = raw_lines(cast(BinaryIO, unpacked(source.file)))
        shapes, count = own_words(lines, own.plan.formats, own.plan.zone, requests=bool(sums.request_lines))
        words = " and ".join(f"`{shape}`" for shape in shapes)
        return (f"may report refusals in words of their own: lines such as {words}" if count else ""), count
    return "", 0


def _sums(own: _Source, file: LogFile, source: OpenSource, written: int | None, broken: list[str]) -> LogSums:
    """The sums of a file, also of one whose packed stream ends too early: `broken` gets what is wrong."""
    plan = replace(own.plan, written=written)
    if own.scheduler and not is_packed(source.peek()):
        from audit_lib.logs.cluster import read_on_cluster  # noqa: PLC0415  slow to import

        return read_on_cluster([str(file.root / file.path)], plan, own.scheduler)[0]
    if written is None:
        with file.open() as again:
            return _stream_sums(own, again.file, plan, broken)
    return _stream_sums(own, source.file, plan, broken)


def _stream_sums(own: _Source, file: BinaryIO, plan: Plan, broken: list[str]) -> LogSums:
    stream = Stream(cast(BinaryIO, Watched(file, own.more)))
    sums = read_log(cast(BinaryIO, stream), plan, own.total)
    if stream.broken:
        broken.append(f"{BROKEN_OFF} ({stream.broken})")
    return sums


def _period(quarter: Quarter | None) -> Period:
    if quarter is None:
        return Period()
    return Period(micros_of(quarter.start), micros_of(quarter.end))


def _reason(sums: LogSums, quarter: Quarter | None) -> str:
    if sums.lines and not sums.read:
        return "no line was understood"
    if sums.lines and not sums.dated:
        return "no line carries a date"
    if sums.lines and quarter and not sums.in_period:
        first, last = (day_text(at // DAY + 1) for at in (sums.first, sums.last))
        return f"no line of {quarter}: its lines are of {first} to {last}"
    return ""


def _unpacked_copy(own: _Source, file: LogFile) -> str:
    """The file beside a packed one that holds the same content, as rotation leaves for a while; else ""."""
    suffix = PurePosixPath(file.path).suffix
    plain = replace(file, path=file.path.removesuffix(suffix), name=file.name.removesuffix(suffix))
    if suffix not in PACKED or plain not in own.files:
        return ""
    return plain.name if _content_digest(file) == _content_digest(plain) else ""


def _content_digest(opened: LogFile) -> str:
    digest = sha256()
    with opened.open() as source:
        file = unpacked(source.file)
        try:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        except BROKEN:
            return opened.name  # equal to nothing
    return digest.hexdigest()
