"""`rotate due`: what falls due, for a terminal, a calendar and cron."""

import re
import sys
from pathlib import Path
from typing import Any

import click

from audit_lib.base.clock import iso
from audit_lib.base.errors import BadInput
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted
from audit_lib.cli import options
from audit_lib.cli.open_project import opened
from audit_lib.cli.options import PATH, now
from audit_lib.ledger.keys import keeper_of
from audit_lib.logs.frames import nothing_read
from audit_lib.rotation.schedule import calendar_text, due_within, due_words, tabulate_schedule
from audit_lib.secrets.read_project import read_project
from audit_lib.settings import instant_of

FALLS_DUE = 3
MOST_DAYS = 3650


@click.command()
@options.several(options.project)
@click.option("--within", default="14d", show_default=True, help="How far to look ahead, in days.")
@click.option("--calendar", type=PATH, help="Also write all dates to this iCalendar file.")
@options.several(options.env, options.policy, options.ledger, options.as_of)
def due(folder: Path, within: str, calendar: Path | None, **given: Any) -> None:
    """List the secrets that fall due within some days.

    It exits with 3 if there are any, also if an age is not known: then the secret may be overdue. A secret is
    best rotated ten days early, since a quarter has up to 92 days.
    """
    days = _days(within)
    context = opened(folder, given["ledger"], given["policy"], given["env"])
    at = instant_of(context.project, given["as_of"] or iso(now()))
    keeper = keeper_of(context.project)
    read = read_project(context.project, context.policy, keeper, at, nothing_read, given=context.given)
    schedule = tabulate_schedule(read.freshness)
    soon = due_within(schedule, at, days)
    for row in rows(soon):
        click.echo(due_words(row, at))
    unseen = int(read.freshness["reason"].eq("not supplied").sum())
    if unseen:
        click.echo(f"{counted(unseen, 'value')} not supplied (--env): nothing is known of them", err=True)
    if schedule.empty:
        raise BadInput.at(str(folder), "has no secret in force whose age is limited: nothing was judged")
    if calendar:
        calendar.write_text(calendar_text(schedule, context.project.name, at), "utf-8", newline="")
        click.echo(f"{calendar}: {counted(len(schedule), 'secret')}", err=True)
    if not soon.empty:
        sys.exit(FALLS_DUE)
    click.echo(f"Nothing falls due within {counted(days, 'day')}")


def _days(text: str) -> int:
    found = re.fullmatch(r"(\d{1,4})d?", text.strip())
    if not found or int(found[1]) > MOST_DAYS:
        raise BadInput.at("--within", f"must be a number of days such as 14d, at most {MOST_DAYS}")
    return int(found[1])
