"""The values that a project's env files hold: read, held by the keeper, and guarded from then on."""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.seal import Classes, classify
from audit_lib.secrets.inventory import tabulate_inventory
from audit_lib.secrets.sources import read_env_sources
from audit_lib.settings import GivenValues, Policy, Project, choose_policy


@dataclass(frozen=True)
class KnownValues:
    """What was read; frames by their contracts. The values are the keeper's."""

    policy: Policy
    entries: pd.DataFrame
    inventory: pd.DataFrame
    classes: Classes  # how each value is guarded, and searched for


def known_values(
    project: Project, keeper: Keeper, policy: str = "", given: tuple[GivenValues, ...] = ()
) -> KnownValues:
    """The values of a project; from now on no output of this process holds one.

    Raises:
        BadInput: a policy or an env file that cannot be used.
    """
    rules = choose_policy(project, policy)
    sources, entries = read_env_sources(project, given, keeper, rules)
    inventory = tabulate_inventory(entries, rules, project, keeper, sources)
    return KnownValues(rules, entries, inventory, guard_values(keeper, inventory, rules, project))


def guard_values(keeper: Keeper, inventory: pd.DataFrame, policy: Policy, project: Project) -> Classes:
    """The keeper's values by class; from now on no output of this process holds one."""
    classes = classes_of(keeper, inventory, policy, project.name)
    guard.install(keeper).classify(classes.sealed, classes.open, classes.public)
    return classes


def classes_of(keeper: Keeper, inventory: pd.DataFrame, policy: Policy, project: str) -> Classes:
    """The classes for a project by its name: what its policy and its places are called is public."""
    places = (*inventory["environment"].unique(), *inventory["service"].unique())
    return classify(keeper, inventory, public_text(policy, project, *map(str, places)))


def public_text(policy: Policy, *names: str) -> str:
    """What a report may say anyway: the policy's texts, and names of project, environments, services."""
    return "\n".join([repr(replace(policy, path=Path())), *names])
