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

ITEMS = [inventory_row(("ID", *ENV), B, SOURCE), inventory_row(("KEY", *ENV), D, SOURCE)]


@pytest.mark.parametrize(
    ("looks", "relation"),  # days ago, the value of ID, the value of KEY
    [
        ([(20, A, C), (10, B, D)], "together"),
        ([(30, A, C), (20, B, C), (10, B, D)], "apart"),
        ([(20, A, None)], "unknown"),
    ],
)
def test_intervals_tell_what_is_sure(looks: list[tuple[int, str, str | None]], relation: str) -> None:
    """Changed between the same two snapshots is together; a snapshot between the two changes is apart."""
    entries = []
    for days, *values in looks:
        places = zip((("ID", *ENV), ("KEY", *ENV)), values, strict=True)
        held = [present(place, what, SOURCE) for place, what in places if what]
        entries.append(snapshot(ago(days), held, ((*ENV, SOURCE),)))
    pairs = tabulate_rotation_pairs(freshness(ITEMS, entries, policy=BOTH)[0], BOTH)
    assert pairs[["secret", "other_secret", "relation"]].to_numpy().tolist() == [["ID", "KEY", relation]]


def test_a_pair_of_which_one_is_not_there_is_none() -> None:
    """With one of the two missing there is nothing to compare: that is another finding."""
    items = [ITEMS[0], inventory_row(("KEY", *ENV), None, SOURCE)]
    assert tabulate_rotation_pairs(freshness(items, [], policy=BOTH)[0], BOTH).empty
