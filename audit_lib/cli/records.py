"""What begins and keeps the ledger: `init`, `sample`, `snapshot`, `record`, `whose`, `rotate`, `validate`."""

import os
import re
import secrets
import shlex
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from audit_lib import settings
from audit_lib.base import clock, errors, frames
from audit_lib.base.in_words import counted, few, nearest
from audit_lib.cli import open_project as cli
from audit_lib.ledger import Entry, chain, keys, timeline
from audit_lib.logins import declared, parameters
from audit_lib.logs.read import read_logs
from audit_lib.report import escape as inert
from audit_lib.rotation import change, progress, runbook, schedule, validation
from audit_lib.sample import build_sample
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets import ages, env, read_project, sources
from audit_lib.settings import discover, keys as settings_keys, load, variables

_MOST_NAMES = 5  # that are shown
_LEDGER = ("--env", "--policy", "--ledger", "--writer")
rotate, _SECRET = click.Group("rotate"), click.argument("secret")
_EVIDENCE = ("--env", "--policy", "--ledger", "--as-of")
_STEPS = (_SECRET, cli.flag("--compromised"), "--environment", *_EVIDENCE)
_CLAIM = ("--by", "--approved-by", "--ticket", "--trigger", "--triggered-at", "--reason")


@cli.command("--ledger")
def init(context: cli.Opened, folder: Path, **_: Any) -> None:
    """Make the key and write a first audit.toml; an existing file is never overwritten."""
    project, policy, path = context.project, context.policy, keys.key_file()
    there, key = path.exists(), keys.key_of(project, make=True)
    state = "exists in" if there else "keep a copy, the ledger cannot be read without it. It was created in"
    own = f"{key.key_id}: {state} {path}"
    cli.say(f"key {'of the sample: public DEMO key' if key.origin == 'demo' else own}")

    logs = read_logs(project, None, parameters.formats_of(project, policy))
    proposals = declared.propose(logs.counts, logs.minutes, parameters.detection_policy(policy))
    if project.configured:
        cli.say("audit.toml: exists and is kept")
        click.echo("\n".join(one.block for one in proposals), nl=bool(proposals))
    else:
        _write_settings(context, project, [one.block for one in proposals])
        cli.say(*(f"in audit.toml, as a comment: {one.question}" for one in proposals))
    held = any(not one.example and (project.root / one.path).exists() for one in project.env_sources)
    give = "" if held else f" --env {_main_place(settings.choose_policy(settings.load_project(folder)))}=FILE"
    take = f"audit-lib snapshot --project {shlex.quote(str(folder))}{give}"
    cli.say(f"next: {take}  (weekly: it is what proves ages later)")


def _main_place(policy: settings.Policy) -> str:
    services = Counter(rule.service for rule in policy.secrets if rule.kind == "secret")
    return f"production/{max(services, key=services.__getitem__, default='backend')}"


def _write_settings(context: cli.Opened, project: settings.Project, logins: list[str]) -> None:
    policy, entries = context.policy, context.read().entries
    known = entries[entries["kind"].eq("env file") & entries["loader"].ne("")]
    guesses, unread = list[dict[str, Any]](), list(map(str, project.not_searched))
    if policy.name == "generic":
        code = variables.read_code(project)
        guesses = discover.guess_variables(project, policy, code)
        held = (f"a value of {one['name']} in {one['places']}" for one in guesses if ".ini:" in one["places"])
        beyond, most = code.files - variables.MAX_CODE_FILES, f"{variables.MAX_CODE_FILES:,}"
        unread[:0] = [f"{counted(beyond, 'code file')} beyond the first {most}"] * (beyond > 0) + [*held]
    loaders = dict(zip(known["source"], known["loader"], strict=True))
    text = discover.first_audit_toml(project, policy.name, guesses=guesses, loaders=loaders, logins=logins)
    discover.write_new(project.root / "audit.toml", text, "audit.toml")

    cli.say(
        f"audit.toml: written, {counted(len(guesses or policy.secrets), 'variable')} by the policy "
        f"{policy.name}: check the guesses, environments first"
    )
    cli.say(
        *(variables.shown(one.path) for one in project.env_sources if settings_keys.path_fault(one.path)),
        lead="not named in audit.toml, because of the characters in its name: ",
    )
    cli.say(few(unread, _MOST_NAMES, "; ") if unread else None, lead="not searched: ")


@cli.command(click.argument("folder", metavar="DIR", type=cli.PATH), opens=False)
def sample(folder: Path) -> None:
    """Write the sample project to a new or empty folder."""
    build_sample(folder)
    fault = "the sample cannot be opened by its path: no state can be kept in the home folder"
    cli.say(None if load.remember_sample(folder) else fault, err=True)
    cli.say(f"sample project written; review it: audit-lib review --project {shlex.quote(str(folder))}")


