"""`rotate` and `validate`: what falls due, the steps of a rotation, a new value, a new key, a start-up."""

import os
import re
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, nearest
from audit_lib.cli import options
from audit_lib.cli.open_project import Opened, opened
from audit_lib.cli.options import PATH, approval_of, entered_value, environment_of, flag, text
from audit_lib.cli.records import tables_in_place, take_snapshot
from audit_lib.ledger import Draft, all_heads, write_entry
from audit_lib.ledger.chain import refuse_writing
from audit_lib.ledger.keys import keeper_of, made_key_of, store_key
from audit_lib.report import escape as inert
from audit_lib.rotation.change import env_source, planned
from audit_lib.rotation.contracts import DONE
from audit_lib.rotation.progress import LONGEST
from audit_lib.rotation.runbook import RotationPlan, plan_rotation
from audit_lib.rotation.schedule import calendar_text, due_within, due_words, tabulate_schedule
from audit_lib.rotation.validation import (
    environment_shown,
    is_strict,
    made_value,
    new_value_faults,
    validate as validated,
)
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.env import parse_env, value_is_unknown
from audit_lib.secrets.given import ENVIRON, STDIN, given_lines, parse_env_option
from audit_lib.secrets.loaders import loaders_of
from audit_lib.secrets.read_project import ProjectRead
from audit_lib.settings import Policy, SecretRule, instant_of

LEFT = 3  # the exit code for what is due, not done or not valid
_secret = click.argument("secret")
_steps = options.several(
    options.project,
    flag("--compromised", "The order for a value that others have."),
    text("--environment", text="Only this environment."),
)
_evidence = options.several(options.env, options.policy, options.ledger, options.as_of)


@click.group()
def rotate() -> None:
    """List what falls due, and plan, make and check a rotation.

    Example: audit-lib rotate due --project ../my-app
    """


@rotate.command()
@options.project
@click.option("--within", default="14d", show_default=True, help="How far to look ahead, in days.")
@click.option("--calendar", type=PATH, help="Also write all dates to this iCalendar file.")
@_evidence
def due(folder: Path, within: str, calendar: Path | None, **given: Any) -> None:
    """List the secrets that fall due within some days.

    It exits with 3 if there are any, also if an age is not known: then the secret may be overdue. A secret is
    best rotated ten days early, since a quarter has up to 92 days.
    """
    days = re.fullmatch(r"(\d{1,3})d?", within.strip())
    if not days:
        raise BadInput.at("--within", "must be a number of days such as 14d, at most 999")
    context = opened(folder, given)
    at, keeper = instant_of(context.project, given["as_of"] or iso(context.at)), keeper_of(context.project)
    read = ProjectRead(
        project=context.project, policy=context.policy, keeper=keeper, as_of=at, given=context.given
    )
    schedule = tabulate_schedule(read.ages)
    soon = due_within(schedule, at, int(days[1]))
    for row in rows(soon):
        click.echo(due_words(row, at))
    if unseen := int(read.ages["reason"].eq("not supplied").sum()):
        click.echo(f"{counted(unseen, 'value')} not supplied (--env): nothing is known of them", err=True)
    if schedule.empty:
        raise BadInput.at(str(folder), "has no secret in force whose age is limited: nothing was judged")
    if calendar:
        calendar.write_text(calendar_text(schedule, context.project.name, at), "utf-8", newline="")
        click.echo(f"{calendar}: {counted(len(schedule), 'secret')}", err=True)
    if not soon.empty:
        sys.exit(LEFT)
    click.echo(f"Nothing falls due within {counted(int(days[1]), 'day')}")


@rotate.command()
@options.several(_secret, _steps, _evidence)
def plan(secret: str, folder: Path, **given: Any) -> None:
    """Print the ordered steps to rotate SECRET in this project.

    Each says what it breaks. No step puts a value on a command line.
    """
    context = opened(folder, given)
    for line in _planned(_plan(secret, context, given, given["as_of"] or context.project.pinned_as_of)):
        click.echo(inert.plain(line))


