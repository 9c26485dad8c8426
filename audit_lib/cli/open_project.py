"""Opens the project that a command names, with its policy and what `--env` and `--log` give."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import click

from audit_lib.base.errors import BadInput
from audit_lib.logs.log_files import STDIN, spooled, with_logs
from audit_lib.report.folder import scratch_folder
from audit_lib.secrets.given import parse_env_options
from audit_lib.settings import GivenValues, Policy, Project, choose_policy, load_project


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


def with_given_logs(project: Project, logs: tuple[str, ...], env: tuple[str, ...] = ()) -> Project:
    """The project with the logs that `--log` gives; what stdin gives is kept until the command ends.

    Raises:
        BadInput: a fault of the options, or stdin is given to `--env`, too.
    """
    if not logs:
        return project
    if any(option.endswith(f"={STDIN}") for option in logs) and any(one.endswith("=-") for one in env):
        raise BadInput.at("--log, --env", "stdin (-) can be given once only")

    def spool(stream: BinaryIO) -> Path:
        return spooled(stream, click.get_current_context().with_resource(scratch_folder("audit-log-")))

    return with_logs(project, logs, sys.stdin.buffer, spool)
