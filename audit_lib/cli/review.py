"""`review` and `investigate`: run a notebook, which publishes whole or not at all, and print its answer."""

import json
import os
import shlex
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from audit_lib.base import clock
from audit_lib.base.in_words import SEVERITIES, counted, progress_bar
from audit_lib.cli import decisions, open_project as cli, records
from audit_lib.findings.reviews import read_previous
from audit_lib.incident.look import address_of
from audit_lib.logs.files import log_files
from audit_lib.report.folder import ARTEFACTS, NOTEBOOK, publishing
from audit_lib.report.kernel import run_notebook, source_notebook
from audit_lib.secrecy.identities import MODES
from audit_lib.settings.models import AS_JSON

INCIDENT = "incident.ipynb"
_SAMPLE = {"quarter": "2026Q3", "as_of": "2026-09-30T23:59:59Z"}  # how its committed report was made
_VERDICTS = {"fail": ("Fail.", "red"), "unknown": ("Not known.", "yellow"), "pass": ("Pass.", "green")}


@cli.command(
    *("--project", cli.flag("--sample"), "--quarter", "--as-of", "--out"),
    *(click.option("--previous", type=cli.PATH), click.option("--fail-on", type=click.Choice(SEVERITIES))),
    *(cli.flag("--new-only"), cli.shown("--identities", default="masked", type=click.Choice(MODES))),
    *("--policy", "--env", "--log", "--ledger", cli.flag("--snapshot")),
    opens=False,
)
def review(folder: Path, sample: bool, **given: Any) -> None:
    """Publish the review of a project, or of the sample; 3 for findings at or above --fail-on."""
    named = click.get_current_context().get_parameter_source("folder") is not ParameterSource.DEFAULT
    mixed = sample and any(map(given.get, ("snapshot", "env", "logs", "ledger")))
    lone = given["new_only"] and not (given["previous"] and given["fail_on"])
    cli.refuse(
        (sample and named, "review", "needs either --project DIR or --sample, not both"),
        (mixed, "--sample", "cannot be combined with --snapshot, --env, --log or --ledger"),
        (lone, "--new-only", "needs --fail-on and --previous, the report.json to compare with"),
    )
    context, name = None, "sample"
    if sample:
        given |= {option: given[option] or text for option, text in _SAMPLE.items()}
    else:
        context = _tried(folder, named, given)
        moment, name = context.instant(given["as_of"]), context.project.name
        given |= {"as_of": clock.iso(moment), "quarter": str(clock.Quarter.named(given["quarter"], moment))}

    out = given["out"] or Path("reports") / f"{name}-{given['quarter']}"
    signed = context and decisions.signatures(out, context.ledger(), context.key)
    cli.refuse((signed, str(out), "holds a report that was signed: name another folder with --out"))
    parameters = {
        name: str(given[name] or "")
        for name in ("quarter", "as_of", "policy", "previous", "ledger", "identities")
    }
    _publish(NOTEBOOK, parameters | {"project": "" if sample else str(folder)}, given, context, out)

    record = json.loads((out / "report.json").read_text("utf-8"))
    _say_review(record, out, f"--project {shlex.quote(str(folder))}")
    if level := given["fail_on"]:
        count = _count_findings(record, level, new_only=given["new_only"])
        cli.say(f"{counted(count, 'open finding')} of severity {level} or worse", err=True)
        sys.exit(cli.FOUND if count else 0)


def _tried(folder: Path, named: bool, given: dict[str, Any]) -> cli.Opened:
    """The project, its inputs tried before a kernel starts; a report of nothing would look good."""
    context = cli.opened(folder, given)
    project, root = context.project, context.project.root
    held = [source for source in project.env_sources if (root / source.path).is_file()]
    known = project.configured or project.ledger_dir.exists() or (named and (root / ".git").exists())
    anything = known or held or context.given or any(files for _, files in log_files(project))
    nothing = "holds nothing to review: name the application's folder with --project DIR, or try --sample"
    cli.refuse((not anything, str(folder) if named else "the current folder", nothing))

    if given["previous"]:
        read_previous(given["previous"], project.name, context.key)
    if given["snapshot"]:
        has_values = context.given or any(not (one.example or one.backup) for one in held)
        none = "none: no env file, and no --env was given"
        words = records.take_snapshot(context)[0].place if has_values else none
        cli.say(f"snapshot: {words}", err=not has_values)
    return context


