"""`failures`, `alerts` and `explain`: what log files hold, which alerts fired, and how lines are read."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import pandas as pd

from audit_lib.base import clock, frames
from audit_lib.base.in_words import MESSAGE_KINDS, NOTICE, POSSIBLE, counted, progress_bar
from audit_lib.cli import open_project as cli
from audit_lib.findings.reviews import last_signed
from audit_lib.ledger import read_ledger
from audit_lib.logins import alerts as rules, parameters, traffic
from audit_lib.logs import line as log_lines, read as reader, tally, times
from audit_lib.report.tables import records
from audit_lib.secrecy import guard, redact
from audit_lib.settings import LogSource, Project, load

COLUMNS = ("day", "kind", "status", "address", "route")
UNKNOWN = 2  # too little could be read to evaluate the alert: bad input
_FORMAT = cli.shown("--format", "layout", default="table", type=click.Choice(("table", "csv", "json")))
_NOUNS = {"lines": "line", "requests": "request", "messages": "message"}
_OTHERS = {"text_only": "text only", "not_understood": "not understood", "blank": "blank"}
_MOST_ROWS, _ROWS_ON_A_TERMINAL = 1_000, 20  # of a table; the others are one row
_COLOURS = {"fired": "red", "unknown": "yellow", "quiet": "green"}
_EVENT = ("kind", "message", "method", "route", "status", "client", "subject")


@cli.command(
    click.argument("paths", nargs=-1, required=True, metavar="PATH..."),
    *(cli.shown("--by", default="day,kind"), _FORMAT),
    *(click.option("--scheduler", default="", metavar="ADDR"), "--project"),
    opens=False,
)
def failures(paths: tuple[str, ...], by: str, folder: Path, layout: str, scheduler: str) -> None:
    """Print the counts of what logs hold by some columns, and on stderr how their lines were read."""
    names = list(dict.fromkeys(filter(None, map(str.strip, by.split(",")))))
    cli.refuse((not names or {*names} - {*COLUMNS}, "--by", f"must be one or more of {', '.join(COLUMNS)}"))
    project, formats = Project("logs"), None
    if load.is_configured(folder):
        context = cli.opened(folder, {})
        project, formats = context.project, parameters.formats_of(context.project, context.policy)
    sources = tuple(_source(path, project.time_zone) for path in dict.fromkeys(paths))
    with progress_bar() as bar:
        logs = Project("logs", log_sources=sources)
        read = reader.read_logs(logs, None, formats, scheduler=scheduler, progress=bar)
    broken = read.sources["reason"].str.startswith(reader.BROKEN_OFF)
    unread = frames.rows(read.sources[broken | ~read.sources["state"].isin({"read", "empty"})])
    cli.refuse(*((True, row.source, row.reason or row.state) for row in unread))
    cli.say(*dict.fromkeys(filter(None, read.sources["reason"])), err=True)

    counts = tally.count_by(read.rows.rename(columns={"client": "address"}), sorted({*COLUMNS[:3], *names}))
    counts["failures"] = counts["count"].mask(counts["kind"].isin({"other", POSSIBLE, NOTICE}), 0)
    sums = ["failures", "count", *(["untimed"] if "day" in names else [])]
    table = counts.groupby(names, dropna=False, as_index=False, observed=True)[sums].sum()
    table = table.sort_values(names, na_position="first")
    plain = table.drop(columns="failures")
    if layout == "table":
        _say_failures(counts, table, names)
    elif layout == "json":
        cli.print_json(records(plain))
    else:
        click.echo(plain.to_csv(index=False, lineterminator="\n"), nl=False)
    _say_lines(read.sources)


def _source(path: str, zone: str) -> LogSource:
    if "://" in path:
        return LogSource(path, time_zone=zone, dated=False)
    file = cli.spooled_stdin() if path == "-" else Path(path).resolve()
    return LogSource(path, time_zone=zone, file=file, dated=path != "-")


def _say_failures(counts: pd.DataFrame, table: pd.DataFrame, by: Sequence[str]) -> None:
    """The answer, then a table with most failures first; what comes late is one row, and so is the total."""
    kinds, days = counts.groupby("kind")["count"].sum(), counts["day"].drop_duplicates().dropna()
    reported = kinds.index.isin({*MESSAGE_KINDS} - {POSSIBLE, NOTICE})
    requests = int(kinds[~kinds.index.isin(MESSAGE_KINDS)].sum())
    refused, possible = requests - kinds.get("other", 0), kinds.get(POSSIBLE, 0)
    share = f" ({100 * refused / requests:.1f} %)" if requests else ""
    facts = [
        f"{refused:,} of {counted(requests, 'request')} failed{share}",
        f"{counted(int(kinds[reported].sum()), 'message')} of a failure",
        counted(possible, "possible login failure") if possible else "",
        f"{days.min()} to {days.max()}" if len(days) else "",
    ]
    failed = table["failures"].sum()
    cli.say("", lead=", ".join(filter(None, facts)), colour="red" if failed else "")

    most = _ROWS_ON_A_TERMINAL if cli.columns(sys.stdout) else _MOST_ROWS
    ranked = table.sort_values(["failures", "count"], ascending=False, kind="stable")
    late = ranked.iloc[most:]
    sums = {"total": table} if late.empty else {f"({counted(len(late), 'more row')})": late, "total": table}
    rest = pd.DataFrame([{by[0]: name, **part.drop(columns=by).sum()} for name, part in sums.items()])
    listed = pd.concat([ranked.head(most), rest.reindex(columns=table.columns, fill_value="")])
    shares = (100 * listed["failures"] / failed).map("{:5.1f} %".format) if failed else ""
    listed.insert(len(by) + 1, "share", shares)
    cli.print_table(listed)


def _say_lines(sources: pd.DataFrame) -> None:
    states = sources[["read", *_NOUNS, *_OTHERS]].sum()
    lines, *known = (counted(int(states[name]), noun) for name, noun in _NOUNS.items())
    others = [f"{states[name]:,} {words}" for name, words in _OTHERS.items()]
    nothing = f"nothing was read ({lines}, {', '.join(others[1:])})"
    cli.say(f"{lines}: {', '.join([*known, *others])}" if states["read"] else nothing, err=True)


@cli.command(cli.shown("--since", default="30m"), "--log", "--policy")
def alerts(context: cli.Opened, since: str, **_: Any) -> None:
    """Evaluate the alerts since an instant; 3 if one fired, 2 if one is not known or the settings changed."""
    project, policy, until = context.project, context.policy, context.at
    window = traffic.Window(clock.since_instant(since, until), until)
    cli.refuse((not policy.alerts, f"policy {policy.name}", "has no [[alerts]]"))
    detections, formats = parameters.detection_policy(policy), parameters.formats_of(project, policy)
    activity = traffic.tabulate_activity(reader.read_logs(project, None, formats), detections)
    here = traffic.Traffic(activity, detections, window, project.log_sources)
    # Without a ledger there is no key to ask for, and none is made.
    ledger = read_ledger(project.ledger_dir, context.key if project.ledger_dir.exists() else None, until)
    found = rules.evaluate(policy.alerts, here, ledger)
    for row in sorted(frames.rows(found), key=lambda row: [*_COLOURS].index(row.state)):
        state = row.state.upper() if row.state == "fired" else row.state
        span = "" if row.first_at is None else f" from {clock.iso(row.first_at)} to {clock.iso(row.last_at)}"
        why = f" ({row.evidence or row.reason})" if row.evidence or row.reason else ""
        cli.say(f"{row.alert}: {row.count}{span}{why}", lead=f"{state:<9}", colour=_COLOURS[row.state])

    in_force, last = load.dump(policy, project), last_signed(ledger)
    changed, state = [], "never signed"
    if last and last.settings is not None:
        changed = list(load.difference(last.settings, in_force))
        state = f"{'changed since' if changed else 'as in'} the sign-off {last.place}"
    cli.say(f"settings and formats: {load.digest_of_difference(in_force)} ({state})")
    unknown = [
        f"alert {row.alert}: not known: {row.reason}" for row in frames.rows(found) if row.state == "unknown"
    ]
    cli.say(*changed, *unknown, err=True)
    sys.exit(cli.FOUND if found["state"].eq("fired").any() else UNKNOWN if unknown or changed else 0)


@cli.command()
def explain(context: cli.Opened, **_: Any) -> None:
    """Print how each line of stdin is read; the line itself and values of the project are not shown."""
    formats = parameters.formats_of(context.project, context.policy)
    context.read()
    lines = log_lines.formats_by_line(log_lines.raw_lines(sys.stdin.buffer), formats)
    for number, (raw, declared) in enumerate(lines, 1):
        line, names, near = log_lines.explain_line(raw, declared, ZoneInfo(context.project.time_zone))
        by = (f", by {' > '.join(names)}" if names else "") + (f"; nearest is {near}" if near else "")
        at = "none" if line.at is None else clock.iso(times.instant_of(line.at))
        texts = [f"{number}: {line.state}{by}", *([] if line.state == "blank" else [f"   time: {at}"])]
        for event in line.events:
            fields = [f"{name}: {getattr(event, name)}" for name in _EVENT if getattr(event, name)]
            texts.append(f"   {', '.join(fields)}")
        cli.say(*(guard.scrub(redact.redact_named(text)) for text in texts))
