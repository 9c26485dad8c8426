"""`runbook`: the ordered steps of a secret's rotation in this project, and which of them are done."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.how_started import as_typed
from audit_lib.base.in_words import counted
from audit_lib.cli import options
from audit_lib.cli.open_project import opened
from audit_lib.cli.options import environment_of, now
from audit_lib.ledger.keys import keeper_of
from audit_lib.report import escape as inert
from audit_lib.rotation.contracts import DONE
from audit_lib.rotation.progress import LONGEST, Progress
from audit_lib.rotation.runbook import RotationPlan, RunbookStep, plan_rotation
from audit_lib.settings import instant_of

LEFT = 3


@click.command()
@click.argument("secret")
@options.several(options.project)
@click.option("--compromised", is_flag=True, help="The order for a value that others have.")
@click.option("--environment", default="", help="Only this environment.")
@click.option("--check", is_flag=True, help="Report which steps are done; exits with 3 unless all are.")
@click.option(
    "--since", default="", help="With --check: when the rotation began (UTC, default: 14 days ago)."
)
@options.several(options.env, options.policy, options.ledger, options.as_of)
def runbook(secret: str, folder: Path, *, compromised: bool, environment: str, **given: Any) -> None:
    """Print the ordered steps to rotate SECRET in this project.

    It begins with what breaks. No step puts a value on a command line.

    With --check it reports which steps are done, not done or not known, and names what was left half done.
    """
    context = opened(folder, given["ledger"], given["policy"], given["env"])
    # The sample's plan is the same each day; what was done to it since is newer than its pinned date.
    pinned = "" if given["check"] else context.project.pinned_as_of
    plan = plan_rotation(
        secret,
        context.project,
        context.policy,
        keeper_of(context.project),
        instant_of(context.project, given["as_of"] or pinned or iso(now())),
        given=context.given,
        environment=environment_of(environment) if environment else "",
        compromised=compromised,
    )
    if not given["check"]:
        _say(_planned(plan))
        return
    since = parse_instant(given["since"], "--since") if given["since"] else plan.read.as_of - LONGEST
    progress = plan.progress(since)
    _say([f"Rotation of {plan.scope.rule.name} since {iso(since)}:", *_progress(progress)])
    sys.exit(0 if progress.whole else LEFT)


def _say(lines: Iterator[str] | list[str]) -> None:
    for line in lines:
        click.echo(as_typed(inert.plain(line)))


def _planned(plan: RotationPlan) -> Iterator[str]:
    yield f"Runbook for {plan.scope.rule.name}: {plan.mode}, as of {iso(plan.read.as_of)}"
    yield ""
    yield "What to expect:"
    yield from (f"  {topic}: {text}" for topic, text in plan.effects)
    for number, step in enumerate(plan.steps, 1):
        yield from _lines(number, step)


def _lines(number: int, step: RunbookStep) -> Iterator[str]:
    place = f" [{step.environment}]" if step.environment else ""
    yield ""
    yield f"{number}. {step.text}{place}."
    yield from (f"     {command}" for command in step.commands)
    yield f"   Verify: {step.verify}."
    if step.breaks:
        yield f"   It breaks: {step.breaks}."


def _progress(progress: Progress) -> Iterator[str]:
    for one in progress.steps:
        place = f" [{one.place}]" if one.place else ""
        yield f"  {one.state:<9}  {one.step}{place}: {one.why}"
    yield from (f"half done: {text}" for text in progress.half_done)
    left = sum(one.state != DONE for one in progress.steps)
    steps = counted(len(progress.steps), "step")
    yield f"{left} of {steps} not done or not known" if left else f"All of {steps} are done"
