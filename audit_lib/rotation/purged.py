"""Whether the leaked values of one secret are still anywhere in the project."""

import pandas as pd

from audit_lib.leaks.find_leaks import LeakAudit
from audit_lib.project.policy import Policy
from audit_lib.rotation.leak_lives import tabulate_leak_lives
from audit_lib.rotation.read_rotation import RotationRead
from audit_lib.rotation.scope import RotationScope
from audit_lib.rotation.step_progress import DONE, NOT_DONE, NOT_KNOWN, StepProgress, worst

_ASK = "nothing of it is found by pattern; `record NAME --removed` searches for the value itself"


def leaked_of(scope: RotationScope, read: RotationRead, leaks: pd.DataFrame) -> pd.DataFrame:
    """The rows of Leaks that are about values of a scope, past and present, by value or by name."""
    places = {store.place for store in scope.stores}
    held = {store.fingerprint for store in scope.stores}
    held |= {stay.fingerprint for stay in read.stays if stay.home in places}
    names = {name for rule in scope.rules for name in (rule.name, *rule.aliases)}
    real = leaks["kind"].isin(("leak", "pattern", "truncated"))
    return leaks[real & (leaks["fingerprint"].isin(held - {None}) | leaks["variable"].isin(names))]


def purged(scope: RotationScope, policy: Policy, read: RotationRead, found: LeakAudit) -> StepProgress:
    """Done once every replaced value was searched for by itself, everywhere, and is nowhere."""
    lives = tabulate_leak_lives(leaked_of(scope, read, found.leaks), found.places, read, policy)
    mine = lives[lives["secret"].isin([rule.name for rule in scope.rules])]
    state = worst(list(mine["removed"]))
    if len(mine) and state != DONE:
        first = mine[mine["removed"].eq(state)].iloc[0]
        return StepProgress("purge", "", state, first["removed_why"])
    old = _replaced(scope, read)
    recorded = {read.removed[one].place for one in old if one in read.removed}
    if old and old <= read.removed.keys():
        return StepProgress(
            "purge", "", DONE, f"searched for and found nowhere: {', '.join(sorted(recorded))}"
        )
    return StepProgress(
        "purge", "", NOT_KNOWN if old else NOT_DONE, _ASK if old else "it is not replaced yet"
    )


def _replaced(scope: RotationScope, read: RotationRead) -> set[str]:
    """The value that each store held last before the present one."""
    found = set()
    for store in scope.stores:
        here = [stay.fingerprint for stay in read.stays if stay.home == store.place]
        found.update([one for one in here if one != store.fingerprint][-1:])
    return found
