"""A value that a person chose is worth what its words are; a drawn one stays strong."""

import math
import random
import string
import subprocess
import sys

import pytest

from audit_lib.secrecy.strength import chosen_bits, strength_bits


@pytest.mark.parametrize(
    "value",
    [
        "correct-horse-battery-staple",
        "BirminghamWolverhampton!",
        "ManchesterUnited1998forever",
        "iloveyoumichaeljackson",
    ],
)
def test_words_are_worth_little(value: str) -> None:
    """Length alone makes these look strong; their words are on every list."""
    assert strength_bits(value) >= 80
    assert chosen_bits(value) < 80


@pytest.mark.parametrize(
    "alphabet",
    [string.ascii_lowercase, string.ascii_letters, string.hexdigits, "äöü" + string.ascii_lowercase],
)
def test_what_is_drawn_stays_strong(alphabet: str) -> None:
    """Of a hundred drawn values none is called guessable, whatever words they hold by chance."""
    chance = random.Random(7)
    values = ["".join(chance.choices(alphabet, k=26)) for _ in range(100)]
    assert [value for value in values if strength_bits(value) >= 90 and chosen_bits(value) < 80] == []


@pytest.mark.parametrize("value", ["", "short", "a" * 5_000, "\ud800" * 30, "🔑 schlüssel " * 5])
def test_any_text_is_answered(value: str) -> None:
    """Short, long and broken texts give a number."""
    assert chosen_bits(value) >= 0 or math.isinf(chosen_bits(value))


def test_validate_does_not_import_it() -> None:
    """A server's start does not wait for lists of words."""
    code = "import sys, audit_lib.rotation.validation; sys.exit('zxcvbn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
