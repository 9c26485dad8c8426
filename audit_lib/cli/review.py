"""`review` and `sample`: runs the review's notebook, which publishes whole or not at all."""

import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from click.core import ParameterSource

from audit_lib.base.clock import Quarter, iso
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.in_words import SEVERITIES, counted
from audit_lib.cli import options
from audit_lib.cli.open_project import Opened, default_writer, refuse_stdin_twice, refuse_values
from audit_lib.cli.options import PATH, file_name, now
from audit_lib.cli.records import take_snapshot
from audit_lib.cli.terminal import BAD, DOUBT, GOOD, progress_bar, say
from audit_lib.cli.verify import refuse_foreign, signatures
from audit_lib.findings.reviews import read_previous
from audit_lib.ledger import read_ledger
from audit_lib.ledger.keys import keeper_of
from audit_lib.logs.files import STDIN, log_files, spooled, with_logs
from audit_lib.report.folder import publishing
from audit_lib.report.kernel import run_notebook, source_notebook
from audit_lib.report.package import ARTEFACTS, NOTEBOOK
from audit_lib.sample import build_sample
from audit_lib.secrecy import guard
from audit_lib.secrecy.identities import MODES
from audit_lib.secrets.given import LIMIT_BYTES, parse_env_options
from audit_lib.settings import Project, choose_policy, instant_of, load_project
from audit_lib.settings.load import remember_sample

SAMPLE = {"quarter": "2026Q3", "as_of": "2026-09-30T23:59:59Z"}  # how its committed report was made
FINDINGS = 3  # the exit code for open findings at or above --fail-on
NOTHING = (
    "holds nothing to review (no audit.toml, env file, log or ledger): "
    "name the application's folder with --project DIR, or try --sample"
)
# The parts of a review, as they report themselves, each with its share of the time.
WORK = {"bytes of logs": 40, "git objects": 30, "files": 10, "pages": 10, "searching the report": 10}
_VERDICTS = {"fail": ("Fail.", BAD), "unknown": ("Not known.", DOUBT), "pass": ("Pass.", GOOD)}
_TEXTS = ("quarter", "as_of", "policy", "previous", "ledger", "identities")


@click.command()
@options.project
@click.option("--sample", is_flag=True, help="Review the bundled sample, built on the spot.")
@click.option("--quarter", default="", help="Such as 2026Q3 (default: the last that was over at --as-of).")
@options.as_of
@click.option("--out", type=PATH, help="The report's folder (default: reports/PROJECT-QUARTER).")
@click.option("--previous", type=PATH, help="The last review's report.json, to compare with.")
@click.option("--fail-on", type=click.Choice(SEVERITIES), help="Exit with 3 at open findings as severe.")
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
    with read_stdin(given) as read:
        if sample:
            out = out or Path("reports/sample-2026Q3")
            given |= {name: given[name] or text for name, text in SAMPLE.items()}
        else:
            project = _tried(folder, named, out, read, given)
            moment = instant_of(project, given["as_of"] or project.pinned_as_of or iso(now()))
            given |= {"as_of": iso(moment), "quarter": str(Quarter.named(given["quarter"], moment))}
            out = out or Path("reports") / f"{file_name(project.name)}-{given['quarter']}"
            _refuse_other_reports(project, out)
        _run(None if sample else folder, out, read, given)
    record = json.loads((out / "report.json").read_text("utf-8"))
    _say_summary(record, out)
    if given["fail_on"] and (count := _failing(record, given["fail_on"], given["new_only"])):
        click.echo(f"{counted(count, 'open finding')} of severity {given['fail_on']} or worse", err=True)
        sys.exit(FINDINGS)


def _check_options(named: bool, sample: bool, given: dict[str, Any]) -> None:
    faults = []
    if sample and named:
        faults.append(Fault("review", "needs either --project DIR or --sample, not both"))
    if sample and (given["snapshot"] or given["env"] or given["logs"] or given["ledger"]):
        faults.append(Fault("--sample", "cannot be combined with --snapshot, --env, --log or --ledger"))
    if given["new_only"] and not (given["previous"] and given["fail_on"]):
        faults.append(Fault("--new-only", "needs --fail-on and --previous, the report.json to compare with"))
    if faults:
        raise BadInput(faults)
    refuse_stdin_twice(given)


@contextmanager
def read_stdin(given: dict[str, Any]) -> Iterator[tuple[bytes, Path | None]]:
    """What stdin gives: values, which stay in memory, or a log, kept in a private file until the end."""
    if any(one.endswith(f"={STDIN}") for one in given["logs"]):
        with TemporaryDirectory(prefix="audit-log-") as folder:
            yield b"", spooled(sys.stdin.buffer, Path(folder))
    elif any(one.endswith(f"={STDIN}") for one in given["env"]):
        yield sys.stdin.buffer.read(LIMIT_BYTES + 1), None
    else:
        yield b"", None


