"""`review`: runs the review's notebook, which publishes whole or not at all, and says what came out."""

import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from audit_lib.base.clock import Quarter, iso
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.in_words import counted
from audit_lib.base.severities import SEVERITIES
from audit_lib.cli import options
from audit_lib.cli.free_text import refuse_values
from audit_lib.cli.open_project import Opened
from audit_lib.cli.options import PATH, file_name, now, writer_name
from audit_lib.cli.snapshot import take_snapshot
from audit_lib.cli.terminal import BAD, DOUBT, GOOD, progress_bar, say
from audit_lib.cli.verify import refuse_foreign, signatures
from audit_lib.findings.reviews import read_previous
from audit_lib.ledger import read_ledger
from audit_lib.ledger.keys import keeper_of
from audit_lib.logs.log_files import log_files, spooled, with_logs
from audit_lib.report.folder import publishing, scratch_folder
from audit_lib.report.kernel import run_notebook, source_notebook
from audit_lib.report.review import ARTEFACTS, NOTEBOOK
from audit_lib.secrecy import guard
from audit_lib.secrecy.identities import MODES
from audit_lib.secrets.given import LIMIT_BYTES, parse_env_options
from audit_lib.settings import GivenValues, Project, choose_policy, instant_of, load_project

FINDINGS = 3  # the exit code for open findings at or above --fail-on
NOTHING = (
    "holds nothing to review (no audit.toml, env file, log or ledger): "
    "name the application's folder with --project DIR, or try --sample"
)
# The parts of a review, as they report themselves, each with its share of the time.
WORK = {"bytes of logs": 40, "git objects": 30, "files": 10, "pages": 10, "searching the report": 10}
_STYLES = {"fail": BAD, "unknown": DOUBT, "pass": GOOD}
_WORDS = {"fail": "Fail.", "unknown": "Not known.", "pass": "Pass."}


@click.command()
@options.project
@click.option("--sample", is_flag=True, help="Review the bundled sample, built on the spot.")
@click.option("--quarter", default="", help="Such as 2026Q3 (default: the last that was over at --as-of).")
@options.as_of
@click.option("--out", type=PATH, help="The report's folder (default: reports/PROJECT-QUARTER).")
@click.option("--previous", type=PATH, help="The last review's report.json, to compare with.")
@click.option(
    "--fail-on", type=click.Choice(SEVERITIES), help="Exit with 3 if open findings are this severe or worse."
)
@click.option("--new-only", is_flag=True, help="With --fail-on: count only what is new since --previous.")
@click.option(
    "--identities",
    type=click.Choice(MODES),
    default="masked",
    show_default=True,
    help="How to show addresses.",
)
@options.several(options.policy, options.env, options.log, options.ledger)
@click.option("--snapshot", is_flag=True, help="Append a snapshot to the ledger first.")
@click.pass_context
def review(ctx: click.Context, /, folder: Path, sample: bool, out: Path | None, **given: Any) -> None:
    """Review the secrets and logins of one quarter.

    Publishes a report, and writes nothing else (with --snapshot the ledger, too).

    Example: audit-lib review --project . --quarter 2026Q3

    Exit codes: 0 published; 2 bad input; 3 published, with open findings at or above --fail-on;
    4 refused, since a secret would have been disclosed.
    """
    guard.install()
    named = ctx.get_parameter_source("folder") is not ParameterSource.DEFAULT
    _check_options(named, sample, given)
    with _stdin(given) as (stdin, spool):
        if sample:
            out = out or Path("reports/sample-2026Q3")
            parameters = _parameters(None, given)
        else:
            project = _opened(folder, named, given, stdin, spool, out)
            moment = instant_of(project, given["as_of"] or project.pinned_as_of or iso(now()))
            given |= {"as_of": iso(moment), "quarter": str(Quarter.chosen(given["quarter"], moment))}
            out = out or Path("reports") / f"{file_name(project.name)}-{given['quarter']}"
            _refuse_other_reports(project, out)
            parameters = _parameters(folder, given)
        run = {"folder": str(Path.cwd()), "env": given["env"], "stdin": stdin.decode("latin-1")}
        run |= {"log": str(spool or ""), "environ": _environ(given["env"])}
        with progress_bar(WORK) as progress, publishing(out) as staging:
            closing = f"audit.publish({str(staging)!r})"
            content = json.dumps(run).encode()
            source = source_notebook(NOTEBOOK)
            run_notebook(source, parameters, staging / NOTEBOOK, closing, given=content, progress=progress)
    record = json.loads((out / "report.json").read_text("utf-8"))
    _say(record, out)
    if given["fail_on"] and (count := _failing(record, given["fail_on"], given["new_only"])):
        worse = f"{counted(count, 'open finding')} of severity {given['fail_on']} or worse"
        click.echo(worse, err=True)
        sys.exit(FINDINGS)


