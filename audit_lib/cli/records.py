"""What begins and keeps the ledger: `init`, `sample`, `snapshot`, `record`, `whose`, `rotate`, `validate`."""

import os
import re
import secrets
import shlex
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from click import option

from audit_lib import settings
from audit_lib.base import clock, git
from audit_lib.base.errors import BadInput
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, few, nearest
from audit_lib.cli import open_project as cli
from audit_lib.cli.terminal import say
from audit_lib.ledger import (
    Entry,
    all_heads,
    chain,
    keys,
    read_ledger,
    timeline,
    whose as answers,
    write_entry,
)
from audit_lib.logins.declared import propose
from audit_lib.logins.parameters import detection_policy, formats_of
from audit_lib.logs.read import read_logs
from audit_lib.report import escape as inert
from audit_lib.rotation import change, progress, runbook, schedule, validation
from audit_lib.rotation.contracts import DONE
from audit_lib.sample import build_sample
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets import env, given as given_values
from audit_lib.secrets.evidence import seen_already
from audit_lib.secrets.loaders import loaders_of
from audit_lib.secrets.read_project import places_lost, snapshot_draft
from audit_lib.settings import first_file
from audit_lib.settings.code_reads import MAX_CODE_FILES, code_files, shown
from audit_lib.settings.load import remember_sample

LEFT = 3  # the exit code for what is due, not done or not valid
_MOST_NAMES = 5  # that are shown
_LEDGER = ("--env", "--policy", "--ledger", "--writer")
_SECRET = click.argument("secret")
_EVIDENCE = ("--env", "--policy", "--ledger", "--as-of")
_STEPS = (_SECRET, cli.flag("--compromised"), "--environment", *_EVIDENCE)
_CLAIM = ("--by", "--approved-by", "--ticket", "--trigger", "--triggered-at", "--reason")


@cli.command("--ledger")
def init(context: cli.Opened, folder: Path, **_: Any) -> None:
    """Make the key and write a first audit.toml; an existing file is never overwritten."""
    project, policy, path = context.project, context.policy, keys.key_file()
    there, key = path.exists(), keys.made_key_of(project)
    state = "exists" if there else "was created"
    keep = "" if there else ": keep a copy, the ledger cannot be read without it"
    own = f"{key.key_id} {state} in {path}{keep}"
    say(f"key: {'the public DEMO key' if key.origin == 'demo' else own}")

    if policy.name == "generic" and not project.configured:
        project = first_file.with_environments(project)
    rules, logs = detection_policy(policy), read_logs(project, None, formats_of(project, policy))
    proposals = propose(logs.counts, rules.logins, rules.failed_statuses)
    if project.configured:
        say("audit.toml: exists and is kept")
        click.echo("\n".join(one.block for one in proposals), nl=bool(proposals))
    else:
        _write_settings(context, project, [one.block for one in proposals])
        say(*(f"in audit.toml, as a comment: {one.question}" for one in proposals))
    take = f"audit-lib snapshot --project {shlex.quote(str(folder))}"
    say(f"next: {take}  (weekly: it is what proves ages later)")


def _write_settings(context: cli.Opened, project: settings.Project, logins: list[str]) -> None:
    """Write a first audit.toml, and print what it cannot name and what was not searched."""
    policy, entries, public = context.policy, context.read().entries, set()
    known = entries[entries["kind"].eq("env file") & entries["loader"].ne("")]
    guesses: tuple[first_file.Guess, ...] = ()
    unread = list(map(str, project.not_searched))
    if policy.name == "generic":
        with suppress(git.GitFailed):
            public = git.tracked(project.root)
        guesses = first_file.guess_variables(project, policy, public)
        beyond, most = len(code_files(project)) - MAX_CODE_FILES, f"{MAX_CODE_FILES:,}"
        unread[:0] = [f"{counted(beyond, 'code file')} beyond the first {most}"] if beyond > 0 else []
    loaders = dict(zip(known["source"], known["loader"], strict=True))
    text = first_file.first_audit_toml(project, policy.name, guesses, loaders, logins)
    first_file.write_new(project.root / "audit.toml", text, "audit.toml")

    variables = counted(len(guesses or policy.secrets), "variable")
    say(f"audit.toml: written, {variables} by the policy {policy.name}: check the guesses")
    odd = [source.path for source in project.env_sources if not first_file.nameable(source.path)]
    named = map(shown, odd)
    say(*named, lead="not named in audit.toml, because of the characters in its name: ")
    say(*([few(unread, _MOST_NAMES, "; ")] if unread else []), lead="not searched: ")


