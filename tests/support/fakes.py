"""Fake values made at run time from a seed, so that the repository holds nothing that looks like a key."""

import random
import string

URL_SAFE = string.ascii_letters + string.digits + "-_"


def fake_value(seed: object, length: int = 43, alphabet: str = URL_SAFE) -> str:
    """A random-looking value: the same seed gives the same value."""
    return "".join(random.Random(str(seed)).choices(alphabet, k=length))
