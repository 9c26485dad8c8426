"""The strength of a value is estimated from above, and patterns take from it."""

import pytest

from audit_lib.secrecy.strength import strength_bits
from tests.support.fakes import fake_value


@pytest.mark.parametrize(
    ("value", "at_most", "at_least"),
    [
        ("", 0, 0),
        ("a", 4, 4),
        ("password", 10, 0),
        ("postgres", 10, 0),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 10, 0),
        ("abcdefghijklmnopqrstuvwxyz", 10, 0),
        ("12345678901234567890", 14, 0),
        ("qwertyuiopasdfghjklzxcvbnm", 40, 0),
        ("abcabcabcabcabcabcabcabc", 20, 0),
        ("Summer2026-01-31!", 60, 0),
        ("dev-secret-key", 64, 0),
        ("zyxwvuzyxwvu", 40, 0),
    ],
)
def test_patterns_are_worth_little(value: str, at_most: float, at_least: float) -> None:
    """Words, repetitions, runs of the alphabet or the keyboard, and dates leave few bits."""
    assert at_least <= strength_bits(value) <= at_most


@pytest.mark.parametrize(
    ("length", "alphabet", "bits"),
    [
        (43, "", 258),
        (64, "0123456789abcdef", 256),
        (32, "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789", 190),
    ],
)
def test_generated_values_keep_their_strength(length: int, alphabet: str, bits: float) -> None:
    """Of 200 values from the guide's generators none falls below 9 tenths of its nominal strength."""
    chosen = {"alphabet": alphabet} if alphabet else {}
    found = [strength_bits(fake_value(f"strength {seed}", length, **chosen)) for seed in range(200)]
    assert max(found) <= bits
    assert min(found) >= 0.9 * bits


def test_a_longer_value_is_never_weaker() -> None:
    """Appending a character that continues no pattern adds bits."""
    value = fake_value("longer", 60)
    found = [strength_bits(value[:length]) for length in range(1, 60)]
    assert found == sorted(found)
