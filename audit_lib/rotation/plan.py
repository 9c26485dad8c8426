"""One rotation of a secret in a project: its scope, what was read, its steps, its effects, its progress."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from audit_lib.base.cache_folder import user_cache
from audit_lib.base.errors import BadInput
from audit_lib.leaks.find_leaks import LeakAudit, LeakOptions, find_leaks
from audit_lib.leaks.purge import Purge, purge_of
from audit_lib.logs.project_logs import cached_logs
from audit_lib.rotation.effects import Effects, expected_effects
from audit_lib.rotation.half_done import LONGEST
from audit_lib.rotation.leak_lives import leaked_of
from audit_lib.rotation.progress import Progress, rotation_progress
from audit_lib.rotation.read_rotation import RotationRead
from audit_lib.rotation.runbook import RunbookStep, runbook_steps
from audit_lib.rotation.runbook_words import common_words
from audit_lib.rotation.scope import RotationScope, rotation_scope
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.read_project import read_project
from audit_lib.settings import GivenValues, Policy, Project


@dataclass(frozen=True)
class RotationPlan:
    """What is to be rotated and what was read for it. Holds no value: the keeper does."""

    project: Project
    policy: Policy
    scope: RotationScope
    read: RotationRead
    given: tuple[GivenValues, ...]
    environment: str  # the only one; "" for all
    mode: str  # of runbook.MODES
    leaks: LeakAudit | None  # of a compromised value: what was found of it and of all others

    @property
    def purge(self) -> Purge | None:
        """What must be taken out of the history; None if it was not searched."""
        if self.leaks is None:
            return None
        mine = leaked_of(self.scope, self.read, self.leaks.leaks)
        places = self.leaks.places[self.leaks.places["leak_id"].isin(mine["leak_id"])]
        return purge_of(self.project, places)

    @property
    def effects(self) -> Effects:
        """What it breaks, for how long and for whom."""
        return expected_effects(self.scope, self.policy, self.read)

    @property
    def steps(self) -> tuple[RunbookStep, ...]:
        """What to do, in order."""
        how = {"only": self.environment, "mode": self.mode}
        words = common_words(self.project, self.scope, self.effects, self.given, self.purge, **how)
        return runbook_steps(self.scope, words, mode=self.mode)

    def progress(self, since: datetime | None = None) -> Progress:
        """What is done, of a rotation that began at an instant: by default 14 days before it is looked at."""
        since = since or self.read.as_of - LONGEST
        return rotation_progress(self.scope, self.policy, self.read, since, self.leaks)


def plan_rotation(
    secret: str,
    project: Project,
    policy: Policy,
    keeper: Keeper,
    as_of: datetime,
    *,
    given: tuple[GivenValues, ...] = (),
    environment: str = "",
    mode: str = "scheduled",
) -> RotationPlan:
    """The plan as of an instant; for a compromised value all of the project is searched for it.

    Raises:
        BadInput: a secret, a file or a ledger that cannot be used; a grace period without a way.
    """
    found = read_project(project, policy, keeper, as_of, partial(cached_logs, project, keeper), given=given)
    read = RotationRead.of(found, policy, as_of)
    whole = rotation_scope(secret, policy, read.inventory)
    scope = whole.within(environment) if environment else whole
    leaks = None
    if mode == "compromised":
        entries, inventory = found.entries, found.inventory
        leaks = find_leaks(
            project,
            keeper,
            policy,
            entries,
            inventory,
            stays=read.stays,
            options=LeakOptions(cache=user_cache()),
        )
    scope = with_grace(scope) if mode == "grace" else scope
    return RotationPlan(project, policy, scope, read, given, environment, mode, leaks)


def with_grace(scope: RotationScope) -> RotationScope:
    """The scope if old and new value are both accepted meanwhile; `BadInput` if the policy names no way."""
    rule = scope.rule
    if not rule.grace_variable:
        told = "has no grace period: the policy names no variable that keeps the old value (grace_variable)"
        raise BadInput.at(f"secret {rule.name}", told)
    lost = f"None, while {rule.grace_variable} is set: what the old value signed is accepted until then"
    return replace(scope, rule=replace(rule, overlap="yes", sessions_lost=lost))
