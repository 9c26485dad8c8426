"""Values are found in every form, and in any twelve characters of strong ones."""

import base64
import html
import json
import urllib.parse
from collections.abc import Callable
from itertools import product

import pytest

from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrecy.redact import BESIDE, MOST_HITS, PART, SHORTEST, Hit, Matcher, forms
from tests.support.encodings import encodings
from tests.support.fakes import fake_value

AWKWARD = fake_value("awkward", 32) + "/+=\"'\\<&> é$~"
VALUE = fake_value("matcher", 43)

WRITERS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda v: v.encode(),
    "quote, no safe sign": lambda v: urllib.parse.quote(v, safe="").encode(),
    "quote_plus": lambda v: urllib.parse.quote_plus(v).encode(),
    "json": lambda v: json.dumps({"a": v}).encode(),
    "json in UTF-8": lambda v: json.dumps({"a": v}, ensure_ascii=False).encode(),
    "json with escaped slashes": lambda v: json.dumps(v).replace("/", "\\/").encode(),
    "json in json": lambda v: json.dumps({"log": json.dumps({"a": v})}).encode(),
    "html": lambda v: html.escape(v).encode(),
    "html in json": lambda v: json.dumps({"text/html": f"<b>{html.escape(v)}</b>"}).encode(),
    "repr": lambda v: repr({"a": v}).encode(),
    "repr in json": lambda v: json.dumps(repr(v)).encode(),
    "HEX": lambda v: v.encode().hex().upper().encode(),
    "Buffer": lambda v: json.dumps({"type": "Buffer", "data": list(v.encode())}).encode(),
    "numbers": lambda v: json.dumps(list(v.encode()), separators=(",", ":")).encode(),
    "print(*bytes)": lambda v: " ".join(map(str, v.encode())).encode(),
    "print(*value)": lambda v: " ".join(v).encode(),
    "%XX": lambda v: "".join(f"%{byte:02X}" for byte in v.encode()).encode(),
    "\\x": lambda v: "".join(f"\\x{byte:02x}" for byte in v.encode()).encode(),
    "utf-16-le": lambda v: f"x{v}y".encode("utf-16-le"),
    "utf-16-be": lambda v: f"x{v}y".encode("utf-16-be"),
}
VALUES = [fake_value("plain"), AWKWARD, "pass word/with+signs%"]


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())
@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_found_in_what_each_writer_gives(write: Callable[[str], bytes], value: str) -> None:
    """Whatever a writer makes of a value, it is found there, once or as both of its readings."""
    assert {hit.name for hit in Matcher({"v": value}).find(b"before " + write(value) + b" after")} == {"v"}


@pytest.mark.parametrize("write", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_found_in_base64_at_each_alignment(write: Callable[[bytes], bytes], value: str) -> None:
    """Whatever stands before it and behind it."""
    for before, after in product(range(4), range(3)):
        content = write(b"\xf7" * before + value.encode() + b"\xfb" * after)
        assert {hit.name for hit in Matcher({"v": value}).find(content)} == {"v"}


def test_the_twenty_encodings_are_found() -> None:
    """Each encoding of the tests' own list, of values with and without signs."""
    values = {str(seed): fake_value(seed, 24) + signs for seed, signs in enumerate(("", "/&+", "ä€"))}
    matcher = Matcher(values, values)
    for name, value in values.items():
        for encoding, form in encodings(value):
            assert name in {hit.name for hit in matcher.find(b"x " + form + b" y")}, encoding


def test_forms_are_distinct_and_long_enough() -> None:
    """No bytes come twice, none are under eight, the value itself comes first, two values share none."""
    for value in (AWKWARD, VALUE, "a/b%c d+"):
        found = list(forms(value))
        assert found[0] == ("plain", value.encode())
        assert len({form for _, form in found}) == len(found)
        assert min(len(form) for _, form in found) >= SHORTEST
    one, two = ({form for _, form in forms(fake_value(seed))} for seed in (1, 2))
    assert not one & two


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (VALUE[5:16], []),
        (VALUE[5:17], [(0, 12)]),
        (VALUE[:12], [(0, 12)]),
        (VALUE[-12:], [(0, 12)]),
        (f"{VALUE[3:30]} {VALUE[3:14]}", [(0, 27)]),
        (f"x{VALUE[:20]}{VALUE[20:32]}y", [(1, 33)]),
        (f"{VALUE[:12]}\n{VALUE[20:40]}", [(0, 12), (13, 33)]),
    ],
)
def test_twelve_characters_of_a_strong_value_are_a_part(content: str, found: list[tuple[int, int]]) -> None:
    """Every run that is equal comes out as far as it goes; eleven characters are none."""
    matcher = Matcher({"v": VALUE}, ["v"])
    assert matcher.find(content.encode()) == [Hit(start, end, "v", PART) for start, end in found]
    assert Matcher({"v": VALUE}).find(content.encode()) == []


def test_a_public_part_is_none() -> None:
    """A run that public text holds, such as a format's prefix, is no part; the whole value still is found."""
    matcher = Matcher({"v": VALUE}, ["v"], public=f"the format begins with {VALUE[:12]}")
    assert matcher.find(VALUE[:12].encode()) == []
    assert [hit.end for hit in matcher.find(VALUE[:13].encode())] == [13]
    assert [hit.form for hit in matcher.find(VALUE.encode())] == ["plain"]


def test_a_place_is_one_hit() -> None:
    """A whole form comes before parts within it; a longer value beside a shorter one stands for itself."""
    longer = VALUE + fake_value("more", 8)
    matcher = Matcher({"short": VALUE, "long": longer}, ["short", "long"])
    hits = matcher.find(f"a {longer} b".encode())
    assert [(hit.name, hit.form) for hit in hits] == [("short", "plain"), ("long", "plain")]


@pytest.mark.parametrize("length", [600, 4_096, 60_000])
def test_a_long_value_is_found_to_its_end(length: int) -> None:
    """Of a long form only the beginning is held; how far it goes on is seen all the same."""
    value = fake_value(length, length)
    for content in (value.encode(), value.encode().hex().encode(), base64.b64encode(value.encode())):
        hit = Matcher({"v": value}).find(b"x" + content + b"y")[0]
        assert (hit.start, hit.end) in ((1, len(content) + 1), (1, len(content) - 1), (1, len(content) - 3))


def test_many_places_of_one_value_are_bounded() -> None:
    """Of a content that is made of nothing else a thousand places are listed."""
    assert len(Matcher({"v": VALUE}).find(f"{VALUE} ".encode() * 3_000)) == MOST_HITS


def test_a_weak_value_is_found_behind_its_name_alone() -> None:
    """Values of the keeper by fingerprint: some by themselves, some behind a text only."""
    keeper = Keeper(Key.throw_away())
    strong, weak = keeper.take(VALUE), keeper.take("winter-holiday")
    matcher = Matcher.of(keeper, [strong], beside={weak: [b"PASSWORD="]})
    content = f"winter-holiday PASSWORD=winter-holiday {VALUE}".encode()
    assert [(hit.name, hit.form) for hit in matcher.find(content)] == [(weak, BESIDE), (strong, "plain")]
    assert "winter" not in repr(matcher)
