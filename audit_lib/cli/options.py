"""Options that several commands take, and what their texts mean."""

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
Option = Callable[[Command], Command]
PATH = click.Path(path_type=Path)
LONGEST = 64 * 1024  # bytes of a value that is entered


def text(*names: str, text: str, **more: Any) -> Option[Any]:
    """An option that is a text, empty by default."""
    return click.option(*names, default="", help=text, **more)


def flag(name: str, text: str) -> Option[Any]:
    """An option without a value."""
    return click.option(name, is_flag=True, help=text)


def layout(*formats: str) -> Option[Any]:
    """The option that says in which of these formats to print, the first by default."""
    kinds, help_ = click.Choice(formats), "Format of the output."
    return click.option("--format", "layout", type=kinds, default=formats[0], show_default=True, help=help_)


def several(*options: Option[Any]) -> Option[Any]:
    """One decorator for several options, in the order given."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_ENV = (
    "Values that only a platform holds: a file, stdin (-) or the process environment. Never stored. "
    "A store's export of dates is read, too."
)
project = click.option(
    "--project", "folder", type=PATH, default=".", show_default=True, help="The application's folder."
)
env = click.option("--env", multiple=True, metavar="ENVIRONMENT/SERVICE=FILE|-|environ", help=_ENV)
log = click.option(
    "--log",
    "logs",
    multiple=True,
    metavar="ENVIRONMENT/SERVICE=PATH|-",
    help="A log beside those of audit.toml: a file, or stdin (-). May be packed.",
)
policy = text("--policy", text="Name of a bundled policy, or a policy file.")
ledger = click.option("--ledger", type=PATH, help="The ledger's folder, if not .audit/ledger.")
as_of = text("--as-of", text="Review as of this date (UTC, default: now). Later evidence is left out.")
writer = text("--writer", text="Name of your ledger chain (default: USER-HOST).")
by = text("--by", text="Who did or decided it (default: the writer).")
approval = several(
    text("--approved-by", text="Who approved it."),
    text("--ticket", text="The ticket's number or address."),
    click.option("--trigger", type=click.Choice(TRIGGERS), help="What it was done for."),
    text("--triggered-at", text="When that was known, such as 2026-09-30T12:00:00Z."),
    text("--reason", text="Why, in your own words."),
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


def file_name(project: str) -> str:
    """A project's name as a part of a folder's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", project).strip("-.") or "project"


def environment_of(text: str) -> str:
    """The environment that `--environment` names; `BadInput` for any other text."""
    if name := environment_name(text):
        return name
    raise BadInput.at("--environment", "must be one of development, staging, production (dev, prod)")


def until_instant(text: str, option: str = "--until") -> datetime:
    """When a decision ends; `BadInput` unless that is in the future."""
    if (ends := parse_instant(text, option)) > now():
        return ends
    raise BadInput.at(option, "is in the past: it must be later than now")


def entered_value(prompt: str, *, twice: bool = False) -> str:
    """A value from a prompt that does not echo, or one line of stdin; `BadInput` for anything else."""
    if sys.stdin.isatty():
        entered: str = click.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True)
        return entered
    raw = sys.stdin.buffer.read(LONGEST + 1)
    value = raw.decode("utf-8", "surrogateescape").rstrip("\r\n")
    if len(raw) > LONGEST or not value.strip():
        raise BadInput.at("stdin", f"must be a text of at most {LONGEST >> 10} KiB")
    return value
