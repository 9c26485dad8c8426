"""Tokens that providers mark by what they begin with: found alone, with no name near them."""

import string

import pytest

from audit_lib.base.cache import user_cache
from audit_lib.leaks.rules import Rules
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.settings import bundled_policy
from tests.support.fakes import fake_value

HEX, SMALL, LARGE = "0123456789abcdef", string.ascii_lowercase + string.digits, string.ascii_uppercase
MIXED, BASE32 = string.ascii_letters + string.digits, LARGE + "234567"
# What each begins with, and of how many characters of which kinds its parts are: {0}, {1}.
KINDS = [
    ("glpat-{0}", (20, MIXED)), ("SG.{0}.{1}", (22, MIXED), (43, MIXED)),
    ("hf_{0}", (34, string.ascii_letters)), ("dckr_pat_{0}", (27, MIXED)), ("dop_v1_{0}", (64, HEX)),
    ("shpat_{0}", (32, HEX)), ("PMAK-{0}-{1}", (24, HEX), (34, HEX)), ("pypi-AgEI{0}", (150, MIXED)),
    ("gsk_{0}", (52, MIXED)), ("dapi{0}", (32, HEX)), ("hvs.{0}", (90, MIXED)),
    ("NRAK-{0}", (27, LARGE + string.digits)), ("BBDC-M{0}", (43, MIXED)), ("{0}-us12", (32, HEX)),
    ("key-{0}", (32, HEX)), ("xkeysib-{0}-{1}", (64, HEX), (16, MIXED)), ("GOCSPX-{0}", (28, MIXED)),
    ("AGE-SECRET-KEY-1{0}", (58, LARGE + string.digits)), ("SU{0}", (56, BASE32)), ("sqp_{0}", (40, HEX)),
    ("{0}:AA{1}", (10, "123456789"), (33, MIXED)),
    ("access_token$production${0}${1}", (16, SMALL), (32, HEX)),
    ("https://hooks.slack.com/services/T{0}/B{0}/{1}", (10, LARGE), (24, MIXED)),
    ("AccountKey={0}==", (86, MIXED)), ("phx_{0}", (43, MIXED)), ("sbp_v0_{0}", (40, HEX)),
    ("PMAT-{0}", (26, LARGE + string.digits)), ("LTAI{0}", (20, MIXED)), ("GR1348941{0}", (20, MIXED)),
    ("ABIA{0}", (16, LARGE + string.digits)), ('{{"kty":"oct", "k":"{0}"}}', (43, MIXED)),
]  # fmt: skip


@pytest.fixture(scope="module")
def shapes() -> Rules:
    """Our own rules, without kingfisher's for every provider."""
    keeper, markers = Keeper(Key(b"k" * 32, "file")), bundled_policy("paiid").placeholders
    return Rules(keeper, markers, user_cache() / "rules")


def _made(kind: str, *parts: tuple[int, str]) -> str:
    return kind.format(*(fake_value((kind, n), length, signs) for n, (length, signs) in enumerate(parts)))


def test_each_kind_is_found_alone(shapes: Rules) -> None:
    """No name stands near it, and the file is generated: the beginning says what it is."""
    missed = [kind for kind, *parts in KINDS if not shapes.find(_made(kind, *parts).encode(), ("a.html",))]
    assert missed == []


def test_a_token_within_base64_is_none(shapes: Rules) -> None:
    """A picture in a notebook has what any token begins with; behind a path it is one."""
    token, data = "AK" + "IA" + fake_value("in data", 16, LARGE), fake_value("around", 60, MIXED)
    assert not shapes.find(f'"image/png": "{data}/{token}/{data}"\n'.encode(), ("a.txt",))
    assert shapes.find(f"https://example.org/users/{token}/keys\n".encode(), ("a.txt",))
