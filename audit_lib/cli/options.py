"""Options that several commands take, and what their texts mean."""

import getpass
import platform
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.rotation.rotations import TRIGGERS
from audit_lib.settings import environment_name

Command = TypeVar("Command", bound=Callable[..., Any])
PATH = click.Path(path_type=Path)
LONGEST = 64 * 1024  # bytes of a value that is entered

project = click.option(
    "--project", "folder", type=PATH, default=".", show_default=True, help="The application's folder."
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
writer = click.option("--writer", default="", help="Name of your ledger chain (default: USER-HOST).")
by = click.option("--by", default="", help="Who did or decided it (default: the writer).")
until = click.option("--until", required=True, help="When the decision ends, such as 2026-12-31.")


def several(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """One decorator for several options, in the order given."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def layout(*formats: str) -> Callable[[Command], Command]:
    """The option that says in which of these formats to print, the first by default."""
    kinds, text = click.Choice(formats), "Format of the output."
    return click.option("--format", "layout", type=kinds, default=formats[0], show_default=True, help=text)


approval = several(
    click.option("--approved-by", default="", help="Who approved it."),
    click.option("--ticket", default="", help="The ticket's number or address."),
    click.option("--trigger", type=click.Choice(TRIGGERS), help="What it was done for."),
    click.option("--triggered-at", default="", help="When that was known, such as 2026-09-30T12:00:00Z."),
    click.option("--reason", default="", help="Why, in your own words."),
)


def approval_of(given: Mapping[str, Any], zone: ZoneInfo, at: datetime) -> dict[str, str]:
    """What these options add to the record of a rotation; `BadInput` for a trigger in the future."""
    body = {"approved_by": given["approved_by"], "trigger": given["trigger"] or ""}
    if not given["triggered_at"]:
        return body
    triggered = parse_instant(given["triggered_at"], "--triggered-at", zone)
    if triggered > at and triggered.astimezone(zone).date() > at.astimezone(zone).date():
        raise BadInput.at("--triggered-at", "is in the future")
    return body | {"triggered_at": iso(min(triggered, at))}  # of today only the day may be known


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
    ends = parse_instant(text, option)
    if ends <= at:
        raise BadInput.at(option, "is in the past: it must be later than now")
    return ends


def entered_value(prompt: str, *, twice: bool = False) -> str:
    """A value from a prompt that does not echo, or one line of stdin; `BadInput` for anything else."""
    if sys.stdin.isatty():
        text: str = click.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True)
        return text
    raw = sys.stdin.buffer.read(LONGEST + 1)
    text = raw.decode("utf-8", "replace").rstrip("\r\n")
    if len(raw) > LONGEST or not text or not text.isprintable():
        raise BadInput.at("stdin", f"must be one line of printable text of at most {LONGEST >> 10} KiB")
    return text
