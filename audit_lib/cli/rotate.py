"""`rotate` and `validate`: what falls due, the steps of a rotation, a new value, a new key, a start-up."""

import os
import re
import secrets
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import pandas as pd
from click import option

from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, nearest
from audit_lib.cli import open_project as cli
from audit_lib.cli.records import environment_of, take_snapshot
from audit_lib.cli.terminal import say
from audit_lib.ledger import all_heads, write_entry
from audit_lib.ledger.chain import refuse_writing
from audit_lib.ledger.keys import made_key_of, store_key
from audit_lib.report import escape as inert
from audit_lib.rotation import validation
from audit_lib.rotation.change import env_source, planned
from audit_lib.rotation.contracts import DONE
from audit_lib.rotation.progress import LONGEST
from audit_lib.rotation.runbook import RotationPlan, plan_rotation
from audit_lib.rotation.schedule import calendar_text, due_within, due_words, tabulate_schedule
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.env import parse_env, value_is_unknown
from audit_lib.secrets.given import ENVIRON, STDIN, given_lines, parse_env_option
from audit_lib.secrets.loaders import loaders_of
from audit_lib.settings import EnvSource, SecretRule

LEFT = 3  # the exit code for what is due, not done or not valid
_SECRET = click.argument("secret")
_EVIDENCE = ("--env", "--policy", "--ledger", "--as-of")
_STEPS = (_SECRET, "--project", cli.flag("--compromised"), "--environment", *_EVIDENCE)
_PLACE = ["secret", "variable", "environment", "service"]


@click.group()
def rotate() -> None:
    """The commands of a rotation."""


@cli.command(
    *("--project", cli.shown("--within", default="14d"), option("--calendar", type=cli.PATH), *_EVIDENCE),
    of=rotate,
)
def due(folder: Path, within: str, calendar: Path | None, **given: Any) -> None:
    """Print what falls due within some days, and write all dates as a calendar; 3 if there is any."""
    days = re.fullmatch(r"(\d{1,3})d?", within.strip())
    if not days:
        raise BadInput.at("--within", "must be a number of days such as 14d, at most 999")
    context = cli.opened(folder, given)
    at = context.instant(given["as_of"])
    ages = context.read(as_of=at).ages
    schedule = tabulate_schedule(ages)
    cli.refuse_if(
        schedule.empty, str(folder), "has no secret in force whose age is limited: nothing was judged"
    )
    soon = due_within(schedule, at, int(days[1]))
    say(lead=f"{counted(len(soon), 'secret')} may fall due within {counted(int(days[1]), 'day')}")
    for row in rows(soon):
        say(due_words(row, at))
    if unseen := int(ages["reason"].eq("not supplied").sum()):
        say(f"{counted(unseen, 'value')} not supplied (--env): nothing is known of them", err=True)
    if calendar:
        calendar.write_text(calendar_text(schedule, context.project.name, at), "utf-8", newline="")
        say(f"{calendar}: {counted(len(schedule), 'secret')}", err=True)
    sys.exit(0 if soon.empty else LEFT)


@cli.command(*_STEPS, of=rotate)
def plan(secret: str, folder: Path, **given: Any) -> None:
    """Print the ordered steps of a rotation, each with how to verify it and what it breaks."""
    context = cli.opened(folder, given)
    made = _plan(secret, context, given, context.instant(given["as_of"]))
    say(f"Runbook for {made.rules[0].name}: {made.mode}, as of {iso(made.read.as_of)}")
    for number, step in enumerate(made.steps, 1):
        say()
        say(f"{number}. {step.text}{f' [{step.environment}]' if step.environment else ''}.")
        for command in step.commands:
            click.echo(f"     {inert.plain(command)}")  # whole, to be copied
        say(f"Verify: {step.verify}.", indent="   ")
        if step.breaks:
            say(f"It breaks: {step.breaks}.", indent="   ")


@cli.command(*_STEPS, "--since", of=rotate)
def check(secret: str, folder: Path, since: str, **given: Any) -> None:
    """Print how far a rotation is, and what is half done; 3 unless every step is done."""
    context = cli.opened(folder, given)
    made = _plan(secret, context, given, context.instant(given["as_of"] or iso(context.at)))
    began = parse_instant(since, "--since") if since else made.read.as_of - LONGEST
    progress = made.progress(began)
    left, steps = sum(one.state != DONE for one in progress.steps), counted(len(progress.steps), "step")
    answer = f"{left} of {steps} not done or not known" if left else f"all of {steps} are done"
    say(f": {answer}", f"Rotation of {made.rules[0].name} since {iso(began)}")
    for one in progress.steps:
        say(f"{one.state:<9}  {one.step}{f' [{one.place}]' if one.place else ''}: {one.why}", indent="  ")
    for half in progress.half_done:
        say(f"half done: {half}")
    sys.exit(0 if progress.whole else LEFT)


def _plan(secret: str, context: cli.Opened, given: dict[str, Any], at: datetime) -> RotationPlan:
    environment = environment_of(given["environment"]) if given["environment"] else ""
    how = {"given": context.given, "environment": environment, "compromised": given["compromised"]}
    return plan_rotation(secret, context.project, context.policy, Keeper(context.key), at, **how)


