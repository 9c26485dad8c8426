"""The policy of PaiiD against the guide that it states: names, lines, numbers and addresses."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

from audit_lib.settings import SecretRule, bundled_policy

GUIDE = Path("shared/spec/secret-management-guide.md")  # beside the repository, not in it
POLICY = bundled_policy("paiid")
BACKEND = "API_TOKEN TRADIER_API_KEY TRADIER_ACCOUNT_ID ALPACA_PAPER_API_KEY ALPACA_PAPER_SECRET_KEY"
FRONTEND = "NEXT_PUBLIC_API_TOKEN NEXT_PUBLIC_BACKEND_API_BASE_URL NEXT_PUBLIC_ANTHROPIC_API_KEY"
REQUIRED = f"{BACKEND} DATABASE_URL JWT_SECRET_KEY {FRONTEND}".split()
OPTIONAL = ["ANTHROPIC_API_KEY", "GITHUB_WEBHOOK_SECRET", "REDIS_URL", "SENTRY_DSN"]


@pytest.fixture(scope="module")
def guide() -> list[str]:
    """The guide's lines, the first at index 1."""
    for folder in Path(__file__).resolve().parents:
        found = folder / GUIDE
        if found.is_file():
            return ["", *found.read_text("utf-8").splitlines()]
    pytest.skip("the guide is not here")


def test_all_variables_of_the_guide_are_there() -> None:
    """Seven of the backend, three of the frontend, four optional, and the setting named beside the lists."""
    assert [rule.name for rule in POLICY.secrets] == [*REQUIRED, *OPTIONAL, "STRICT_SECRET_VALIDATION"]
    assert [rule.name for rule in POLICY.secrets if rule.required == "always"] == REQUIRED
    assert [rule.service for rule in POLICY.secrets].count("frontend") == 3
    kinds = {rule.name: rule.kind for rule in POLICY.secrets if rule.kind != "secret"}
    settings = dict.fromkeys(("NEXT_PUBLIC_BACKEND_API_BASE_URL", "STRICT_SECRET_VALIDATION"), "setting")
    assert kinds == {"TRADIER_ACCOUNT_ID": "identifier"} | settings


@pytest.mark.parametrize("rule", POLICY.secrets, ids=lambda rule: rule.name)
def test_each_fact_stands_in_the_lines_cited(rule: SecretRule, guide: list[str]) -> None:
    """Name, lengths, period, address and pairing stand in the lines that the policy cites for them."""

    def said(fact: str) -> str:
        return "\n".join(guide[line] for line in rule.cited(fact))

    assert rule.name in said("entry") or rule.name == "STRICT_SECRET_VALIDATION"
    if rule.min_length and rule.cited("length"):
        assert re.search(rf"\b{rule.min_length}\b", said("length"))
    if rule.period_stated:
        assert all(f" {rule.max_age_days} days" in guide[line] for line in rule.cited("period"))
    else:
        assert not rule.cited("period")
    if rule.obtain.startswith("https://"):
        assert rule.obtain in "\n".join(guide)
    if rule.generate and "token_" in rule.generate:
        assert all(rule.generate in guide[line] for line in rule.cited("generate"))
    for value in rule.expected.values():
        assert value in said("expected")
    for other in rule.equals:
        assert other in said("pairing")


def test_the_compromised_value_is_the_example_of_the_guide(guide: list[str]) -> None:
    """The example token of the guide is held as its digest alone."""
    rule = POLICY.rule("API_TOKEN")
    assert rule is not None
    example = re.search(r"`([^`]+)`", guide[rule.cited("example")[0]])
    assert example is not None
    assert sha256(example[1].encode()).hexdigest() in POLICY.compromised
    assert example[1] not in POLICY.path.read_text("utf-8")
