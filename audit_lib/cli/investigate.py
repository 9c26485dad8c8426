"""`investigate`: what cannot wait at once, then the incident notebook, published whole or not at all."""

import json
import shlex
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import nbformat

from audit_lib.base.clock import iso, parse_instant, since_instant
from audit_lib.cli import options
from audit_lib.cli.free_text import refuse_values
from audit_lib.cli.open_project import Opened
from audit_lib.cli.options import PATH, file_name, now
from audit_lib.cli.review import _environ, _stdin
from audit_lib.cli.terminal import progress_bar, say
from audit_lib.incident.look import address_of
from audit_lib.report.folder import publishing
from audit_lib.report.kernel import run_notebook, source_notebook
from audit_lib.secrecy import guard
from audit_lib.settings import Project, choose_policy, load_project

NOTEBOOK = "incident.ipynb"
# The parts of an investigation, as they report themselves, each with its share of the time.
WORK = {"bytes of logs": 40, "files": 15, "git objects": 25, "pages": 10, "searching the report": 10}


@click.command()
@options.project
@click.option("--since", default="", help="Start of the window (UTC): a date or time, or such as 24h.")
@click.option("--until", default="", help="End of the window (UTC, default: --as-of).")
@click.option("--secret", default="", help="Name of the secret under suspicion, never its value.")
@click.option("--address", default="", help="Address to look at.")
@options.as_of
@click.option("--out", type=PATH, help="Folder to publish in (default: reports/PROJECT-incident-DAY-WHAT).")
@options.several(options.policy, options.env, options.log, options.ledger)
def investigate(folder: Path, out: Path | None, **given: Any) -> None:
    """Investigate an incident: what happened, who, why, and what to do in which order.

    By default since a leak of the secret was first seen, or of the last seven days. What is published shows
    addresses in full: keep it on this machine. If you have the leaked string itself, run `whose` first.

    Example: audit-lib investigate --project . --since 2026-08-20T02:00Z --address 203.0.113.45

    Exit codes: 0 published; 2 bad input; 4 refused, since a secret would have been disclosed.
    """
    guard.install()
    project = load_project(folder, given["ledger"])
    policy, address = choose_policy(project, given["policy"]), address_of(given["address"])
    rule = policy.rule(given["secret"].strip()) if given["secret"].strip() else None
    _say_first(folder, rule.name if rule else "")
    moment = parse_instant(given["as_of"] or project.pinned_as_of or iso(now()), "--as-of")
    out = out or _folder(project, moment, rule.name if rule else "", address, given)
    texts = {f"--{name}": given[name] for name in ("since", "until", "secret")} | {"--out": out}
    refuse_values(Opened(project, policy, ()), texts)
    parameters = {name: given[name] for name in ("since", "until", "secret", "policy")}
    parameters |= {"project": str(folder), "address": address, "as_of": iso(moment)}
    parameters |= {"ledger": str(given["ledger"] or ""), "logs": " ".join(map(shlex.quote, given["logs"]))}
    with _stdin(given) as (stdin, spool):
        run = {"folder": str(Path.cwd()), "env": given["env"], "stdin": stdin.decode("latin-1")}
        run |= {"log": str(spool or ""), "environ": _environ(given["env"])}
        with progress_bar(WORK) as progress, publishing(out) as staging:
            saved, closing = staging / NOTEBOOK, f"incident.publish({str(staging)!r})"
            source, content = source_notebook(NOTEBOOK), json.dumps(run).encode()
            run_notebook(source, parameters, saved, closing, given=content, progress=progress)
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
    parts = [
        file_name(project.name),
        "incident",
        f"{moment:%Y-%m-%d}",
        *bounds,
        secret,
        address.replace(":", "-"),
    ]
    return Path("reports") / "-".join(filter(None, parts))


def _say_summary(out: Path) -> None:
    """The first screen, as the notebook shows it."""
    notebook = nbformat.read(out / NOTEBOOK, as_version=4)
    shown = [
        output
        for cell in notebook.cells
        if "summary" in cell.metadata.get("tags", [])
        for output in cell.outputs
    ]
    for line in shown[0]["data"]["text/plain"].splitlines():
        say(line)
    say()
    say(f"published in {out}: {NOTEBOOK}, incident.html, evidence/, MANIFEST.json")
    say(f" {out / 'incident.html'} in a browser, or {out / NOTEBOOK} in JupyterLab", "Open")
