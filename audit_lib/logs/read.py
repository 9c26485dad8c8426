"""Reads logs for a quarter: every line counted, failures with their place and time, a row for each file."""

import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from hashlib import file_digest
from io import BufferedReader, BytesIO
from itertools import islice, pairwise, permutations
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from audit_lib.base.archives import LogStream
from audit_lib.base.cache import Cache, user_cache
from audit_lib.base.clock import Quarter
from audit_lib.base.errors import BadInput
from audit_lib.base.files import Unreadable
from audit_lib.base.frames import Sources
from audit_lib.base.in_words import Progress, quiet
from audit_lib.logs.files import LogFile, log_files, source_row
from audit_lib.logs.formats import MOST_NAMES, LogFormats, load_formats
from audit_lib.logs.line import LINE_LIMIT, RAILS_BEGUN, UNREAD, LineReader
from audit_lib.logs.tally import LogSums, counts_of, gather, joined, minutes_of, read_log, sum_lines, tabulate
from audit_lib.logs.templates import FIELDS
from audit_lib.logs.times import NONE, YEARLESS, ZONELESS, days_of, instant_of, micros_of
from audit_lib.logs.values import NOT_AN_ADDRESS
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.redact import Redactor
from audit_lib.settings import LogSource, Project

_NOTHING_COUNTED = "no request and no message was recognised in the lines that were read"
COPY = "holds the same lines as"  # how the reason begins why a packed copy is not read
BROKEN_OFF = "is read up to where it is damaged or cut short"  # and why a file is not read to its end
_STATES = ("requests", "messages", "text_only", "not_understood", "blank")  # columns of LOG_LINE_STATES
ROTATED = re.compile(  # what a rotation adds to the name of a log
    r"[.-]\d{4}-?\d\d-?\d\d(?:[T_-]?\d\d?){0,3}(?=\.|$)|(?:[.-]\d{1,3}|\.(?:gz|zst|bz2|xz))+$"
)
_PRIVATE = re.compile(FIELDS["private"].decode())
_ALONE = 16 << 20  # up to so many bytes in all, another process would take longer to start than to read
_MOST_PROCESSES = 8
_MOST_TRIED = 1_000  # lines behind a place to cut, for one that begins a record
_FORMATS: ContextVar[LogFormats] = ContextVar("formats")  # of a process that reads for another


@dataclass(frozen=True)
class LogRead:
    """What the logs gave: frames by the contracts Sources, LogCounts, LogEvents and LogMinutes."""

    sources: pd.DataFrame
    rows: pd.DataFrame  # of which counts and minutes are made when they are asked for: that takes memory
    events: pd.DataFrame
    counts = cached_property(lambda logs: counts_of(logs.rows))
    minutes = cached_property(lambda logs: minutes_of(logs.rows))


class _Log(NamedTuple):
    source: LogSource
    file: LogFile
    row: dict[str, Any]


def _kept_sums(
    cache: Cache, search: Redactor, logs: Sequence[_Log], formats: LogFormats, read: Callable[..., Any]
) -> Iterator[LogSums]:
    by = formats.origin, formats.declared_statuses, formats.logins, search.contents
    names = [cache.name(log.row["sha256"], str(log.file.zone), log.file.written, *by) for log in logs]
    bodies = [cache.recall(name) for name in names]
    new = read([log.file for log, body in zip(logs, bodies, strict=True) if not body])
    for name, body in zip(names, bodies, strict=True):
        sums = LogSums.loads(body) if body else next(new)
        for frame in () if body else (sums.requests, sums.events):
            _redact(frame, search)
        if not (body or sums.broken or sums.state):
            cache.keep(name, sums.dumps())
        yield sums


def nothing_read() -> LogRead:
    """What a command has that reads no logs."""
    return LogRead(Sources.of([]), *tabulate(gather({}), 0))


