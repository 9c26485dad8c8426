"""Names and the shapes of values tell secrets from settings, for applications that nobody described."""

import tomllib
from pathlib import Path

import pytest

from audit_lib.settings import bundled_policy
from audit_lib.settings.variables import form_of, is_issued, likely_kind
from tests.support.fakes import fake_value

ROWS = tomllib.loads(Path(__file__).with_name("names.toml").read_text("utf-8"))
BY_NAME = [(name, [], kind) for kind, names in ROWS["kinds_by_name"] for name in names.split()]
MADE = {"RANDOM": fake_value(1), "HEX": fake_value(4, 32, "0123456789abcdef")}


@pytest.mark.parametrize(("name", "values", "kind"), [*BY_NAME, *ROWS["kinds"]])
def test_a_name_and_its_values_make_a_kind(name: str, values: list[str], kind: str) -> None:
    """A secret's word decides alone; of other names a value that can only be a setting does."""
    forms = [form_of(MADE.get(value, value)) for value in values]
    assert likely_kind(name, forms, bundled_policy("generic"))[0] == kind


def test_a_provider_s_key_is_told_from_the_application_s_own() -> None:
    """What another issues cannot be made here: a rotation gets it there."""
    issued = "OPENAI_API_KEY SHOP_STRIPE_API_KEY GOOGLE_CLIENT_SECRET AWS_SECRET_ACCESS_KEY"
    own = "SHOP_API_KEY INTERNAL_API_KEY API_KEY SECRET_KEY DB_PASSWORD"
    assert [name for name in f"{issued} {own}".split() if is_issued(name, "shop")] == issued.split()
