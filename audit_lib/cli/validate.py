"""`validate`: whether a service may start with the secrets that it has."""

import os
import sys
from pathlib import Path

import click

from audit_lib.base.errors import BadInput
from audit_lib.cli import options
from audit_lib.cli.options import environment_of
from audit_lib.rotation.validation import environment_shown, is_strict, validate as validated
from audit_lib.secrets.env import parse_env, value_is_unknown
from audit_lib.secrets.given import ENVIRON, STDIN, given_lines, parse_env_option
from audit_lib.secrets.loaders import loaders_of
from audit_lib.settings import Policy, Project, choose_policy, load_project

FAILS = 3


@click.command()
@options.several(options.project, options.policy)
@click.option(
    "--environment",
    default="",
    help="Default: production if what the platform sets says so, else development.",
)
@click.option("--service", default="", help="Which service starts, if the policy has more than one.")
@click.option(
    "--values",
    "source",
    default=ENVIRON,
    show_default=True,
    metavar="FILE|-|environ",
    help="What holds its variables: an env file, stdin (-) or the process environment.",
)
@click.option("--strict", is_flag=True, help="Exit with 3 if a secret is missing or invalid.")
def validate(folder: Path, policy: str, environment: str, service: str, *, source: str, strict: bool) -> None:
    """Check the secrets of a service before it starts.

    For example: `audit-lib validate --service backend && exec uvicorn app.main:app`.

    It exits with 3 if a secret is missing or invalid and validation is strict: by --strict, by the variable
    that the policy names (STRICT_SECRET_VALIDATION), and always in production. Otherwise the failure is
    printed and the start goes on. No message holds a value.
    """
    project = load_project(folder)
    chosen = choose_policy(project, policy)
    place = environment_of(environment) if environment else environment_shown(chosen, os.environ)
    name = _service(chosen, service)
    values, unknown = _values(f"{place}/{name}={source}", project, chosen)
    result = validated(values, chosen, place, name, unknown)
    stops = strict or is_strict(chosen, {**os.environ, **values}, place)
    for line in result.lines:
        click.echo(line, err=not result)
    if not result and not stops:
        click.echo("The start goes on: validation is not strict here (--strict)", err=True)
    if not result and stops:
        sys.exit(FAILS)


def _service(policy: Policy, asked: str) -> str:
    """The service that starts; `BadInput` if the policy demands nothing of it: then nothing is validated."""
    services = sorted({rule.service for rule in policy.secrets})
    if not services:
        raise BadInput.at(f"policy {policy.name}", "lists no secret: there is nothing to validate (run init)")
    if asked not in services and (asked or len(services) > 1):
        raise BadInput.at("--service", f"must be one of {', '.join(services)}")
    return asked or services[0]


def _values(option: str, project: Project, policy: Policy) -> tuple[dict[str, str], frozenset[str]]:
    """The variables with their values, and those that are set to a value that is not known.

    A file of the project is read as its service reads it, any other one as the platform's box is.
    """
    given = parse_env_option(option, sys.stdin.buffer)
    path = Path(given.origin)
    sources = {project.root / one.path: one for one in project.env_sources}
    source = sources.get(path.resolve()) if given.origin not in (ENVIRON, STDIN) else None
    if source is None:
        lines = given_lines(given, policy)
    else:
        lines = parse_env(given.content, loaders_of(project.root, source, given.content))
    named = [(line.name, line) for line in lines if line.name]
    unknown = frozenset(name for name, line in named if value_is_unknown(line.faults))
    return {name: line.value for name, line in named if line.value is not None}, unknown
