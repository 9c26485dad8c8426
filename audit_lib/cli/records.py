"""`snapshot`, `record` and `whose`: what goes into the ledger about values, and what it knows of a string."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from click import option

from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, few
from audit_lib.cli import open_project as cli
from audit_lib.cli.terminal import say
from audit_lib.ledger import Entry, read_ledger
from audit_lib.ledger.keys import key_file, key_of, made_key_of
from audit_lib.ledger.timeline import SecretPlace, tenures
from audit_lib.ledger.whose import candidates, whose as answer
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.evidence import seen_already
from audit_lib.secrets.read_project import places_lost, snapshot_draft
from audit_lib.settings import environment_name, load_project

_MOST_NAMES = 5
_ANSWERS = {
    "rotation": "{place}, rotated {by}{at}",
    "creation": "{place}, created {at} by {source}: a claim in your name",
    "revocation": "the {revoked} value of {place}, revoked {at}: a claim, no provider was asked",
}


@cli.command(*cli.LEDGER, cli.flag("--fewer"))
def snapshot(folder: Path, fewer: bool, **given: Any) -> None:
    """Append a snapshot to the ledger, and print what was seen and which secrets have no value."""
    context = cli.opened(folder, given)
    entry = take_snapshot(context, fewer)
    absent = [one for one in entry.body["secrets"] if one["fingerprint"] is None]
    present, where = len(entry.body["secrets"]) - len(absent), counted(len(entry.body["places"]), "place")
    say(f": {counted(present, 'value')} in {where} seen at {iso(context.at)}", entry.place, "green")
    if names := [f"{one['variable']} in {one['environment']}/{one['service']}" for one in absent]:
        say(f" {counted(len(names), 'secret')}: {few(names, _MOST_NAMES)}", "without a value:", "yellow")
    say(" in a week, and after each deploy", "Take the next")


def take_snapshot(context: cli.Opened, fewer: bool = False) -> Entry:
    """The entry that was appended; the key is created if there is neither ledger nor key.

    `BadInput` if no value was seen, or, unless `fewer`, none of a place that the writer's last snapshot saw.
    """
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
    *(click.argument("secret"), option("--environment", required=True), "--service"),
    *(option("--revoked", type=click.Choice(("current", "previous"))), "--created-at"),
    *("--source", "--proof", option("--at", "claimed", default=""), *cli.LEDGER, *cli.RECORD),
)
def record(secret: str, folder: Path, environment: str, service: str, **given: Any) -> None:
    """Append what somebody claims of a secret to the ledger: a rotation unless an option says otherwise."""
    context = cli.opened(folder, given)
    row = _row(context, secret, environment_of(environment), service)
    moment, day_only = _claimed(given["created_at"] or given["claimed"], context)
    kind, own = _claim(row, context, given)
    body = {name: getattr(row, name) for name in SecretPlace._fields}
    body |= {"by": context.by, "ticket": given["ticket"], "reason": given["reason"]}
    body |= {"claimed_at": iso(moment), "day_only": day_only}
    words = {"place": f"{row.secret} in {row.environment}/{row.service}", "at": iso(moment)}
    words |= given | {"by": "" if given["claimed"] else "by "}
    entry = context.append(kind, body | own)
    say(f"{entry.place}: {_ANSWERS[kind].format_map(words)}")
    if kind == "rotation" and not own["fingerprint"]:
        say("its value was not supplied (--env), so this is only a claim and proves nothing", err=True)


def _row(context: cli.Opened, secret: str, environment: str, service: str) -> Any:
    """The one row of the inventory that is meant; `BadInput` if there are none or several."""
    rule, inventory = context.policy.rule(secret), context.read().inventory
    named = inventory["secret"].eq(rule.name if rule else secret) & inventory["environment"].eq(environment)
    found = [row for row in rows(inventory[named]) if service in ("", row.service)]
    place, names = f"{environment}{service and '/'}{service}", ", ".join(sorted(row.service for row in found))
    cli.refuse_if(not found, "SECRET", f"is not known in {place}")
    cli.refuse_if(len(found) > 1, "--service", f"is required: {environment} has the secret in {names}")
    return found[0]


def environment_of(text: str) -> str:
    """The environment that `--environment` names; `BadInput` for any other text."""
    name = environment_name(text)
    cli.refuse_if(not name, "--environment", "must be one of development, staging, production (dev, prod)")
    return name


def _claimed(text: str, context: cli.Opened) -> tuple[datetime, bool]:
    """The claimed instant and whether only its day is known; `BadInput` if it is in the future."""
    if not text:
        return context.at, False
    moment = parse_instant(text, "--at", ZoneInfo(context.project.time_zone))
    day_only = bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip()))
    moment = moment.replace(hour=0, minute=0, second=0) if day_only else moment
    latest = context.at + timedelta(hours=14 if day_only else 0)  # somewhere on earth it may be tomorrow
    cli.refuse_if(moment > latest, "--at", "is in the future: record a rotation when it is done")
    return moment, day_only


def _claim(row: Any, context: cli.Opened, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The kind of the record, and what it adds: the value in place, or the one that was revoked."""
    fingerprint, place = row.fingerprint if row.state == "present" else None, SecretPlace.of(row)
    value = {"source": row.source, "loader": row.loader, "fingerprint": fingerprint}
    supply, which = "needs the current value: supply it with --env", given["revoked"]
    if given["created_at"]:
        source = "is required with --created-at: name where the date stands"
        cli.refuse_if(not given["source"], "--source", source)
        cli.refuse_if(not fingerprint, "--created-at", supply)
        return "creation", value | {"witness": given["source"]}
    if which:
        lacks = row.state == "not supplied" or (which == "current" and not fingerprint)
        cli.refuse_if(lacks, "--revoked", supply)
        stays = [stay for stay in tenures(context.ledger()) if stay.home == place]
        if which == "previous":  # under a key that is gone it cannot be compared with any value
            held = [stay.fingerprint for stay in stays if stay.fingerprint != row.fingerprint]
            unknown = not held or ":" in held[-1]
            fault = "is not possible: the ledger has no value before the current one"
            cli.refuse_if(unknown, "--revoked", fault)
            fingerprint = held[-1]
        return "revocation", {"fingerprint": fingerprint, "proof": given["proof"]}
    cli.refuse_if(given["proof"], "--proof", "is only for --revoked")
    if fingerprint and not given["claimed"]:
        seen = seen_already(context.ledger(), place, row.source, row.fingerprint)
        fault = (
            f"{seen.place} saw this value at {iso(seen.at)}, and nothing shows a rotation since"
            if seen
            else ""
        )
        cli.refuse_if(seen, "--at", f"is needed: {fault}. Rotate it first, or say when it was rotated")
    return "rotation", value | cli.approval_of(given, context)


@cli.command("--project", "--ledger")
def whose(folder: Path, ledger: Path | None) -> None:
    """Print whose secret a string is that is entered or read from stdin; it is not stored."""
    project, string = load_project(folder, ledger), cli.entered_value("String (not shown)")
    keeper = Keeper(Key.throw_away())
    for _, candidate in candidates(string):
        keeper.take(candidate)
    guard.install(keeper).classify((), (), "")  # its parts may be ordinary, such as the name in NAME=VALUE
    key = key_of(project)
    known = read_ledger(project.ledger_dir, key)
    for line in answer(string, known, key).lines:
        say(line)
    for fault in known.faults:
        say(f"the ledger is damaged: {fault}", err=True)