@cli.command(click.argument("folder", metavar="DIR", type=cli.PATH), opens=False)
def sample(folder: Path) -> None:
    """Write the sample project to a new or empty folder."""
    build_sample(folder)
    if not remember_sample(folder):
        say("the sample cannot be opened by its path: no state can be kept in the home folder", err=True)
    say(f"sample project written; review it: audit-lib review --project {shlex.quote(str(folder))}")


@cli.command(*_LEDGER, cli.flag("--fewer"))
def snapshot(context: cli.Opened, fewer: bool, **_: Any) -> None:
    """Append a snapshot to the ledger, and print what was seen and which secrets have no value."""
    entry = take_snapshot(context, fewer)
    seen = entry.body["secrets"]
    absent = [f"{one['variable']} in {one['environment']}" for one in seen if one["fingerprint"] is None]
    present, where = counted(len(seen) - len(absent), "value"), counted(len(entry.body["places"]), "place")
    at = clock.iso(context.at)
    say(f": {present} in {where} seen at {at}", lead=entry.place, colour="green")
    if absent:
        names = few(absent, _MOST_NAMES)
        say(f" {counted(len(absent), 'secret')}: {names}", lead="without a value:", colour="yellow")


def take_snapshot(context: cli.Opened, fewer: bool = False) -> Entry:
    """The entry that was appended; `BadInput` if no value was seen, or, unless `fewer`, a place lost some."""
    project, had_key = context.project, keys.key_file().exists()
    key, root = keys.made_key_of(project), str(project.root)
    if not had_key and key.origin == "file":
        say(f"key: {key.key_id} created in {keys.key_file()}: keep a copy", err=True)

    read = context.read(key)
    draft = snapshot_draft(read.inventory, read.places)
    seen = draft.body["places"], any(row["fingerprint"] for row in draft.body["secrets"])
    fault = "has not one value of a secret: there is nothing to record"
    fault = fault if seen[0] else "has no env file that can be read, and no --env was given"
    cli.refuse((not all(seen), root, fault))

    taken = read_ledger(project.ledger_dir, key).of_kind("snapshot")
    before = next((entry for entry in reversed(taken) if entry.writer == context.writer), None)
    if before and not fewer:
        lost = places_lost(draft, before)
        fault = f"no value of {', '.join(lost)} was seen, and {before.place} saw some"
        cli.refuse((lost, "snapshot", f"{fault}: give them with --env, or take it with snapshot --fewer"))
    configuration = {"audit_toml": project.layout_sha256, "policy": context.policy.sha256}
    return context.append("snapshot", {**draft.body, "configuration": configuration}, key)


@cli.command(
    *(_SECRET, option("--environment", required=True, callback=cli.environment_of), "--service"),
    option("--at", "claimed", default=""),
    option("--revoked", type=click.Choice(("current", "previous"))),
    *("--created-at", "--source", "--proof", *_LEDGER, *_CLAIM),
)
def record(context: cli.Opened, secret: str, environment: str, service: str, **given: Any) -> None:
    """Append what somebody claims of a secret to the ledger: a rotation unless an option says otherwise."""
    rule, inventory = context.policy.rule(secret), context.read().inventory
    named = inventory["secret"].eq(rule.name if rule else secret) & inventory["environment"].eq(environment)
    found = [row for row in rows(inventory[named]) if service in ("", row.service)]
    names = ", ".join(sorted(row.service for row in found))
    cli.refuse(
        (not found, "SECRET", f"is not known in {environment}{service and '/'}{service}"),
        (len(found) > 1, "--service", f"is required: {environment} has the secret in {names}"),
    )
    (row,), text, moment = found, given["created_at"] or given["claimed"], context.at
    day_only = bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip()))
    if text:
        at = f"{text.strip()}T00:00:00Z" if day_only else text
        moment = clock.parse_instant(at, "--at", ZoneInfo(context.project.time_zone))
    latest = context.at + timedelta(hours=14 if day_only else 0)  # somewhere on earth it may be tomorrow
    cli.refuse((moment > latest, "--at", "is in the future: record a rotation when it is done"))

    kind, own = _claim(row, context, given)
    body = {
        "secret": row.secret,
        "environment": environment,
        "service": row.service,
        "by": context.by,
        "ticket": given["ticket"],
        "reason": given["reason"],
        "claimed_at": clock.iso(moment),
        "day_only": day_only,
    }
    place, at, which = f"{row.secret} in {environment}/{row.service}", clock.iso(moment), given["revoked"]
    words = {
        "rotation": f"{place}, rotated {'' if given['claimed'] else 'by '}{at}",
        "creation": f"{place}, created {at} by {given['source']}: a claim in your name",
        "revocation": f"the {which} value of {place}, revoked {at}: a claim, no provider was asked",
    }
    say(f"{context.append(kind, body | own).place}: {words[kind]}")
    if kind == "rotation" and not own["fingerprint"]:
        say("its value was not supplied (--env), so this is only a claim and proves nothing", err=True)


