"""What the commands that record a rotation ask: approved by whom, why, since when; and a value."""

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.rotation.rotations import TRIGGERS

LONGEST = 64 * 1024

rotation_options = (
    click.option("--approved-by", default="", help="Who approved it."),
    click.option("--ticket", default="", help="The ticket's number or address."),
    click.option("--trigger", type=click.Choice(TRIGGERS), help="What it was done for."),
    click.option("--triggered-at", default="", help="When that was known, such as 2026-09-30T12:00:00Z."),
    click.option("--reason", default="", help="Why, in your own words."),
)


def approval(given: Mapping[str, Any], zone: ZoneInfo, at: datetime) -> dict[str, str]:
    """What the options add to the record of a rotation; `BadInput` for a trigger in the future."""
    body = {"approved_by": given["approved_by"] or "", "trigger": given["trigger"] or ""}
    if not given["triggered_at"]:
        return body
    triggered = parse_instant(given["triggered_at"], "--triggered-at", zone)
    if triggered > at and triggered.astimezone(zone).date() == at.astimezone(zone).date():
        triggered = at  # a day that has begun
    if triggered > at:
        raise BadInput.at("--triggered-at", "is in the future")
    return body | {"triggered_at": iso(triggered)}


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
