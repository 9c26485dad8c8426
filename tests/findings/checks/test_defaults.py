"""The example's own default: what development is meant to hold, and what production must never."""

import pytest

from audit_lib.findings.checks import CHECKS
from tests.support.rows import rows_of

DEFAULTS = {
    "template-in-use": {"template": True},
    "known-default": {"default_ok": False},
    "placeholder-value": {"placeholder": True, "template": True},
    "live-value-in-example": {"why": "example", "relation": "same", "other_environment": ""},
}


@pytest.mark.parametrize("name", DEFAULTS)
@pytest.mark.parametrize(("environment", "severity"), [("development", "info"), ("production", "critical")])
def test_a_default_is_grave_in_production_alone(name: str, environment: str, severity: str) -> None:
    """Development that holds the example's own default is information; production that does is critical."""
    check = next(check for check in CHECKS if check.id == name)
    rows = rows_of(check.table, {**DEFAULTS[name], "environment": environment})
    assert check.when(rows).all()
    assert callable(check.severity)
    assert list(check.severity(rows)) == [severity]
