"""Estimates how many guesses find a value that a person chose: by words, names, keyboard paths and dates.

zxcvbn knows 90,000 of them, and is only imported for such a value. What it found of the value stays here.
"""

import math

from audit_lib.secrecy.strength import range_of, strength_bits
from audit_lib.secrecy.value_questions import GUESSABLE_BITS, looks_generated

LONGEST = 72  # characters: zxcvbn takes time with the square of the length
_SHORTEST_WORD = 4  # characters: shorter words occur in random text by chance


def chosen_bits(value: str) -> float:
    """The bits of a value in which a person's words are found, rounded down; infinite for any other value.

    Only asked of what `strength_bits` holds for strong. What is no word counts as drawn at random.
    """
    if len(value) > LONGEST or strength_bits(value) < GUESSABLE_BITS or looks_generated(value):
        return math.inf
    from zxcvbn import zxcvbn  # noqa: PLC0415  90 ms that hardly any review needs

    parts = zxcvbn(value, max_length=LONGEST)["sequence"]
    words = [
        part for part in parts if part["pattern"] != "bruteforce" and len(part["token"]) >= _SHORTEST_WORD
    ]
    if not words:
        return math.inf
    drawn = len(value) - sum(len(part["token"]) for part in words)
    order = math.log2(math.factorial(len(parts)))
    guessed = sum(math.log2(part["guesses"]) for part in words)
    return float(math.floor(guessed + order + drawn * math.log2(max(range_of(value), 2))))