def _claim(row: Any, context: cli.Opened, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The kind of the record, and what it adds: the value in place, or the one that was revoked."""
    fingerprint, place = row.fingerprint if row.state == "present" else None, timeline.SecretPlace.of(row)
    value = {"source": row.source, "loader": row.loader, "fingerprint": fingerprint}
    supply, which, source = "needs the current value: supply it with --env", given["revoked"], given["source"]
    if given["created_at"]:
        cli.refuse(
            (not source, "--source", "is required: name where the date stands"),
            (not fingerprint, "--created-at", supply),
        )
        return "creation", value | {"witness": source}
    if which:
        lacks = row.state == "not supplied" or (which == "current" and not fingerprint)
        cli.refuse((lacks, "--revoked", supply))
        if which == "previous":  # under a key that is gone it cannot be compared with any value
            held = [stay.fingerprint for stay in timeline.tenures(context.ledger()) if stay.home == place]
            fingerprint = next((one for one in reversed(held) if one != row.fingerprint), ":")
            fault = "is not possible: the ledger has no value before the current one"
            cli.refuse((":" in fingerprint, "--revoked", fault))
        return "revocation", {"fingerprint": fingerprint, "proof": given["proof"]}
    cli.refuse((given["proof"], "--proof", "is only for --revoked"))
    if fingerprint and not given["claimed"]:
        seen = seen_already(context.ledger(), place, row.source, row.fingerprint)
        fault = (
            f"{seen.place} saw this value at {clock.iso(seen.at)}, and nothing shows a rotation since"
            if seen
            else ""
        )
        cli.refuse((seen, "--at", f"is needed: {fault}. Rotate it first, or say when it was rotated"))
    return "rotation", value | _approval(given, context)


def _approval(given: dict[str, Any], context: cli.Opened) -> dict[str, str]:
    """Who approved a rotation and what it was done for; `BadInput` for a trigger in the future."""
    body = {"approved_by": given["approved_by"], "trigger": given["trigger"] or ""}
    if text := given["triggered_at"]:
        known = clock.parse_instant(text, "--triggered-at", ZoneInfo(context.project.time_zone))
        cli.refuse((known > context.at + timedelta(days=1), "--triggered-at", "is in the future"))
        body["triggered_at"] = clock.iso(min(known, context.at))  # of today only the day may be known
    return body


@cli.command("--project", "--ledger", opens=False)
def whose(folder: Path, ledger: Path | None) -> None:
    """Print whose secret a string is that is entered or read from stdin; it is not stored."""
    project, string = settings.load_project(folder, ledger), cli.entered_value("String (not shown)")
    keeper = Keeper(Key.throw_away())
    for candidate in answers.candidates(string):
        keeper.take(candidate)
    guard.install(keeper).classify((), (), "")  # its parts may be ordinary, such as the name in NAME=VALUE
    key = keys.key_of(project)
    known = read_ledger(project.ledger_dir, key)
    say(*answers.whose(string, known, key).lines)
    say(*known.faults, lead="the ledger is damaged: ", err=True)


@click.group()
def rotate() -> None:
    """The commands of a rotation."""


@cli.command(
    *(cli.shown("--within", default="14d"), option("--calendar", type=cli.PATH), *_EVIDENCE), of=rotate
)
def due(context: cli.Opened, folder: Path, within: str, calendar: Path | None, **given: Any) -> None:
    """Print what falls due within some days, and write all dates as a calendar; 3 if there is any."""
    days = re.fullmatch(r"(\d{1,3})d?", within.strip())
    if not days:
        raise BadInput.at("--within", "must be a number of days such as 14d, at most 999")
    at = context.instant(given["as_of"])
    ages = context.read(as_of=at).ages
    planned = schedule.tabulate_schedule(ages)
    cli.refuse((planned.empty, str(folder), "has no secret with a limit in force: nothing was judged"))
    soon = schedule.due_within(planned, at, int(days[1]))
    words = f"{counted(len(soon), 'secret')} may fall due within {counted(int(days[1]), 'day')}"
    say("", lead=words)
    say(*(schedule.due_words(row, at) for row in rows(soon)))
    if unseen := int(ages["reason"].eq("not supplied").sum()):
        say(f"{counted(unseen, 'value')} not supplied (--env): nothing is known of them", err=True)
    if calendar:
        text = schedule.calendar_text(planned, context.project.name, at)
        calendar.write_text(text, "utf-8", newline="")
        say(f"{calendar}: {counted(len(planned), 'secret')}", err=True)
    sys.exit(0 if soon.empty else LEFT)


@cli.command(*_STEPS, of=rotate)
def plan(context: cli.Opened, secret: str, **given: Any) -> None:
    """Print the ordered steps of a rotation, each with how to verify it and what it breaks."""
    made = _plan(context, secret, given)
    say(f"Runbook for {made.rules[0].name}: {made.mode}, as of {clock.iso(made.read.as_of)}")
    for number, step in enumerate(made.steps, 1):
        place = f" [{step.environment}]" if step.environment else ""
        say("", f"{number}. {step.text}{place}.")
        for command in step.commands:
            click.echo(f"     {inert.plain(command)}")  # whole, to be copied
        say(f"Verify: {step.verify}.", indent="   ")
        if step.breaks:
            say(f"It breaks: {step.breaks}.", indent="   ")


@cli.command(*_STEPS, "--since", of=rotate)
def check(context: cli.Opened, secret: str, since: str, **given: Any) -> None:
    """Print how far a rotation is, and what is half done; 3 unless every step is done."""
    made = _plan(context, secret, given)
    began = clock.parse_instant(since, "--since") if since else made.read.as_of - progress.LONGEST
    found = made.progress(began)
    left, steps = sum(step.state != DONE for step in found.steps), counted(len(found.steps), "step")
    answer = f"{left} of {steps} not done or not known" if left else f"all of {steps} are done"
    say(f": {answer}", lead=f"Rotation of {made.rules[0].name} since {clock.iso(began)}")
    for step in found.steps:
        place = f" [{step.place}]" if step.place else ""
        say(f"{step.state:<9}  {step.step}{place}: {step.why}", indent="  ")
    say(*found.half_done, lead="half done: ")
    sys.exit(0 if found.whole else LEFT)


def _plan(context: cli.Opened, secret: str, given: dict[str, Any]) -> runbook.RotationPlan:
    """The plan to rotate a secret, as of the instant that was given."""
    read = context.read(as_of=context.instant(given["as_of"]))
    return runbook.plan_rotation(secret, read, given["environment"], compromised=given["compromised"])


@cli.command(
    *(_SECRET, option("--into", type=cli.PATH), cli.flag("--given", "entered")),
    *(option("--fd", type=click.IntRange(0)), cli.flag("--show"), "--environment"),
    *(*_CLAIM, "--policy", "--ledger", "--writer"),
    of=rotate,
)
def new(context: cli.Opened, secret: str, into: Path | None, entered: bool, **given: Any) -> None:
    """Put a new value into env files, which the ledger records, or write it to a descriptor or terminal."""
    one_place = sum((into is not None, given["fd"] is not None, given["show"])) == 1
    piped = given["show"] and not sys.stdout.isatty()
    rule, policy = context.policy.rule(secret), context.policy
    near = nearest(secret, [one.name for one in policy.secrets])
    cli.refuse(
        (not one_place, "rotate new", "needs one of --into FILE, --fd NUMBER and --show"),
        (piped, "--show", "is for a terminal: use --fd to write to a program"),
        (rule is None, "SECRET", f"must be a variable of the policy {policy.name}{near}"),
    )
    assert rule
    source = change.env_source(context.project, into) if into else None
    environment = source.environment if source else given["environment"] or "production"
    if entered:
        value = cli.entered_value("New value (not shown)", twice=True)
        faults = validation.new_value_faults(rule, value, policy, environment)
        place = f"the value entered for {rule.name}"
        cli.refuse((not value.isprintable(), "stdin", "must be one line of printable text"))
        cli.refuse(*((True, place, fault) for fault in faults))
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
    context: cli.Opened, rule: settings.SecretRule, source: settings.EnvSource, value: str, given: Any
) -> None:
    """Write a new value into an env file and its twins, and each change into the ledger."""
    body = {"by": context.by, "ticket": given["ticket"], "reason": given["reason"]}
    body |= _approval(given, context)
    key, place, at = keys.made_key_of(context.project), context.project.ledger_dir, context.at
    here, keeper = (context.project, context.policy), Keeper(key)
    changes = change.planned(*here, rule, source, new=value, keeper=keeper)
    chain.chain_to_continue(place, key, changes[0].draft(at, body), at, context.writer)
    written: set[Path] = set()
    for one in changes:
        if one.path not in written:
            change.replace_file(one.path, one.before, one.after)
            written.add(one.path)
        entry = write_entry(place, key, one.draft(at, body), at, context.writer)
        say(f"{entry.place}: {one.place}: replaced in {one.source}")
    say(f"The old value stays in use until it starts anew ({rule.restart or 'restart'})", err=True)


@cli.command(*_LEDGER, of=rotate, name="key")
def change_key(context: cli.Opened, **_: Any) -> None:
    """Bridge the ledger to a new key, with the fingerprints of all values linked that are supplied."""
    old, fresh = context.key, Key(secrets.token_bytes(32), "file")
    cli.refuse((old.origin != "file", "key", f"is a {old.origin} key, which cannot be changed"))
    before, after = (context.read(key).inventory["fingerprint"] for key in (old, fresh))
    links = {was: now for was, now in zip(before, after, strict=True) if isinstance(was, str)}
    heads = all_heads(context.project.ledger_dir, old)
    keys.store_key(fresh, context.project.root)
    body = {"from_key_id": old.key_id, "lost": False, "links": links, "heads": heads}
    context.append("key bridge", body, fresh)
    if links:
        take_snapshot(context, fewer=True)
    changed = f"key {old.key_id} changed to {fresh.key_id}, {counted(len(links), 'fingerprint')} linked"
    say(f"{changed}: give every reviewer the new key file")


@cli.command(
    *("--policy", "--environment", "--service", cli.flag("--strict")),
    cli.shown("--values", default=given_values.ENVIRON, metavar="FILE|-|environ"),
)
def validate(context: cli.Opened, environment: str, service: str, values: str, **given: Any) -> None:
    """Judge what a service starts with by the policy; 3 if that fails and validation is strict."""
    policy, root, environ = context.policy, context.project.root, os.environ
    place = environment or validation.environment_shown(policy, environ)
    services = sorted({rule.service for rule in policy.secrets})
    unclear = service not in services and (service or len(services) > 1)
    cli.refuse(
        (not services, f"policy {policy.name}", "lists no secret to validate: run init"),
        (services and unclear, "--service", f"must be one of {', '.join(services)}"),
    )
    name = service or services[0]
    read = given_values.parse_env_option(f"{place}/{name}={values}", sys.stdin.buffer)
    lines = given_values.given_lines(read, policy)
    # A file of the project is read as its service reads it, any other one as the platform's box is.
    sources = {(root / source.path).resolve(): source for source in context.project.env_sources}
    if values not in (given_values.ENVIRON, given_values.STDIN) and (
        own := sources.get(Path(values).resolve())
    ):
        lines = env.parse_env(read.content, loaders_of(root, own, read.content))
    held = {line.name: line.value for line in lines if line.name and line.value is not None}
    unknown = frozenset(line.name for line in lines if line.name and env.value_is_unknown(line.faults))

    result = validation.validate(held, policy, place, name, unknown)
    say(*result.lines, err=not result)
    if not result:
        if given["strict"] or validation.is_strict(policy, {**environ, **held}, place):
            sys.exit(LEFT)
        say("The start goes on: validation is not strict here (--strict)", err=True)
