"""`rotate plan` and `rotate check`: the steps of a secret's rotation, and which of them are done."""

import sys
from collections.abc import Iterator, Mapping
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


_asked = options.several(
    options.project,
    click.option("--compromised", is_flag=True, help="The order for a value that others have."),
    click.option("--environment", default="", help="Only this environment."),
)
_evidence = options.several(options.env, options.policy, options.ledger, options.as_of)


@click.command()
@click.argument("secret")
@_asked
@_evidence
def plan(secret: str, folder: Path, **given: Any) -> None:
    """Print the ordered steps to rotate SECRET in this project.

    It begins with what breaks. No step puts a value on a command line.
    """
    # The sample's plan is the same each day.
    _say(_planned(_plan_of(secret, folder, given, pinned=True)))


@click.command()
@click.argument("secret")
@_asked
@click.option("--since", default="", help="When the rotation began (UTC, default: 14 days ago).")
@_evidence
def check(secret: str, folder: Path, since: str, **given: Any) -> None:
    """Report which steps of SECRET's rotation are done, not done or not known.

    It names what was left half done, and exits with 3 unless every step is done.
    """
    made = _plan_of(secret, folder, given, pinned=False)
    began = parse_instant(since, "--since") if since else made.read.as_of - LONGEST
    progress = made.progress(began)
    _say([f"Rotation of {made.rules[0].name} since {iso(began)}:", *_progress(progress)])
    sys.exit(0 if progress.whole else LEFT)


def _plan_of(secret: str, folder: Path, given: Mapping[str, Any], *, pinned: bool) -> RotationPlan:
    """The plan of the secret's rotation; `pinned`: at the date that the project's audit.toml pins, if any."""
    context = opened(folder, given["ledger"], given["policy"], given["env"])
    project = context.project
    as_of = given["as_of"] or (project.pinned_as_of if pinned else "") or iso(now())
    return plan_rotation(
        secret,
        project,
        context.policy,
        keeper_of(project),
        instant_of(project, as_of),
        given=context.given,
        environment=environment_of(given["environment"]) if given["environment"] else "",
        compromised=given["compromised"],
    )


def _say(lines: Iterator[str] | list[str]) -> None:
    for line in lines:
        click.echo(as_typed(inert.plain(line)))


def _planned(plan: RotationPlan) -> Iterator[str]:
    yield f"Runbook for {plan.rules[0].name}: {plan.mode}, as of {iso(plan.read.as_of)}"
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
