"""How far a rotation is, by env files, stores and the ledger: which places changed, which half is missing."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.frames import Contract, Field, Series, rows
from audit_lib.leaks.tables import IN_FORCE, NOT_IN_FORCE, SECRETS
from audit_lib.ledger import Ledger
from audit_lib.ledger.timeline import SecretPlace, Tenure, tenures
from audit_lib.rotation.rotations import Revocation, revocations

DONE, NOT_DONE, NOT_KNOWN = "done", "not done", "not known"
LONGEST = timedelta(days=14)  # a rotation that takes longer is two


class LeakLives(Contract):
    """One row for each leak: how far its clean-up is."""

    leak_id: Series[str]
    secret: Series[str]
    state: Series[str] = Field(isin=("in force", "not known", "replaced", "revoked"))  # revoked: a claim


class Store(NamedTuple):
    """One place that sets the secret, or a variable that must change with it."""

    place: SecretPlace
    source: str  # the env file; of a platform what `--env` names, or the file that holds its values
    platform: bool  # a platform holds the value; no env file that is in force does
    fingerprint: str | None  # of the value in place; None if it is not known
    loader: str = ""  # that is known to read the file

    def __str__(self) -> str:
        where = f"the platform's variables of {self.place.environment}/{self.place.service}"
        return f"{self.place.secret} in {where if self.platform else self.source}"


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
        return {made.fingerprint: made for made in revocations(self.ledger)}


class StepProgress(NamedTuple):
    """What evidence says of one step at one place."""

    step: str
    place: str
    state: str  # DONE | NOT_DONE | NOT_KNOWN
    why: str
    old: str | None = None  # of a value that was replaced: its fingerprint


class Progress(NamedTuple):
    """A rotation as it stands: its steps in order, and each half that is missing, in words."""

    steps: tuple[StepProgress, ...]
    half_done: tuple[str, ...]


def rotation_progress(
    stores: Collection[Store], read: RotationRead, since: datetime, *, revocable: bool = True
) -> Progress:
    """The progress of a rotation that began at an instant; steps that leave no evidence have no row.
    Each store has a step `replace`, each environment then `old value` and `revoke`, if there is something to
    revoke, and `record`."""
    steps, halves = [], []
    for environment in dict.fromkeys(store.place.environment for store in stores):
        mine = [store for store in stores if store.place.environment == environment]
        replaced = [StepProgress("replace", str(store), *_change(store, read, since)) for store in mine]
        old = {step.old for step in replaced if step.old}
        worst = next((state for state in (NOT_DONE, NOT_KNOWN) if state in {s.state for s in replaced}), DONE)
        found = {"old value": _retired(old, worst, read), "revoke": _revoked(old, worst, read)}
        found = {**(found if revocable else {}), "record": _recorded(mine, read, since)}
        steps += [*replaced, *(StepProgress(step, environment, *state) for step, state in found.items())]
        done, left = ("; ".join(s.place for s in replaced if s.state == state) for state in (DONE, NOT_DONE))
        halves += [f"one half of {environment}: {done} changed, {left} did not"] if done and left else []
    return Progress(tuple(steps), tuple(halves))


def _change(store: Store, read: RotationRead, since: datetime) -> tuple[str, str, str | None]:
    """Whether a store's value changed, and from which. A value that was in force earlier is no new one."""
    stays = [stay for stay in read.stays if stay.home == store.place]
    held = (stay for stay in reversed(stays) if stay.fingerprint == store.fingerprint and stay.gone is None)
    current = next(held, None)
    # What another writer's copy still has was not replaced by the value in place.
    earlier = [stay for stay in stays if stay is not current and not (current and stay.gone is None)]
    before = earlier[-1] if earlier else None
    state, why = NOT_DONE, "it holds a value that was in force before, and was replaced"
    if store.fingerprint is None:
        state, why = NOT_KNOWN, "not supplied: give it with --env" if store.platform else "it is empty"
    elif current and current.first.at <= since and not (current.absent and current.absent.at >= since):
        why = f"{current.first.place} saw this value at {iso(current.first.at)} already"
    elif not before and current:
        why = f"{current.first.place} saw this value, and none before it"
    elif not before:
        state, why = NOT_KNOWN, "no snapshot saw it before: nothing to compare it with"
    elif all(stay.fingerprint != store.fingerprint for stay in earlier):
        after = current.absent.at if current and current.absent else before.last.at
        by = f"{iso(current.first.at)} ({current.first.place})" if current else "now"
        state, early = (NOT_KNOWN, f", which may be before {iso(since)}") if after < since else (DONE, "")
        why = f"changed between {iso(after)} ({before.last.place}) and {by}{early}"
    return state, why, before.fingerprint if before and state == DONE else None


def _retired(old: set[str], state: str, read: RotationRead) -> tuple[str, str]:
    if held := [str(SecretPlace.of(row)) for row in rows(read.inventory) if row.fingerprint in old]:
        return NOT_DONE, f"still in force: {'; '.join(held)}"
    if state == DONE and (unseen := int(read.inventory["state"].eq("not supplied").sum())):
        return NOT_KNOWN, f"in no place that was read; {unseen} values were not supplied (--env)"
    return state, "in force in no place" if state == DONE else "not every place has a new value"


def _revoked(old: set[str], state: str, read: RotationRead) -> tuple[str, str]:
    if old and old <= read.revoked.keys():
        return DONE, f"a claim: {'; '.join(sorted({read.revoked[value].said for value in old}))}"
    if state == NOT_DONE:
        return NOT_DONE, "not every place has a new value"
    return NOT_KNOWN, "no record says so, and no provider is asked"


def _recorded(stores: list[Store], read: RotationRead, since: datetime) -> tuple[str, str]:
    places = {SecretPlace.named_in(one.body) for one in read.ledger.of_kind("rotation") if one.at >= since}
    missing = "; ".join(str(store) for store in stores if store.place not in places)
    return (NOT_DONE, f"the ledger has none since then of {missing}") if missing else (DONE, "by the ledger")


def tabulate_leak_lives(leaks: pd.DataFrame, read: RotationRead) -> pd.DataFrame:
    """`LeakLives` of the leaks that are secrets, in the order of `Leaks`.
    The first state that holds counts: what is in force anywhere is so whatever was recorded. At most, a value
    that is found still was replaced and revoked."""
    real = leaks[leaks["kind"].isin(SECRETS)]
    states = {
        "in force": real["force"].eq(IN_FORCE)
        | real["fingerprint"].isin(set(read.inventory["fingerprint"].dropna())),
        "not known": real["force"].ne(NOT_IN_FORCE),
        "revoked": real["fingerprint"].isin(set(read.revoked)),
    }
    state = np.select([*states.values()], [*states], "replaced")
    return LeakLives.checked(real.assign(secret=real["variable"], state=state)[list(LeakLives.columns)])
