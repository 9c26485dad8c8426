"""`failures PATH…`: tabulates logs on the command line."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import chain, islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import numpy as np
from click.core import ParameterSource

from audit_lib.base.errors import BadInput
from audit_lib.base.in_words import counted
from audit_lib.cli.log_files import openable, read_paths, read_remotely
from audit_lib.logs.file_counts import KINDS, LogSums, day_text, no_sums, renamed, summed
from audit_lib.logs.formats import load_formats
from audit_lib.logs.read_options import Plan, Wanted
from audit_lib.logs.route_limit import other_requests, told

COLUMNS = ("day", "kind", "status", "client", "route")
_SLICE = 1 << 14  # rows
_HELP = """
Count requests and failure messages in log files.

Reads every known format, compressed or not; - reads stdin. Each line counts as read, not understood or
blank, and the sums go to stderr. A line without a time counts on the last day before it in its file;
`untimed` says how many a row has.

Keeps up to 100,000 routes, and another 100,000 that were answered with 404 or a similar status. The
others are counted as `(other routes)`.

With --alerts, evaluates the policy's alerts since an instant instead. Then it exits with 3 if an alert
fired, with 2 if one could not be evaluated.
"""


class _By(click.ParamType[tuple[str, ...]]):
    """Columns by name, separated by commas."""

    name = "columns"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        columns = tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
        unknown = [column for column in columns if column not in COLUMNS]
        if unknown or not columns:
            faulty = f"not {', '.join(unknown)}" if unknown else "and at least one"
            self.fail(f"must be one or more of {', '.join(COLUMNS)}, {faulty}", param, ctx)
        return columns


@click.command(help=_HELP)
@click.argument("paths", nargs=-1, metavar="PATH...")
@click.option(
    "--by", type=_By(), default="day,kind", show_default=True, help=f"Count by these: {', '.join(COLUMNS)}."
)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="Format of the output.",
)
@click.option("--time-zone", default="UTC", show_default=True, help="Time zone for timestamps without one.")
@click.option(
    "--formats",
    "formats_file",
    type=click.Path(path_type=Path),
    help="Log formats to use instead of the built-in ones.",
)
@click.option(
    "--scheduler",
    metavar="ADDR",
    help="Read on the dask cluster at ADDR (tcp://…). PATHs may then be URLs.",
)
@click.option(
    "--alerts",
    is_flag=True,
    help="Evaluate the policy's alerts; exit with 3 if one fired, with 2 if one is not known.",
)
@click.option("--since", default="", help="With --alerts: from when, such as 30m or 2026-09-30T12:00Z.")
@click.option(
    "--project",
    "folder",
    type=click.Path(path_type=Path),
    default=".",
    show_default=True,
    help="The application's folder: count what its policy and audit.toml declare, too.",
)
@click.option("--policy", default="", help="Name of a bundled policy, or a policy file.")
@click.pass_context
def failures(
    context: click.Context,
    *,
    paths: tuple[str, ...],
    by: tuple[str, ...],
    layout: str,
    time_zone: str,
    formats_file: Path | None,
    scheduler: str | None,
    alerts: bool,
    since: str,
    folder: Path,
    policy: str,
) -> None:
    """Tabulate logs."""
    if alerts:
        from audit_lib.cli.alerts import watch  # noqa: PLC0415  imports pandas, which counting does not need

        context.exit(watch(folder, since, policy, layout, paths))
    if not paths:
        raise BadInput.at("PATH", "is missing: name log files, or - for stdin")
    if since:
        raise BadInput.at("--since", "is only for --alerts")
    formats = load_formats(formats_file)
    if policy or context.get_parameter_source("folder") is not ParameterSource.DEFAULT:
        from audit_lib.cli.declared import declaring  # noqa: PLC0415  imports pandas

        formats = declaring(formats, folder, policy)
    # Where a redirect tells a failed login, its requests are looked at one by one.
    one_by_one = any(login.failed_redirect for login in formats.logins)
    named = "client" in by, "route" in by
    wanted = Wanted(*named, method=False, events=one_by_one, minutes=False)
    plan = Plan(formats, _zone(time_zone), wanted=wanted)
    opened = openable(paths)
    sums = read_remotely(opened, plan, scheduler) if scheduler else read_paths(opened, plan)
    click.echo(_summary(sums), err=True)
    if requests := other_requests(sums):
        click.echo(told(requests, plan.routes), err=True)
    for piece in _printed(sums, by, layout):
        click.echo(piece, nl=False)


def rows(
    sums: Sequence[LogSums], by: Sequence[str], shown: Callable[[Any], Any] = lambda value: value
) -> Iterator[tuple[Any, ...]]:
    """One row for each group, in order: the columns asked for, then `count`, and `untimed` with days.

    `shown` is what becomes of a value. Rows are made a few thousand at a time, since there may be millions.
    """
    values = _columns(by)[len(by) :]
    columns, names = renamed(
        sums, lambda part: {name: part.groups[name] for name in (*by, *values)}, ("client", "route")
    )
    # Kinds are numbered by name, so that the order of numbers is the order of what is shown.
    kinds = sorted(KINDS)
    if "kind" in by:
        columns["kind"] = np.array([kinds.index(kind) for kind in KINDS])[columns["kind"]]
    table = summed(columns, by, values)
    del columns
    text: dict[str, Callable[[int], Any]] = {
        "day": day_text,
        "kind": kinds.__getitem__,
        "status": lambda number: number or None,
        "client": names.__getitem__,
        "route": names.__getitem__,
    }
    cells = [cache(partial(_cell, text.get(name, int), shown)) for name in (*by, *values)]
    for start in range(0, len(table["count"]), _SLICE):
        part = [table[name][start : start + _SLICE].tolist() for name in (*by, *values)]
        yield from zip(*map(map, cells, part), strict=True)


def _cell(text: Callable[[int], Any], shown: Callable[[Any], Any], number: int) -> Any:
    return shown(text(number))


def _columns(by: Sequence[str]) -> tuple[str, ...]:
    return (*by, "count", *(("untimed",) if "day" in by else ()))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise BadInput.at("--time-zone", "is not a time zone such as UTC or Europe/Berlin") from None


def _summary(sums: Sequence[LogSums]) -> str:
    states = {name: sum(part.states[name] for part in sums) for name in no_sums().states}
    lines = counted(states["lines"], "line")
    lost = f"{states['not_understood']:,} not understood, {states['blank']:,} blank"
    if not states["read"]:
        return f"nothing was read ({lines}, {lost})"
    shown = f"{counted(states['requests'], 'request')}, {counted(states['messages'], 'message')}"
    return f"{lines}: {shown}, {states['text_only']:,} text only, {lost}"


def _printed(sums: Sequence[LogSums], by: Sequence[str], layout: str) -> Iterator[str]:
    """The rows as text, in pieces."""
    columns = _columns(by)
    if layout == "json":
        named = [dict(zip(columns, record, strict=True)) for record in rows(sums, by)]
        yield json.dumps(named, indent=1, ensure_ascii=False) + "\n"
    elif layout == "csv":
        lines = map(",".join, chain([columns], rows(sums, by, _in_csv)))
        while piece := list(islice(lines, _SLICE)):
            yield "\n".join([*piece, ""])
    else:
        yield _table(list(rows(sums, by)), columns)


def _in_csv(value: Any) -> str:
    """A value as a field of CSV, in quotes if it needs them."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="").writerow([value, ""])
    return stream.getvalue().removesuffix(",")


def _table(records: list[tuple[Any, ...]], columns: Sequence[str]) -> str:
    """Aligned text: numbers to the right, "-" for what is not known."""
    if not records:
        return "no request and no failure message was found\n"
    texts = [list(columns)] + [["-" if cell is None else f"{cell}" for cell in record] for record in records]
    widths = [max(len(row[place]) for row in texts) for place in range(len(columns))]
    right = {"status", "count", "untimed"}
    return "".join(
        "  ".join(
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, width, name in zip(row, widths, columns, strict=True)
        ).rstrip()
        + "\n"
        for row in texts
    )
