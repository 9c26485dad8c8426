"""Every rotation that stopped halfway, of all secrets, for the review: the latest one of each secret."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pandas as pd

from audit_lib.base.contracts import HalfRotations
from audit_lib.project.policy import Policy
from audit_lib.rotation.half_done import HalfDone, half_done
from audit_lib.rotation.read_rotation import RotationRead
from audit_lib.rotation.refreshes import refreshed
from audit_lib.rotation.scope import RotationScope, rotation_scope
from audit_lib.rotation.step_progress import DONE
from audit_lib.rotation.store_changes import store_changes

LONGEST = timedelta(days=14)  # a rotation that takes longer is two
_EVER = datetime.min.replace(tzinfo=UTC)


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