def read_logs(
    project: Project,
    quarter: Quarter | None,
    formats: LogFormats | None = None,
    *,
    scheduler: str = "",
    progress: Progress = quiet,
    routes: int = MOST_NAMES,
    kept: Callable[..., Iterator[LogSums]] | None = None,
) -> LogRead:
    """The logs of a project, with what lies in the quarter (all of it where none is given).

    Every file that a source names has a row of Sources, read or not. `progress` is called after each log with
    the bytes so far, and of how many. `BadInput` if no `scheduler` answers, or for bundled formats at fault.
    """
    formats, rows, logs = formats or load_formats(), list[dict[str, Any]](), list[_Log]()
    for source, files in log_files(project):
        opened = [_opened(source, file) for file in files]
        rows += [*_not_supplied(project, source, files), *(log.row for log in opened)]
        logs += [log for log in opened if log.row["state"] == "read"]
    done, total = 0, sum(log.row["size_bytes"] for log in logs)
    read = partial(read_all, formats, size=total, scheduler=scheduler)
    every = kept(logs, formats, read) if kept else read([log.file for log in logs])
    found: dict[str, LogSums] = {}
    by_log: defaultdict[tuple[str, ...], dict[str, Any]] = defaultdict(dict)  # rows of files
    for log, whole in zip(logs, every, strict=True):
        sums = whole.within(quarter) if quarter else whole
        if plain := _unpacked_copy(log, sums, found):
            log.row.update(state="refused", reason=f"{COPY} {plain}", sha256=None)
        else:
            log.row.update(_described(log, sums, quarter))
            found[log.file.name] = sums
            by_log[log.source.environment, ROTATED.sub("", log.file.name)][log.file.name] = log.row
        done += log.row["size_bytes"]
        progress("bytes of logs", done, total)
    frames = gather(found)
    if len(by_log) > 1:
        _count_once(frames, by_log)
    return LogRead(Sources.of(rows), *tabulate(frames, routes))


def _count_once(frames: list[pd.DataFrame], by_log: Mapping[tuple[str, ...], dict[str, Any]]) -> None:
    """Takes from requests and events what another log of the environment tells, too; rows of Sources say so.
    Of each day a log's first row stays. One that names no caller, as behind a proxy, takes from no other."""
    rows = pd.concat([_marked(frame, at) for at, frame in enumerate(frames)], ignore_index=True)
    naming = {
        file
        for file, client in rows[["file", "client"]].drop_duplicates().itertuples(index=False)
        if client not in ("", NOT_AN_ADDRESS) and not _PRIVATE.fullmatch(client)
    }
    for more, fewer in (pair for pair in permutations(by_log, 2) if pair[0][0] == pair[1][0]):
        there, own = (rows["file"].isin([*by_log[log]]) & rows["at"].ge(0) for log in (more, fewer))
        mark, named = rows["mark"], rows["mark"].gt(0)
        if is_bare := naming.isdisjoint(by_log[fewer]) and not naming.isdisjoint(by_log[more]):
            mark = rows["bare"].where(own | named & rows["bare"].isin(rows["bare"][own]), rows["inner"])
        known = rows[["at", "count"]].assign(mark=mark)
        told, asked = (known[log & mark.gt(0) & known["count"].gt(0)] for log in (there, own))
        twins = _twins(told, asked, by_day=is_bare)
        rows.loc[twins.index, "count"] -= twins
        sums = twins[twins.index < len(frames[0])].groupby(rows["file"], observed=True).sum()
        for name, count in sums[sums.gt(0)].items():
            row, text = by_log[fewer][str(name)], "{:,} of its requests are in {}, too, and count once"
            row["reason"] = "; ".join(filter(None, (row["reason"], text.format(count, more[-1]))))
    requests, events = np.split(rows["count"].to_numpy("int32"), [len(frames[0])])
    stays = (requests > 0) | ~frames[0].duplicated(["file", "day"])
    frames[:] = frames[0].assign(count=requests)[stays], frames[1].assign(count=events)[events > 0]


def _marked(rows: pd.DataFrame, base: int) -> pd.DataFrame:
    """The rows with twice their minute, -1 of messages; a mark of all else, 0 where no client has an address;
    a bare one without the client; and that within the first folder of the route, which a proxy may strip."""
    hashed, route = partial(pd.util.hash_pandas_object, index=False), rows["route"].cat
    within = hashed(pd.Series(route.categories).str.replace("^/[^/]*", "", regex=True)).to_numpy()
    rest, whole = hashed(rows[["kind", "status"]]), hashed(rows["route"])
    is_named = ~rows["client"].isin(["", NOT_AN_ADDRESS])
    return rows[["file", "count", "client"]].assign(
        at=(rows["minute"] * 2 + base).where(rows["minute"].ge(0) & rows["status"].gt(0), -1),
        mark=(rest + whole + hashed(rows["client"])).where(is_named, 0),
        bare=rest + whole,
        inner=(rest + within[route.codes]).where(is_named, 0),
    )


