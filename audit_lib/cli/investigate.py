"""`investigate`: what cannot wait at once, then the incident notebook, published whole or not at all."""

import shlex
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import click
import nbformat

from audit_lib.base.clock import iso, parse_instant, since_instant
from audit_lib.cli import options
from audit_lib.cli.open_project import Opened, refuse_stdin_twice, refuse_values
from audit_lib.cli.options import PATH, file_name, now
from audit_lib.cli.review import publish_notebook, read_stdin
from audit_lib.cli.terminal import say
from audit_lib.incident.look import address_of
from audit_lib.secrecy import guard
from audit_lib.secrets.given import parse_env_options
from audit_lib.settings import Project, choose_policy, instant_of, load_project

NOTEBOOK = "incident.ipynb"


@click.command()
@options.project
@click.option("--since", default="", help="Start of the window (UTC): a date or time, or such as 24h.")
@click.option("--until", default="", help="End of the window (UTC, default: --as-of).")
@click.option("--secret", default="", help="Name of the secret under suspicion, never its value.")
@click.option("--address", default="", help="Address to look at.")
@options.as_of
@click.option("--out", type=PATH, help="Folder to publish in (default: reports/PROJECT-incident-DAY-WHAT).")
@options.several(options.env, options.log, options.ledger)
def investigate(folder: Path, out: Path | None, **given: Any) -> None:
    """Investigate an incident: what happened, and what to do.

    By default since a leak of the secret was first seen, or of the last seven days. What is published shows
    addresses in full: keep it on this machine. If you have the leaked string itself, run `whose` first.

    Example: audit-lib investigate --project . --since 2026-08-20T02:00Z --address 203.0.113.45

    Exit codes: 0 published; 2 bad input; 4 refused, since a secret would have been disclosed.
    """
    guard.install()
    refuse_stdin_twice(given)
    project = load_project(folder, given["ledger"])
    policy, address = choose_policy(project, ""), address_of(given["address"])
    rule = policy.rule(given["secret"].strip()) if given["secret"].strip() else None
    secret = rule.name if rule else ""
    _say_first(folder, secret)
    moment = instant_of(project, given["as_of"] or project.pinned_as_of or iso(now()))
    out = out or _folder(project, moment, secret, address, given)
    parameters = {name: given[name] for name in ("since", "until", "secret")}
    parameters |= {"project": str(folder), "address": address, "as_of": iso(moment)}
    parameters |= {"ledger": str(given["ledger"] or ""), "logs": shlex.join(given["logs"])}
    with read_stdin(given) as read:
        values = parse_env_options(given["env"], BytesIO(read[0]))
        context = Opened(project, policy, values, now())
        refuse_values(context, {f"--{name}": given[name] for name in ("since", "secret")} | {"--out": out})
        publish_notebook(NOTEBOOK, "incident", parameters, out, read, given["env"])
    _say_summary(out)


def _say_first(folder: Path, secret: str) -> None:
    """What cannot wait for the logs to be read."""
    where = f"--project {shlex.quote(str(folder))}"
    say(" Copy the logs that rotate away, before any restart.", "Now:")
    if secret:
        say(f" audit-lib rotate plan {secret} --compromised {where}", f"To replace {secret}:")
    else:
        say(f" audit-lib whose {where}", "If you have the leaked string:")
    say()


def _folder(project: Project, moment: datetime, secret: str, address: str, given: dict[str, Any]) -> Path:
    """Each question has a folder of its own, named only by what is known to be a name, instant or address."""
    since = since_instant(given["since"], moment) if given["since"] else None
    until = parse_instant(given["until"], "until") if given["until"] else None
    bounds = [f"{at:%Y-%m-%dT%H%M}" for at in (since, until) if at]
    name = [file_name(project.name), "incident", f"{moment:%Y-%m-%d}", *bounds, secret, address]
    return Path("reports") / "-".join(filter(None, name)).replace(":", "-")


def _say_summary(out: Path) -> None:
    """The first screen, as the notebook shows it, and what to open."""
    cells = nbformat.read(out / NOTEBOOK, as_version=4).cells
    shown = next(cell for cell in cells if "summary" in cell.metadata.get("tags", []))
    for line in shown.outputs[0]["data"]["text/plain"].splitlines():
        say(line)
    say()
    say(f"published in {out}: {NOTEBOOK}, incident.html, evidence/, MANIFEST.json")
    say(f" {out / 'incident.html'} in a browser, or {out / NOTEBOOK} in JupyterLab", "Open")
