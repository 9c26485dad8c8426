"""How far a rotation is, by env files, stores and the ledger: which places changed, which half is missing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.frames import rows
from audit_lib.leaks.tables import IN_FORCE, NOT_IN_FORCE, SECRETS
from audit_lib.ledger import Entry, Ledger
from audit_lib.ledger.decisions import Revocation, revocations
from audit_lib.ledger.timeline import Links, SecretPlace, Tenure, tenures
from audit_lib.rotation.contracts import DONE, NOT_DONE, NOT_KNOWN, LeakLives
from audit_lib.rotation.scope import RotationScope, Store

LONGEST = timedelta(days=14)  # a rotation that takes longer is two


@dataclass(frozen=True)
class RotationRead:
    """What is known of a project's rotations: what is in place, and what the ledger saw."""

    as_of: datetime
    inventory: pd.DataFrame
    ledger: Ledger

    @cached_property
    def stays(self) -> tuple[Tenure, ...]:
        """Every tenure of every value that the ledger saw, under the present key."""
        return tenures(self.ledger)

    @cached_property
    def revoked(self) -> Mapping[str, Revocation]:
        """What was recorded as revoked, by the value's fingerprint under the present key."""
        keys = {entry.place: entry.key_id for entry in self.ledger.entries}
        return {self._now(made.fingerprint, keys[made.place]): made for made in revocations(self.ledger)}

    @cached_property
    def removed(self) -> Mapping[str, Entry]:
        """The last record of each value that was searched for, by its fingerprint under the present key."""
        return {
            self._now(entry.body["fingerprint"], entry.key_id): entry
            for entry in self.ledger.of_kind("removal")
        }

    def _now(self, fingerprint: str, key_id: str) -> str:
        return Links(self.ledger).now(fingerprint, key_id)


@dataclass(frozen=True)
class StoreChange:
    """What is known of one store: whether its value changed, between which instants, and from which value."""

    store: Store
    state: str
    why: str
    after: datetime | None = None  # the last look that saw the old value
    by: datetime | None = None  # the first that saw the new one
    old: str | None = None  # the old value's fingerprint


@dataclass(frozen=True)
class StepProgress:
    """What evidence says of one step at one place."""

    step: str
    place: str
    state: str  # DONE | NOT_DONE | NOT_KNOWN
    why: str


