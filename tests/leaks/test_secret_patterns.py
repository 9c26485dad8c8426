"""What looks like a secret: recall and precision on the labelled corpora, and what silences nothing."""

import string

import pytest

from audit_lib.base.cache import user_cache
from audit_lib.leaks.candidates import looks_secret
from audit_lib.leaks.rules import Rules
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.settings import bundled_policy
from tests.support import held_out, labelled
from tests.support.fakes import fake_value
from tests.support.labelled import Case

KNOWN_MISSES = {
    "chat paste, no name: API_TOKEN",  # a value alone, with nothing that says what it is
    "Dockerfile: ENCRYPTION_KEY",  # reads as a path
    "PowerShell: ENCRYPTION_KEY",
    "XML setting: MAILER_PASSWORD",  # reads as code
    "argument of a call: MAILER_PASSWORD",
}


@pytest.fixture(scope="module")
def shapes() -> Rules:
    """The rules, ours alone as in a review, and with kingfisher's as in `leaks`."""
    keeper, markers = Keeper(Key(b"k" * 32, "file")), bundled_policy("paiid").placeholders
    return Rules(keeper, markers, user_cache() / "rules")


def _found(shapes: Rules, case: Case) -> set[str]:
    return {shape.fingerprint for shape in shapes.find(case.text.encode(), (case.path,) if case.path else ())}


def test_every_shape_is_known(shapes: Rules) -> None:
    """Of the labelled secrets only the named misses are missed, and nothing else is reported."""
    keeper = Keeper(Key(b"k" * 32, "file"))
    missed, more = set(), set()
    for case in (*labelled.positives(), *held_out.positives()):
        wanted = {keeper.fingerprint(value) for value in case.secrets}
        found = _found(shapes, case)
        missed |= set() if found & wanted else {case.label}
        more |= {case.label} if found - wanted else set()
    assert missed == KNOWN_MISSES
    assert more == set()


def test_nothing_cries_wolf(shapes: Rules) -> None:
    """Lock files, hashes, generated and cached files, placeholders and test values give nothing."""
    cases = (*labelled.negatives(), *held_out.negatives())
    assert {case.label for case in cases if _found(shapes, case)} == set()


A_VALUE_IS_THAT_OF_ITS_O = (
    ("SESSION_TOKEN=\nREGION_NAME={value}\n", False), ("session_token:\n  region: {value}\n", False),
    ('session_token =\n  "{value}"\n', True), ("Authorization: Bearer {value}...\n", False),
    ("Authorization: Bearer {value}\n", True),
)  # fmt: skip


@pytest.mark.parametrize(("text", "found"), A_VALUE_IS_THAT_OF_ITS_O)
def test_a_value_is_that_of_its_own_name_and_whole(text: str, found: bool, shapes: Rules) -> None:
    """An empty variable does not take the next line for its value; a beginning of a value is none."""
    content = text.format(value=fake_value("own"))
    assert bool(shapes.find(content.encode(), ("settings.txt",))) == found


A_GENERATED_VALUE_IS_FOU = (
    'val apiToken: String = "{value}"\n', '"authorization": "{value}",\n',
    'cipher.setSigningKey(Base64.decode("{value}"))\n',
    'go("https://example.org/?next=%3Fa%3D1%26token%3D{value}")\n',
)  # fmt: skip


A_GENERATED_VALUE_IS_FOU = (
    ("a.json", '{{"text": "{{\\"api_token\\":\\"{value}\\"}}"}}'),
    ("a.json", '{{"name": "api_token",\n' + 40 * " " + '"value": "{value}"}}'),
    ("a.html", "api_key = &quot;{value}&quot;"), ("strings.xml", '<string name="api_key">{value}</string>'),
    ("app/main.go", 'token := []byte("{value}")'),
    ("app/main.go", 'http.Get("https://example.org/?a=1&apiToken={value}")'),
    ("app/main.rs", 'let token = String::from("{value}");'), ("app/main.h", '#define SECRET_KEY "{value}"'),
)  # fmt: skip


NO_COMMENT_SILENCES_A_FI = (
    "# kingfisher:ignore", "# gitleaks:allow", "# pragma: allowlist secret", "# nosec",
)  # fmt: skip


@pytest.mark.parametrize("comment", NO_COMMENT_SILENCES_A_FI)
def test_no_comment_silences_a_finding(comment: str, shapes: Rules) -> None:
    """A repository cannot waive a finding by a scanner's own comment."""
    text = f"API_TOKEN = '{fake_value('comment')}'  {comment}\n"
    assert shapes.find(text.encode(), ("settings.py",))


GENERATED_VALUES_PASS_TH = (
    (43, string.ascii_letters + string.digits + "-_", 0.005),
    (28, string.ascii_letters + string.digits, 0.01), (64, "0123456789abcdef", 0.005),
    (32, string.ascii_lowercase + string.digits, 0.01),
)  # fmt: skip


@pytest.mark.parametrize(("length", "alphabet", "most"), GENERATED_VALUES_PASS_TH)
def test_generated_values_pass_the_filter(length: int, alphabet: str, most: float) -> None:
    """A random value is hardly ever taken for words, a placeholder or a test value."""
    kept = sum(looks_secret(fake_value((n, length), length, alphabet), "API_TOKEN", ()) for n in range(2000))
    assert kept >= 2000 * (1 - most)


WHAT_IS_NO_SECRET_IS_LEF = (
    ("settings.jwt_secret_key", "secret"), ("OrderableDBInstanceOptionsV2", "SIGNING_KEY"),
    ("./config/secrets.json", "SECRET_FILE"), ("2024-11-05T10:00:00Z", "token_issued"),
    ("f59d4f4ac429ec208957107f36398ad039e6fe52", "commit_hash"), ("test-token-1234", "TOKEN"),
    ("パスワードをお忘れですか?", "forgot_password"), ("^1.7.4.20241016", "types-passlib"),
    ("urn:oasis:names:tc:SAML:2.0:ac:classes:X509", "Password"), ("GPT-OSS-120B", "MODEL_KEY"),
    ("a1234567-12ab-4567-ab12-a12ab12aa123", "token_id"), ("oauth2-b2c-enabled", "KEY_ENABLED"),
    ("value%20with%20spaces", "key"), ("AB:78:EC:AF:10:1B:8A:9B:1F:C7:B1:25:8F:16", "keyid"),
    ("{SHA-256}{c2FsdHNhbHRzYWx0}0a1b2c3d4e5f", "password"),
    ("DHZ4QKXW8P/20240509/us-east-1/s3/aws4_request", "X-Amz-Credential"), ("v2025.09-nightly", "token"),
    ("3f8a2c1d-90b7e4d5", "X-Sender-Key-Id"), ("%60%7B%7D%60%7B%7D", "password"),
    ("0xAb19D82E7f546cC3", "password"), ("AgB" + "x7Kq" * 90, "PASSWORD"),
    ("epdyrw4tsi03xy3deu8g8ly6o", "FAKE_SECRET_ID"),
    ("9F4B07D1E83CA6250B7F9D41C8E35A7260D9B1F4", "app__apt_key"), ("qx7v2rm9kw4t", "KEYCLOAK_CLIENT_VERSION"),
    ("qx7v2rm9kw4t", "GroupKey.getKeyTenant"),
)  # fmt: skip


@pytest.mark.parametrize(("value", "name"), WHAT_IS_NO_SECRET_IS_LEF)
def test_what_is_no_secret_is_left_alone(value: str, name: str) -> None:
    """Code, words of any script, paths, versions, dates, hashes, repetitions, placeholders are no secrets."""
    assert not looks_secret(value, name, ("your-*-here*",))
