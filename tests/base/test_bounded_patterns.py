"""A policy's regular expressions: basic ones are translated, endless ones end as a fault of the policy."""

from pathlib import Path

import pytest

from audit_lib.base import bounded_patterns as expressions
from audit_lib.base.bounded_patterns import TooSlow, from_basic, is_expression, is_found, matches_whole
from audit_lib.base.errors import BadInput
from audit_lib.settings import load_project
from tests.support.audits import run_audit

ENDLESS = "(a|aa)+[bc]"
POLICY = f"""
name = "slow"
[formats]
odd = '{ENDLESS}'
[[secret]]
name = "SHOP_KEY"
service = "backend"
format = "odd"
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bound, sooner."""
    monkeypatch.setattr(expressions, "SECONDS", 0.2)


def test_an_endless_expression_ends() -> None:
    """Nested repetition is given up, in a match of the whole and in a search; a sound one is answered."""
    with pytest.raises(TooSlow):
        matches_whole(ENDLESS, "a" * 60)
    with pytest.raises(TooSlow):
        is_found(ENDLESS, "a" * 60, ignore_case=False)
    assert matches_whole("[a-z]+", "a" * 60)
    assert is_found("BA", "xbax", ignore_case=True)


def test_an_endless_format_is_a_fault_of_the_policy(tmp_path: Path) -> None:
    """The audit ends with the place and the fault, and shows nothing of the value."""
    (tmp_path / "audit.toml").write_text(POLICY, "utf-8")
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend/.env").write_text(f"SHOP_KEY={'a' * 60}\n", "utf-8")
    with pytest.raises(BadInput) as error:
        run_audit(load_project(tmp_path), "2026Q3", "2026-09-30")
    assert str(error.value).startswith("policy slow: formats.odd: does not finish within 5 seconds")
    assert "aaa" not in str(error.value)


@pytest.mark.parametrize(
    ("basic", "python"),
    [(r"a\|b", "a|b"), ("a(b)+", r"a\(b\)\+"), (r"a\{2\}", "a{2}"), ("*x", r"\*x")],
)
def test_a_basic_expression_is_translated(basic: str, python: str) -> None:
    """What grep escapes is bare in Python, and the reverse."""
    assert from_basic(basic) == python
    assert is_expression(python)