@rotate.command()
@options.several(_secret, _steps)
@text("--since", text="When the rotation began (UTC, default: 14 days ago).")
@_evidence
def check(secret: str, folder: Path, since: str, **given: Any) -> None:
    """Report which steps of SECRET's rotation are done, not done or not known.

    It names what was left half done, and exits with 3 unless every step is done.
    """
    made = _plan(secret, opened(folder, given), given, given["as_of"])
    began = parse_instant(since, "--since") if since else made.read.as_of - LONGEST
    progress = made.progress(began)
    lines = [f"Rotation of {made.rules[0].name} since {iso(began)}:"]
    for one in progress.steps:
        place = f" [{one.place}]" if one.place else ""
        lines.append(f"  {one.state:<9}  {one.step}{place}: {one.why}")
    lines += [f"half done: {half}" for half in progress.half_done]
    left, steps = sum(one.state != DONE for one in progress.steps), counted(len(progress.steps), "step")
    lines.append(f"{left} of {steps} not done or not known" if left else f"All of {steps} are done")
    for line in lines:
        click.echo(inert.plain(line))
    sys.exit(0 if progress.whole else LEFT)


def _plan(secret: str, context: Opened, given: dict[str, Any], as_of: str) -> RotationPlan:
    project, environment = context.project, given["environment"]
    return plan_rotation(
        secret,
        project,
        context.policy,
        keeper_of(project),
        instant_of(project, as_of or iso(context.at)),
        given=context.given,
        environment=environment_of(environment) if environment else "",
        compromised=given["compromised"],
    )


def _planned(made: RotationPlan) -> Iterator[str]:
    yield f"Runbook for {made.rules[0].name}: {made.mode}, as of {iso(made.read.as_of)}"
    for number, step in enumerate(made.steps, 1):
        place = f" [{step.environment}]" if step.environment else ""
        yield from ("", f"{number}. {step.text}{place}.")
        yield from (f"     {command}" for command in step.commands)
        yield f"   Verify: {step.verify}."
        if step.breaks:
            yield f"   It breaks: {step.breaks}."


@rotate.command()
@options.several(_secret, options.project)
@click.option("--into", type=PATH, help="Replace it in this env file, and its twins.")
@flag("--given", "Enter a value that its provider issued: by stdin or a prompt.")
@click.option("--fd", type=click.IntRange(0), help="Write the value to this open file descriptor.")
@flag("--show", "Show the value on the terminal.")
@click.option("--environment", default="production", help="Whose rules hold, without --into.")
@options.several(options.by, options.approval, options.policy, options.ledger, options.writer)
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
    context = opened(folder, given)
    rule = context.policy.rule(secret)
    if rule is None:
        near = nearest(secret, [one.name for one in context.policy.secrets])
        raise BadInput.at("SECRET", f"must be a variable of the policy {context.policy.name}{near}")
    if into is not None:
        _replace(rule, context, into, given)
        return
    value = _value(rule, context.policy, environment_of(given["environment"]), entered=given["given"])
    descriptor = 1 if given["show"] else given["fd"]
    try:  # past the terminal's guard: whoever asked for it must see it
        os.write(descriptor, value.encode("utf-8") + b"\n")
    except OSError as error:
        raise BadInput.at(f"--fd {descriptor}", f"cannot be written ({error.strerror})") from None


def _replace(rule: SecretRule, context: Opened, into: Path, given: dict[str, Any]) -> None:
    """Write a new value into an env file and its twins, and each change into the ledger."""
    project, at, writer = context.project, context.at, context.writer
    source = env_source(project, into)
    value = _value(rule, context.policy, source.environment, entered=given["given"])
    body = {"by": context.by, "ticket": given["ticket"], "reason": given["reason"]}
    body |= approval_of(given, ZoneInfo(project.time_zone), at)
    key = made_key_of(project)
    changes = planned(project, context.policy, rule, source, new=value, keeper=Keeper(key))
    refuse_writing(project.ledger_dir, key, changes[0].draft(at, body), at, writer)
    written: set[Path] = set()
    for change in changes:
        if change.path not in written:
            change.write()
            written.add(change.path)
        entry = write_entry(project.ledger_dir, key, change.draft(at, body), at, writer)
        click.echo(f"{entry.place}: {change.place}: replaced in {change.source}")
    click.echo(f"The old value stays in use until it starts anew ({rule.restart or 'restart'})", err=True)


def _value(rule: SecretRule, policy: Policy, environment: str, *, entered: bool) -> str:
    """The new value: made, or entered and then judged by the same rules."""
    if not entered:
        return made_value(rule, policy, environment)
    value = entered_value("New value (not shown)", twice=True)
    if not value.isprintable():
        raise BadInput.at("stdin", "must be one line of printable text")
    if faults := tuple(new_value_faults(rule, value, policy, environment)):
        raise BadInput(Fault(f"the value entered for {rule.name}", fault) for fault in faults)
    return value


