"""Which steps of a rotation are done, by evidence alone, and which halves of it are missing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted
from audit_lib.leaks.find_leaks import LeakAudit
from audit_lib.ledger.timeline import SecretPlace, Tenure
from audit_lib.logins.requests import REFUSED, succeeded
from audit_lib.rotation.half_done import HalfDone, half_done
from audit_lib.rotation.leak_lives import own_processes_check, purged
from audit_lib.rotation.read_rotation import RotationRead
from audit_lib.rotation.refreshes import refreshed
from audit_lib.rotation.scope import RotationScope
from audit_lib.rotation.step_progress import DONE, NOT_DONE, NOT_KNOWN, StepProgress, worst
from audit_lib.rotation.store_changes import StoreChange, asked_after, store_changes
from audit_lib.settings import Policy


@dataclass(frozen=True)
class Progress:
    """A rotation as it stands: its steps in order, and each half that is missing, in words."""

    steps: tuple[StepProgress, ...]
    half_done: tuple[HalfDone, ...]

    @property
    def whole(self) -> bool:
        """Whether everything that leaves evidence is done."""
        return bool(self.steps) and all(one.state == DONE for one in self.steps)


def rotation_progress(
    scope: RotationScope, policy: Policy, read: RotationRead, since: datetime, leaks: LeakAudit | None = None
) -> Progress:
    """The progress of a rotation that began at an instant. Steps that leave no evidence have no row.

    With what a search for leaks found, also whether the old value was removed from where it leaked.
    """
    changes = store_changes(scope.stores, read.stays, since, read.as_of)
    ended = (*changes, *_kept_meanwhile(scope, changes, read))
    refreshes = [refreshed(one, ended, read) for one in scope.consumers if one.refresh != "never"]
    steps = [_snapshot(changes, read, since)]
    for environment in scope.environments:
        here = scope.within(environment)
        mine = [one for one in changes if one.store.place.environment == environment]
        starts = [one for one in refreshes if one.place.startswith(f"{environment}/")]
        steps += [StepProgress("replace", str(one.store), one.state, one.why) for one in mine]
        steps += starts
        if scope.overlap != "yes" and scope.is_sent(policy):
            steps.append(answered_again(environment, mine, read))
        if scope.secret:
            steps += [_retired(environment, mine, read), _revoked(here, environment, mine, starts, read)]
        steps += [_recorded(one, read, since) for one in mine]
    if leaks is not None:
        steps.append(purged(scope, policy, read, leaks))
    return Progress(tuple(steps), tuple(half_done(scope, changes, refreshes, read.ledger, since)))


def _kept_meanwhile(
    scope: RotationScope, changes: tuple[StoreChange, ...], read: RotationRead
) -> Iterator[StoreChange]:
    """An old value that stayed in the grace variable, and is gone: a change of its own."""
    names = {rule.grace_variable for rule in scope.rules}
    for one in changes:
        for stay in read.stays if one.old else ():
            here = stay.home.environment == one.store.place.environment and stay.home.secret in names
            if here and stay.fingerprint == one.old:
                yield replace(one, after=stay.last.at, by=_seen_gone(stay, read))


def _seen_gone(stay: Tenure, read: RotationRead) -> datetime:
    """The first look at the whole place that shows the value there no more; else now."""
    home = {"environment": stay.home.environment, "service": stay.home.service, "complete": True}
    last = stay.last
    for entry in read.ledger.of_kind("snapshot"):
        later = entry.at >= last.at and entry.place != last.place
        if later and any(home.items() <= place.items() for place in entry.body["places"]):
            return entry.at
    return stay.gone.at if stay.gone else read.as_of


def _snapshot(changes: tuple[StoreChange, ...], read: RotationRead, since: datetime) -> StepProgress:
    """A snapshot between the beginning and the first change, or records that saw the old values."""
    first = min((one.by for one in changes if one.by), default=read.as_of)
    taken = [entry for entry in read.ledger.of_kind("snapshot") if since <= entry.at <= first]
    if taken:
        return StepProgress("snapshot", "", DONE, f"{taken[0].place} saw the old values")
    if changes and all(one.state == DONE for one in changes):
        return StepProgress("snapshot", "", DONE, "not needed: each record saw the old value itself")
    return StepProgress("snapshot", "", NOT_DONE, "the ledger has none since then and before a change")


def _retired(environment: str, mine: list[StoreChange], read: RotationRead) -> StepProgress:
    """Whether an old value is in force anywhere, under whatever name."""
    old = {one.old for one in mine if one.old}
    held = read.inventory[read.inventory["fingerprint"].isin(old)]
    there = [f"{row.secret}, {row.environment}/{row.service}" for row in rows(held)]
    if there:
        told = f"still in force: {'; '.join(there)}"
        return StepProgress("old value", environment, NOT_DONE, told)
    state = worst([one.state for one in mine])
    unseen = int(read.inventory["state"].eq("not supplied").sum())
    if state == DONE and unseen:
        told = f"in no place that was read; {unseen} values were not supplied (--env)"
        return StepProgress("old value", environment, NOT_KNOWN, told)
    told = "in force in no place" if state == DONE else "not every store has a new value"
    return StepProgress("old value", environment, state, told)


def _revoked(
    scope: RotationScope,
    environment: str,
    mine: list[StoreChange],
    starts: list[StepProgress],
    read: RotationRead,
) -> StepProgress:
    """By a record; of a secret that only our own processes check, by their starts with another value."""
    old = {one.old for one in mine if one.old}
    if old and old <= read.revoked.keys():
        proofs = "; ".join(sorted({read.revoked[value].said for value in old}))
        return StepProgress("revoke", environment, DONE, f"a claim: {proofs}")
    if own_processes_check(scope):
        state = worst([one.state for one in mine] + [one.state for one in starts])
        if state == DONE:
            return StepProgress("revoke", environment, DONE, "every consumer has started with another value")
        return StepProgress("revoke", environment, state, "a process may still accept the old value")
    if worst([one.state for one in mine]) == NOT_DONE:
        return StepProgress("revoke", environment, NOT_DONE, "not every store has a new value")
    return StepProgress("revoke", environment, NOT_KNOWN, "no record says so, and no provider is asked")


def _recorded(one: StoreChange, read: RotationRead, since: datetime) -> StepProgress:
    mine = [
        entry
        for entry in read.ledger.of_kind("rotation")
        if entry.at >= since and SecretPlace.named_in(entry.body) == one.store.place
    ]
    place = str(one.store)
    if not mine:
        return StepProgress("record", place, NOT_DONE, "the ledger has no record of it since then")
    if one.state == DONE:
        return StepProgress("record", place, DONE, f"recorded in {mine[-1].place}")
    return StepProgress(
        "record", place, NOT_DONE if one.state == NOT_DONE else NOT_KNOWN, _only_claimed(one, mine[-1].place)
    )


def _only_claimed(one: StoreChange, place: str) -> str:
    known = "the value did not change" if one.state == NOT_DONE else "no value proves it"
    return f"claimed in {place}, but {known}"


def answered_again(environment: str, changes: list[StoreChange], read: RotationRead) -> StepProgress:
    """By the last dated request of each address on a protected route; undated ones show no order."""
    logs = read.sources[read.sources["kind"].eq("log") & read.sources["environment"].eq(environment)]
    asked = read.requests[read.requests["file"].isin(logs["source"]) & read.requests["timed"]]
    asked = asked[succeeded(asked) | (asked["protected"] & asked["status"].isin(REFUSED))]
    later = asked_after([one for one in changes if one.state == DONE], asked)
    if later is None:
        return StepProgress("watch", environment, worst_of(changes), "no store is known to have changed")
    if later.empty:
        told = "no dated request after the change, by an address that was answered before it"
        return StepProgress("watch", environment, NOT_KNOWN, told)
    last = later.drop_duplicates("client", keep="last")
    refused = last[~succeeded(last)]
    if len(refused):
        first = refused.iloc[0]
        many = counted(len(refused), "address", "addresses")
        told = f"{many} of {len(last)} last refused after the change ({first['file']}:{first['line']})"
        return StepProgress("watch", environment, NOT_DONE, told)
    many = counted(len(last), "address", "addresses")
    return StepProgress("watch", environment, DONE, f"{many} that came back: each was last answered")


def worst_of(changes: list[StoreChange]) -> str:
    """Not known if whether a store changed is not known, else not done."""
    return NOT_KNOWN if any(one.state == NOT_KNOWN for one in changes) else NOT_DONE