def _check_options(named: bool, sample: bool, given: dict[str, Any]) -> None:
    faults = []
    if sample and named:
        faults.append(Fault("review", "needs either --project DIR or --sample, not both"))
    if sample and (given["snapshot"] or given["env"] or given["logs"] or given["ledger"]):
        faults.append(Fault("--sample", "cannot be combined with --snapshot, --env, --log or --ledger"))
    if given["new_only"] and not (given["previous"] and given["fail_on"]):
        faults.append(Fault("--new-only", "needs --fail-on and --previous, the report.json to compare with"))
    if sum(one.endswith("=-") for one in (*given["env"], *given["logs"])) > 1:
        faults.append(Fault("--log, --env", "stdin (-) can be given once only"))
    if faults:
        raise BadInput(faults)


@contextmanager
def _stdin(given: dict[str, Any]) -> Iterator[tuple[bytes, Path | None]]:
    """What stdin gives: values, which stay in memory, or a log, kept in a private file until the end."""
    if any(one.endswith("=-") for one in given["logs"]):
        with scratch_folder("audit-log-") as folder:
            yield b"", spooled(sys.stdin.buffer, folder)
    elif any(one.endswith("=-") for one in given["env"]):
        yield sys.stdin.buffer.read(LIMIT_BYTES + 1), None
    else:
        yield b"", None


def _environ(env: tuple[str, ...]) -> dict[str, str]:
    """The process environment, if `--env` names it as the place of values."""
    return dict(os.environ) if any(one.endswith("=environ") for one in env) else {}


def _opened(  # noqa: PLR0917
    folder: Path, named: bool, given: dict[str, Any], stdin: bytes, spool: Path | None, out: Path | None
) -> Project:
    """The project, its inputs tried before a kernel is started, which takes seconds."""
    from io import BytesIO  # noqa: PLC0415

    project = load_project(folder, given["ledger"])
    values = parse_env_options(given["env"], BytesIO(stdin))
    with_logs(project, given["logs"], BytesIO(), lambda _: spool or Path())
    if not (named or values or given["logs"] or _holds_anything(project)):
        raise BadInput.at("the current folder", NOTHING)
    context = Opened(project, choose_policy(project, given["policy"]), values)
    refuse_values(context, {"--out": out, "--previous": given["previous"], "--ledger": given["ledger"]})
    if given["previous"]:
        read_previous(given["previous"], project.name, keeper_of(project).key)
    if given["snapshot"]:
        _snapshot(project, values, context)
    return project


def _holds_anything(project: Project) -> bool:
    """Whether a folder that nobody named is an application's: no report of nothing is published."""
    named = any((project.root / source.path).is_file() for source in project.env_sources)
    logged = any(files for _, files in log_files(project))
    return project.configured or project.ledger_dir.exists() or named or logged


def _refuse_other_reports(project: Project, out: Path) -> None:
    key = keeper_of(project).key
    refuse_foreign(out, key)
    if signatures(out, read_ledger(project.ledger_dir, key)):
        raise BadInput.at(str(out), "holds a report that was signed: name another folder with --out")


def _parameters(folder: Path | None, given: dict[str, Any]) -> dict[str, str]:
    """The notebook's parameters; the date is, in this order, the option, the sample's own, the clock."""
    texts = {name: str(given[name] or "") for name in ("quarter", "as_of", "policy", "previous", "ledger")}
    logs = " ".join(map(shlex.quote, given["logs"]))
    return {"project": str(folder or ""), **texts, "identities": given["identities"], "logs": logs}


def _snapshot(project: Project, values: tuple[GivenValues, ...], context: Opened) -> None:
    """Append a snapshot; a project without any value to record is reviewed without one."""
    in_force = [source for source in project.env_sources if not source.example and not source.backup]
    if values or any((project.root / source.path).is_file() for source in in_force):
        click.echo(f"snapshot: {take_snapshot(context, now(), writer_name('')).place}")
    else:
        click.echo("no snapshot: no env file was found, and no --env was given", err=True)


def _say(record: dict[str, Any], out: Path) -> None:
    """The answer first, then what to do first, the key figures, and what to open."""
    screen = record["summary"]
    say(f" {screen['sentence']}", _WORDS[record["verdict"]], _STYLES[record["verdict"]])
    for reason in screen["reasons"]:
        say(reason, indent="  ")
    say()
    actions = {one["number"]: one for one in record["actions"]}
    for number in screen["first"]:
        one = actions[number]
        when = f"overdue since {one['due_at'][:10]}" if one["overdue"] else f"by {one['due_at'][:10]}"
        say(f" ({when}, owner: {one['owner']})", f"{number}. {one['action']}", indent="  ")
        if one["command"]:
            say(one["command"], indent="     ")
    say()
    for one in screen["figures"]:
        say(f" {one['count']} {one['unit']} ({one['note']})", f"{one['title']}:")
    say()
    say(f"published in {out}: {', '.join(ARTEFACTS)}")
    say(f" {out / 'report.html'} in a browser, or {out / NOTEBOOK} in JupyterLab", "Open")


def _failing(record: dict[str, Any], fail_on: str, new_only: bool) -> int:
    """How many open findings count against the caller; accepted and not known ones do not."""
    worse = SEVERITIES[SEVERITIES.index(fail_on) :]
    found = [one for one in record["findings"] if one["status"] == "open" and one["severity"] in worse]
    if new_only:
        changed = {
            one["id"]
            for one in record["changes"]
            if one["change"] in ("new", "worse") or one["was"] == "unknown"
        }
        found = [one for one in found if one["id"] in changed]
    return len(found)
