"""`review` and `investigate`: run a notebook, which publishes whole or not at all, and print its answer."""

import json
import os
import shlex
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
from click import option
from click.core import ParameterSource

from audit_lib.base.clock import Quarter, iso
from audit_lib.base.in_words import SEVERITIES, counted
from audit_lib.base.progress import progress_bar
from audit_lib.cli.decisions import signatures
from audit_lib.cli.open_project import PATH, Opened, command, flag, opened, refuse_if, shown
from audit_lib.cli.records import take_snapshot
from audit_lib.cli.terminal import say
from audit_lib.findings.reviews import read_previous
from audit_lib.incident.look import address_of
from audit_lib.logs.files import log_files
from audit_lib.report.folder import publishing
from audit_lib.report.kernel import run_notebook, source_notebook
from audit_lib.report.package import ARTEFACTS, NOTEBOOK
from audit_lib.secrecy.identities import MODES

INCIDENT = "incident.ipynb"
FINDINGS = 3  # the exit code for open findings at or above --fail-on
_SAMPLE = {"quarter": "2026Q3", "as_of": "2026-09-30T23:59:59Z"}  # how its committed report was made
_NOTHING = "holds nothing to review: name the application's folder with --project DIR, or try --sample"
_VERDICTS = {"fail": ("Fail.", "red"), "unknown": ("Not known.", "yellow"), "pass": ("Pass.", "green")}


@command(
    *("--project", flag("--sample"), "--quarter", "--as-of", "--out", option("--previous", type=PATH)),
    *(option("--fail-on", type=click.Choice(SEVERITIES)), flag("--new-only")),
    shown("--identities", default="masked", type=click.Choice(MODES)),
    *("--policy", "--env", "--log", "--ledger", flag("--snapshot")),
)
def review(folder: Path, sample: bool, **given: Any) -> None:
    """Publish the review of a project, or of the sample; 3 for findings at or above --fail-on."""
    named = click.get_current_context().get_parameter_source("folder") is not ParameterSource.DEFAULT
    apart = given["snapshot"] or given["env"] or given["logs"] or given["ledger"]
    refuse_if(sample and named, "review", "needs either --project DIR or --sample, not both")
    fault = "cannot be combined with --snapshot, --env, --log or --ledger"
    refuse_if(sample and apart, "--sample", fault)
    lone = given["new_only"] and not (given["previous"] and given["fail_on"])
    refuse_if(lone, "--new-only", "needs --fail-on and --previous, the report.json to compare with")
    context, name = None if sample else _tried(folder, named, given), "sample"
    if context:
        moment, name = context.instant(given["as_of"]), context.name
        given |= {"as_of": iso(moment), "quarter": str(Quarter.named(given["quarter"], moment))}
    else:
        given |= {option: given[option] or text for option, text in _SAMPLE.items()}
    out = given["out"] or Path("reports") / f"{name}-{given['quarter']}"
    signed = signatures(out, context.ledger(), context.key) if context else []
    refuse_if(signed, str(out), "holds a report that was signed: name another folder with --out")
    texts = ("quarter", "as_of", "policy", "previous", "ledger", "identities")
    parameters = {option: str(given[option] or "") for option in texts}
    _publish(NOTEBOOK, parameters | {"project": "" if sample else str(folder)}, given, context, out)
    record = json.loads((out / "report.json").read_text("utf-8"))
    _say_review(record, out)
    if level := given["fail_on"]:
        worse, changes = SEVERITIES[SEVERITIES.index(level) :], record["changes"]
        new = {one["id"] for one in changes if one["change"] in ("new", "worse") or one["was"] == "unknown"}
        grave = [one for one in record["findings"] if one["status"] == "open" and one["severity"] in worse]
        if count := sum(not given["new_only"] or one["id"] in new for one in grave):
            say(f"{counted(count, 'open finding')} of severity {level} or worse", err=True)
            sys.exit(FINDINGS)