@dataclass(frozen=True)
class Progress:
    """A rotation as it stands: its steps in order, and each half that is missing, in words."""

    steps: tuple[StepProgress, ...]
    half_done: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether everything that leaves evidence is done."""
        return bool(self.steps) and all(step.state == DONE for step in self.steps)


def rotation_progress(
    scope: RotationScope, read: RotationRead, since: datetime, leaks: pd.DataFrame | None = None
) -> Progress:
    """The progress of a rotation that began at an instant. Steps that leave no evidence have no row.

    With the `Leaks` that were found, also whether the old value was removed from where it leaked.
    """
    changes = store_changes(scope.stores, read, since)
    steps = [_snapshot(changes, read, since)]
    for environment in scope.environments:
        mine = [change for change in changes if change.store.place.environment == environment]
        steps += [StepProgress("replace", str(one.store), one.state, one.why) for one in mine]
        if scope.secret:
            steps += [_retired(environment, mine, read), _revoked(environment, mine, read)]
        steps += [_recorded(change, read, since) for change in mine]
    if leaks is not None:
        steps.append(_purged(changes, leaks, read))
    return Progress(tuple(steps), tuple(_halves(scope, changes)))


def _snapshot(changes: tuple[StoreChange, ...], read: RotationRead, since: datetime) -> StepProgress:
    """A snapshot between the beginning and the first change, or records that saw the old values."""
    first = min((one.by for one in changes if one.by), default=read.as_of)
    taken = [entry for entry in read.ledger.of_kind("snapshot") if since <= entry.at <= first]
    if taken:
        return StepProgress("snapshot", "", DONE, f"{taken[0].place} saw the old values")
    if changes and all(change.state == DONE for change in changes):
        return StepProgress("snapshot", "", DONE, "not needed: each record saw the old value itself")
    return StepProgress("snapshot", "", NOT_DONE, "the ledger has none since then and before a change")


def _retired(environment: str, mine: list[StoreChange], read: RotationRead) -> StepProgress:
    """Whether an old value is in force anywhere, under whatever name."""
    held = read.inventory[read.inventory["fingerprint"].isin({one.old for one in mine if one.old})]
    there = [str(SecretPlace.of(row)) for row in rows(held)]
    state, why = worst([one.state for one in mine]), "not every place has a new value"
    unseen = int(read.inventory["state"].eq("not supplied").sum())
    if there:
        state, why = NOT_DONE, f"still in force: {'; '.join(there)}"
    elif state == DONE and unseen:
        state, why = NOT_KNOWN, f"in no place that was read; {unseen} values were not supplied (--env)"
    elif state == DONE:
        why = "in force in no place"
    return StepProgress("old value", environment, state, why)


def _revoked(environment: str, mine: list[StoreChange], read: RotationRead) -> StepProgress:
    """By a record, which is a claim: no provider is asked."""
    old = {one.old for one in mine if one.old}
    if old and old <= read.revoked.keys():
        claims = "; ".join(sorted({read.revoked[value].said for value in old}))
        return StepProgress("revoke", environment, DONE, f"a claim: {claims}")
    if worst([one.state for one in mine]) == NOT_DONE:
        return StepProgress("revoke", environment, NOT_DONE, "not every place has a new value")
    return StepProgress("revoke", environment, NOT_KNOWN, "no record says so, and no provider is asked")


def _recorded(change: StoreChange, read: RotationRead, since: datetime) -> StepProgress:
    claims = _claims(change, read, since)
    if not claims:
        return StepProgress(
            "record", str(change.store), NOT_DONE, "the ledger has no record of it since then"
        )
    if change.state == DONE:
        return StepProgress("record", str(change.store), DONE, f"recorded in {claims[-1].place}")
    shown = "the value did not change" if change.state == NOT_DONE else "no value proves it"
    why = f"claimed in {claims[-1].place}, but {shown}"
    return StepProgress("record", str(change.store), change.state, why)


def _claims(change: StoreChange, read: RotationRead, since: datetime) -> list[Entry]:
    records = read.ledger.of_kind("rotation")
    return [e for e in records if e.at >= since and SecretPlace.named_in(e.body) == change.store.place]


def _purged(changes: tuple[StoreChange, ...], leaks: pd.DataFrame, read: RotationRead) -> StepProgress:
    """Done once every replaced value was searched for by itself, everywhere, and is nowhere."""
    old = {one.old for one in changes if one.old}
    found = leaks[leaks["fingerprint"].isin(old)]
    if len(found):
        return StepProgress("purge", "", NOT_DONE, f"still found: {', '.join(found['leak_id'])}")
    searched = {
        read.removed[value] for value in old & read.removed.keys() if read.removed[value].body["whole"]
    }
    if old and old <= read.removed.keys() and len(searched) == len(old):
        places = ", ".join(sorted(entry.place for entry in searched))
        return StepProgress("purge", "", DONE, f"searched for and found nowhere: {places}")
    why = "`record NAME --removed` searches for the value itself" if old else "it is not replaced yet"
    return StepProgress("purge", "", NOT_KNOWN if old else NOT_DONE, why)


def worst(states: list[str]) -> str:
    """Not done if any is; else not known if any is; else done."""
    return next((state for state in (NOT_DONE, NOT_KNOWN) if state in states), DONE)


# ---- Which places changed ----


def store_changes(stores: tuple[Store, ...], read: RotationRead, since: datetime) -> tuple[StoreChange, ...]:
    """One for each store, in their order. A value that was in force earlier is no new one."""
    return tuple(
        _change(store, [stay for stay in read.stays if stay.home == store.place], since, read.as_of)
        for store in stores
    )


def _change(store: Store, stays: list[Tenure], since: datetime, as_of: datetime) -> StoreChange:
    held = [stay for stay in stays if stay.fingerprint == store.fingerprint and stay.gone is None]
    current = held[-1] if held else None
    # What another writer's copy still has was not replaced by the value in place.
    earlier = [stay for stay in stays if stay is not current and not (current and stay.gone is None)]
    unchanged = _unchanged(store, current, earlier, since)
    if unchanged:
        return StoreChange(store, *unchanged)
    before = earlier[-1]
    after = current.absent.at if current and current.absent else before.last.at
    by = current.first.at if current else as_of
    place = current.first.place if current else "the value in place"
    why = f"changed between {iso(after)} ({before.last.place}) and {iso(by)} ({place})"
    if after < since:
        return StoreChange(store, NOT_KNOWN, f"{why}, which may be before {iso(since)}", after, by)
    return StoreChange(store, DONE, why, after, by, before.fingerprint)


def _unchanged(
    store: Store, current: Tenure | None, earlier: list[Tenure], since: datetime
) -> tuple[str, str] | None:
    """That the value did not change, or that nothing shows it; None if another one was there before."""
    if store.fingerprint is None:
        return NOT_KNOWN, "not supplied: give it with --env" if store.platform else "it is empty"
    if current and current.first.at <= since and not (current.absent and current.absent.at >= since):
        return NOT_DONE, f"{current.first.place} saw this value at {iso(current.first.at)} already"
    if any(stay.fingerprint == store.fingerprint for stay in earlier):
        return NOT_DONE, "it holds a value that was in force before, and was replaced"
    if earlier:
        return None
    if current is None:
        return NOT_KNOWN, "no snapshot saw it before: nothing to compare it with"
    return NOT_DONE, f"{current.first.place} saw this value, and none before it"


def _halves(scope: RotationScope, changes: tuple[StoreChange, ...]) -> Iterator[str]:
    """By environment what changed beside what did not; of what is not known it says nothing."""
    for environment in scope.environments:
        here = [change for change in changes if change.store.place.environment == environment]
        done = [str(change.store) for change in here if change.state == DONE]
        left = [str(change.store) for change in here if change.state == NOT_DONE]
        if done and left:
            yield f"one half of {environment}: {'; '.join(done)} changed, {'; '.join(left)} did not"


def tabulate_leak_lives(leaks: pd.DataFrame, read: RotationRead) -> pd.DataFrame:
    """`LeakLives` in the order of `Leaks`, then values that were recorded as removed and are not found.

    The state says how far the clean-up is; of a revocation it is a claim.
    """
    real = leaks[leaks["kind"].isin(SECRETS)]
    found = [
        {"leak_id": leak.leak_id, "secret": leak.variable} | _life(leak.fingerprint, leak.force, read)
        for leak in rows(real)
    ]
    for fingerprint, entry in read.removed.items():
        if fingerprint not in set(real["fingerprint"]):
            whole = entry.body["whole"]
            why = f"searched for by its value, in {entry.body['searched']} ({entry.place})"
            life = {"state": "removed" if whole else "not known", "why": why}
            found.append({"leak_id": "", "secret": entry.body["secret"]} | life)
    return LeakLives.of(found)


def _life(fingerprint: str | None, force: str, read: RotationRead) -> dict[str, str]:
    """How far the clean-up of a leak is: it is found still, so at most its value was replaced and revoked."""
    if force == IN_FORCE or bool(read.inventory["fingerprint"].eq(fingerprint or "").any()):
        return {"state": "in force", "why": "rotate it"}
    if force != NOT_IN_FORCE:
        return {"state": "not known", "why": "whether its value is in force is not known"}
    claim = read.revoked.get(fingerprint or "")
    return {
        "state": "revoked" if claim else "replaced",
        "why": claim.said if claim else "revoke it, then remove it",
    }
