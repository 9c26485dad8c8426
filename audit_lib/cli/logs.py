"""`failures`, `alerts` and `explain`: what log files hold, which alerts fired, and how lines are read."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

import click
import pandas as pd

from audit_lib.base.clock import iso, since_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.frames import rows
from audit_lib.base.in_words import MESSAGE_KINDS, NOTICE, POSSIBLE, counted
from audit_lib.base.progress import Progress
from audit_lib.cli import options
from audit_lib.cli.open_project import opened, with_given_logs
from audit_lib.cli.options import PATH, now
from audit_lib.cli.terminal import (
    BAD,
    DOUBT,
    GOOD,
    TITLE,
    columns as columns_of,
    progress_bar,
    say,
)
from audit_lib.findings.reviews import last_signed
from audit_lib.ledger import Ledger, read_ledger
from audit_lib.ledger.keys import keeper_of, key_of
from audit_lib.logins.alerts import evaluate
from audit_lib.logins.parameters import detection_policy, formats_of
from audit_lib.logins.traffic import Traffic, Window, tabulate_activity
from audit_lib.logs.file_lines import formats_by_line, raw_lines
from audit_lib.logs.files import spooled
from audit_lib.logs.formats import LogFormats, load_formats, project_formats
from audit_lib.logs.line import Explained, LogEvent, explain_line
from audit_lib.logs.read import BROKEN_OFF, LogRead, read_logs
from audit_lib.logs.times import instant_of
from audit_lib.report import escape as inert
from audit_lib.secrecy import guard
from audit_lib.secrecy.redact import redact_named
from audit_lib.secrets.sources import read_env_sources
from audit_lib.settings import LogSource, load_project
from audit_lib.settings.dump import difference, digest_of_difference, dump
from audit_lib.settings.load import is_configured

COLUMNS = ("day", "kind", "status", "address", "route")
FIRED, UNKNOWN = 3, 2  # too little could be read to evaluate the alert: bad input
_STATES = ["lines", "read", "requests", "messages", "text_only", "not_understood", "blank"]
_NUMBERS = {"status", "failures", "share", "count", "untimed"}
_MOST_ROWS, _ROWS_ON_A_TERMINAL = 1_000, 20  # of a table; the others are one row
_SHORTEST = 8  # characters that every column keeps
_time_zone = click.option(
    "--time-zone", default="UTC", show_default=True, help="Time zone for timestamps without one."
)
_formats_file = click.option(
    "--formats", "formats_file", type=PATH, help="Log formats instead of the project's or the built-in ones."
)
_STYLES = {"fired": BAD, "unknown": DOUBT, "quiet": GOOD}


class _By(click.ParamType[tuple[str, ...]]):
    """Columns by name, separated by commas."""

    name = "columns"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        columns = tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
        unknown = [column for column in columns if column not in COLUMNS]
        if unknown or not columns:
            faulty = f"not {', '.join(unknown)}" if unknown else "and at least one"
            self.fail(f"must be one or more of {', '.join(COLUMNS)}, {faulty}", param, ctx)
        return columns


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--by", type=_By(), default="day,kind", show_default=True, help=f"Count by these: {', '.join(COLUMNS)}."
)
@options.several(options.layout("table", "csv", "json"), _time_zone, _formats_file)
@click.option("--scheduler", default="", metavar="ADDR", help="Read on this dask cluster; PATHs may be URLs.")
@options.project
def failures(paths: tuple[str, ...], by: tuple[str, ...], layout: str, folder: Path, **given: Any) -> None:
    """Count requests and failure messages in log files.

    Reads every known format, compressed or not; - reads stdin. Each line counts as a request, a message,
    text only, not understood or blank, and the sums go to stderr. A line without a time counts on the last
    day before it in its file; `untimed` says how many a row has. The table has most failures first.
    Of 100,000 routes and addresses the rest is counted as `(other routes)` and `(other addresses)`.

    Example: audit-lib failures /var/log/nginx/access.log* --by address,kind
    """
    formats = _formats(given["formats_file"], folder)
    with progress_bar({"bytes of logs": 1}) as progress:
        read = _read_paths(paths, given["time_zone"], formats, given["scheduler"], progress)
    columns = [*by, "count", *(["untimed"] if "day" in by else [])]
    counts = read.counts.rename(columns={"client": "address"})
    table = _summed(counts, by)
    states = {name: int(read.sources[name].sum()) for name in _STATES}
    if layout == "table":
        _say_failures(counts, table, by)
        say(_lines_in_words(states), err=True)
    else:
        text = (
            table[columns].to_csv(index=False, lineterminator="\n")
            if layout == "csv"
            else _json(table[columns])
        )
        click.echo(text, nl=False)
        click.echo(_lines_in_words(states), err=True)


def _formats(file: Path | None, folder: Path) -> LogFormats:
    """The formats of the file, else those that the project names and declares, else the bundled ones."""
    if file is not None or not is_configured(folder):
        return load_formats(file)
    context = opened(folder, {})
    rules = detection_policy(context.policy)
    return project_formats(context.project).declaring(rules.failed_statuses, rules.logins)


def _read_paths(
    paths: Iterable[str], zone: str, formats: LogFormats, scheduler: str, progress: Progress
) -> LogRead:
    """What all hold; `BadInput` with each that cannot be read whole."""
    _zone(zone)
    with TemporaryDirectory(prefix="audit-log-") as folder:
        sources = tuple(path_sources(paths, zone, sys.stdin.buffer, Path(folder)))
        project = replace(load_project(Path(folder)), log_sources=sources)
        read = read_logs(project, None, formats, scheduler=scheduler, progress=progress)
    broken = read.sources["reason"].str.startswith(BROKEN_OFF)
    unread = read.sources[broken | ~read.sources["state"].isin({"read", "empty"})]
    if len(unread):
        raise BadInput(Fault(row.source, row.reason or row.state) for row in rows(unread))
    for reason in dict.fromkeys(filter(None, read.sources["reason"])):
        click.echo(reason, err=True)
    return read


def path_sources(paths: Iterable[str], zone: str, stdin: BinaryIO, folder: Path) -> Iterator[LogSource]:
    """The files as sources of logs, each once; what stdin gives is kept in the folder."""
    for path in dict.fromkeys(paths):
        if "://" in path:
            yield LogSource(path, time_zone=zone, dated=False)
        elif path == "-":
            yield LogSource(path, time_zone=zone, file=spooled(stdin, folder), dated=False)
        else:
            yield LogSource(path, time_zone=zone, file=Path(path).resolve())


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise BadInput.at("--time-zone", "is not a time zone such as UTC or Europe/Berlin") from None


def _summed(counts: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The counts by the columns, in their order, with how many of them are failures."""
    failed = ~counts["kind"].isin({"other", POSSIBLE, NOTICE})
    groups = counts.assign(failures=counts["count"].where(failed, 0))
    table = groups.groupby(list(by), dropna=False, as_index=False, observed=True)
    return table[["failures", "count", "untimed"]].sum().sort_values(list(by), na_position="first")


