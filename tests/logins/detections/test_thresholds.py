"""The policy's [detections]: complete in the bundled policies, and all faults told at once."""

from dataclasses import replace
from typing import Any

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.logins.detections import DETECTIONS, detection_policy
from audit_lib.settings import bundled_policy


def test_detections_stand_in_their_order() -> None:
    """A1 to A20, no more and no less."""
    assert [one.id for one in DETECTIONS] == [f"A{number}" for number in range(1, 21)]


@pytest.mark.parametrize("name", ["generic", "paiid"])
def test_a_bundled_policy_states_each_detection(name: str) -> None:
    """Definition, source and every threshold of each detection; four alerts."""
    policy = bundled_policy(name)
    rules = detection_policy(policy).rules
    assert set(rules) == {one.id for one in DETECTIONS}
    assert all(rule.definition and rule.source for rule in rules.values())
    assert len(policy.alerts) == 4


def test_the_failed_login_is_declared_by_the_application_alone() -> None:
    """The generic policy does not say what a failed login looks like; PaiiD's does."""
    assert not detection_policy(bundled_policy("generic")).failure_declared
    assert detection_policy(bundled_policy("paiid")).failure_declared


NAMED = {"definition": "x", "source": "y"}


@pytest.mark.parametrize(
    ("table", "faults"),
    [
        ({"A21": {}}, ["has an unknown key A21"]),
        ({"A17": {"definition": "x", "source": "y", "failures": 3}}, ["has an unknown key failures"]),
        ({"A8": {"days": "30"}}, ["days must be a number", "has no definition", "has no source"]),
        ({"A8": {"definition": "x", "source": "y", "days": True}}, ["days must be a number"]),
        ({"failure": {}}, ["declares neither"]),
        ({"failure": {"statuses": [99]}}, ["statuses must be a list of HTTP statuses", "declares neither"]),
        ({"let_in_minutes": "10"}, ["let_in_minutes must be a number"]),
        ({"clients": "proxied"}, ["clients must be one of real"]),
        ({"A8": {**NAMED, "days": 99_999_999}}, ["days must be a number from 0 to 100000"]),
        (
            {"A14": {**NAMED, "failures": 99_999_999, "share": 0.5}},
            ["failures must be a number from 0 to 10000"],
        ),
        ({"public_addresses": 0}, ["public_addresses must be from 1 to 100000"]),
        ({"proxy_networks": ["10.0.0.0/99"]}, ["proxy_networks must hold"]),
        ({"A17": {"definition": "x", "source": "y", "severity": "bad"}}, ["severity must be one of"]),
    ],
)
def test_faults_of_the_table_are_told_at_once(table: Any, faults: list[str]) -> None:
    """Each fault of [detections] is named with its place, none hides another."""
    policy = replace(bundled_policy("generic"), detections=table)
    with pytest.raises(BadInput) as error:
        detection_policy(policy)
    told = sorted(fault.text for fault in error.value.faults)
    assert all(any(fault in text for text in told) for fault in faults)
    assert len(told) == len(faults)
