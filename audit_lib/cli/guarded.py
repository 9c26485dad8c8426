"""Lets a command's guard know the values that it has read, by the classes that a report has."""

import pandas as pd

from audit_lib.project import Project
from audit_lib.project.policy import Policy
from audit_lib.report.publish.value_classes import classify, public_text
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import Keeper


def guard_values(keeper: Keeper, inventory: pd.DataFrame, policy: Policy, project: Project) -> None:
    """From now on no output of this command holds a value of the keeper."""
    places = (*inventory["environment"].unique(), *inventory["service"].unique())
    classes = classify(keeper, inventory, public_text(policy, project.name, *map(str, places)))
    guard.install(keeper).classify(classes.sealed, classes.open, classes.public)
