"""A token in an address that anybody may see is no secret."""

import string

import pytest

from audit_lib.leaks.chosen_passwords import chosen_in_file
from audit_lib.leaks.secret_patterns import Shapes
from audit_lib.secrecy.keeper import Keeper, Key
from tests.support.fakes import fake_value


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("https://codecov.example.org/gh/shop/graph/badge.svg?token=", False),
        ("https://img.shields.io/shop/main?style=flat&token=", False),
        ("https://storage.example.org/o/shop.jpeg?alt=media&token=", False),
        ("https://storage.example.org/o/shop.jpeg?token=", True),
        ("https://example.org/badge.svg) https://example.org/?token=", True),
    ],
)
@pytest.mark.parametrize("size", [10, 32])
def test_the_token_of_a_badge_or_of_a_shared_file_is_none(address: str, found: bool, size: int) -> None:
    """Its page shows it to everybody; another in the same line counts."""
    keeper = Keeper(Key(b"k" * 32, "file"))
    value = fake_value(("badge", size), size, string.ascii_letters + string.digits)
    text = f"![state]({address}{value})\n".encode()
    chosen = chosen_in_file(text, "README.md", keeper, None).chosen
    assert bool(Shapes(keeper, ()).look(text, ("README.md",)) or chosen) == found
