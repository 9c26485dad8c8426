"""What begins and keeps the ledger: `init`, `sample`, `snapshot`, `record`, `whose`, `rotate`, `validate`."""

import os
import re
import secrets
import shlex
import sys
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from click import option

from audit_lib import settings
from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.frames import rows
from audit_lib.base.git import GitFailed, tracked
from audit_lib.base.in_words import counted, few, nearest
from audit_lib.cli import open_project as cli
from audit_lib.cli.terminal import say
from audit_lib.ledger import Entry, all_heads, read_ledger, write_entry
from audit_lib.ledger.chain import chain_to_continue
from audit_lib.ledger.keys import key_file, key_of, made_key_of, store_key
from audit_lib.ledger.timeline import SecretPlace, tenures
from audit_lib.ledger.whose import candidates, whose as answer
from audit_lib.logins.declared import propose
from audit_lib.logins.parameters import detection_policy, formats_of
from audit_lib.logs.read import read_logs
from audit_lib.report import escape as inert
from audit_lib.rotation import validation
from audit_lib.rotation.change import env_source, planned
from audit_lib.rotation.contracts import DONE
from audit_lib.rotation.progress import LONGEST
from audit_lib.rotation.runbook import RotationPlan, plan_rotation
from audit_lib.rotation.schedule import calendar_text, due_within, due_words, tabulate_schedule
from audit_lib.sample import build_sample
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.env import parse_env, value_is_unknown
from audit_lib.secrets.evidence import seen_already
from audit_lib.secrets.given import ENVIRON, STDIN, given_lines, parse_env_option
from audit_lib.secrets.loaders import loaders_of
from audit_lib.secrets.read_project import places_lost, snapshot_draft
from audit_lib.secrets.sources import MAX_BYTES
from audit_lib.settings import first_file
from audit_lib.settings.code_reads import MAX_CODE_FILES, code_files, shown
from audit_lib.settings.load import remember_sample

_MOST_SHOWN = 5  # places that were not searched
LEFT = 3  # the exit code for what is due, not done or not valid
_MOST_NAMES = 5
_LEDGER = ("--project", "--env", "--policy", "--ledger", "--writer")
_SECRET = click.argument("secret")
_EVIDENCE = ("--env", "--policy", "--ledger", "--as-of")
_STEPS = (_SECRET, "--project", cli.flag("--compromised"), "--environment", *_EVIDENCE)
_RECORD = ("--by", "--approved-by", "--ticket", "--trigger", "--triggered-at", "--reason")
_ANSWERS = {
    "rotation": "{place}, rotated {by}{at}",
    "creation": "{place}, created {at} by {source}: a claim in your name",
    "revocation": "the {revoked} value of {place}, revoked {at}: a claim, no provider was asked",
}


@cli.command(*_LEDGER, cli.flag("--fewer"))
def snapshot(folder: Path, fewer: bool, **given: Any) -> None:
    """Append a snapshot to the ledger, and print what was seen and which secrets have no value."""
    context = cli.opened(folder, given)
    entry = take_snapshot(context, fewer)
    seen = entry.body["secrets"]
    absent = [f"{one['variable']} in {one['environment']}" for one in seen if one["fingerprint"] is None]
    present, where = counted(len(seen) - len(absent), "value"), counted(len(entry.body["places"]), "place")
    say(f": {present} in {where} seen at {iso(context.at)}", entry.place, "green")
    if absent:
        say(f" {counted(len(absent), 'secret')}: {few(absent, _MOST_NAMES)}", "without a value:", "yellow")


def take_snapshot(context: cli.Opened, fewer: bool = False) -> Entry:
    """The entry that was appended; `BadInput` if no value was seen, or, unless `fewer`, a place lost some."""
    project, had_key = context.project, key_file().exists()
    key, root = made_key_of(project), str(project.root)
    if not had_key and key.origin == "file":
        say(f"key: {key.key_id} created in {key_file()}: keep a copy", err=True)
    read = context.read(key)
    draft = snapshot_draft(read.inventory, read.places)
    configuration = {"audit_toml": project.layout_sha256, "policy": context.policy.sha256}
    cli.refuse_if(not draft.body["places"], root, "has no env file that can be read, and no --env was given")
    none = all(row["fingerprint"] is None for row in draft.body["secrets"])
    cli.refuse_if(none, root, "has not one value of a secret: there is nothing to record")
    taken = read_ledger(project.ledger_dir, key).of_kind("snapshot")
    own = [one for one in taken if one.writer == context.writer]
    if not fewer and (lost := places_lost(draft, own[-1] if own else None)):
        fault = f"no value of {', '.join(lost)} was seen, and {own[-1].place} saw some"
        raise BadInput.at("snapshot", f"{fault}: give them with --env, or take it with snapshot --fewer")
    return context.append("snapshot", {**draft.body, "configuration": configuration}, key)


