"""The policy's [[alerts]]: their faults are told whenever a policy is loaded, with all others."""

from pathlib import Path

import pytest

from audit_lib.base.log_kinds import MESSAGE_KINDS
from audit_lib.ledger.entry import KINDS as RECORD_KINDS
from audit_lib.project.policy import bundled_policy, load_policy
from audit_lib.project.policy.alerts import KINDS, RECORDS
from tests.project.policy.test_load import HEAD, faults_of

ALERT = '[[alerts]]\nname = "x"\n'


def test_kinds_are_those_that_exist() -> None:
    """An alert can name each kind of a request and of a message, and records that a ledger has."""
    assert set(KINDS) == {"unauthorized", "forbidden", "rate_limited", "declared_failure", *MESSAGE_KINDS}
    assert set(RECORDS) <= set(RECORD_KINDS)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[[alerts]]\nkinds = ["unauthorized"]\n', "alerts #1: has no name"),
        (ALERT, "alerts #1 (x): must name either kinds"),
        (
            ALERT + 'kinds = ["unauthorized"]\nrecords = ["rotation"]\n',
            "alerts #1 (x): must name either kinds",
        ),
        (ALERT + 'kinds = ["nothing"]\n', "alerts #1 (x): kinds must hold only"),
        (
            ALERT + 'records = ["rotation"]\nat_least = 0\n',
            "alerts #1 (x): at_least must be from 1 to 100000",
        ),
        (ALERT + 'records = ["rotation"]\nat_most = 1\n', "alerts #1 (x): has an unknown key at_most"),
        ("alerts = 3\n", "alerts must be a list of tables"),
    ],
)
def test_a_fault_of_an_alert_is_told_when_the_policy_is_loaded(text: str, fault: str, tmp_path: Path) -> None:
    """Place, then fault, beside the faults of other tables."""
    told = faults_of(HEAD + "warn_days = -1\n" + text, tmp_path)
    assert len(told) == 2
    assert any(f"policy.toml: {fault}" in line for line in told)


def test_own_alerts_replace_those_extended(tmp_path: Path) -> None:
    """A policy that states alerts has these alone; one that states none has those that it extends."""
    path = tmp_path / "policy.toml"
    path.write_text(f'{HEAD}extends = "generic"\n', "utf-8")
    assert len(load_policy(path).alerts) == 4
    path.write_text(f'{HEAD}extends = "generic"\n{ALERT}records = ["rotation"]\n', "utf-8")
    assert [rule.name for rule in load_policy(path).alerts] == ["x"]


def test_searches_are_inherited_like_alerts(tmp_path: Path) -> None:
    """A policy that states no [[grep]] has those that it extends, one that states any has these alone."""
    path = tmp_path / "policy.toml"
    path.write_text(f'{HEAD}extends = "paiid"\n', "utf-8")
    assert load_policy(path).greps == bundled_policy("paiid").greps != ()
    own = '[[grep]]\npattern = "401"\npath = "*.log"\nlooks_for = "x"\nguide_line = 1\n'
    path.write_text(f'{HEAD}extends = "paiid"\n{own}', "utf-8")
    assert [grep.pattern for grep in load_policy(path).greps] == ["401"]
