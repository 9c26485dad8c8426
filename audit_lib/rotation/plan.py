"""One rotation of a secret in a project: its scope, what was read, its steps, its effects, its progress."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from audit_lib.project import GivenValues, Project
from audit_lib.project.policy import Policy
from audit_lib.rotation.effects import Effects, expected_effects
from audit_lib.rotation.progress import Progress, rotation_progress
from audit_lib.rotation.read_rotation import RotationRead, read_rotation
from audit_lib.rotation.runbook import MODES, RunbookStep, runbook_steps
from audit_lib.rotation.runbook_words import common_words
from audit_lib.rotation.scope import RotationScope, rotation_scope
from audit_lib.secrecy.keeper import Keeper

LONGEST = timedelta(days=14)  # a rotation that takes longer is two


@dataclass(frozen=True)
class RotationPlan:
    """What is to be rotated and what was read for it. Holds no value: the keeper does."""

    project: Project
    policy: Policy
    scope: RotationScope
    read: RotationRead
    given: tuple[GivenValues, ...]
    environment: str  # the only one; "" for all
    compromised: bool

    @property
    def effects(self) -> Effects:
        """What it breaks, for how long and for whom."""
        return expected_effects(self.scope, self.policy, self.read)

    @property
    def steps(self) -> tuple[RunbookStep, ...]:
        """What to do, in order."""
        how = {"only": self.environment, "reason": MODES[self.compromised]}
        words = common_words(self.project, self.scope, self.effects, self.given, **how)
        return runbook_steps(self.scope, words, compromised=self.compromised)

    def progress(self, since: datetime | None = None) -> Progress:
        """What is done, of a rotation that began at an instant: by default 14 days before it is looked at."""
        return rotation_progress(self.scope, self.policy, self.read, since or self.read.as_of - LONGEST)


def plan_rotation(
    secret: str,
    project: Project,
    policy: Policy,
    keeper: Keeper,
    as_of: datetime,
    *,
    given: tuple[GivenValues, ...] = (),
    environment: str = "",
    compromised: bool = False,
) -> RotationPlan:
    """The plan as of an instant; `BadInput` for a secret, a file or a ledger that cannot be used."""
    read = read_rotation(project, policy, keeper, as_of, given)
    whole = rotation_scope(secret, policy, read.inventory)
    scope = whole.within(environment) if environment else whole
    return RotationPlan(project, policy, scope, read, given, environment, compromised)