@cli.command(*_LEDGER, cli.flag("--fewer"))
def snapshot(context: cli.Opened, fewer: bool, **_: Any) -> None:
    """Append a snapshot to the ledger, and print what was seen and which secrets have no value."""
    entry, read = take_snapshot(context, fewer)
    lacking = read.inventory.query("fingerprint.isna() and kind != 'setting' and state != 'not supplied'")
    values = counted(len(entry.body["secrets"]) - len(lacking), "value")
    where = f"{counted(len(entry.body['places']), 'place')} seen at {clock.iso(context.at)}"
    cli.say(f": {values} in {where}", lead=entry.place, colour="green")
    unread = lacking["state"].eq("present") & lacking["whole"].isna()
    for lead, part in (("without a value:", ~unread), ("not known until its loader is declared:", unread)):
        names = [f"{one.variable} in {one.environment}" for one in frames.rows(lacking[part])]
        shown = f" {counted(len(names), 'secret')}: {few(names, _MOST_NAMES)}" if names else None
        cli.say(shown, lead=lead, colour="yellow")


def take_snapshot(context: cli.Opened, fewer: bool = False) -> tuple[Entry, read_project.ProjectRead]:
    """The entry that was appended, and of what; `BadInput` if no value was seen or, unless `fewer`, a place
    lost some.

    What a place had is what the writer's own last snapshot saw there. A key is made if there is none, and
    whoever runs it is told where it lies.
    """
    project, had_key = context.project, keys.key_file().exists()
    key, root = keys.key_of(project, make=True), str(project.root)
    if not had_key and key.origin == "file":
        cli.say(f"key: {key.key_id} created in {keys.key_file()}: keep a copy", err=True)

    read = context.read(key)
    draft = read_project.snapshot_draft(read.inventory, read.places)
    seen = draft.body["places"], any(row["fingerprint"] for row in draft.body["secrets"])
    supply = f"--env {_main_place(context.policy)}=FILE gives what is in force"
    cli.refuse(
        (not seen[0], root, f"has no env file that can be read, and no --env was given: {supply}"),
        (seen[0] and not seen[1], root, f"has not one value of a secret, so nothing to record: {supply}"),
    )

    taken = chain.read_ledger(project.ledger_dir, key).of_kind("snapshot")
    before = next((entry for entry in reversed(taken) if entry.writer == context.writer), None)
    lost = [] if fewer else read_project.places_lost(draft, before)
    fault = f"no value of {', '.join(lost)} was seen, and {before.place if before else ''} saw some"
    cli.refuse((lost, "snapshot", f"{fault}: give them with --env, or take it with snapshot --fewer"))
    configuration = {"audit_toml": project.layout_sha256, "policy": context.policy.sha256}
    return context.append("snapshot", {**draft.body, "configuration": configuration}, key), read


@cli.command(
    *(_SECRET, click.option("--environment", required=True, callback=cli.environment_of), "--service"),
    click.option("--at", "claimed", default=""),
    click.option("--revoked", type=click.Choice(("current", "previous"))),
    *("--created-at", "--source", "--proof", *_LEDGER, *_CLAIM),
)
def record(context: cli.Opened, secret: str, environment: str, service: str, **given: Any) -> None:
    """Append what somebody claims of a secret to the ledger: a rotation unless an option says otherwise."""
    rule, inventory = context.policy.rule(secret), context.read().inventory
    named = inventory["secret"].eq(rule.name if rule else secret) & inventory["environment"].eq(environment)
    found = [row for row in frames.rows(inventory[named]) if service in ("", row.service)]
    names = ", ".join(sorted(row.service for row in found))
    cli.refuse(
        (not found, "SECRET", f"is not known in {environment}{service and '/'}{service}"),
        (len(found) > 1, "--service", f"is required: {environment} has the secret in {names}"),
    )
    (row,), text, moment = found, given["created_at"] or given["claimed"], context.at
    day_only = bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip()))
    if text:
        begin = f"{text.strip()}T00:00:00Z" if day_only else text
        moment = clock.parse_instant(begin, "--at", ZoneInfo(context.project.time_zone))
    latest = context.at + timedelta(hours=14 if day_only else 0)  # somewhere on earth it may be tomorrow
    cli.refuse((moment > latest, "--at", "is in the future: record a rotation when it is done"))

    kind, own = _claim(row, context, given)
    at, which = clock.iso(moment), given["revoked"]
    body = {"secret": row.secret, "environment": environment, "service": row.service, "by": context.by}
    body |= {"ticket": given["ticket"], "reason": given["reason"], "claimed_at": at, "day_only": day_only}
    place = f"{row.secret} in {environment}/{row.service}"
    words = {
        "rotation": f"{place}, rotated {'' if given['claimed'] else 'by '}{at}",
        "creation": f"{place}, created {at} by {given['source']}: a claim in your name",
        "revocation": f"the {which} value of {place}, revoked {at}: a claim, no provider was asked",
    }
    cli.say(f"{context.append(kind, body | own).place}: {words[kind]}")
    if kind == "rotation" and not own["fingerprint"]:
        cli.say("its value was not supplied (--env), so this is only a claim and proves nothing", err=True)


