"""`investigate`: the first steps at once, then the incident notebook, published whole or not at all."""

import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import click

from audit_lib.base.clock import iso, parse_instant
from audit_lib.base.errors import AuditError
from audit_lib.cli import options
from audit_lib.cli.options import PATH, file_name, now
from audit_lib.cli.terminal import say
from audit_lib.incident.first_steps import Step, steps
from audit_lib.settings import Policy, Project, bundled_policy, choose_policy, load_project

FIRST = 5


@click.command()
@options.project
@click.option(
    "--since", default="", help="Start of the window (UTC, default: when the leak was first seen, or 7 days)."
)
@click.option("--until", default="", help="End of the window (UTC, default: --as-of).")
@click.option("--secret", default="", help="Name of the secret under suspicion, never its value.")
@click.option("--client", default="", help="Address to look at.")
@click.option("--discovered", default="", help="When it was first seen (UTC), for the record.")
@options.as_of
@click.option("--out", type=PATH, help="Folder to publish in (default: reports/PROJECT-incident-DAY-WHAT).")
@options.several(options.policy, options.env, options.log, options.ledger)
def investigate(folder: Path, out: Path | None, **given: Any) -> None:
    """Print first steps at once, then investigate and publish.

    What is published: a notebook, a page and a package of evidence. They show addresses in full, so keep
    them on this machine. If you have the leaked string itself, run `whose` first.
    """
    project = load_project(folder, given["ledger"])
    named = _say_first_steps(project, given["policy"], given["secret"])
    # From here on it takes seconds: the steps above need neither pandas nor a kernel.
    from audit_lib.cli.investigate_run import run  # noqa: PLC0415

    as_of = given.pop("as_of") or project.pinned_as_of or iso(now())
    from audit_lib.cli.open_project import with_given_logs  # noqa: PLC0415

    project = with_given_logs(project, given)
    run(project, out or _folder(project, as_of, named, given), as_of, given)


def _folder(project: Project, as_of: str, secret: str, given: dict[str, Any]) -> Path:
    """Each question has a folder of its own: another one replaces no report.

    Only what is known to be a name, an instant or an address is part of it: someone may have given the value.
    """
    asked = [f"{parse_instant(given[end], end):%Y-%m-%dT%H%M}" for end in ("since", "until") if given[end]]
    asked += [secret, _address(given["client"])]
    parts = [
        file_name(project.name),
        "incident",
        f"{parse_instant(as_of, '--as-of'):%Y-%m-%d}",
        *filter(None, asked),
    ]
    return Path("reports") / "-".join(parts)


def _address(client: str) -> str:
    """An address as a part of a file's name; "" for what is none."""
    try:
        return str(ip_address(client.strip())).replace(":", "-")
    except ValueError:
        return ""


def _sentence(step: Step) -> str:
    """One step on one line: what, its place, how it is verified, what it breaks."""
    place = f" [{step.place}]" if step.place else ""
    verify = f" Verify: {step.verify}." if step.verify else ""
    breaks = f" It breaks: {step.breaks}." if step.breaks else ""
    return f"{step.text}{place}.{verify}{breaks}"


def _say_first_steps(project: Project, policy: str, secret: str) -> str:
    """The first five steps; a policy that cannot be read is reported, and stops none of them.

    Returns the policy's name for the secret, "" if it has none.
    """
    rules = _policy(project, policy)
    rule = rules.rule(secret.strip()) if secret.strip() else None
    named = rule.name if rule else ""
    say(lead=f"First steps{f' for {named}' if named else ''}:")
    for number, step in enumerate(steps(rules, named)[:FIRST], 1):
        say(_sentence(step), f"{number}. ")
    if secret and not named:
        say("--secret: no such secret in the policy, so the steps above are general", err=True)
    say()
    sys.stdout.flush()
    return named


def _policy(project: Project, policy: str) -> Policy:
    try:
        return choose_policy(project, policy)
    except AuditError as error:
        click.echo(str(error), err=True)
        return bundled_policy("generic")