@cli.command(
    *(_SECRET, option("--into", type=cli.PATH), cli.flag("--given", "entered")),
    *(
        option("--fd", type=click.IntRange(0)),
        cli.flag("--show"),
        option("--environment", default="production"),
    ),
    *("--project", *cli.RECORD, "--policy", "--ledger", "--writer"),
    of=rotate,
)
def new(secret: str, folder: Path, into: Path | None, entered: bool, **given: Any) -> None:
    """Put a new value into env files, which the ledger records, or write it to a descriptor or terminal."""
    one_place = sum((into is not None, given["fd"] is not None, given["show"])) == 1
    cli.refuse_if(not one_place, "rotate new", "needs one of --into FILE, --fd NUMBER and --show")
    piped = given["show"] and not sys.stdout.isatty()
    cli.refuse_if(piped, "--show", "is for a terminal: use --fd to write to a program")
    context = cli.opened(folder, given)
    rule, policy = context.policy.rule(secret), context.policy
    if rule is None:
        near = nearest(secret, [one.name for one in policy.secrets])
        raise BadInput.at("SECRET", f"must be a variable of the policy {policy.name}{near}")
    source = env_source(context.project, into) if into else None
    environment = source.environment if source else environment_of(given["environment"])
    if entered:
        value = cli.entered_value("New value (not shown)", twice=True)
        cli.refuse_if(not value.isprintable(), "stdin", "must be one line of printable text")
        if faults := tuple(validation.new_value_faults(rule, value, policy, environment)):
            raise BadInput(Fault(f"the value entered for {rule.name}", fault) for fault in faults)
    else:
        value = validation.made_value(rule, policy, environment)
    if source:
        _replace(context, rule, source, value, given)
        return
    descriptor = 1 if given["show"] else given["fd"]
    try:  # past the terminal's guard: whoever asked for it must see it
        os.write(descriptor, value.encode("utf-8") + b"\n")
    except OSError as error:
        raise BadInput.at(f"--fd {descriptor}", f"cannot be written ({error.strerror})") from None


def _replace(
    context: cli.Opened, rule: SecretRule, source: EnvSource, value: str, given: dict[str, Any]
) -> None:
    """Write a new value into an env file and its twins, and each change into the ledger."""
    body = {"by": context.by, "ticket": given["ticket"], "reason": given["reason"]}
    body |= cli.approval_of(given, context)
    key, place, at = made_key_of(context.project), context.project.ledger_dir, context.at
    changes = planned(context.project, context.policy, rule, source, new=value, keeper=Keeper(key))
    refuse_writing(place, key, changes[0].draft(at, body), at, context.writer)
    written: set[Path] = set()
    for change in changes:
        if change.path not in written:
            change.write()
            written.add(change.path)
        entry = write_entry(place, key, change.draft(at, body), at, context.writer)
        say(f"{entry.place}: {change.place}: replaced in {change.source}")
    say(f"The old value stays in use until it starts anew ({rule.restart or 'restart'})", err=True)


@cli.command(*cli.LEDGER, of=rotate, name="key")
def change_key(folder: Path, **given: Any) -> None:
    """Bridge the ledger to a new key, with the fingerprints of all values linked that are supplied."""
    context = cli.opened(folder, given)
    old, fresh = context.key, Key(secrets.token_bytes(32), "file")
    cli.refuse_if(old.origin != "file", "key", f"is a {old.origin} key, which cannot be changed")
    links = {}
    for before, after in zip(
        *(rows(_held(context.read(key).inventory)) for key in (old, fresh)), strict=True
    ):
        links[before.fingerprint] = after.fingerprint
    heads = all_heads(context.project.ledger_dir, old)
    store_key(fresh, context.project.root)
    body = {"from_key_id": old.key_id, "lost": False, "links": links, "heads": heads}
    context.append("key bridge", body, fresh)
    if links:
        take_snapshot(context, fewer=True)
    linked = counted(len(links), "fingerprint")
    say(f"key {old.key_id} changed to {fresh.key_id}: {linked} linked; give every reviewer the new key file")


def _held(inventory: pd.DataFrame) -> pd.DataFrame:
    return inventory.dropna(subset="fingerprint").sort_values(_PLACE, kind="stable")


@cli.command(
    *("--project", "--policy", "--environment", "--service", cli.flag("--strict")),
    cli.shown("--values", default=ENVIRON, metavar="FILE|-|environ"),
)
def validate(folder: Path, environment: str, service: str, values: str, **given: Any) -> None:
    """Judge what a service starts with by the policy; 3 if that fails and validation is strict."""
    context = cli.opened(folder, given)
    policy, root, environ = context.policy, context.project.root, os.environ
    place = environment_of(environment) if environment else validation.environment_shown(policy, environ)
    services = sorted({rule.service for rule in policy.secrets})
    fault = "lists no secret: there is nothing to validate (run init)"
    cli.refuse_if(not services, f"policy {policy.name}", fault)
    unclear = service not in services and (service or len(services) > 1)
    cli.refuse_if(unclear, "--service", f"must be one of {', '.join(services)}")
    name = service or services[0]
    # A file of the project is read as its service reads it, any other one as the platform's box is.
    sources = {root / one.path: one for one in context.project.env_sources}
    own = sources.get(Path(values).resolve()) if values not in (ENVIRON, STDIN) else None
    read = parse_env_option(f"{place}/{name}={values}", sys.stdin.buffer)
    lines = parse_env(read.content, loaders_of(root, own, read.content)) if own else given_lines(read, policy)
    held = {line.name: line.value for line in lines if line.name and line.value is not None}
    unknown = frozenset(line.name for line in lines if line.name and value_is_unknown(line.faults))
    result = validation.validate(held, policy, place, name, unknown)
    for text in result.lines:
        say(text, err=not result)
    if not result:
        if given["strict"] or validation.is_strict(policy, {**environ, **held}, place):
            sys.exit(LEFT)
        say("The start goes on: validation is not strict here (--strict)", err=True)
