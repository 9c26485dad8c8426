"""`review`: the quarterly review of one project, published whole or not at all."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from audit_lib.audit import run_audit
from audit_lib.base.clock import Quarter, iso
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.in_words import counted
from audit_lib.base.severities import SEVERITIES
from audit_lib.cli import options
from audit_lib.cli.free_text import refuse_values
from audit_lib.cli.open_project import Opened, with_given_logs
from audit_lib.cli.options import PATH, file_name, now, writer_name
from audit_lib.cli.review_answer import say_review
from audit_lib.cli.snapshot import take_snapshot
from audit_lib.cli.terminal import progress_bar
from audit_lib.cli.verify import refuse_foreign, signatures
from audit_lib.findings.audit import Audit
from audit_lib.findings.reviews import read_previous
from audit_lib.ledger import read_ledger
from audit_lib.ledger.keys import keeper_of
from audit_lib.logs.log_files import log_files
from audit_lib.report.publish.package import publish
from audit_lib.report.publish.publication import Publication
from audit_lib.report.publish.review_package import REVIEW
from audit_lib.report.publish.reviewed import reviewed
from audit_lib.report.publish.scratch import scratch_folder
from audit_lib.secrecy import guard
from audit_lib.secrecy.identities import MODES
from audit_lib.secrets.given import parse_env_options
from audit_lib.settings import GivenValues, Project, choose_policy, instant_of, load_project

FINDINGS = 3  # the exit code for open findings at or above --fail-on
NOTHING = (
    "holds nothing to review (no audit.toml, env file, log or ledger): "
    "name the application's folder with --project DIR, or try --sample"
)
# The parts of a review, as they report themselves, each with its share of the time.
WORK = {
    "bytes of logs": 30,
    "shapes in git objects": 10,
    "files": 5,
    "git objects": 10,
    "notebook": 30,
    "pages": 10,
    "searching the report": 5,
}


@click.command()
@options.project
@click.option("--sample", is_flag=True, help="Review the bundled sample, built on the spot.")
@click.option(
    "--quarter", default="", help="Such as 2026Q3 (default: the last one that was over at --as-of)."
)
@options.as_of
@click.option("--out", type=PATH, help="The report's folder (default: reports/PROJECT-QUARTER).")
@click.option("--previous", type=PATH, help="The last review's report.json, to compare with.")
@click.option(
    "--fail-on",
    type=click.Choice(SEVERITIES),
    help="Exit with 3 if open findings have this severity or a worse one.",
)
@click.option(
    "--new-only", is_flag=True, help="With --fail-on: count only what is new or worse since --previous."
)
@click.option(
    "--identities",
    type=click.Choice(MODES),
    default="masked",
    show_default=True,
    help="How to show addresses and names: as networks and labels, or in full.",
)
@options.several(options.policy, options.env, options.log, options.ledger)
@options.scheduler
@click.option("--snapshot", is_flag=True, help="Append a snapshot to the ledger first.")
@click.pass_context
def review(ctx: click.Context, /, folder: Path, sample: bool, out: Path | None, **given: Any) -> None:
    """Review the secrets and logins of one quarter.

    Publishes a report, and writes nothing else (with --snapshot the ledger, too).

    Exit codes: 0 published; 2 bad input; 3 published, with open findings at or above --fail-on;
    4 refused, since a secret would have been disclosed.
    """
    guard.install()
    named = ctx.get_parameter_source("folder") is not ParameterSource.DEFAULT
    _check_options(named, sample, given)
    with _project_folder(None if sample else folder) as root:
        project = load_project(root, given["ledger"], sample=sample)
        project = with_given_logs(project, given["logs"], given["env"])
        values = parse_env_options(given["env"], sys.stdin.buffer)
        if not (named or values or given["logs"] or _holds_anything(project)):
            raise BadInput.at("the current folder", NOTHING)
        context = Opened(project, choose_policy(project, given["policy"]), values)
        refuse_values(context, {"--out": out, "--previous": given["previous"], "--ledger": given["ledger"]})
        _try_out(project, given["previous"], given["scheduler"])
        if given["snapshot"]:
            _snapshot(project, values, given["policy"])
        parameters = _parameters(project, None if sample else folder, given)
        done, out = _publish(project, values, out, parameters, given["scheduler"])
    say_review(done, out)
    if given["fail_on"] and (count := _failing(done, given["fail_on"], given["new_only"])):
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
    if faults:
        raise BadInput(faults)


def _try_out(project: Project, previous: Path | None, scheduler: str) -> None:
    """`BadInput` before anything is written or a kernel started, which takes seconds."""
    if previous:
        read_previous(previous, project.name, keeper_of(project).key)
    if scheduler:
        from audit_lib.logs.cluster import connect  # noqa: PLC0415  takes a second to import

        connect(scheduler).close()


def _holds_anything(project: Project) -> bool:
    """Whether a folder that nobody named is an application's: no report of nothing is published."""
    named = any((project.root / source.path).is_file() for source in project.env_sources)
    logged = any(files for _, files in log_files(project))
    return project.configured or project.ledger_dir.exists() or named or logged


