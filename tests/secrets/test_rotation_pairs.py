"""Secrets that must be rotated together: apart only where that is sure, together only where it is seen."""

from dataclasses import replace

import pytest

from audit_lib.secrets.ages import tabulate_rotation_pairs
from audit_lib.settings import SecretRule
from tests.support.histories import POLICY, ago, freshness, inventory_row, present, snapshot, value

ENV = ("production", "backend")
SOURCE = "--env production/backend"
RULE = SecretRule("ID", "backend", "secret", "always", rotates_with=("KEY",), max_age_days=90)
BOTH = replace(POLICY, secrets=(RULE, replace(RULE, name="KEY", rotates_with=("ID",))))
A, B, C, D = (value(letter) for letter in "abcd")

# snapshots: days ago, the value of ID, the value of KEY
HISTORIES = {
    "together": [(20, A, C), (10, B, D)],
    "apart": [(30, A, C), (20, B, C), (10, B, D)],
    "unknown": [(20, A, None), (15, A, C), (10, B, D)],
}


@pytest.mark.parametrize("relation", HISTORIES)
def test_intervals_tell_what_is_sure(relation: str) -> None:
    """Changed between the same two snapshots is together; a snapshot between the two changes is apart."""
    entries = [
        snapshot(
            ago(days),
            [present((name, *ENV), what, SOURCE) for name, what in (("ID", one), ("KEY", two)) if what],
            ((*ENV, SOURCE),),
        )
        for days, one, two in HISTORIES[relation]
    ]
    if relation == "unknown":
        entries = entries[:1]
    inventory = [inventory_row(("ID", *ENV), B, SOURCE), inventory_row(("KEY", *ENV), D, SOURCE)]
    table, _ = freshness(inventory, entries, policy=BOTH)
    pairs = tabulate_rotation_pairs(table, BOTH)
    assert pairs[["secret", "other_secret", "relation"]].to_numpy().tolist() == [["ID", "KEY", relation]]


def test_a_pair_of_which_one_is_not_there_is_none() -> None:
    """With one of the two missing there is nothing to compare: that is another finding."""
    inventory = [inventory_row(("ID", *ENV), B, SOURCE), inventory_row(("KEY", *ENV), None, SOURCE)]
    table, _ = freshness(inventory, [], policy=BOTH)
    assert tabulate_rotation_pairs(table, BOTH).empty