@cli.command(
    *(_SECRET, option("--environment", required=True), "--service", option("--at", "claimed", default="")),
    *(option("--revoked", type=click.Choice(("current", "previous"))), "--created-at", "--source", "--proof"),
    *(*_LEDGER, *_RECORD),
)
def record(secret: str, folder: Path, environment: str, service: str, **given: Any) -> None:
    """Append what somebody claims of a secret to the ledger: a rotation unless an option says otherwise."""
    context, environment = cli.opened(folder, given), _environment(environment)
    rule, inventory = context.policy.rule(secret), context.read().inventory
    named = inventory["secret"].eq(rule.name if rule else secret) & inventory["environment"].eq(environment)
    found = [row for row in rows(inventory[named]) if service in ("", row.service)]
    names = ", ".join(sorted(row.service for row in found))
    cli.refuse_if(not found, "SECRET", f"is not known in {environment}{service and '/'}{service}")
    cli.refuse_if(len(found) > 1, "--service", f"is required: {environment} has the secret in {names}")
    (row,), text, moment, day_only = found, given["created_at"] or given["claimed"], context.at, False
    if text:
        moment = parse_instant(text, "--at", ZoneInfo(context.project.time_zone))
        if day_only := bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip())):
            moment = moment.replace(hour=0, minute=0, second=0)
    latest = context.at + timedelta(hours=14 if day_only else 0)  # somewhere on earth it may be tomorrow
    cli.refuse_if(moment > latest, "--at", "is in the future: record a rotation when it is done")
    kind, own = _claim(row, context, given)
    body = {"secret": row.secret, "environment": environment, "service": row.service, "by": context.by}
    body |= {"ticket": given["ticket"], "reason": given["reason"]}
    entry = context.append(kind, {**body, "claimed_at": iso(moment), "day_only": day_only, **own})
    words = given | {"by": "" if given["claimed"] else "by ", "at": iso(moment)}
    words["place"] = f"{row.secret} in {environment}/{row.service}"
    say(f"{entry.place}: {_ANSWERS[kind].format_map(words)}")
    if kind == "rotation" and not own["fingerprint"]:
        say("its value was not supplied (--env), so this is only a claim and proves nothing", err=True)


