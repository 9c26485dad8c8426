"""A policy's regular expressions: endless ones end."""

import pytest

from audit_lib.base import bounded_patterns as expressions
from audit_lib.base.bounded_patterns import TooSlow, matches_whole

ENDLESS = "(a|aa)+[bc]"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bound, sooner."""
    monkeypatch.setattr(expressions, "SECONDS", 0.2)


def test_an_endless_expression_ends() -> None:
    """Nested repetition is given up; a sound one is answered."""
    with pytest.raises(TooSlow):
        matches_whole(ENDLESS, "a" * 60)
    assert matches_whole("[a-z]+", "a" * 60)