def _twins(more: pd.DataFrame, fewer: pd.DataFrame, *, by_day: bool) -> "pd.Series[int]":
    """How many of each of the fewer rows the other log has, in its minute or beside it.

    None unless half of what is first asked for, or so often in a minute (`by_day` each day, at a time of its
    own), and 20, is as often in that minute of both: instances are alike where somebody polls. More than two
    in a minute count double."""
    own = fewer[(fewer["at"] // 2).between(*(more["at"] // 2).agg(["min", "max"]))]
    key, other = (rows["mark"] + rows["at"].astype("uint64") for rows in (own, more))
    asked, there = (rows["count"].groupby(at, sort=False).sum() for rows, at in ((own, key), (more, other)))
    times = own.sort_values("at", kind="stable").assign(day=own["at"] // 2880 * by_day, time=own["at"] % 2880)
    first = times.drop_duplicates(["mark", "day", "count"]).drop_duplicates(["mark", "time"])
    same = first.loc[first["count"].eq(key[first.index].map(there)), "count"]
    if len(same) + same.gt(2).sum() < max(20, len(first) / 2):
        return own["count"][:0]
    left, free = asked.to_numpy(), np.append(there, 0)
    for beside in (asked.index, asked.index - 2, asked.index + 2):
        taken = np.minimum(left, free[at := there.index.get_indexer(beside)])
        left, free[at] = left - taken, free[at] - taken
    before = own["count"].groupby(key, sort=False).cumsum() - own["count"]
    return (key.map(asked - left) - before).clip(0, own["count"])


def cached_logs(project: Project, keeper: Keeper, folder: Path | None = None, **how: Any) -> LogRead:
    """All logs of a project, known values removed from routes, clients and subjects.

    Under a key that is kept, what each log holds is kept in the folder, by default in the user's cache. What
    cannot be read to its end is read anew each time."""
    search, kept = Redactor.of(keeper), None
    if keeper.key.origin != "throw-away":
        place = (folder or user_cache()) / "logs"
        kept = partial(_kept_sums, Cache(place, keeper.key.derive("log cache"), "log", most=400), search)
    return without_values(read_logs(project, None, kept=kept, **how), search)


def without_values(logs: LogRead, search: Redactor) -> LogRead:
    """The logs, known values redacted in route, client and subject: the given frames, changed in place."""
    for frame in (logs.sources, logs.counts, logs.events, logs.minutes):
        _redact(frame, search)
    return logs


def _redact(frame: pd.DataFrame, search: Redactor) -> None:
    for column in frame.columns.intersection(["route", "client", "subject"]):  # which others wrote
        if changed := search.texts(frame[column].unique()):
            kind: Any = frame[column].dtype.name
            frame[column] = frame[column].astype("str").replace(changed).astype(kind)


def _opened(source: LogSource, file: LogFile) -> _Log:
    try:
        with file.open() as (content, given):
            facts = given if source.dated else {"size_bytes": given["size_bytes"]}
            columns: dict[str, Any] = {**facts, "sha256": file_digest(content, "sha256").hexdigest()}
            file = replace(file, written=micros_of(given["modified_at"]) if source.dated else None)
    except Unreadable as error:
        columns = {"state": error.state, "reason": error.reason}
    return _Log(source, file, source_row(source, file.name, "log", **columns))


def _unpacked_copy(log: _Log, sums: LogSums, read: Mapping[str, LogSums]) -> str:
    """The file beside a packed one that holds the same, as rotation leaves for a while; else ""."""
    name, _, suffix = log.file.name.rpartition(".")
    plain: Any = read.get(name) if suffix in ("gz", "zst", "bz2", "xz") else None
    alike = plain and all(getattr(plain, it).equals(getattr(sums, it)) for it in ("requests", "events"))
    return name if alike and (plain.facts, plain.broken) == (sums.facts, sums.broken) else ""


def _not_supplied(project: Project, source: LogSource, files: Sequence[LogFile]) -> Iterator[dict[str, Any]]:
    """A row if the source has no file, or fewer than it has instances. A given file is one of a pattern."""
    here = (source.environment, source.service)
    beside = [each for each in project.log_sources if each.file and (each.environment, each.service) == here]
    names = [file.name for file in files] or [each.pattern for each in beside]
    # Rotated files of one instance have the path without number, date and packing in common.
    instances = len({ROTATED.sub("", name) for name in names})
    if source.file is None and instances < max(1, source.instances):
        reason = f"{instances} of {source.instances} instances have a log" if instances else "no file matches"
        given = f"--log {here[0] or 'production'}/{here[1] or 'backend'}=FILE (- is stdin)"
        remedy = f"export the platform's log to {source.pattern}, or give it with {given}"
        yield source_row(source, source.pattern, "log", state="missing", reason=reason, remedy=remedy)


def _described(log: _Log, sums: LogSums, quarter: Quarter | None) -> dict[str, Any]:
    facts = sums.facts
    if sums.state:
        return {"state": sums.state, "reason": sums.reason, "sha256": None}
    return {
        "state": "read" if facts.lines or sums.broken else "empty",
        "reason": "; ".join(filter(None, _reasons(sums, quarter))),
        "zone_assumed": bool(facts.lacks & ZONELESS) and not log.source.zone_declared,
        "lines": facts.lines,
        "read": facts.understood,
        **dict(zip(_STATES, facts.states.values(), strict=True)),
        "own_words": sum(facts.refusals.values()),
        "last_at": None if facts.last == NONE else instant_of(facts.last),
    }


def _reasons(sums: LogSums, quarter: Quarter | None) -> Iterator[str]:
    facts = sums.facts
    kinds = facts.shapes[UNREAD], facts.refusals
    unread, refusals = (" and ".join(f"`{each}`" for each in islice(kind, 3)) for kind in kinds)
    if sums.broken:
        yield f"{BROKEN_OFF} ({sums.broken})"
    elif facts.lines and not facts.understood:
        yield "no line was understood"
    elif facts.lines and not facts.days:
        yield "no line carries a date"
    elif facts.days and quarter and facts.days.isdisjoint(days_of(quarter)):
        first, last = (np.datetime64(day - 1, "D") for day in (min(facts.days), max(facts.days)))
        yield f"no line of {quarter}: its lines are of {first} to {last}"
    yield facts.remark
    if unread:
        numbers = ", ".join(map(str, facts.unread))
        yield f"not understood are lines such as {unread} (from the first on: {numbers})"
    if refusals:
        yield f"may tell of refusals in words of their own: lines such as {refusals}"


def days_by_service(sources: pd.DataFrame, log_counts: pd.DataFrame) -> "pd.Series[int]":
    """Numbers of days (UTC) with a request or message, by `environment/service` of each log that holds any.

    An empty environment is production, an empty service backend. 0: `log_counts` has no day of what it holds.
    """
    logs = sources[sources["kind"].eq("log") & sources["state"].eq("read")]
    places = logs["environment"].replace("", "production") + "/" + logs["service"].replace("", "backend")
    of_file = dict(zip(logs["source"], places, strict=True))
    days = log_counts.groupby(log_counts["file"].map(of_file))["day"].nunique()
    holds = (logs["requests"] + logs["messages"]).gt(0).fillna(False).astype(bool)
    return days.reindex(sorted({*places[holds], *days.index}), fill_value=0)


def tabulate_log_coverage(
    sources: pd.DataFrame, log_counts: pd.DataFrame, quarter: Quarter, as_of: datetime
) -> pd.DataFrame:
    """One row, for the quarter: how much of it the logs show, beside its days until `as_of`. `counted` are
    its requests and messages, of which `untimed` carry no time of their own; `days_read` is the number of
    days with any, of the service with the fewest. `why` says why nothing was counted."""
    logs = sources[sources["kind"].eq("log")]
    read, by_service = logs[logs["state"].eq("read")], days_by_service(sources, log_counts)
    why = "" if len(log_counts) else "no log was read" if read.empty else _NOTHING_COUNTED
    if len(read) and read["reason"].str.startswith(f"no line of {quarter}").all():
        why = "; ".join(sorted(set(read["reason"])))
    row = {
        "quarter": str(quarter),
        "files": len(read),
        "lines": int(read["lines"].sum()),  # of whatever time
        "counted": int(log_counts["count"].sum()),
        "untimed": int(log_counts["untimed"].sum()),
        "days_read": int(by_service.min()) if len(by_service) else int(log_counts["day"].nunique()),
        "days": max(0, -int(-(min(quarter.end, as_of) - quarter.start) // timedelta(days=1))),
        "as_of": as_of.isoformat(),
        "why": why,
        "places": "; ".join(sorted(logs["source"])),  # where logs were looked for
        "remedy": "; ".join(sorted(set(logs["remedy"]) - {""})),  # what would supply them
    }
    return pd.DataFrame([row])


def read_all(
    formats: LogFormats, files: Sequence[LogFile], size: int, scheduler: str = ""
) -> Iterator[LogSums]:
    """What each log holds, in their order; they have so many bytes in all. Large ones are read in pieces, by
    as many processes as there are cores. `BadInput` for no scheduler."""
    count = min(_MOST_PROCESSES, len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1)
    if scheduler:
        with workers(scheduler) as run:
            yield from run(partial(read_log, formats), files)
    elif count < 2 or size < _ALONE:
        yield from map(partial(read_log, formats), files)
    else:
        with ProcessPoolExecutor(count, get_context("fork"), _FORMATS.set, (formats,)) as pool:
            given = [
                [pool.submit(_read_part, file, *piece) for piece in _pieces(formats, file, count) or ((),)]
                for file in files
            ]
            for file, parts in zip(files, given, strict=True):
                yield joined(formats, [part.result() for part in parts]) or read_log(formats, file)


def _read_part(file: LogFile, *piece: Any) -> LogSums:
    return sum_lines(_FORMATS.get(), file, *piece) if piece else read_log(_FORMATS.get(), file)


def _pieces(formats: LogFormats, file: LogFile, count: int) -> list[tuple[int, int | None, int | None]]:
    """A large log in at most so many pieces, each but the first from a record with a time on.

    What is said before a record with a time of its own changes nothing behind it, so the sums of the pieces
    are those of the log. There are none of a log that cannot be read, that declares its columns, or that has
    requests of Rails or times without a year: it must be read as a whole.
    """
    cuts: list[tuple[Any, int | None]] = [(0, None)]
    passed, tried, reader, begins = 0, 0, LineReader(formats, file.zone), True
    with suppress(Unreadable), file.open() as (content, facts):
        least, stream = facts["size_bytes"] // count, BufferedReader(LogStream(content), LINE_LIMIT)
        blocks = iter(lambda: stream.read(LINE_LIMIT >> 3) + stream.readline(LINE_LIMIT), b"")  # in a cache
        for block in blocks if least >= _ALONE // 2 else ():
            is_rails = b"Started " in block and any(map(RAILS_BEGUN.match, BytesIO(block)))
            if is_rails or (not passed and block[:1] == b"#"):
                return []
            within, is_open = passed, tried < _MOST_TRIED and passed + len(block) > least * len(cuts)
            for raw in BytesIO(block) if is_open else ():
                if begins and within >= least * len(cuts) and tried < _MOST_TRIED:
                    line, tried = reader.read(raw), tried + 1
                    if line.record and line.at is not None and not line.lacks & YEARLESS:
                        cuts, tried = [*cuts, (within, line.at)], 0
                within, begins = within + len(raw), raw.endswith(b"\n")
            passed, begins = passed + len(block), block.endswith(b"\n")
    cuts = [*cuts[:: -(-len(cuts) // count)], (None, None)]
    return [(first, *end) for (first, _), end in pairwise(cuts)] if cuts[2:] else []


@contextmanager
def workers(scheduler: str) -> Iterator[Any]:
    """Maps a function over logs on a dask cluster, again if a worker is lost; `BadInput` if none answers."""
    try:
        from distributed import Client  # noqa: PLC0415  slow to import, and of the extra [cluster]

        client = Client(scheduler, timeout=10, set_as_default=False)  # type: ignore[no-untyped-call]
    except ImportError as missing:
        raise BadInput.at("--scheduler", f"needs {missing.name}: install audit-lib[cluster]") from None
    except (OSError, ValueError, TimeoutError):
        raise BadInput.at("--scheduler", f"no scheduler answers at {scheduler}") from None
    with client:
        yield lambda read, logs: (each.result() for each in client.map(read, list(logs), pure=False))