def _publish(name: str, parameters: Any, given: Any, context: cli.Opened | None, out: Path) -> None:
    """Run a notebook, which alone is given what only this run may know, and have it publish into a folder."""
    environ = dict(os.environ) if any(one.endswith("=environ") for one in given["env"]) else {}
    run = {"folder": str(Path.cwd()), "environ": environ}
    if context:
        run |= {"given": AS_JSON.dump_json(context.given).decode(), "log": str(context.spool or "")}
    with publishing(out) as staging, progress_bar() as bar:
        run_notebook(
            source_notebook(name),
            parameters | {"logs": shlex.join(given["logs"])},
            staging / name,
            f"{'incident' if name == INCIDENT else 'audit'}.publish({str(staging)!r})",
            given=json.dumps(run).encode(),
            progress=bar,
        )


def _count_findings(record: dict[str, Any], level: str, *, new_only: bool) -> int:
    changes, worse = record["changes"], SEVERITIES[SEVERITIES.index(level) :]
    new = {one["id"] for one in changes if one["change"] in ("new", "worse") or one["was"] == "unknown"}
    found = [one for one in record["findings"] if one["status"] == "open" and one["severity"] in worse]
    return sum(not new_only or one["id"] in new for one in found)


def _say_review(record: dict[str, Any], out: Path, project: str) -> None:
    screen, actions = record["summary"], {action["number"]: action for action in record["actions"]}
    verdict, colour = _VERDICTS[record["verdict"]]
    cli.say(f" {screen['sentence']}", lead=verdict, colour=colour)
    cli.say(*screen["reasons"], indent="  ")
    cli.say("")
    for action in map(actions.__getitem__, screen["first"]):
        when = f"{'overdue since' if action['overdue'] else 'by'} {action['due_at'][:10]}"
        lead = f"{action['number']}. {action['action']}"
        cli.say(f" ({when}, owner: {action['owner']})", lead=lead, indent="  ")
        # A report names no folder, so that the same inputs give the same bytes; who reads this is elsewhere.
        cli.say(action["command"].replace("--project .", project) or None, indent="     ")
    cli.say("")
    for figure in screen["figures"]:
        cli.say(f" {figure['count']} {figure['unit']} ({figure['note']})", lead=f"{figure['title']}:")
    _say_published(out, ARTEFACTS, "report.html", NOTEBOOK)


def _say_published(out: Path, names: tuple[str, ...], page: str, notebook: str) -> None:
    cli.say("", f"published in {out}: {', '.join(names)}")
    cli.say(f" {out / page} in a browser, or {out / notebook} in JupyterLab", lead="Open")


@cli.command("--since", "--until", "--secret", "--address", "--as-of", "--out", "--env", "--log", "--ledger")
def investigate(context: cli.Opened, folder: Path, **given: Any) -> None:
    """Print what cannot wait, and publish the incident notebook of a window, a secret or an address."""
    address, rule = address_of(given["address"]), context.policy.rule(given["secret"].strip())
    cli.say(" Copy the logs that rotate away, before any restart.", lead="Now:")
    lead, command = "If you have the leaked string:", "whose"
    if rule:
        lead, command = f"To replace {rule.name}:", f"rotate plan {rule.name} --compromised"
    cli.say(f" audit-lib {command} --project {shlex.quote(str(folder))}", lead=lead)
    cli.say("")

    moment = context.instant(given["as_of"])
    question = repr([given[name] for name in ("since", "until", "secret", "address")]).encode()
    digest = sha256(question).hexdigest()[:8]  # the question itself is not shown
    out = given["out"] or Path("reports") / f"{context.project.name}-incident-{moment:%Y-%m-%d}-{digest}"
    parameters = {name: given[name] for name in ("since", "until", "secret")}
    parameters |= {"project": str(folder), "ledger": str(given["ledger"] or "")}
    _publish(INCIDENT, parameters | {"address": address, "as_of": clock.iso(moment)}, given, context, out)

    cells = json.loads((out / INCIDENT).read_text("utf-8"))["cells"]
    summary = next(cell for cell in cells if "summary" in cell["metadata"].get("tags", []))
    cli.say(*"".join(summary["outputs"][0]["data"]["text/plain"]).splitlines())
    _say_published(out, (INCIDENT, "incident.html", "evidence/", "MANIFEST.json"), "incident.html", INCIDENT)
