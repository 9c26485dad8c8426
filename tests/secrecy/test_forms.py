"""The forms of a value, against what the writers of each encoding give."""

import base64
import html
import json
import urllib.parse
from collections.abc import Callable

import pytest

from audit_lib.secrecy.forms import SHORTEST_FORM, forms, windows, wrapped_pieces
from tests.support.fakes import fake_value

AWKWARD = fake_value("awkward", 32) + "/+=\"'\\<&> é$~"

WRITERS: list[tuple[str, Callable[[str], bytes]]] = [
    ("plain", lambda v: v.encode()),
    ("quote", lambda v: urllib.parse.quote(v).encode()),
    ("quote, no safe sign", lambda v: urllib.parse.quote(v, safe="").encode()),
    ("quote_plus", lambda v: urllib.parse.quote_plus(v).encode()),
    ("json", lambda v: json.dumps({"a": v}).encode()),
    ("json in UTF-8", lambda v: json.dumps({"a": v}, ensure_ascii=False).encode()),
    ("json with escaped slashes", lambda v: json.dumps(v).replace("/", "\\/").encode()),
    ("json in json", lambda v: json.dumps({"log": json.dumps({"a": v})}).encode()),
    ("html", lambda v: html.escape(v).encode()),
    ("html in json", lambda v: json.dumps({"text/html": f"<b>{html.escape(v)}</b>"}).encode()),
    ("repr in json", lambda v: json.dumps(repr(v)).encode()),
    ("repr", lambda v: repr({"a": v}).encode()),
    ("hex", lambda v: v.encode().hex().encode()),
    ("HEX", lambda v: v.encode().hex().upper().encode()),
    ("HEX of utf-16", lambda v: v.encode("utf-16-le").hex().upper().encode()),
    ("base64 twice", lambda v: base64.b64encode(base64.b64encode(b"ab" + v.encode()))),
    ("base64url twice", lambda v: base64.urlsafe_b64encode(b"x" + base64.urlsafe_b64encode(v.encode()))),
    ("base32", lambda v: base64.b32encode(b"abc" + v.encode() + b"d")),
    ("base32 in small letters", lambda v: base64.b32encode(v.encode()).lower()),
    ("utf-16-le", lambda v: f"x{v}y".encode("utf-16-le")),
    ("utf-16-be", lambda v: f"x{v}y".encode("utf-16-be")),
]


def _is_met(value: str, text: bytes) -> bool:
    return any(form in text for _, form in forms(value))


@pytest.mark.parametrize(("name", "write"), WRITERS, ids=[name for name, _ in WRITERS])
@pytest.mark.parametrize("value", [fake_value("plain"), AWKWARD, "pass word/with+signs%"])
def test_a_form_stands_in_what_each_writer_gives(
    name: str, write: Callable[[str], bytes], value: str
) -> None:
    """Whatever a writer makes of a value, one of its forms stands in it."""
    assert _is_met(value, write(value))


@pytest.mark.parametrize("before", range(6))
@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_is_met_at_each_alignment(
    before: int, after: int, codec: str, encode: Callable[[bytes], bytes]
) -> None:
    """A value within a longer text is met in that text's base64, wherever it starts and ends."""
    for value in (AWKWARD, fake_value("b64", 20)):
        assert _is_met(value, encode(b"\xf7" * before + value.encode(codec) + b"\xfb" * after))


def test_forms_are_distinct_and_long_enough() -> None:
    """No bytes come twice, none are under eight, and the value itself comes first."""
    for value in (AWKWARD, fake_value("x"), "a/b%c d+"):
        found = list(forms(value))
        assert found[0] == ("plain", value.encode())
        assert len({form for _, form in found}) == len(found)
        assert min(len(form) for _, form in found) >= SHORTEST_FORM
    assert [name for name, _ in forms("abc")] == ["utf-16 base64"] or all(
        len(f) >= 8 for _, f in forms("abc")
    )


def test_another_value_shares_no_form() -> None:
    """Forms of two random values are disjoint, so a hit names its value."""
    one, two = ({form for _, form in forms(fake_value(seed))} for seed in (1, 2))
    assert not one & two


def test_every_window_of_a_value_is_given() -> None:
    """A value of n characters has n - 11 windows of 12; a shorter one has none."""
    value = fake_value("window", 43)
    assert list(windows(value)) == [value[start : start + 12].encode() for start in range(32)]
    assert list(windows("short")) == []


@pytest.mark.parametrize("width", [60, 64, 72, 76])
@pytest.mark.parametrize("length", [12, 28, 43, 64, 108, 300])
def test_a_piece_survives_line_wrapping(width: int, length: int) -> None:
    """However base64 is wrapped, one of the hints stands whole on a line."""
    value = fake_value(length, length)
    for before in range(width):
        text = base64.b64encode(b"-" * before + value.encode()).decode()
        lines = "\n".join(text[at : at + width] for at in range(0, len(text), width)).encode()
        assert any(piece in lines for piece in wrapped_pieces(value)), before


@pytest.mark.parametrize("before", range(7))
@pytest.mark.parametrize("after", range(6))
def test_base32_is_met_at_each_alignment(before: int, after: int) -> None:
    """A value within a longer text is met in that text's base32, wherever it starts and ends."""
    assert _is_met(AWKWARD, base64.b32encode(b"\xf7" * before + AWKWARD.encode() + b"\xfb" * after))


def test_only_a_strong_value_is_met_in_another_case() -> None:
    """A token in capitals is a form of it; a name in capitals is not."""
    value = fake_value("case")
    assert {value.lower().encode(), value.upper().encode()} <= {form for _, form in forms(value)}
    assert b"winter-holiday" not in {form for _, form in forms("Winter-Holiday")}
