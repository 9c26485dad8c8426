"""`failures PATH…`: tabulates logs on the command line."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from audit_lib.base.clock import parse_instant, since_instant
from audit_lib.base.errors import BadInput
from audit_lib.base.in_words import lines_in_words
from audit_lib.cli import options
from audit_lib.cli.failure_rows import COLUMNS, printed, say_failures
from audit_lib.cli.log_files import formats_for, openable, read_paths, zone_of
from audit_lib.cli.options import PATH, now
from audit_lib.logs.formats import LogFormats
from audit_lib.logs.stream import Plan
from audit_lib.logs.sums import Period
from audit_lib.logs.values import micros_of
from audit_lib.settings import choose_policy, load_project
from audit_lib.settings.models import placed_option

_HELP = """
Count requests and failure messages in log files.

Reads every known format, compressed or not; - reads stdin. Each line counts as a request, a message, text
only, not understood or blank, and the sums go to stderr. A line without a time counts on the last day before
it in its file; `untimed` says how many a row has.

The table has most failures first, with their share of all failures. CSV and JSON have the rows in the
order of their columns.

Keeps 100,000 routes, another 100,000 that were answered with 404 or a similar status, and 100,000 addresses.
The others are counted as `(other routes)` and `(other addresses)`, and stderr says how many.
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
@options.layout("table", "csv", "json")
@options.log
@click.option("--since", default="", help="Count from here on, such as 30m, 7d or 2026-09-30T12:00Z.")
@click.option("--until", default="", help="Count until here, such as 2026-09-30 (that day included).")
@options.several(options.time_zone, options.formats_file)
@click.option(
    "--scheduler", metavar="ADDR", help="Read on the dask cluster at ADDR (tcp://…). PATHs may then be URLs."
)
@click.option(
    "--project",
    "folder",
    type=PATH,
    default=".",
    show_default=True,
    help="The application's folder: read by its log formats, count what it declares.",
)
@click.option("--policy", default="", help="Name of a bundled policy, or a policy file.")
@click.pass_context
def failures(
    context: click.Context, /, *, paths: tuple[str, ...], by: tuple[str, ...], folder: Path, **given: Any
) -> None:
    """Tabulate logs."""
    formats, zone = formats_for(given["formats_file"], folder), zone_of(given["time_zone"])
    if given["policy"] or context.get_parameter_source("folder") is not ParameterSource.DEFAULT:
        formats = _declaring(formats, folder, given["policy"])
    paths += _logs(given["logs"])
    if not paths:
        raise BadInput.at("PATH", "is missing: name log files, or - for stdin")
    plan = Plan(zone, _period(given["since"], given["until"]))
    logs = read_paths(openable(paths), formats, plan, given["scheduler"])
    if given["layout"] == "table":
        say_failures(logs, by)
    else:
        click.echo(printed(logs, by, given["layout"]), nl=False)
        click.echo(lines_in_words(logs.states), err=True)
    for remark in logs.remarks:
        click.echo(remark, err=True)


def _declaring(formats: LogFormats, folder: Path, policy: str) -> LogFormats:
    """The formats, with the statuses and logins that a project's policy and audit.toml declare."""
    from audit_lib.logins.parameters import detection_policy  # noqa: PLC0415  imports pandas

    rules = detection_policy(choose_policy(load_project(folder), policy))
    return formats.declaring(rules.failed_statuses, rules.logins)


def _logs(options: tuple[str, ...]) -> tuple[str, ...]:
    """The paths that `--log` names: what environment and service they are of does not matter here."""
    placed = [placed_option(option) for option in options]
    if None in placed:
        raise BadInput.at("--log", "must have the form ENVIRONMENT/SERVICE=PATH or =- (stdin)")
    return tuple(one[2] for one in placed if one)


def _period(since: str, until: str) -> Period:
    """What is counted, both instants included."""
    moment = now()
    first = {"first": micros_of(since_instant(since, moment))} if since else {}
    end = {"end": micros_of(parse_instant(until, "--until")) + 1_000_000} if until else {}
    period = Period(**first, **end)
    if period.first >= period.end:
        raise BadInput.at("--since", "is not before --until")
    return period
