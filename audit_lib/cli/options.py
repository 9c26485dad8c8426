"""What several commands take: the project, its values, policy and ledger, the date, the writer."""

import getpass
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.project import GivenValues, Project, environment_name, load_project
from audit_lib.project.onboarding.choose_policy import choose_policy
from audit_lib.project.policy import Policy
from audit_lib.secrets.given_values import parse_env_options

Command = TypeVar("Command", bound=Callable[..., Any])

project_option = click.option(
    "--project", "folder", type=click.Path(path_type=Path), required=True, help="The application's folder."
)
env_option = click.option(
    "--env",
    "env",
    multiple=True,
    metavar="ENVIRONMENT/SERVICE=FILE|-|environ",
    help="Values that live on a platform: a file, stdin (-) or the process environment. Never stored.",
)
policy_option = click.option("--policy", default="", help="A bundled policy's name, or a policy file.")
ledger_option = click.option(
    "--ledger", type=click.Path(path_type=Path), help="The ledger, if it lies elsewhere than .audit/ledger."
)
as_of_option = click.option(
    "--as-of", default="", help="Review as of this date (UTC); by default now. Later evidence is left out."
)
scheduler_option = click.option(
    "--scheduler", default="", metavar="ADDR", help="Read logs on the dask cluster at ADDR (tcp://…)."
)
writer_option = click.option(
    "--writer", default="", help="Your chain in the ledger; by default made of user and host."
)
by_option = click.option("--by", default="", help="Who says so; by default the writer.")
until_option = click.option("--until", required=True, help="When this ends, such as 2026-12-31.")
reason_option = click.option("--reason", required=True, help="Why.")


def options(*several: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """One decorator for several options, in the order given."""

    def decorate(command: Command) -> Command:
        for option in reversed(several):
            command = option(command)
        return command

    return decorate


@dataclass(frozen=True)
class Opened:
    """A project with its policy and the values that were given."""

    project: Project
    policy: Policy
    given: tuple[GivenValues, ...]


def opened(folder: Path, ledger: Path | None, policy: str = "", env: tuple[str, ...] = ()) -> Opened:
    """The project, its policy, and what `--env` gives; stdin is read here, once."""
    project = load_project(folder, ledger)
    return Opened(project, choose_policy(project, policy), parse_env_options(env, sys.stdin.buffer))


def now() -> datetime:
    """The current instant, cut to the second as the ledger keeps it. Only commands read the clock."""
    return datetime.now(UTC).replace(microsecond=0)


def writer_name(given: str) -> str:
    """The writer's chain: as given, else `user-host` in the letters that a chain's name may have."""
    if given:
        return given
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "someone"
    plain = re.sub(r"[^a-z0-9._-]+", "-", f"{user}-{platform.node() or 'host'}".lower()).strip("-._")
    return plain[:64] or "someone"


def file_name(project: str) -> str:
    """A project's name as a part of a folder's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", project).strip("-.") or "project"


def environment_of(text: str) -> str:
    """The environment that `--environment` names; `BadInput` for any other text."""
    name = environment_name(text)
    if not name:
        raise BadInput.at("--environment", "is none of development, staging, production (dev, prod)")
    return name


def until_instant(text: str, at: datetime) -> datetime:
    """When a decision ends; `BadInput` unless that lies ahead."""
    until = parse_instant(text, "--until")
    if until <= at:
        raise BadInput.at("--until", "lies in the past: a decision must end later than now")
    return until
