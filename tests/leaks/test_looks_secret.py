"""What beside a secret's name is no secret, by the form of the value and by the name."""

import string

import pytest

from audit_lib.leaks.candidates import looks_made_up, looks_secret
from tests.support.fakes import fake_value

LETTERS_AND_DIGITS = string.ascii_letters + string.digits


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("XSRF-TOKEN", False),
        ("encrypted_key", False),
        ("wrappedClientSecret", False),
        ("unencrypted_key", True),
        ("langKey", False),
        ("pauseStatsKey", False),
        ("idkey", False),
        ("android_key", True),
        ("platform_key", True),
        ("biometric_key", True),
        ("salt", False),
        ("PASSWORD_SALT", True),
        ("UserSecretsId", False),
        ("Passwords.decrypt", False),
        ("token.endswith", False),
        ("token.value", True),
    ],
)
def test_a_name_tells_whether_its_value_opens_anything(name: str, secret: bool) -> None:
    """What is encrypted, a label's key, a bare salt and an argument of a question open nothing."""
    value = fake_value(("named", name), 32, LETTERS_AND_DIGITS)
    assert looks_secret(value, name, ()) == secret


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("$parts[0]:$parts[1]", "CURLOPT_USERPWD"),
        ("files/128/$ulid.m4a", "objectKey"),
        ("user9:{i:05}", "redis_key"),
        ("$scrypt$ln=16,r=8$8z/oYUfe6cKhFQ9S$q7Xv2Rm9Kw4t", "storedPassword"),
        ("*9F4B07D1E83CA6250B7F9D41C8E35A7260D9B1F4", "mysql_password"),
        ("mysql:host=10.0.3.7", "dsn"),
        ("A128CBC-HS256", "token_encrypted_response_enc"),
        ("1.4999999999999999e-07", "input_cost_per_token"),
        ("tavily-python==0.3.6", "tiktoken"),
        ("ECDH-ES+A128KW", "token_alg2"),
        ("md5,scram-sha-256", "require_auth"),
        ("0001_squashed_0021_20171204", "auth"),
        ("com.qzvk2.two-factor-auth:two-factor:1.3", "twofactor-auth"),
        ("gl-python/3.7", "TOKEN_HEADER_VALUE"),
        ("credentials7:1.2.0", "shop.credentials"),
        ("F2B_ACTIVE_BANS", "hKeys"),
        ("0.0.0-quality.20230511", "mark.VersionAnnotationKey"),
        ("xqvb-A100", "bot_token"),
    ],
)
def test_a_template_a_hash_a_package_and_a_constant_are_no_secrets(value: str, name: str) -> None:
    """Their form tells them from generated values, whatever their name holds."""
    assert not looks_secret(value, name, ())


def test_a_generated_value_in_capitals_is_no_constant() -> None:
    """It has more numbers than a name, or pairs of letters that few words have."""
    for seed in range(40):
        value = "LIVE_" + fake_value(("constant", seed), 24, string.ascii_uppercase + string.digits)
        assert looks_secret(value, "API_KEY", ())


@pytest.mark.parametrize(
    ("value", "made_up"),
    [
        ("aqX7..kZ", True),
        ("eyJhbGc...Qw5c", True),
        ("aqX7rm9kw4tz8pQ2v..kZ4q8w2e7r5tL9d", False),
        ("$encrypted$", True),
        ("xqvb-A100-200-xyz", True),
        ("eyJhbGciOiJIU.xxx.xxx", True),
        ("1234abcd-1234-abcd-1234-abcd1234abcd", True),
        ("7f3c91ae-52d0-4b86-a1e9-c40d8b6f2375", False),
    ],
)
def test_what_is_shortened_or_repeats_itself_is_made_up(value: str, made_up: bool) -> None:
    """A text shows the ends of a value, or one that is mostly sequences and repetitions."""
    assert looks_made_up(value, ()) == made_up


def test_a_list_of_signs_is_no_secret() -> None:
    """A password has letters or digits in every third place at least."""
    assert not looks_secret("!@#$%^&*", "connection_password", ())
    assert looks_secret("!k@R#7$m%Q^2&t*9", "connection_password", ())