def _say_failures(counts: pd.DataFrame, table: pd.DataFrame, by: Sequence[str]) -> None:
    """The answer, then a table with most failures first; what comes late is one row, and so is the total."""
    failed = int(table["failures"].sum())
    if table.empty:
        say(lead="no request and no failure message was found")
        return
    say(lead=_answer(counts), style=BAD if failed else TITLE)
    width = columns_of(sys.stdout)
    most = _ROWS_ON_A_TERMINAL if width else _MOST_ROWS
    ranked = table.sort_values(["failures", "count"], ascending=False, kind="stable")
    late, sums = ranked.iloc[most:], ["failures", "count", "untimed"]
    parts = [(f"({counted(len(late), 'more row')})", late)] if len(late) else []
    blank = dict.fromkeys(by, "")
    named = [*parts, ("total", table)]
    rest = pd.DataFrame([blank | {by[0]: name, **part[sums].sum()} for name, part in named])
    shown = pd.concat([ranked.head(most), rest]).assign(share="")
    if failed:
        shown["share"] = (100 * shown["failures"] / failed).map("{:.1f} %".format)
    columns = [*by, "failures", "share", "count", *(["untimed"] if "day" in by else [])]
    for line in _aligned(shown[columns], width):
        click.echo(line)


def _answer(counts: pd.DataFrame) -> str:
    """How many requests were refused, of how many, and how many messages report a failure, in a sentence."""
    by_kind = counts.groupby("kind", observed=True)["count"].sum()
    messages = int(by_kind[by_kind.index.isin(set(MESSAGE_KINDS) - {POSSIBLE, NOTICE})].sum())
    requests = int(by_kind[~by_kind.index.isin(MESSAGE_KINDS)].sum())
    refused, possible = requests - int(by_kind.get("other", 0)), int(by_kind.get(POSSIBLE, 0))
    share = f" ({100 * refused / requests:.1f} %)" if requests else ""
    text = f"{refused:,} of {counted(requests, 'request')} failed{share}"
    text += f", {counted(messages, 'message')} of a failure"
    text += f", {counted(possible, 'possible login failure')}" if possible else ""
    days = counts["day"].dropna()
    return text + (f", {days.min()} to {days.max()}" if len(days) else "")


