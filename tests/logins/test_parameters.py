"""The policy's [detections] is checked whole: ranges, old names, and what the bundled policy says."""

from dataclasses import replace
from typing import Any

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.logins.parameters import DETECTIONS, RENAMED, detection_policy
from audit_lib.settings import bundled_policy

GENERIC = bundled_policy("generic")


def test_a_policy_that_states_nothing_has_the_bundled_thresholds() -> None:
    """What a policy leaves out, also of one detection, generic.toml says."""
    stated = detection_policy(GENERIC).thresholds
    assert set(stated) == set(DETECTIONS)
    assert detection_policy(replace(GENERIC, detections={})).thresholds == stated
    changed = detection_policy(replace(GENERIC, detections={"guessing": {"high": 7}})).thresholds["guessing"]
    assert (changed.high, changed.ladder) == (7, stated["guessing"].ladder)


@pytest.mark.parametrize("old", RENAMED)
def test_an_old_name_is_refused_with_the_new_one(old: str) -> None:
    """A policy of before is not read as if it said nothing."""
    with pytest.raises(BadInput, match=f"{old}: is now {RENAMED[old]}"):
        detection_policy(replace(GENERIC, detections={old: {"failures": 5}}))


@pytest.mark.parametrize("given", [
    {"guessing": {"high": 99_999_999}}, {"guessing": {"ladder": [[5]]}}, {"guessing": {"ladder": [[5, 1e9]]}},
    {"spraying": {"share": 2}}, {"let-in": {"severity": "awful"}}, {"probing": {"routs": 5}}, {"failure": {}},
    {"failure": {"statuses": [99]}}, {"known_clients": ["10.0.0.0/99"]}, {"known_messages": ["nothing"]},
    {"clients": "unreal"}, {"logins": []},
])  # fmt: skip
def test_a_fault_is_bad_input(given: dict[str, Any]) -> None:
    """What is out of range, misspelt or of another type is refused by its place, without its value."""
    with pytest.raises(BadInput) as caught:
        detection_policy(replace(GENERIC, detections=given))
    assert all(fault.place.startswith("policy generic: detections.") for fault in caught.value.faults)