def _tried(folder: Path, named: bool, given: dict[str, Any]) -> Opened:
    """The project, its inputs tried before a kernel starts; a report of nothing would look good."""
    context = opened(folder, given)
    project, root = context.project, context.project.root
    held = [source for source in project.env_sources if (root / source.path).is_file()]
    known = project.configured or project.ledger_dir.exists() or (named and (root / ".git").exists())
    anything = known or held or context.given or any(files for _, files in log_files(project))
    refuse_if(not anything, str(folder) if named else "the current folder", _NOTHING)
    if given["previous"]:
        read_previous(given["previous"], project.name, context.key)
    if given["snapshot"] and (context.given or any(not (one.example or one.backup) for one in held)):
        say(f"snapshot: {take_snapshot(context).place}")
    elif given["snapshot"]:
        say("no snapshot: no env file was found, and no --env was given", err=True)
    return context


def _publish(name: str, parameters: Any, given: Any, context: Opened | None, out: Path) -> None:
    """Run a notebook, which alone is given what only this run may know, and have it publish into a folder."""
    environ = dict(os.environ) if any(one.endswith("=environ") for one in given["env"]) else {}
    run = {"folder": str(Path.cwd()), "env": given["env"], "environ": environ}
    if context:
        run |= {"stdin": context.stdin.decode("latin-1"), "log": str(context.spool or "")}
    parameters |= {"logs": shlex.join(given["logs"])}
    with publishing(out) as staging, progress_bar() as progress:
        closing = f"{'incident' if name == INCIDENT else 'audit'}.publish({str(staging)!r})"
        notebook, content = source_notebook(name), json.dumps(run).encode()
        run_notebook(notebook, parameters, staging / name, closing, given=content, progress=progress)


def _say_review(record: dict[str, Any], out: Path) -> None:
    """The answer first, then what to do first, the key figures, and what to open."""
    screen = record["summary"]
    say(f" {screen['sentence']}", *_VERDICTS[record["verdict"]])
    for reason in screen["reasons"]:
        say(reason, indent="  ")
    say()
    actions = {one["number"]: one for one in record["actions"]}
    for one in map(actions.__getitem__, screen["first"]):
        when = f"{'overdue since' if one['overdue'] else 'by'} {one['due_at'][:10]}"
        say(f" ({when}, owner: {one['owner']})", f"{one['number']}. {one['action']}", indent="  ")
        if one["command"]:
            say(one["command"], indent="     ")
    say()
    for one in screen["figures"]:
        say(f" {one['count']} {one['unit']} ({one['note']})", f"{one['title']}:")
    say()
    say(f"published in {out}: {', '.join(ARTEFACTS)}")
    say(f" {out / 'report.html'} in a browser, or {out / NOTEBOOK} in JupyterLab", "Open")


@command(
    *("--project", "--since", "--until", "--secret", "--address", "--as-of", "--out"),
    *("--env", "--log", "--ledger"),
)
def investigate(folder: Path, **given: Any) -> None:
    """Print what cannot wait, and publish the incident notebook of a window, a secret or an address."""
    context, address = opened(folder, given), address_of(given["address"])
    rule, where = context.policy.rule(given["secret"].strip()), f"--project {shlex.quote(str(folder))}"
    say(" Copy the logs that rotate away, before any restart.", "Now:")
    first = f" audit-lib whose {where}", "If you have the leaked string:"
    if rule:
        first = f" audit-lib rotate plan {rule.name} --compromised {where}", f"To replace {rule.name}:"
    say(*first)
    say()
    moment = context.instant(given["as_of"])
    question = repr([given[name] for name in ("since", "until", "secret", "address")])  # is not shown
    name = f"{context.name}-incident-{moment:%Y-%m-%d}-{sha256(question.encode()).hexdigest()[:8]}"
    out = given["out"] or Path("reports") / name
    parameters = {option: given[option] for option in ("since", "until", "secret")}
    parameters |= {"project": str(folder), "address": address, "as_of": iso(moment)}
    _publish(INCIDENT, parameters | {"ledger": str(given["ledger"] or "")}, given, context, out)
    cells = json.loads((out / INCIDENT).read_text("utf-8"))["cells"]
    summary = next(cell for cell in cells if "summary" in cell["metadata"].get("tags", []))
    for line in "".join(summary["outputs"][0]["data"]["text/plain"]).splitlines():
        say(line)
    say()
    say(f"published in {out}: {INCIDENT}, incident.html, evidence/, MANIFEST.json")
    say(f" {out / 'incident.html'} in a browser, or {out / INCIDENT} in JupyterLab", "Open")