def _claim(row: Any, context: cli.Opened, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The kind of the record, and what it adds: the value in place, or the one that was revoked."""
    fingerprint, place = row.fingerprint if row.state == "present" else None, SecretPlace.of(row)
    value = {"source": row.source, "loader": row.loader, "fingerprint": fingerprint}
    supply, which = "needs the current value: supply it with --env", given["revoked"]
    if given["created_at"]:
        cli.refuse_if(not given["source"], "--source", "is required: name where the date stands")
        cli.refuse_if(not fingerprint, "--created-at", supply)
        return "creation", value | {"witness": given["source"]}
    if which:
        lacks = row.state == "not supplied" or (which == "current" and not fingerprint)
        cli.refuse_if(lacks, "--revoked", supply)
        if which == "previous":  # under a key that is gone it cannot be compared with any value
            held = [stay.fingerprint for stay in tenures(context.ledger()) if stay.home == place]
            fingerprint = next((one for one in reversed(held) if one != row.fingerprint), ":")
            fault = "is not possible: the ledger has no value before the current one"
            cli.refuse_if(":" in fingerprint, "--revoked", fault)
        return "revocation", {"fingerprint": fingerprint, "proof": given["proof"]}
    cli.refuse_if(given["proof"], "--proof", "is only for --revoked")
    looked = fingerprint and not given["claimed"]
    if looked and (seen := seen_already(context.ledger(), place, row.source, row.fingerprint)):
        fault = f"{seen.place} saw this value at {iso(seen.at)}, and nothing shows a rotation since"
        raise BadInput.at("--at", f"is needed: {fault}. Rotate it first, or say when it was rotated")
    return "rotation", value | _approval(given, context)


def _environment(text: str) -> str:
    """The environment that `--environment` names; `BadInput` for any other text."""
    name = settings.environment_name(text)
    cli.refuse_if(not name, "--environment", "must be one of development, staging, production (dev, prod)")
    return name


def _approval(given: dict[str, Any], context: cli.Opened) -> dict[str, str]:
    """Who approved a rotation and what it was done for; `BadInput` for a trigger in the future."""
    body = {"approved_by": given["approved_by"], "trigger": given["trigger"] or ""}
    if text := given["triggered_at"]:
        known = parse_instant(text, "--triggered-at", ZoneInfo(context.project.time_zone))
        cli.refuse_if(known > context.at + timedelta(days=1), "--triggered-at", "is in the future")
        body["triggered_at"] = iso(min(known, context.at))  # of today only the day may be known
    return body


@cli.command("--project", "--ledger")
def whose(folder: Path, ledger: Path | None) -> None:
    """Print whose secret a string is that is entered or read from stdin; it is not stored."""
    project, string = settings.load_project(folder, ledger), cli.entered_value("String (not shown)")
    keeper = Keeper(Key.throw_away())
    for candidate in candidates(string):
        keeper.take(candidate)
    guard.install(keeper).classify((), (), "")  # its parts may be ordinary, such as the name in NAME=VALUE
    key = key_of(project)
    known = read_ledger(project.ledger_dir, key)
    for line in answer(string, known, key).lines:
        say(line)
    for fault in known.faults:
        say(f"the ledger is damaged: {fault}", err=True)


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
    cli.refuse_if(schedule.empty, str(folder), "has no secret with a limit in force: nothing was judged")
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
    environment = _environment(given["environment"]) if given["environment"] else ""
    how = {"given": context.given, "environment": environment, "compromised": given["compromised"]}
    return plan_rotation(secret, context.project, context.policy, Keeper(context.key), at, **how)


@cli.command(
    *(_SECRET, option("--into", type=cli.PATH), cli.flag("--given", "entered")),
    *(option("--fd", type=click.IntRange(0)), cli.flag("--show"), "--environment"),
    *("--project", *_RECORD, "--policy", "--ledger", "--writer"),
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
    environment = source.environment if source else _environment(given["environment"] or "production")
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


def _replace(context: cli.Opened, rule: settings.SecretRule, source: Any, value: str, given: Any) -> None:
    """Write a new value into an env file and its twins, and each change into the ledger."""
    body = {"by": context.by, "ticket": given["ticket"], "reason": given["reason"]}
    body |= _approval(given, context)
    key, place, at = made_key_of(context.project), context.project.ledger_dir, context.at
    changes = planned(context.project, context.policy, rule, source, new=value, keeper=Keeper(key))
    chain_to_continue(place, key, changes[0].draft(at, body), at, context.writer)
    written: set[Path] = set()
    for change in changes:
        if change.path not in written:
            change.write()
            written.add(change.path)
        entry = write_entry(place, key, change.draft(at, body), at, context.writer)
        say(f"{entry.place}: {change.place}: replaced in {change.source}")
    say(f"The old value stays in use until it starts anew ({rule.restart or 'restart'})", err=True)


@cli.command(*_LEDGER, of=rotate, name="key")
def change_key(folder: Path, **given: Any) -> None:
    """Bridge the ledger to a new key, with the fingerprints of all values linked that are supplied."""
    context = cli.opened(folder, given)
    old, fresh = context.key, Key(secrets.token_bytes(32), "file")
    cli.refuse_if(old.origin != "file", "key", f"is a {old.origin} key, which cannot be changed")
    before, after = (context.read(key).inventory["fingerprint"] for key in (old, fresh))
    links = {was: now for was, now in zip(before, after, strict=True) if isinstance(was, str)}
    heads = all_heads(context.project.ledger_dir, old)
    store_key(fresh, context.project.root)
    body = {"from_key_id": old.key_id, "lost": False, "links": links, "heads": heads}
    context.append("key bridge", body, fresh)
    if links:
        take_snapshot(context, fewer=True)
    changed = f"key {old.key_id} changed to {fresh.key_id}, {counted(len(links), 'fingerprint')} linked"
    say(f"{changed}: give every reviewer the new key file")


@cli.command(
    *("--project", "--policy", "--environment", "--service", cli.flag("--strict")),
    cli.shown("--values", default=ENVIRON, metavar="FILE|-|environ"),
)
def validate(folder: Path, environment: str, service: str, values: str, **given: Any) -> None:
    """Judge what a service starts with by the policy; 3 if that fails and validation is strict."""
    context = cli.opened(folder, given)
    policy, root, environ = context.policy, context.project.root, os.environ
    place = _environment(environment) if environment else validation.environment_shown(policy, environ)
    services = sorted({rule.service for rule in policy.secrets})
    cli.refuse_if(not services, f"policy {policy.name}", "lists no secret to validate: run init")
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


@cli.command("--project", "--ledger")
def init(folder: Path, ledger: Path | None) -> None:
    """Make the key and write a first audit.toml; an existing file is never overwritten."""
    project = settings.load_project(folder, ledger)
    policy = settings.choose_policy(project)
    generic = policy.name == "generic"
    project = first_file.with_environments(project) if generic and not project.configured else project
    there, key = key_file().exists(), made_key_of(project)
    new = "" if there else ": keep a copy, the ledger cannot be read without it"
    own = f"{key.key_id} {'exists' if there else 'was created'} in {key_file()}{new}"
    say(f"key: {'the public DEMO key' if key.origin == 'demo' else own}")
    rules = detection_policy(policy)
    logs = read_logs(project, None, formats_of(project, policy))
    proposals = propose(logs.counts, rules.logins, rules.failed_statuses)
    if project.configured:
        say("audit.toml: exists and is kept")
        for one in proposals:
            click.echo(one.block)
    else:
        _write_settings(project, policy, [one.block for one in proposals])
        for one in proposals:
            say(f"in audit.toml, as a comment: {one.question}")
    take = f"audit-lib snapshot --project {shlex.quote(str(folder))}"
    say(f"next: {take}  (weekly: it is what proves ages later)")


def _write_settings(project: settings.Project, policy: settings.Policy, logins: list[str]) -> None:
    """Write a first audit.toml, and print what it cannot name and what was not searched."""
    public: set[str] = set()
    loaders: dict[str, str] = {}
    with suppress(GitFailed):
        public = tracked(project.root)
    for source in project.env_sources:
        with suppress(Unreadable):
            content = read_source(project.root, source.path, MAX_BYTES).content
            likely = () if source.example else loaders_of(project.root, source, content)
            loaders |= {source.path: likely[0]} if len(likely) == 1 else {}
    generic = policy.name == "generic"
    known = settings.bundled_policy("generic")
    guesses = first_file.guess_variables(project, known, public) if generic else ()
    text = first_file.first_audit_toml(project, policy.name, guesses, loaders, logins)
    first_file.write_new(project.root / "audit.toml", text, "audit.toml")
    variables = counted(len(guesses or policy.secrets), "variable")
    say(f"audit.toml: written, {variables} by the policy {policy.name}: check the guesses")
    for source in project.env_sources:
        if not first_file.nameable(source.path):
            say(f"not named in audit.toml, because of the characters in its name: {shown(source.path)}")
    beyond = len(code_files(project)) - MAX_CODE_FILES if generic else 0
    notes = [f"{counted(beyond, 'code file')} beyond the first {MAX_CODE_FILES:,}"] if beyond > 0 else []
    if notes := [*notes, *map(str, project.not_searched)]:
        say(f"not searched: {few(notes, _MOST_SHOWN, '; ')}")


@cli.command(click.argument("folder", metavar="DIR", type=cli.PATH))
def sample(folder: Path) -> None:
    """Write the sample project to a new or empty folder."""
    build_sample(folder)
    if not remember_sample(folder):
        say("the sample cannot be opened by its path: no state can be kept in the home folder", err=True)
    say(f"sample project written; review it: audit-lib review --project {shlex.quote(str(folder))}")
