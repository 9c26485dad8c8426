"""The policy's [detections] is checked whole: ranges, old names, and what the bundled policy says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.logins.parameters import DETECTIONS, detection_policy, formats_of
from audit_lib.settings import Login, Project, SecretRule, bundled_policy

GENERIC = bundled_policy("generic")


def test_a_policy_that_states_nothing_has_the_bundled_thresholds() -> None:
    """What a policy leaves out, also of one detection, generic.toml says."""
    stated = detection_policy(GENERIC).thresholds
    assert set(stated) == set(DETECTIONS)
    assert detection_policy(replace(GENERIC, detections={})).thresholds == stated
    changed = detection_policy(replace(GENERIC, detections={"guessing": {"high": 7}})).thresholds["guessing"]
    assert (changed.high, changed.ladder) == (7, stated["guessing"].ladder)


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


def test_formats_know_what_the_policy_declares() -> None:
    """The policy's own statuses, its logins and the names of its secrets, not of its settings."""
    rules = (
        SecretRule("OWN_CODE", "web", "secret", aliases=("OLD_CODE",)),
        SecretRule("OWN_PLACE", "web", "setting"),
    )
    login = Login("page", "POST", "/session", failed_statuses=(422,))
    policy = replace(GENERIC, detections={"failure": {"statuses": [418]}}, secrets=rules, logins=(login,))
    formats = formats_of(Project("p", Path()), policy)
    assert (formats.declared_statuses, formats.logins) == ((418,), (login,))
    known = str(formats.words)
    assert [name in known for name in ("own_code", "old_code", "own_place")] == [True, True, False]
