"""Options that several commands take: the project, its values, policy and ledger, the date, the writer."""

import getpass
import platform
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.settings import environment_name

Command = TypeVar("Command", bound=Callable[..., Any])
PATH = click.Path(path_type=Path)

project = click.option(
    "--project",
    "folder",
    type=PATH,
    default=".",
    show_default=True,
    help="The application's folder.",
)
env = click.option(
    "--env",
    "env",
    multiple=True,
    metavar="ENVIRONMENT/SERVICE=FILE|-|environ",
    help="Values that only a platform holds: a file, stdin (-) or the process environment. Never stored. "
    "A store's export of dates is read, too.",
)
log = click.option(
    "--log",
    "logs",
    multiple=True,
    metavar="ENVIRONMENT/SERVICE=PATH|-",
    help="A log beside those of audit.toml: a file, or stdin (-). May be packed.",
)
policy = click.option("--policy", default="", help="Name of a bundled policy, or a policy file.")
ledger = click.option("--ledger", type=PATH, help="The ledger's folder, if not .audit/ledger.")
time_zone = click.option(
    "--time-zone", default="UTC", show_default=True, help="Time zone for timestamps without one."
)
formats_file = click.option(
    "--formats",
    "formats_file",
    type=PATH,
    help="Log formats to use instead of the project's or the built-in ones.",
)
as_of = click.option(
    "--as-of", default="", help="Review as of this date (UTC, default: now). Later evidence is left out."
)
scheduler = click.option(
    "--scheduler", default="", metavar="ADDR", help="Read logs on the dask cluster at ADDR (tcp://…)."
)
writer = click.option("--writer", default="", help="Name of your ledger chain (default: USER-HOST).")
by = click.option("--by", default="", help="Who decided (default: the writer).")
until = click.option("--until", required=True, help="When the decision ends, such as 2026-12-31.")
reason = click.option("--reason", required=True, help="Why you decided so.")


def layout(*formats: str) -> Callable[[Command], Command]:
    """The option that says in which of these formats to print, the first by default."""
    return click.option(
        "--format",
        "layout",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Format of the output.",
    )


def several(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """One decorator for several options, in the order given."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def now() -> datetime:
    """The current instant, cut to the second as the ledger keeps it. Only commands read the clock."""
    return datetime.now(UTC).replace(microsecond=0)


def writer_name(given: str) -> str:
    """The writer's chain: as given, else `user-host` in the letters that a chain's name may have."""
    if given:
        return given
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "someone"
    plain = re.sub(r"[^a-z0-9._-]+", "-", f"{user}-{platform.node() or 'host'}".lower()).strip("-._")
    return plain[:64] or "someone"


def file_name(project: str) -> str:
    """A project's name as a part of a folder's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", project).strip("-.") or "project"


def environment_of(text: str) -> str:
    """The environment that `--environment` names; `BadInput` for any other text."""
    name = environment_name(text)
    if not name:
        raise BadInput.at("--environment", "must be one of development, staging, production (dev, prod)")
    return name


def until_instant(text: str, at: datetime, option: str = "--until") -> datetime:
    """When a decision ends; `BadInput` unless that is in the future."""
    until = parse_instant(text, option)
    if until <= at:
        raise BadInput.at(option, "is in the past: it must be later than now")
    return until