@rotate.command("key")
@options.several(options.project, options.env, options.policy, options.ledger, options.writer)
def change_key(folder: Path, **given: Any) -> None:
    """Change the ledger's key, with fingerprints linked.

    Supply the values of every place (--env): a value that is not supplied cannot be linked.
    """
    context = opened(folder, given)
    old, ledger_dir = context.key, context.project.ledger_dir
    if old.origin != "file":
        raise BadInput.at("key", f"is a {old.origin} key, which cannot be changed")
    fresh = Key(secrets.token_bytes(32), "file")
    before, after = _fingerprints(context, old), _fingerprints(context, fresh)
    links = {before[place]: after[place] for place in sorted(before)}
    body = {"from_key_id": old.key_id, "lost": False, "links": links, "heads": all_heads(ledger_dir, old)}
    store_key(fresh, context.project.root)
    write_entry(ledger_dir, fresh, Draft("key bridge", body), context.at, context.writer)
    if links:
        take_snapshot(context, fewer=True)
    linked = counted(len(links), "fingerprint")
    changed = f"key {old.key_id} changed to {fresh.key_id}: {linked} linked"
    click.echo(f"{changed}; give every reviewer the new key file")


def _fingerprints(context: Opened, key: Key) -> dict[tuple[str, ...], str]:
    """The fingerprint of each value in place, under a key, by secret, variable, environment and service."""
    inventory = tables_in_place(context, key)[0].dropna(subset="fingerprint")
    places = inventory[["secret", "variable", "environment", "service"]]
    return dict(zip(map(tuple, rows(places)), inventory["fingerprint"], strict=True))


@click.command()
@options.several(options.project, options.policy)
@text("--environment", text="Default: production if what the platform sets says so, else development.")
@text("--service", text="Which service starts, if the policy has more than one.")
@click.option(
    "--values",
    "source",
    default=ENVIRON,
    show_default=True,
    metavar="FILE|-|environ",
    help="What holds its variables: an env file, stdin (-) or the process environment.",
)
@flag("--strict", "Exit with 3 if a secret is missing or invalid.")
def validate(folder: Path, environment: str, service: str, source: str, **given: Any) -> None:
    """Check the secrets of a service before it starts.

    It exits with 3 if a secret is missing or invalid and validation is strict: by --strict, by the variable
    that the policy names (STRICT_SECRET_VALIDATION), and always in production. Otherwise the failure is
    printed and the start goes on. No message holds a value.

    Example: audit-lib validate --service backend && exec uvicorn app.main:app
    """
    context = opened(folder, given)
    place = environment_of(environment) if environment else environment_shown(context.policy, os.environ)
    name = _service(context.policy, service)
    values, unknown = _started_with(f"{place}/{name}={source}", context)
    result = validated(values, context.policy, place, name, unknown)
    for line in result.lines:
        click.echo(line, err=not result)
    if not result:
        if given["strict"] or is_strict(context.policy, {**os.environ, **values}, place):
            sys.exit(LEFT)
        click.echo("The start goes on: validation is not strict here (--strict)", err=True)


def _service(policy: Policy, asked: str) -> str:
    """The service that starts; `BadInput` if the policy demands nothing of it: then nothing is validated."""
    services = sorted({rule.service for rule in policy.secrets})
    if not services:
        raise BadInput.at(f"policy {policy.name}", "lists no secret: there is nothing to validate (run init)")
    if asked not in services and (asked or len(services) > 1):
        raise BadInput.at("--service", f"must be one of {', '.join(services)}")
    return asked or services[0]


def _started_with(option: str, context: Opened) -> tuple[dict[str, str], frozenset[str]]:
    """The variables with their values, and those that are set to a value that is not known.

    A file of the project is read as its service reads it, any other one as the platform's box is.
    """
    given, root = parse_env_option(option, sys.stdin.buffer), context.project.root
    sources = {root / one.path: one for one in context.project.env_sources}
    source = sources.get(Path(given.origin).resolve()) if given.origin not in (ENVIRON, STDIN) else None
    if source is None:
        lines = given_lines(given, context.policy)
    else:
        lines = parse_env(given.content, loaders_of(root, source, given.content))
    unknown = frozenset(line.name for line in lines if line.name and value_is_unknown(line.faults))
    return {line.name: line.value for line in lines if line.name and line.value is not None}, unknown
