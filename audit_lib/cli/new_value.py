"""`rotate new`: a new value for a secret, put where it belongs and shown to nobody."""

import os
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.in_words import nearest
from audit_lib.cli import options
from audit_lib.cli.free_text import refuse_values, texts_of
from audit_lib.cli.open_project import opened
from audit_lib.cli.options import PATH, environment_of, now, writer_name
from audit_lib.cli.rotation_options import approval, entered_value, rotation_options
from audit_lib.ledger import write_entry
from audit_lib.ledger.append import refuse_writing
from audit_lib.ledger.keys import made_key_of
from audit_lib.rotation.change import env_source, planned
from audit_lib.rotation.validation import made_value, new_value_faults
from audit_lib.secrecy.keeper import Keeper
from audit_lib.settings import Policy, SecretRule


@click.command()
@click.argument("secret")
@options.several(options.project)
@click.option("--into", type=PATH, help="Replace it in this env file, and its twins.")
@click.option("--given", is_flag=True, help="Enter a value that its provider issued: by stdin or a prompt.")
@click.option("--fd", type=click.IntRange(0), help="Write the value to this open file descriptor.")
@click.option("--show", is_flag=True, help="Show the value on the terminal.")
@click.option(
    "--environment", default="production", show_default=True, help="Whose rules hold, without --into."
)
@options.by
@options.several(*rotation_options)
@options.several(options.policy, options.ledger, options.writer)
def new(secret: str, folder: Path, into: Path | None, **given: Any) -> None:
    """Make a new value for SECRET by the policy's rule.

    With --into it replaces the variable in an env file, and its twins that must be the same. The ledger gets
    both fingerprints: evidence of the rotation's time. The service uses the new value when it starts next.
    The value is shown only if you ask.
    """
    if sum((into is not None, given["fd"] is not None, given["show"])) != 1:
        raise BadInput.at("rotate new", "needs one of --into FILE, --fd NUMBER and --show")
    if given["show"] and not sys.stdout.isatty():
        raise BadInput.at("--show", "is for a terminal: use --fd to write to a program")
    context = opened(folder, given["ledger"], given["policy"])
    refuse_values(context, texts_of(given))
    rule = _rule(context.policy, secret)
    if into is None:
        value = _value(rule, context.policy, environment_of(given["environment"]), entered=given["given"])
        _hand_over(value, 1 if given["show"] else given["fd"])
        return
    source = env_source(context.project, into)
    value = _value(rule, context.policy, source.environment, entered=given["given"])
    at, writer = now(), writer_name(given["writer"])
    said = {"by": given["by"] or writer, "ticket": given["ticket"], "reason": given["reason"]}
    said |= approval(given, ZoneInfo(context.project.time_zone), at)
    key = made_key_of(context.project)
    written: set[Path] = set()
    changes = planned(context.project, context.policy, rule, source, new=value, keeper=Keeper(key))
    refuse_writing(context.project.ledger_dir, key, changes[0].draft(at, said), at, writer)
    for change in changes:
        if change.path not in written:
            change.write()
            written.add(change.path)
        draft = change.draft(at, said)
        entry = write_entry(context.project.ledger_dir, key, draft, at, writer)
        click.echo(f"{entry.place}: {change.place}: replaced in {change.source}")
    click.echo(f"The old value stays in use until it starts anew ({rule.restart or 'restart'})", err=True)


def _rule(policy: Policy, name: str) -> SecretRule:
    rule = policy.rule(name)
    if rule is None:
        known = [one.name for one in policy.secrets]
        raise BadInput.at("SECRET", f"must be a variable of the policy {policy.name}{nearest(name, known)}")
    return rule


def _value(rule: SecretRule, policy: Policy, environment: str, *, entered: bool) -> str:
    """The new value: made, or entered and then judged by the same rules."""
    if not entered:
        return made_value(rule, policy, environment)
    value = entered_value("New value (not shown)", twice=True)
    faults = tuple(new_value_faults(rule, value, policy, environment))
    if faults:
        raise BadInput(Fault(f"the value entered for {rule.name}", fault) for fault in faults)
    return value


def _hand_over(value: str, descriptor: int) -> None:
    """Write the value past the terminal's guard: whoever asked for it must see it."""
    try:
        os.write(descriptor, value.encode("utf-8") + b"\n")
    except OSError as error:
        raise BadInput.at(f"--fd {descriptor}", f"cannot be written ({error.strerror})") from None