@contextmanager
def _project_folder(folder: Path | None) -> Iterator[Path]:
    """The folder, or without one the sample in a folder that is removed afterwards."""
    if folder is not None:
        yield folder
        return
    from audit_lib.sample import build_sample  # noqa: PLC0415  a review of a project needs none

    with scratch_folder("audit-sample-") as scratch:
        build_sample(scratch / "sample")
        yield scratch / "sample"


def _parameters(project: Project, folder: Path | None, given: dict[str, Any]) -> dict[str, str]:
    """The notebook's parameters. The date is, in this order, the option, the sample's own, the clock."""
    moment = instant_of(project, given["as_of"] or project.pinned_as_of or iso(now()))
    period = Quarter.chosen(given["quarter"], moment)
    return {
        "project": str(folder or ""),
        "quarter": str(period),
        "as_of": iso(moment),
        "policy": given["policy"],
        "ledger": str(given["ledger"] or ""),
        "previous": str(given["previous"] or ""),
        "identities": given["identities"],
        "logs": " ".join(map(shlex.quote, given["logs"])),
    }


def _publish(
    project: Project,
    values: tuple[GivenValues, ...],
    out: Path | None,
    parameters: dict[str, str],
    scheduler: str,
) -> tuple[Audit, Path]:
    """The audit that was published, and where."""
    out = out or Path("reports") / f"{file_name(project.name)}-{parameters['quarter']}"
    keeper = keeper_of(project)
    refuse_foreign(out, keeper.key)
    if signatures(out, read_ledger(project.ledger_dir, keeper.key)):
        raise BadInput.at(str(out), "holds a report that was signed: name another folder with --out")

    def audited() -> Publication[Audit]:
        audit = run_audit(
            project,
            parameters["quarter"],
            parameters["as_of"],
            policy=parameters["policy"],
            given=values,
            keeper=keeper,
            previous=Path(parameters["previous"]) if parameters["previous"] else None,
            identities=parameters["identities"],
            scheduler=scheduler,
            progress=progress,
        )
        _refuse_an_empty_folder(audit)
        return reviewed(audit, keeper, parameters)

    with progress_bar(WORK) as progress:
        return publish(out, REVIEW, parameters, keeper, audited, progress=progress).content, out


def _refuse_an_empty_folder(audit: Audit) -> None:
    """`BadInput` if nothing of an application was read: a report about nothing looks like a good one."""
    sources, leaks = audit.tables["sources"], audit.tables["leaked_secrets"]
    if leaks.empty and not (sources["state"].eq("read") & sources["kind"].ne("policy")).any():
        text = "nothing of an application was found here: no env file, log, ledger or repository"
        raise BadInput.at(str(audit.project.root), text)


def _snapshot(project: Project, values: tuple[GivenValues, ...], policy: str) -> None:
    """Append a snapshot; a project without any value to record is reviewed without one."""
    in_force = [source for source in project.env_sources if not source.example and not source.backup]
    if values or any((project.root / source.path).is_file() for source in in_force):
        context = Opened(project, choose_policy(project, policy), values)
        entry = take_snapshot(context, now(), writer_name(""))
        click.echo(f"snapshot: {entry.place}")
    else:
        click.echo("no snapshot: no env file was found, and no --env was given", err=True)


def _failing(audit: Audit, fail_on: str, new_only: bool) -> int:
    """How many open findings count against the caller; accepted and not known ones do not."""
    worse = SEVERITIES[SEVERITIES.index(fail_on) :]
    found = audit.tables["findings"]
    counted = found[(found["status"] == "open") & found["severity"].isin(worse)]
    if new_only:
        changes = audit.tables["changes"]
        new = changes["change"].isin(("new", "worse")) | changes["was"].eq("unknown")
        counted = counted[counted["id"].isin(changes.loc[new, "id"])]
    return len(counted)
