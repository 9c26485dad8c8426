"""Rotations that stopped halfway: one of a pair, one environment, a claim alone, a store without a start."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd

from audit_lib.ledger import Ledger
from audit_lib.ledger.timeline import SecretPlace
from audit_lib.rotation.contracts import HalfRotations
from audit_lib.rotation.read_rotation import RotationRead
from audit_lib.rotation.refreshes import refreshed
from audit_lib.rotation.scope import RotationScope, rotation_scope
from audit_lib.rotation.step_progress import DONE, NOT_DONE, NOT_KNOWN, StepProgress
from audit_lib.rotation.store_changes import StoreChange, store_changes
from audit_lib.settings import Policy

LONGEST = timedelta(days=14)  # a rotation that takes longer is two
_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class HalfDone:
    """One half that is missing: of which kind (HalfRotations), where, and what, in words."""

    half: str  # pair | unequal | environment | claim | restart
    environment: str
    text: str

    def __str__(self) -> str:
        return self.text


def half_done(
    scope: RotationScope,
    changes: Sequence[StoreChange],
    refreshes: Sequence[StepProgress],
    ledger: Ledger,
    since: datetime,
) -> Iterator[HalfDone]:
    """Each half that is missing; of what is not known it says nothing."""
    for environment in scope.environments:
        here = [one for one in changes if one.store.place.environment == environment]
        yield from _pair(environment, here)
        yield from _unequal(environment, scope, here)
    yield from _environments(scope, changes)
    for one in changes:
        claims = [entry for entry in ledger.of_kind("rotation") if _tells(entry.body, one, entry.at, since)]
        if claims and one.state == NOT_DONE:
            text = f"claimed, not done: {claims[-1].place} records that {one.store} changed, and it did not"
            yield HalfDone("claim", one.store.place.environment, text)
    for start in refreshes:
        if start.state == NOT_DONE and start.why.startswith(("stale", "the deploy")):
            text = f"store without restart: {start.place}: {start.why}"
            yield HalfDone("restart", start.place.partition("/")[0], text)


def _tells(body: object, one: StoreChange, at: datetime, since: datetime) -> bool:
    assert isinstance(body, dict)
    return at >= since and SecretPlace.named_in(body) == one.store.place


def _pair(environment: str, here: Sequence[StoreChange]) -> Iterator[HalfDone]:
    done = [str(one.store) for one in here if one.state == DONE]
    left = [str(one.store) for one in here if one.state == NOT_DONE]
    if done and left:
        text = f"one half of {environment}: {'; '.join(done)} changed, {'; '.join(left)} did not"
        yield HalfDone("pair", environment, text)


def _unequal(environment: str, scope: RotationScope, here: Sequence[StoreChange]) -> Iterator[HalfDone]:
    names = {scope.rule.name, *(rule.name for rule in scope.twins)}
    twins = [one.store for one in here if one.store.place.secret in names and one.store.fingerprint]
    if len({store.fingerprint for store in twins}) > 1:
        text = f"unequal pair in {environment}: {' and '.join(map(str, twins))} hold different values"
        yield HalfDone("unequal", environment, text)


def _environments(scope: RotationScope, changes: Sequence[StoreChange]) -> Iterator[HalfDone]:
    states = {
        name: {one.state for one in changes if one.store.place.environment == name}
        for name in scope.environments
    }
    done = [name for name, found in states.items() if DONE in found]
    left = [name for name, found in states.items() if found <= {NOT_DONE, NOT_KNOWN} and NOT_DONE in found]
    if done and left:
        text = f"one environment: changed in {', '.join(done)}, not in {', '.join(left)}"
        yield HalfDone("environment", left[-1], text)


def tabulate_half_rotations(read: RotationRead, policy: Policy) -> pd.DataFrame:
    """`HalfRotations`: what is missing of the latest rotation of each secret; a group of twins once.

    A rotation begins at most 14 days before the last change that was seen in any of its stores. What is not
    known gives no row, and a store that never changed belongs to no rotation.
    """
    told: set[HalfDone] = set()
    found = []
    for name in dict.fromkeys(read.inventory["secret"]):
        scope = rotation_scope(name, policy, read.inventory)
        for half in _halves(scope, read) if scope.secret else ():
            if half not in told:
                told.add(half)
                found.append(
                    {"secret": name, "environment": half.environment, "service": "", "half": half.half,
                     "text": half.text}
                )  # fmt: skip
    return HalfRotations.of(sorted(found, key=lambda row: (row["secret"], row["environment"], row["text"])))


def _halves(scope: RotationScope, read: RotationRead) -> Iterator[HalfDone]:
    began = [one.after for one in store_changes(scope.stores, read.stays, _EVER, read.as_of)
             if one.state == DONE and one.after]  # fmt: skip
    if not began:
        return
    since = max(began) - LONGEST
    changes = store_changes(scope.stores, read.stays, since, read.as_of)
    starts = [refreshed(one, changes, read) for one in scope.consumers if one.refresh != "never"]
    yield from half_done(scope, changes, starts, read.ledger, since)