def _aligned(table: pd.DataFrame, width: int | None) -> Iterator[str]:
    """Lines of a table: numbers to the right, "-" for what is not known, long texts cut to the width."""
    texts = [list(table.columns)]
    texts += [["-" if pd.isna(cell) else inert.plain(_number(cell)) for cell in row] for row in rows(table)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    while width and sum(widths) + 2 * (len(widths) - 1) >= width and max(widths) > _SHORTEST:
        widths[widths.index(max(widths))] -= 1
    for row in texts:
        cells = [
            _shortened(cell, most).rjust(most) if name in _NUMBERS else _shortened(cell, most).ljust(most)
            for name, cell, most in zip(table.columns, row, widths, strict=True)
        ]
        yield "  ".join(cells).rstrip()


def _shortened(text: str, width: int) -> str:
    """The text, its middle left out if it has more characters than that."""
    head = (width - 1) // 2
    return text if len(text) <= width else f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def _number(cell: object) -> object:
    return int(cell) if isinstance(cell, float) else cell


def _json(table: pd.DataFrame) -> str:
    records = [{name: _plain(value) for name, value in row._asdict().items()} for row in rows(table)]
    return json.dumps(records, indent=1, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    return iso(value) if hasattr(value, "tzinfo") else value


@click.command()
@options.project
@click.option(
    "--since", default="30m", show_default=True, help="From when on, such as 30m, 7d or 2026-09-30T12:00Z."
)
@options.several(options.log, options.policy, options.layout("table", "json"))
def alerts(folder: Path, since: str, layout: str, **given: Any) -> None:
    """Evaluate the policy's alerts over the latest logs, for cron.

    It exits with 3 if an alert fired. It exits with 2 if one could not be evaluated, since that is not
    quiet, or if audit.toml, the policy or the log formats changed since the last sign-off.

    Example: audit-lib alerts --project ../my-app --since 1h
    """
    until = now()
    start, context = since_instant(since, until), opened(folder, {"policy": given["policy"]})
    project = with_given_logs(context.project, given)
    rules, detections = context.policy.alerts, detection_policy(context.policy)
    if not rules:
        raise BadInput.at(f"policy {context.policy.name}", "has no [[alerts]]")
    read = read_logs(project, None, formats_of(project, context.policy))
    ledger_dir = project.ledger_dir
    # Without a ledger there is no key to ask for, and none is made.
    ledger = read_ledger(ledger_dir, key_of(project) if ledger_dir.exists() else None, until)
    activity, window = tabulate_activity(read, detections), Window(start, until)
    traffic = Traffic(activity, detections, window, project.log_sources)
    found = evaluate(rules, traffic, ledger)
    if layout == "json":
        click.echo(_json(found), nl=False)
    else:
        _say_alerts(found)
    changed = _say_settings(dump(context.policy, project), ledger, err=layout == "json")
    unknown = found[found["state"].eq("unknown")]
    for row in rows(unknown):
        click.echo(inert.plain(f"alert {row.alert}: not known: {row.reason}"), err=True)
    sys.exit(FIRED if found["state"].eq("fired").any() else UNKNOWN if len(unknown) or changed else 0)


def _say_alerts(found: pd.DataFrame) -> None:
    """A line for each alert, what fired first: with its first and last instant and its places."""
    ranked = found.sort_values("state", key=lambda states: states.map(list(_STYLES).index), kind="stable")
    for row in rows(ranked):
        state = row.state.upper() if row.state == "fired" else row.state
        span = "" if row.first_at is None else f" from {iso(row.first_at)} to {iso(row.last_at)}"
        why = f" ({row.evidence or row.reason})" if row.evidence or row.reason else ""
        say(f"{' ' * (9 - len(state))}{row.alert}: {row.count}{span}{why}", state, _STYLES[row.state])


def _say_settings(in_force: tuple[str, ...], ledger: Ledger, *, err: bool) -> bool:
    """Prints the digest of settings and formats; whether they changed since the last sign-off."""
    digest, last = digest_of_difference(in_force), last_signed(ledger)
    if last is None or last.settings is None:
        click.echo(f"settings and formats: {digest} (never signed)", err=err)
        return False
    changed = difference(last.settings, in_force)
    state = "changed since" if changed else "as in"
    click.echo(f"settings and formats: {digest} ({state} the sign-off {inert.plain(last.place)})", err=err)
    for line in changed:
        click.echo(inert.plain(line), err=True)
    return bool(changed)


@click.command()
@options.several(options.project, _time_zone, _formats_file)
def explain(folder: Path, time_zone: str, formats_file: Path | None) -> None:
    """Say of each log line on stdin how it is read.

    If no format reads it, it says which one came nearest. The line is not shown, and what looks like a
    value of the project is removed.

    Example: tail -100 app.log | audit-lib explain
    """
    formats, zone = _formats(formats_file, folder), _zone(time_zone)
    context = opened(folder, {})
    keeper = keeper_of(context.project)
    guard.install(keeper)
    read_env_sources(context.project, (), keeper, context.policy)
    lines = formats_by_line(raw_lines(sys.stdin.buffer), formats)
    for number, (raw, declared) in enumerate(lines, 1):
        for text in _explained(number, explain_line(raw, declared, zone)):
            click.echo(inert.plain(guard.scrub(redact_named(text))))


def _explained(number: int, read: Explained) -> Iterator[str]:
    by = f", by {' > '.join(read.formats)}" if read.formats else ""
    nearest = f"; nearest is {read.nearest}" if read.nearest else ""
    if read.line.state == "not understood" and not read.nearest:
        nearest = "; no format matches its beginning"
    yield f"{number}: {read.line.state}{by}{nearest}"
    if read.line.state != "blank":
        yield f"   time: {'none' if read.line.at is None else iso(instant_of(read.line.at))}"
    yield from map(_event, read.line.events)


def _event(event: LogEvent) -> str:
    names = ("kind", "message", "method", "route", "status", "client", "subject")
    return "   " + ", ".join(f"{name}: {getattr(event, name)}" for name in names if getattr(event, name))


def _lines_in_words(states: Mapping[str, int]) -> str:
    """How the lines of logs were read, by their five states, as the columns of Sources name them."""
    lines = counted(states["lines"], "line")
    lost = f"{states['not_understood']:,} not understood, {states['blank']:,} blank"
    if not states["read"]:
        return f"nothing was read ({lines}, {lost})"
    shown = f"{counted(states['requests'], 'request')}, {counted(states['messages'], 'message')}"
    return f"{lines}: {shown}, {states['text_only']:,} text only, {lost}"