def _tried(
    folder: Path, named: bool, out: Path | None, read: tuple[bytes, Path | None], given: dict[str, Any]
) -> Project:
    """The project, its inputs tried before a kernel is started, which takes seconds."""
    project, (stdin, spool) = load_project(folder, given["ledger"]), read
    values = parse_env_options(given["env"], BytesIO(stdin))
    with_logs(project, given["logs"], BytesIO(), lambda _: spool or Path())
    if not (values or given["logs"] or _holds_anything(project, named)):
        raise BadInput.at(str(folder) if named else "the current folder", NOTHING)
    context = Opened(project, choose_policy(project, given["policy"]), values, now(), default_writer())
    refuse_values(context, {"--out": out, "--previous": given["previous"], "--ledger": given["ledger"]})
    if given["previous"]:
        read_previous(given["previous"], project.name, context.key)
    if given["snapshot"]:
        _snapshot(context)
    return project


def _holds_anything(project: Project, named: bool) -> bool:
    """Whether a folder is an application's: a report of nothing would look like a good one.

    A repository alone is one if somebody named it.
    """
    held = any((project.root / source.path).is_file() for source in project.env_sources)
    logged = any(files for _, files in log_files(project))
    repository = named and (project.root / ".git").exists()
    return project.configured or project.ledger_dir.exists() or held or logged or repository


def _snapshot(context: Opened) -> None:
    """Append a snapshot; a project without any value to record is reviewed without one."""
    project = context.project
    in_force = [source for source in project.env_sources if not source.example and not source.backup]
    if context.given or any((project.root / source.path).is_file() for source in in_force):
        click.echo(f"snapshot: {take_snapshot(context).place}")
    else:
        click.echo("no snapshot: no env file was found, and no --env was given", err=True)


def _refuse_other_reports(project: Project, out: Path) -> None:
    key = keeper_of(project).key
    refuse_foreign(out, key)
    if signatures(out, read_ledger(project.ledger_dir, key)):
        raise BadInput.at(str(out), "holds a report that was signed: name another folder with --out")


def _run(folder: Path | None, out: Path, read: tuple[bytes, Path | None], given: dict[str, Any]) -> None:
    parameters = {name: str(given[name] or "") for name in _TEXTS}
    parameters |= {"project": str(folder or ""), "logs": shlex.join(given["logs"])}
    publish_notebook(NOTEBOOK, "audit", parameters, out, read, given["env"])


def publish_notebook(  # noqa: PLR0917
    name: str,
    variable: str,
    parameters: dict[str, str],
    out: Path,
    read: tuple[bytes, Path | None],
    env: tuple[str, ...],
) -> None:
    """Run a notebook, and have what its variable holds publish into a folder.

    What only this run may know reaches its kernel through one inherited descriptor.
    """
    stdin, spool = read
    environ = dict(os.environ) if any(one.endswith("=environ") for one in env) else {}
    run: dict[str, Any] = {"folder": str(Path.cwd()), "env": env, "stdin": stdin.decode("latin-1")}
    run |= {"log": str(spool or ""), "environ": environ}
    with progress_bar(WORK, patience=0) as progress, publishing(out) as staging:
        closing = f"{variable}.publish({str(staging)!r})"
        source, content = source_notebook(name), json.dumps(run).encode()
        run_notebook(source, parameters, staging / name, closing, given=content, progress=progress)


def _say_summary(record: dict[str, Any], out: Path) -> None:
    """The answer first, then what to do first, the key figures, and what to open."""
    screen = record["summary"]
    say(f" {screen['sentence']}", *_VERDICTS[record["verdict"]])
    for reason in screen["reasons"]:
        say(reason, indent="  ")
    say()
    actions = {one["number"]: one for one in record["actions"]}
    for one in map(actions.__getitem__, screen["first"]):
        when = f"overdue since {one['due_at'][:10]}" if one["overdue"] else f"by {one['due_at'][:10]}"
        say(f" ({when}, owner: {one['owner']})", f"{one['number']}. {one['action']}", indent="  ")
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
    changes = record["changes"]
    changed = {one["id"] for one in changes if one["change"] in ("new", "worse") or one["was"] == "unknown"}
    found = [one for one in record["findings"] if one["status"] == "open" and one["severity"] in worse]
    return sum(not new_only or one["id"] in changed for one in found)


@click.command()
@click.argument("folder", metavar="DIR", type=PATH)
def sample(folder: Path) -> None:
    """Write the sample project to DIR, a new or empty folder.

    It has env files of three environments, the logs of 2026Q3, a git repository with history and a
    ledger under the public demo key. All values are fake and generated on the spot.

    Example: audit-lib sample /tmp/sample
    """
    build_sample(folder)
    if not remember_sample(folder):
        text = "the sample cannot be opened by its path: no state can be kept in the home folder"
        click.echo(text, err=True)
    review_it = shlex.join(["audit-lib", "review", "--project", str(folder)])
    click.echo(f"sample project written; review it: {review_it}")
