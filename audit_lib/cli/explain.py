"""`explain`: says of each line on stdin how it is read, without showing the line."""

import sys
from pathlib import Path

import click

from audit_lib.cli import options
from audit_lib.cli.log_files import formats_for, zone_of
from audit_lib.cli.open_project import opened
from audit_lib.ledger.keys import keeper_of
from audit_lib.logs.columns import DeclaredColumns
from audit_lib.logs.explain import Explained, explain_line, instant_text
from audit_lib.logs.line import LogEvent
from audit_lib.logs.stream import raw_lines
from audit_lib.report import escape as inert
from audit_lib.secrecy import guard
from audit_lib.secrecy.redact import redact_named
from audit_lib.secrets.sources import read_env_sources


@click.command()
@options.several(options.project, options.time_zone, options.formats_file)
def explain(folder: Path, time_zone: str, formats_file: Path | None) -> None:
    """Say of each log line on stdin how it is read.

    If no format reads it, it says which one came nearest.

    For example: `tail -100 app.log | audit-lib explain`.

    The guard knows the project's values, and what looks like one is removed.
    """
    formats, zone = formats_for(formats_file, folder), zone_of(time_zone)
    context = opened(folder, None)
    keeper = keeper_of(context.project)
    guard.install(keeper)
    read_env_sources(context.project, (), keeper, context.policy)
    columns = DeclaredColumns(formats)
    for number, raw in enumerate(raw_lines(sys.stdin.buffer), 1):
        for text in _lines(number, explain_line(raw, columns.formats_of(raw), zone)):
            click.echo(inert.plain(guard.scrub(redact_named(text))))


def _lines(number: int, read: Explained) -> list[str]:
    by = f", by {' > '.join(read.formats)}" if read.formats else ""
    nearest = f"; nearest is {read.nearest}" if read.nearest else ""
    if read.line.state == "not understood" and not read.nearest:
        nearest = "; no format matches its beginning"
    at = read.line.at
    shown = (
        [f"   time: {instant_text(at) if at is not None else 'none'}"] if read.line.state != "blank" else []
    )
    return [f"{number}: {read.line.state}{by}{nearest}", *shown, *map(_event, read.line.events)]


def _event(event: LogEvent) -> str:
    fields = {
        "kind": event.kind,
        "message": event.message,
        "method": event.method,
        "route": event.route,
        "status": event.status,
        "client": event.client,
        "about": event.subject,
    }
    return "   " + ", ".join(f"{name}: {value}" for name, value in fields.items() if value)
