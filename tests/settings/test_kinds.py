"""Names and the shapes of values tell secrets from settings, for applications that nobody described."""

import pytest

from audit_lib.settings import bundled_policy
from audit_lib.settings.kinds import form_of, is_issued, likely_kind
from tests.support.fakes import fake_value

GENERIC = bundled_policy("generic")
HEX = "0123456789abcdef"


BY_NAME = {  # whatever the value looks like, or without one
    "secret": "SECRET_KEY_BASE SALT AZURE_CONNECTION_STRING REDIS_AUTH TOKEN_PEPPER_1 APP_PRIVATE_KEY PGPASS "
    "DATABASE_URL",
    "setting": "SITE_URL ENABLE_PASSWORD OIDC_TOKEN_ENDPOINT RATE_BYPASS DB_CONNECTION",
}


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        *((name, [], kind) for kind, names in BY_NAME.items() for name in names.split()),
        ("SMTP_AUTH", ["login"], "setting"),
        ("NEXT_PRIVATE_BUILD_WORKER", ["1"], "setting"),
        ("CLIENT_SECRET", ["false"], "secret"),
        ("MAIL_PASSWORD", ["null"], "secret"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", ["30"], "setting"),
        ("API_KEY_RATE_LIMIT", ["60/minute"], "setting"),
        ("STRIPE_PUBLISHABLE_KEY", [fake_value(1)], "setting"),
        ("DB_PASSWORD_FILE", ["/run/secrets/db"], "setting"),
        ("SSL_KEY", ["/etc/ssl/a.key"], "setting"),
        ("SORT_KEY", ["10"], "setting"),
        ("EMBED_API_KEY", ["123"], "secret"),
        ("APP_DBPASS", ["shop"], "secret"),
        ("COMPASS", ["north"], "setting"),
        ("SORT_KEY", ["10", fake_value(2)], "secret"),
        ("CLIENT_ID", [fake_value(3)], "identifier"),
        ("FEED", [fake_value(4, 32, HEX)], "secret"),
        ("FEED", ["https://me:pass@host/feed"], "secret"),
        ("FEED", ["https://host/feed"], "setting"),
        ("REDIS_URL", ["redis://localhost:6379/0"], "setting"),
        ("REDIS_URL", ["redis://:pass@localhost:6379/0", "redis://localhost"], "secret"),
    ],
)
def test_a_name_and_its_values_make_a_kind(name: str, values: list[str], kind: str) -> None:
    """A secret's word decides alone; of other names a value that can only be a setting does."""
    assert likely_kind(name, map(form_of, values), GENERIC)[0] == kind


def test_a_provider_s_key_is_told_from_the_application_s_own() -> None:
    """What another issues cannot be made here: a rotation gets it there."""
    issued = "OPENAI_API_KEY SHOP_STRIPE_API_KEY GOOGLE_CLIENT_SECRET AWS_SECRET_ACCESS_KEY"
    own = "SHOP_API_KEY INTERNAL_API_KEY API_KEY SECRET_KEY DB_PASSWORD"
    assert [name for name in f"{issued} {own}".split() if is_issued(name, "shop")] == issued.split()
