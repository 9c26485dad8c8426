"""What standards and providers publish is a sample, and nobody's secret."""

import json
from base64 import b64encode, urlsafe_b64encode

import pytest

from audit_lib.leaks.candidates import is_published
from audit_lib.leaks.rules import Rules
from audit_lib.secrecy.keeper import Keeper, Key
from tests.support.fakes import fake_value


def token(subject: str, seed: str) -> str:
    """A JSON Web Token whose signature is random."""
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": subject, "iat": 1700000000})
    head = ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{head}.{fake_value(seed, 43)}"


def test_a_login_of_a_standard_is_counted() -> None:
    """RFC 7617 has it; another user's is listed."""
    keeper = Keeper(Key(b"k" * 32, "file"))
    for who, found in (("Aladdin:open sesame", (0, 1)), ("Zelmira:open sesame", (1, 0))):
        text = f"Authorization: Basic {b64encode(who.encode()).decode()}\n"
        chosen, idle = Rules(keeper, ()).find_chosen(text.encode(), "app/client.txt")
        assert (len(chosen), idle) == found


def test_a_seed_of_a_standard_is_a_sample() -> None:
    """RFC 4226 spells its seed in digits, applications in base32."""
    assert is_published("GEZDGNBVGY3TQOJQ" * 2)
    assert not is_published("GEZDGNBVGY3TQOJQ" * 3)


@pytest.mark.parametrize("value", ["A3ddj3w", "45ghiukldjahdnhzdauz", "74KNZJeDHnMBp0EMJ9ZHt%2FXKycU%3D"])
def test_a_password_a_token_and_a_signature_of_a_standard_are_samples(value: str) -> None:
    """RFC 6749, 7009 and 5849 show them."""
    assert is_published(value)
    assert not is_published(value[::-1])


def test_a_token_of_a_sample_person_is_no_secret() -> None:
    """The same with another subject is one, and one that cannot be read."""
    shapes = Rules(Keeper(Key(b"k" * 32, "file")), ())
    for subject, found in (("1234567890", 0), ("4711", 1)):
        assert len(shapes.find(f"x = '{token(subject, 'signed')}'\n".encode(), ("app/a.py",))) == found
    assert not is_published("eyJhbGciOiJIUzI1NiJ9.eyJhbGciOiJIUzI.x")
