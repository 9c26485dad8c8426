"""Names and the shapes of values tell secrets from settings, for applications that nobody described."""

import pytest

from audit_lib.settings import bundled_policy
from audit_lib.settings.kinds import is_issued, likely_kind, shape_by
from tests.support.fakes import fake_value

GENERIC = bundled_policy("generic")
HEX = "0123456789abcdef"


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("SECRET_KEY_BASE", [], "secret"),
        ("SALT", [], "secret"),
        ("AZURE_CONNECTION_STRING", [], "secret"),
        ("SITE_URL", [], "setting"),
        ("REDIS_AUTH", [], "secret"),
        ("TOKEN_PEPPER_1", [], "secret"),
        ("SMTP_AUTH", ["login"], "setting"),
        ("NEXT_PRIVATE_BUILD_WORKER", ["1"], "setting"),
        ("APP_PRIVATE_KEY", [], "secret"),
        ("CLIENT_SECRET", ["false"], "secret"),
        ("MAIL_PASSWORD", ["null"], "secret"),
        ("ENABLE_PASSWORD", [], "setting"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", ["30"], "setting"),
        ("API_KEY_RATE_LIMIT", ["60/minute"], "setting"),
        ("OIDC_TOKEN_ENDPOINT", [], "setting"),
        ("STRIPE_PUBLISHABLE_KEY", [fake_value(1)], "setting"),
        ("DB_PASSWORD_FILE", ["/run/secrets/db"], "setting"),
        ("SSL_KEY", ["/etc/ssl/a.key"], "setting"),
        ("SORT_KEY", ["10"], "setting"),
        ("EMBED_API_KEY", ["123"], "secret"),
        ("APP_DBPASS", ["shop"], "secret"),
        ("PGPASS", [], "secret"),
        ("RATE_BYPASS", [], "setting"),
        ("COMPASS", ["north"], "setting"),
        ("SORT_KEY", ["10", fake_value(2)], "secret"),
        ("CLIENT_ID", [fake_value(3)], "identifier"),
        ("FEED", [fake_value(4, 32, HEX)], "secret"),
        ("FEED", ["https://me:pass@host/feed"], "secret"),
        ("FEED", ["https://host/feed"], "setting"),
        ("DATABASE_URL", [], "secret"),
        ("REDIS_URL", ["redis://localhost:6379/0"], "setting"),
        ("REDIS_URL", ["redis://:pass@localhost:6379/0", "redis://localhost"], "secret"),
        ("DB_CONNECTION", [], "setting"),
    ],
)
def test_a_name_and_its_values_make_a_kind(name: str, values: list[str], kind: str) -> None:
    """A secret's word decides alone; of other names a value that can only be a setting does."""
    shapes = {shape_by(lambda question, value=value: question(value)) for value in values}
    assert likely_kind(name, shapes, GENERIC)[0] == kind


@pytest.mark.parametrize(
    ("name", "issued"),
    [
        ("OPENAI_API_KEY", True),
        ("SHOP_STRIPE_API_KEY", True),
        ("GOOGLE_CLIENT_SECRET", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("SHOP_API_KEY", False),
        ("INTERNAL_API_KEY", False),
        ("API_KEY", False),
        ("SECRET_KEY", False),
        ("DB_PASSWORD", False),
    ],
)
def test_a_provider_s_key_is_told_from_the_application_s_own(name: str, issued: bool) -> None:
    """What another issues cannot be made here: a rotation gets it there."""
    assert is_issued(name, "shop") == issued
