"""Opens the project that a command names, with its policy and the values given with `--env`."""

import sys
from dataclasses import dataclass
from pathlib import Path

from audit_lib.project import GivenValues, Project, load_project
from audit_lib.project.onboarding.choose_policy import choose_policy
from audit_lib.project.policy import Policy
from audit_lib.secrets.given_values import parse_env_options


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
