"""`failures`, `alerts` and `explain`: what log files hold, which alerts fired, and how lines are read."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import click
import pandas as pd
from click import option

from audit_lib.base.clock import iso, since_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.frames import rows
from audit_lib.base.in_words import MESSAGE_KINDS, NOTICE, POSSIBLE, counted
from audit_lib.base.progress import progress_bar
from audit_lib.cli.open_project import PATH, command, layout, opened, refuse_if, shown
from audit_lib.cli.terminal import columns, print_json, print_table, say
from audit_lib.findings.reviews import last_signed
from audit_lib.ledger import read_ledger
from audit_lib.logins.alerts import evaluate
from audit_lib.logins.parameters import detection_policy, formats_of
from audit_lib.logins.traffic import Traffic, Window, tabulate_activity
from audit_lib.logs.file_lines import formats_by_line, raw_lines
from audit_lib.logs.files import spooled
from audit_lib.logs.formats import LogFormats, load_formats
from audit_lib.logs.line import explain_line
from audit_lib.logs.read import BROKEN_OFF, read_logs
from audit_lib.logs.times import instant_of
from audit_lib.secrecy import guard
from audit_lib.secrecy.redact import redact_named
from audit_lib.settings import LogSource, load_project
from audit_lib.settings.dump import difference, digest_of_difference, dump
from audit_lib.settings.load import is_configured

COLUMNS = ("day", "kind", "status", "address", "route")
FIRED, UNKNOWN = 3, 2  # too little could be read to evaluate the alert: bad input
_NOUNS = {"lines": "line", "requests": "request", "messages": "message"}
_OTHERS = {"text_only": "text only", "not_understood": "not understood", "blank": "blank"}
_MOST_ROWS, _ROWS_ON_A_TERMINAL = 1_000, 20  # of a table; the others are one row
_COLOURS = {"fired": "red", "unknown": "yellow", "quiet": "green"}
_EVENT = ("kind", "message", "method", "route", "status", "client", "subject")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise BadInput.at("--time-zone", "is not a time zone such as UTC or Europe/Berlin") from None


_ZONE = shown("--time-zone", default="UTC", type=_zone, metavar="ZONE")
_FORMATS = option("--formats", "file", type=PATH)


@command(
    *(click.argument("paths", nargs=-1, required=True, metavar="PATH..."), shown("--by", default="day,kind")),
    *(layout("table", "csv", "json"), _ZONE, _FORMATS),
    *(option("--scheduler", default="", metavar="ADDR"), "--project"),
)
def failures(paths: tuple[str, ...], by: str, layout: str, folder: Path, **given: Any) -> None:
    """Print the counts of what logs hold by some columns, and on stderr how their lines were read."""
    names = list(dict.fromkeys(filter(None, map(str.strip, by.split(",")))))
    refuse_if(not names or {*names} - {*COLUMNS}, "--by", f"must be one or more of {', '.join(COLUMNS)}")
    formats = _formats(given["file"], folder)
    with TemporaryDirectory(prefix="audit-log-") as place, progress_bar() as progress:
        sources = tuple(_source(path, given["time_zone"].key, Path(place)) for path in dict.fromkeys(paths))
        project = replace(load_project(Path(place)), log_sources=sources)
        read = read_logs(project, None, formats, scheduler=given["scheduler"], progress=progress)
    broken = read.sources["reason"].str.startswith(BROKEN_OFF)
    unread = read.sources[broken | ~read.sources["state"].isin({"read", "empty"})]
    if len(unread):
        raise BadInput(Fault(row.source, row.reason or row.state) for row in rows(unread))
    for reason in dict.fromkeys(filter(None, read.sources["reason"])):
        say(reason, err=True)
    counts = read.counts.rename(columns={"client": "address"})
    counts["failures"] = counts["count"].mask(counts["kind"].isin({"other", POSSIBLE, NOTICE}), 0)
    sums = ["failures", "count", *(["untimed"] if "day" in names else [])]
    table = counts.groupby(names, dropna=False, as_index=False, observed=True)[sums].sum()
    table = table.sort_values(names, na_position="first")
    if layout == "json":
        print_json(table.drop(columns="failures"))
    elif layout == "csv":
        click.echo(table.drop(columns="failures").to_csv(index=False, lineterminator="\n"), nl=False)
    else:
        _say_failures(counts, table, names)
    states = read.sources[["read", *_NOUNS, *_OTHERS]].sum()
    lines, *known = (counted(int(states[name]), noun) for name, noun in _NOUNS.items())
    others = [f"{states[name]:,} {words}" for name, words in _OTHERS.items()]
    nothing = f"nothing was read ({lines}, {', '.join(others[1:])})"
    say(f"{lines}: {', '.join([*known, *others])}" if states["read"] else nothing, err=True)


def _formats(file: Path | None, folder: Path) -> LogFormats:
    """The formats of the file, else those that the project names and declares, else the bundled ones."""
    if file is not None or not is_configured(folder):
        return load_formats(file)
    context = opened(folder, {})
    return formats_of(context.project, context.policy)


def _source(path: str, zone: str, folder: Path) -> LogSource:
    """A file, a URL or what stdin gives, kept in the folder, as a source of logs."""
    if "://" in path:
        return LogSource(path, time_zone=zone, dated=False)
    file = spooled(sys.stdin.buffer, folder) if path == "-" else Path(path).resolve()
    return LogSource(path, time_zone=zone, file=file, dated=path != "-")


def _say_failures(counts: pd.DataFrame, table: pd.DataFrame, by: Sequence[str]) -> None:
    """The answer, then a table with most failures first; what comes late is one row, and so is the total."""
    if table.empty:
        say(lead="no request and no failure message was found")
        return
    kinds, days = counts.groupby("kind", observed=True)["count"].sum(), counts["day"].dropna()
    possible, reported = kinds.get(POSSIBLE, 0), kinds.index.isin({*MESSAGE_KINDS} - {POSSIBLE, NOTICE})
    requests = int(kinds[~kinds.index.isin(MESSAGE_KINDS)].sum())
    refused = requests - kinds.get("other", 0)
    answer = f"{refused:,} of {counted(requests, 'request')} failed"
    answer += f" ({100 * refused / requests:.1f} %)" if requests else ""
    answer += f", {counted(int(kinds[reported].sum()), 'message')} of a failure"
    answer += f", {counted(possible, 'possible login failure')}" if possible else ""
    answer += f", {days.min()} to {days.max()}" if len(days) else ""
    failed = table["failures"].sum()
    say(lead=answer, colour="red" if failed else "")
    most = _ROWS_ON_A_TERMINAL if columns(sys.stdout) else _MOST_ROWS
    ranked = table.sort_values(["failures", "count"], ascending=False, kind="stable")
    late = ranked.iloc[most:]
    sums = {"total": table} if late.empty else {f"({counted(len(late), 'more row')})": late, "total": table}
    rest = pd.DataFrame([{by[0]: name, **part.drop(columns=by).sum()} for name, part in sums.items()])
    listed = pd.concat([ranked.head(most), rest.reindex(columns=table.columns, fill_value="")])
    share = (100 * listed["failures"] / failed).map("{:5.1f} %".format) if failed else ""
    listed.insert(len(by) + 1, "share", share)
    print_table(listed)


@command("--project", shown("--since", default="30m"), "--log", "--policy", layout("table", "json"))
def alerts(folder: Path, since: str, layout: str, **given: Any) -> None:
    """Evaluate the alerts since an instant; 3 if one fired, 2 if one is not known or the settings changed."""
    context = opened(folder, given)
    until = context.at
    window = Window(since_instant(since, until), until)
    project, policy, ledger_dir = context.project, context.policy, context.project.ledger_dir
    refuse_if(not policy.alerts, f"policy {policy.name}", "has no [[alerts]]")
    read, detections = read_logs(project, None, formats_of(project, policy)), detection_policy(policy)
    activity = tabulate_activity(read, detections)
    traffic = Traffic(activity, detections, window, project.log_sources)
    # Without a ledger there is no key to ask for, and none is made.
    ledger = read_ledger(ledger_dir, context.key if ledger_dir.exists() else None, until)
    found = evaluate(policy.alerts, traffic, ledger)
    if layout == "json":
        print_json(found)
    ranked = found.sort_values("state", key=lambda states: states.map([*_COLOURS].index), kind="stable")
    for row in rows(ranked) if layout == "table" else ():
        state = row.state.upper() if row.state == "fired" else row.state
        span = "" if row.first_at is None else f" from {iso(row.first_at)} to {iso(row.last_at)}"
        why = f" ({row.evidence or row.reason})" if row.evidence or row.reason else ""
        say(f"{row.alert}: {row.count}{span}{why}", f"{state:<9}", _COLOURS[row.state])
    in_force, last = dump(policy, project), last_signed(ledger)
    changed, state = [], "never signed"
    if last and last.settings is not None:
        changed = list(difference(last.settings, in_force))
        state = f"{'changed since' if changed else 'as in'} the sign-off {last.place}"
    say(f"settings and formats: {digest_of_difference(in_force)} ({state})", err=layout == "json")
    unknown = [f"alert {row.alert}: not known: {row.reason}" for row in rows(found) if row.state == "unknown"]
    for line in [*changed, *unknown]:
        say(line, err=True)
    sys.exit(FIRED if found["state"].eq("fired").any() else UNKNOWN if unknown or changed else 0)


@command("--project", _ZONE, _FORMATS)
def explain(folder: Path, time_zone: ZoneInfo, file: Path | None) -> None:
    """Print how each line of stdin is read; the line itself and values of the project are not shown."""
    formats = _formats(file, folder)
    opened(folder, {}).read()
    lines = formats_by_line(raw_lines(sys.stdin.buffer), formats)
    for number, (raw, declared) in enumerate(lines, 1):
        read = explain_line(raw, declared, time_zone)
        unread = "; no format matches its beginning" if read.line.state == "not understood" else ""
        nearest = f"; nearest is {read.nearest}" if read.nearest else unread
        by = f", by {' > '.join(read.formats)}" if read.formats else ""
        texts = [f"{number}: {read.line.state}{by}{nearest}"]
        if read.line.state != "blank":
            texts.append(f"   time: {'none' if read.line.at is None else iso(instant_of(read.line.at))}")
        for event in read.line.events:
            fields = [f"{name}: {getattr(event, name)}" for name in _EVENT if getattr(event, name)]
            texts.append("   " + ", ".join(fields))
        for text in texts:
            say(guard.scrub(redact_named(text)))
