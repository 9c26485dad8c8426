"""The strength of a value is estimated from above; random values and text are not taken for each other."""

import random
import string

from audit_lib.secrecy import strength
from audit_lib.secrecy.strength import chosen_bits, is_placeholder, looks_generated, strength_bits
from audit_lib.settings import bundled_policy
from tests.support.fakes import URL_SAFE, fake_value
from tests.support.paths import rows_beside

HEX, READABLE = "0123456789abcdef", "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"
ALPHABETS = ((32, HEX), (64, HEX), (32, URL_SAFE), (43, URL_SAFE))
MARKERS = bundled_policy("generic").placeholders
CASES = rows_beside(__file__)


def test_patterns_are_worth_little() -> None:
    """Words, repetitions, runs of the alphabet or the keyboard, and dates leave few bits."""
    assert {value: bits for value, bits in CASES["weak"].items() if strength_bits(value) > bits} == {}


def test_generated_values_keep_their_strength() -> None:
    """Of 200 values from the guide's generators none falls below 9 tenths of its nominal strength. Appending
    a character that continues no pattern adds bits."""
    for length, alphabet, bits in ((43, URL_SAFE, 258), (64, HEX, 256), (32, READABLE, 190)):
        values = [strength_bits(fake_value(f"strength {seed}", length, alphabet)) for seed in range(200)]
        assert 0.9 * bits <= min(values) <= max(values) <= bits
    longer = [strength_bits(fake_value("longer", 60)[:length]) for length in range(1, 60)]
    assert longer == sorted(longer)


def test_words_are_worth_little_and_what_is_drawn_stays_strong() -> None:
    """Length alone makes some texts look strong; their words are on every list. Of a hundred drawn values
    none is called guessable, whatever words they hold by chance. Any text gives a number."""
    for value in ("correct-horse-battery-staple", "BirminghamWolverhampton!"):
        assert chosen_bits(value) < 80 <= strength_bits(value)
    chance = random.Random(7)
    for alphabet in (string.ascii_lowercase, string.ascii_letters, string.hexdigits, "äöüabcdef"):
        values = ["".join(chance.choices(alphabet, k=26)) for _ in range(100)]
        assert [value for value in values if strength_bits(value) >= 90 and chosen_bits(value) < 80] == []
    for value in ("", "short", "a" * 5_000, "\ud800" * 30, "🔑 schlüssel " * 5):
        assert chosen_bits(value) >= 0


def test_placeholders_are_known() -> None:
    """Long markers count wherever they stand, short ones alone, letter case and spaces aside. Not one of
    3,000 generated values is one, nor one that begins like a short marker."""
    generated = [fake_value(f"p{seed}") for seed in range(3000)]
    generated += [affix + fake_value("affix") + "aB1" for affix in ("xxx", "test", "your-", "<a>")]
    listed = [*CASES["placeholders"], *CASES["others"], *generated]
    assert [value for value in listed if is_placeholder(value, MARKERS)] == CASES["placeholders"]
    for mark, counts in (("changeme", True), ("changem", False)):  # within a long mixed value
        assert is_placeholder(f"{fake_value('mark', 12)}aB1{mark}", (f"*{mark}*",)) is counts


def test_what_a_generator_makes_looks_generated() -> None:
    """Of random values in the usual alphabets nearly all are recognised without their name; addresses, names
    with a date, identifiers, digests, lists and text are no secrets by their shape."""
    made = [fake_value((size, n), size, alphabet) for size, alphabet in ALPHABETS for n in range(200)]
    assert sum(map(looks_generated, made)) / len(made) > 0.9
    assert list(filter(looks_generated, CASES["settings"])) == []
    assert list(filter(strength.is_plain, [*CASES["plain"], *CASES["not_plain"]])) == CASES["plain"]


def test_a_piece_of_a_value_is_no_name() -> None:
    """What variables are called is no piece; of drawn texts nearly all are, be they as short as a name."""
    assert list(filter(strength.could_be_a_piece, [*CASES["names"], *CASES["pieces"]])) == CASES["pieces"]
    assert sum(strength.could_be_a_piece(fake_value(seed, 12)) for seed in range(200)) > 190


def test_null_and_false_are_no_values() -> None:
    """What says that there is none is taken for an empty value; a zero is a value."""
    assert [*map(strength.is_no_value, ("", " null ", "False", "0"))] == [True, True, True, False]
