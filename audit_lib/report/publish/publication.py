"""What is guarded and searched of an audit or an investigation before any of it is published."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pandas as pd

from audit_lib.base.errors import Refused
from audit_lib.report.known_values import classes_of
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.seal import Classes, SealPlan, plan
from audit_lib.settings import Policy

Content = TypeVar("Content")


@dataclass(frozen=True)
class Publication(Generic[Content]):
    """An audit or an investigation, with how its values are guarded and its artefacts searched."""

    content: Content
    classes: Classes
    plan: SealPlan


def prepare(
    content: Content, inventory: pd.DataFrame, policy: Policy, project: str, *, keeper: Keeper, artefacts: int
) -> Publication[Content]:
    """The publication of a content in so many artefacts.

    Raises:
        Refused: the keeper is not the one that read the inventory, so its values could not be searched for.
    """
    if not all(fingerprint in keeper for fingerprint in inventory["fingerprint"].dropna()):
        raise Refused("the values of this audit are missing, so its report could not be searched for them")
    classes = classes_of(keeper, inventory, policy, project)
    return Publication(content, classes, plan(keeper, classes, artefacts))


def guarded(keeper: Keeper, make: Callable[[], Publication[Content]]) -> Publication[Content]:
    """What `make` gives, once the guard of this process knows the values that were read for it."""
    watcher = guard.install(keeper)
    made = make()
    watcher.classify(made.classes.sealed, made.classes.open, made.classes.public)
    return made


def digested(sources: pd.DataFrame, columns: Iterable[str]) -> list[dict[str, Any]]:
    """One entry for each source that was read, in the order of the frame; a null is None."""
    read = sources.loc[sources["state"] == "read", list(columns)]
    records = read.astype(object).where(read.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in records]