def _claim(row: Any, context: cli.Opened, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
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
    ledger, undated = context.ledger(), fingerprint and not given["claimed"]
    if undated and (seen := ages.seen_already(ledger, place, row.source, row.fingerprint)):
        fault = f"{seen.place} saw this value at {clock.iso(seen.at)}, and nothing shows a rotation since"
        raise errors.BadInput.at("--at", f"is needed: {fault}. Rotate it first, or say when it was rotated")
    return "rotation", value | _approval(given, context)


def _approval(given: dict[str, Any], context: cli.Opened) -> dict[str, str]:
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
    for candidate in timeline.candidates(string):
        keeper.take(candidate)
    guard.install(keeper).classify((), (), "")  # its parts may be ordinary, such as the name in NAME=VALUE
    key = keys.key_of(project)
    known = chain.read_ledger(project.ledger_dir, key)
    cli.say(*timeline.whose(string, known, key))
    cli.say(*known.faults, lead="the ledger is damaged: ", err=True)


@cli.command(
    *(cli.shown("--within", default="14d"), click.option("--calendar", type=cli.PATH), *_EVIDENCE),
    of=rotate,
)
def due(context: cli.Opened, folder: Path, within: str, calendar: Path | None, **given: Any) -> None:
    """Print what falls due within some days, and write all dates as a calendar; 3 if there is any."""
    days, at = within.strip().removesuffix("d"), context.instant(given["as_of"])
    wrong = not re.fullmatch(r"\d{1,3}", days)
    cli.refuse((wrong, "--within", "must be a number of days such as 14d, at most 999"))
    ages = context.read(as_of=at).ages
    planned = schedule.tabulate_schedule(ages)
    cli.refuse((planned.empty, str(folder), "has no secret with a limit in force: nothing was judged"))
    soon = schedule.due_within(planned, at, int(days))
    cli.say("", lead=f"{counted(len(soon), 'secret')} may fall due within {counted(int(days), 'day')}")
    cli.say(*(schedule.due_words(row, at) for row in frames.rows(soon)))
    if unseen := int(ages["reason"].eq("not supplied").sum()):
        cli.say(f"{counted(unseen, 'value')} not supplied (--env): nothing is known of them", err=True)
    if calendar:
        calendar.write_text(schedule.calendar_text(planned, context.project.name, at), "utf-8", newline="")
        cli.say(f"{calendar}: {counted(len(planned), 'secret')}", err=True)
    sys.exit(0 if soon.empty else cli.FOUND)


@cli.command(*_STEPS, of=rotate)
def plan(context: cli.Opened, secret: str, **given: Any) -> None:
    """Print the ordered steps of a rotation, each with how to verify it and what it breaks."""
    made = _plan(context, secret, given)
    cli.say(f"Runbook for {made.rules[0].name}: {made.mode}, as of {clock.iso(made.read.as_of)}")
    for number, step in enumerate(made.steps, 1):
        cli.say("", f"{number}. {step.text}{f' [{step.environment}]' if step.environment else ''}.")
        for command in step.command.splitlines():  # whole, to be copied
            click.echo(f"     {inert.plain(command)}")
        cli.say(
            f"Verify: {step.verify}.", f"It breaks: {step.breaks}." if step.breaks else None, indent="   "
        )


@cli.command(*_STEPS, "--since", of=rotate)
def check(context: cli.Opened, secret: str, since: str, **given: Any) -> None:
    """Print how far a rotation is, and what is half done; 3 unless every step is done."""
    made = _plan(context, secret, given)
    began = clock.parse_instant(since, "--since") if since else made.read.as_of - progress.LONGEST
    found = made.progress(began)
    left, steps = sum(step.state != progress.DONE for step in found.steps), counted(len(found.steps), "step")
    answer = f"{left} of {steps} not done or not known" if left else f"all of {steps} are done"
    cli.say(f": {answer}", lead=f"Rotation of {made.rules[0].name} since {clock.iso(began)}")
    for step in found.steps:
        place = f" [{step.place}]" if step.place else ""
        cli.say(f"{step.state:<9}  {step.step}{place}: {step.why}", indent="  ")
    cli.say(*found.half_done, lead="half done: ")
    sys.exit(0 if found.steps and not left else cli.FOUND)


def _plan(context: cli.Opened, secret: str, given: dict[str, Any]) -> runbook.RotationPlan:
    read = context.read(as_of=context.instant(given["as_of"]))
    return runbook.plan_rotation(secret, read, given["environment"], compromised=given["compromised"])


@cli.command(
    *(_SECRET, click.option("--into", type=cli.PATH), cli.flag("--given", "entered")),
    *(click.option("--fd", type=click.IntRange(0)), cli.flag("--show"), "--environment"),
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
    value = cli.entered_value("New value (not shown)", twice=True) if entered else ""
    if entered:
        place = f"the value entered for {rule.name}"
        faults = validation.new_value_faults(rule, value, policy, environment)
        cli.refuse(
            (not value.isprintable(), place, "must be one line of printable text"),
            *((True, place, fault) for fault in faults),
        )
    if source:
        _replace(context, rule, source, value, given)
        return
    value = value or validation.made_value(rule, policy, environment)
    descriptor = 1 if given["show"] else given["fd"]
    try:  # past the terminal's guard: whoever asked for it must see it
        os.write(descriptor, value.encode("utf-8") + b"\n")
    except OSError as error:
        raise errors.BadInput.at(f"--fd {descriptor}", f"cannot be written ({error.strerror})") from None


def _replace(
    context: cli.Opened, rule: settings.SecretRule, source: settings.EnvSource, value: str, given: Any
) -> None:
    said = {"by": context.by, "ticket": given["ticket"], "reason": given["reason"]}
    body = said | _approval(given, context)
    key, place, at = keys.key_of(context.project, make=True), context.project.ledger_dir, context.at
    changes = change.planned(context.project, context.policy, rule, source, new=value, keeper=Keeper(key))
    chain.sound_chain(place, key, changes[0].draft(at, body), at, context.writer)
    written: set[Path] = set()
    for one in changes:
        if one.path not in written:
            change.replace_file(one.path, one.before, one.after)
            written.add(one.path)
        entry = chain.write_entry(place, key, one.draft(at, body), at, context.writer)
        cli.say(f"{entry.place}: {one.place}: replaced in {one.source}")
    cli.say(f"The old value stays in use until it starts anew ({rule.restart or 'restart'})", err=True)


@cli.command(*_LEDGER, of=rotate, name="key")
def change_key(context: cli.Opened, **_: Any) -> None:
    """Bridge the ledger to a new key, with the fingerprints of all values linked that are supplied."""
    old, fresh = context.key, Key(secrets.token_bytes(32), "file")
    cli.refuse((old.origin != "file", "key", f"is a {old.origin} key, which cannot be changed"))
    before, after = (context.read(key).inventory["fingerprint"] for key in (old, fresh))
    links = {was: now for was, now in zip(before, after, strict=True) if isinstance(was, str)}
    heads = chain.all_heads(context.project.ledger_dir, old)
    keys.store_key(fresh, context.project.root)
    bridge = {"from_key_id": old.key_id, "lost": False, "links": links, "heads": heads}
    context.append("key bridge", bridge, fresh)
    if links:
        take_snapshot(context, fewer=True)
    linked = f"{counted(len(links), 'fingerprint')} linked: give every reviewer the new key file"
    cli.say(f"key {old.key_id} changed to {fresh.key_id}, {linked}")


@cli.command("--env", "--policy", "--environment", "--service", cli.flag("--strict"))
def validate(context: cli.Opened, environment: str, service: str, **given: Any) -> None:
    """Judge what a service starts with by the policy; 3 if that fails and validation is strict."""
    policy, environ, given_places = context.policy, os.environ, [one.environment for one in context.given]
    place = environment or next(iter(given_places), validation.environment_shown(policy, environ))
    services = sorted({rule.service for rule in policy.secrets})
    unclear = service not in services and (service or len(services) > 1)
    name = service or next(iter(services), "")
    own = [one for one in context.given if (one.environment, one.service) == (place, name)]
    cli.refuse(
        (not services, f"policy {policy.name}", "lists no secret to validate: run init"),
        (services and unclear, "--service", f"must be one of {', '.join(services)}"),
        (context.given and not own, "--env", f"gives no value of {place}/{name or 'SERVICE'}"),
    )
    started = settings.GivenValues(place, name, sources.ENVIRON, b"")
    lines = sources.given_lines(own[0] if own else started, policy)
    held = {line.name: line.value for line in lines if line.name and line.value is not None}
    unknown = frozenset(line.name for line in lines if line.name and env.value_is_unknown(line.faults))

    result = validation.validate(held, policy, place, name, unknown)
    cli.say(*result.lines, err=not result)
    if not result and (given["strict"] or validation.is_strict(policy, {**environ, **held}, place)):
        sys.exit(cli.FOUND)
    cli.say(None if result else "The start goes on: validation is not strict here (--strict)", err=True)
